"""Running mvrx nodes on loopback, with an mDNS port of their own, as the tests of the binary have them."""

import asyncio
import json
import os
import signal
import socket
import urllib.request


def held_port():
    """A UDP port that nobody else has, shared as mDNS shares it."""
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    held.bind(("0.0.0.0", 0))
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.connect(("127.0.0.1", 9))
    return held


class Crew:
    """The binary, a folder, and a network that nobody else is in."""

    def __init__(self, mvrx, folder):
        self.mvrx, self.folder, self.held = mvrx, folder, held_port()
        self.mdns = str(self.held.getsockname()[1])

    async def run(self, *arguments):
        """A running process of mvrx, which writes JSON."""
        # Whatever this machine's user has set is not what is tested.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MVRX_", "XDG_"))}
        return await asyncio.create_subprocess_exec(
            self.mvrx, *arguments, "--interface", "lo", "--mdns-port", self.mdns, "--json", stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL, limit=1 << 24, env=dict(kept, HOME=self.folder),
        )

    def node(self, name, *more):
        return Node(self, name, more)


class Node:
    """A station with its page, and what it told."""

    def __init__(self, crew, name, more):
        self.crew, self.name, self.more, self.address = crew, name, more, "127.0.0.1:0"
        self.data = os.path.join(crew.folder, name.replace(" ", "-"))

    async def start(self, *files):
        self.heard, self.news = [], asyncio.Event()
        self.process = await self.crew.run("up", *files, "--name", self.name, "--data", self.data, f"--web={self.address}", *self.more)
        self.reading = asyncio.create_task(self.read())
        self.url = (await self.until("web"))["url"]
        # After a restart it is to be found where it was.
        self.address = self.url.split("/")[2]
        with open(os.path.join(self.data, "web-token")) as token:
            self.token = token.read().strip()
        return self

    async def read(self):
        async for line in self.process.stdout:
            self.heard.append(json.loads(line))
            self.news.set()

    async def until(self, event, within=60, **fields):
        """The first event of this name with these fields."""
        async with asyncio.timeout(within):
            at = 0
            while True:
                for one in self.heard[at:]:
                    at += 1
                    if one["event"] == event and all(one.get(key) == value for key, value in fields.items()):
                        return one
                assert self.process.returncode is None, f"{self.name} is gone: {self.heard[-5:]}"
                self.news.clear()
                try:
                    await asyncio.wait_for(self.news.wait(), 1)
                except TimeoutError:
                    pass

    def page(self, with_token=True):
        return f"http://{self.address}/" + (f"#token={self.token}" if with_token else "")

    def ask(self, path, method="GET", body=None):
        """A call of its API, as another program makes it."""
        request = urllib.request.Request(f"http://{self.address}/api/v1{path}", data=body, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    async def stop(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
            await asyncio.wait_for(self.process.wait(), 60)
        await self.reading
