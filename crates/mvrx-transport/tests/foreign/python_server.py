"""Python's websockets as an echoing server for one connection; prints its port."""

import asyncio

import websockets


async def main():
    done = asyncio.get_running_loop().create_future()

    async def echo(socket):
        async for message in socket:
            await socket.send(message)
        if not done.done():
            done.set_result(socket.protocol.close_rcvd)

    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        close = await asyncio.wait_for(done, 120)
        assert close is not None and close.code == 1000, close


asyncio.run(main())
