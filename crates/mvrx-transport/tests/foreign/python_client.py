"""Python's websockets against our server: messages, files whole and in fragments, pings, close codes."""

import asyncio
import sys

import websockets
from websockets.exceptions import ConnectionClosed

LEAVE = '{"Type":"MVR_LEAVE","FromStationUUID":"07070707-0707-4707-8707-070707070707"}'


def pattern(length):
    return bytes((at * 7 + at // 251) & 255 for at in range(251 * 256)) * (length // (251 * 256) + 1)


async def file_back(socket, length):
    got = b""
    while len(got) < length:
        message = await socket.recv()
        assert isinstance(message, bytes), message
        got += message
    return got


async def main(url):
    async with websockets.connect(url, max_size=None, compression=None) as socket:
        await socket.send(LEAVE)
        assert "MVR_LEAVE" in await socket.recv()
        await asyncio.wait_for(await socket.ping(b"are you there"), 20)
        for length in (1, 70_000, 16 << 20):
            data = pattern(length)[:length]
            await socket.send(data)  # one frame
            assert await file_back(socket, length) == data, length
            await socket.send(data[at : at + 50_000] for at in range(0, length, 50_000))  # fragments
            assert await file_back(socket, length) == data, length
    print("messages and files: the echo is what was sent; closed with", socket.protocol.close_code)
    for code in (1000, 1001, 3001, 4999):
        socket = await websockets.connect(url, compression=None)
        await socket.close(code)
        received = socket.protocol.close_rcvd
        assert received is not None and received.code == code, (code, received)
    socket = await websockets.connect(url, compression=None)
    await socket.send("x" * ((1 << 20) + 1))
    try:
        await socket.recv()
        raise SystemExit("a text above the limit was taken")
    except ConnectionClosed as closed:
        assert closed.rcvd.code == 1009, closed
    socket = await websockets.connect(url, compression=None)
    await socket.send(b"")
    assert await socket.recv() == b""
    await socket.close()
    print("close codes: as they should be")


asyncio.run(asyncio.wait_for(main(sys.argv[1]), 120))
