"""An independent WebSocket stack (Python's websockets) against `mvrx host`: stations join, commit and fetch; a large file goes through to two
others; the host is killed in the middle of transfers and started again.

usage: host.py MVRX FOLDER MIB LIMIT_MIB
"""

import asyncio
import hashlib
import json
import os
import random
import signal
import sys
import time
import uuid

from websockets.asyncio.client import connect

mvrx, folder, mib, limit = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
seed = int(os.environ.get("MVRX_SEED", random.randrange(1 << 30)))
dice = random.Random(seed)
PIECE = 1 << 20


class Host:
    """A running `mvrx host`, and what it told of files that it kept."""

    async def start(self, data):
        self.process = await asyncio.create_subprocess_exec(
            mvrx, "host", "--data", data, "--listen", "127.0.0.1:0", "--name", "Rack", "--hidden", "--json",
            stdout=asyncio.subprocess.PIPE, limit=1 << 20, env=dict(os.environ, HOME=folder),
        )
        self.kept = set()
        self.up = asyncio.get_running_loop().create_future()
        self.reading = asyncio.create_task(self.read())
        self.url = await asyncio.wait_for(self.up, 60)
        return self

    async def read(self):
        async for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == "host":
                self.up.set_result(event["urls"][0])
            if event["event"] == "file_kept":
                self.kept.add(event["file"])

    async def has_kept(self, count):
        while len(self.kept) < count:
            assert self.process.returncode is None, "the host is gone"
            await asyncio.sleep(0.01)

    async def kill(self):
        self.process.kill()
        await self.process.wait()
        # What it had told before counts.
        await self.reading

    async def stop(self):
        """Ends it as ctrl-c does, and gives its peak of resident memory in MiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        self.process.send_signal(signal.SIGINT)
        code = await asyncio.wait_for(self.process.wait(), 60)
        assert code == 0, f"the host ended with {code}"
        return peak / 1024


class Station:
    """A station that serves what it committed and fetches by streaming, whatever the size."""

    async def join(self, url, name):
        self.uuid = str(uuid.uuid4())
        self.files, self.replies, self.fetched = {}, asyncio.Queue(), asyncio.Queue()
        self.socket = await connect(url, max_size=None, ping_interval=None, compression=None)
        await self.say(Type="MVR_JOIN", Provider="Python", StationName=name, verMajor=1, verMinor=6, StationUUID=self.uuid, Commits=[])
        self.running = asyncio.create_task(self.run())
        answer = await asyncio.wait_for(self.replies.get(), 60)
        assert answer["Type"] == "MVR_JOIN_RET" and answer["OK"] is True, answer
        self.listed = {commit["FileUUID"]: commit for commit in answer["Commits"]}
        return self

    async def say(self, **message):
        await self.socket.send(json.dumps(message))

    async def run(self):
        try:
            while True:
                await self.hear()
        except Exception as error:
            self.fetched.put_nowait(error)
            self.replies.put_nowait({"Type": "end", "error": repr(error)})

    async def hear(self):
        digest, length, text = hashlib.sha256(), 0, ""
        async for fragment in self.socket.recv_streaming():
            if isinstance(fragment, str):
                text += fragment
            else:
                digest.update(fragment)
                length += len(fragment)
        if not text:
            return self.fetched.put_nowait((digest.hexdigest(), length))
        message = json.loads(text)
        if message["Type"] == "MVR_REQUEST":
            path = self.files.get(message["FileUUID"])
            if path:
                await self.socket.send(pieces(path))
            else:
                await self.say(Type="MVR_REQUEST_RET", OK=False, Message="not here")
        elif message["Type"] == "MVR_REQUEST_RET":
            self.fetched.put_nowait(RuntimeError(message["Message"]))
        elif message["Type"] == "MVR_COMMIT":
            self.listed[message["FileUUID"]] = message
            await self.say(Type="MVR_COMMIT_RET", OK=True, Message="")
        else:
            self.replies.put_nowait(message)

    async def commit(self, path):
        file = str(uuid.uuid4())
        self.files[file] = path
        await self.say(
            Type="MVR_COMMIT", verMajor=1, verMinor=6, FileUUID=file, StationUUID=self.uuid, FileSize=os.path.getsize(path),
            ForStationsUUID=[], Comment="", FileName=os.path.basename(path),
        )
        return file

    async def fetch(self, file):
        await self.say(Type="MVR_REQUEST", FileUUID=file, FromStationUUID=[])
        answer = await self.fetched.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def leave(self):
        await self.say(Type="MVR_LEAVE", FromStationUUID=self.uuid)
        answer = await asyncio.wait_for(self.replies.get(), 60)
        while answer["Type"] != "MVR_LEAVE_RET":
            answer = await asyncio.wait_for(self.replies.get(), 60)
        self.running.cancel()
        await self.socket.close()


async def pieces(path):
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            yield piece


def made(name, length):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(dice.randbytes(length))
    return path


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def exchange():
    host = await Host().start(os.path.join(folder, "exchange"))
    stations = [await Station().join(host.url, f"station {n}") for n in range(4)]
    paths = {await station.commit(made(f"s{n}.mvr", 3_000_000 + n)): f"s{n}.mvr" for n, station in enumerate(stations)}
    await asyncio.wait_for(host.has_kept(4), 120)
    for station in stations:
        for file, name in paths.items():
            digest, _ = await asyncio.wait_for(station.fetch(file), 60)
            assert digest == sha256(os.path.join(folder, name)), f"{name} came differently"
        await station.leave()
    late = await Station().join(host.url, "late")
    assert set(late.listed) == set(paths)
    for file, name in paths.items():
        digest, _ = await asyncio.wait_for(late.fetch(file), 60)
        assert digest == sha256(os.path.join(folder, name))
    await host.stop()
    print("four stations committed and fetched all; after all had left, a late one got every file")


async def large():
    path = os.path.join(folder, "large.mvr")
    with open(path, "wb") as file:
        file.truncate(mib << 20)
        for at in range(0, mib << 20, 64 << 20):
            file.seek(at)
            file.write(at.to_bytes(8, "big"))
    host = await Host().start(os.path.join(folder, "large"))
    author, first, second = [await Station().join(host.url, name) for name in ("author", "first", "second")]
    began = time.monotonic()
    file = await author.commit(path)
    while file not in first.listed or file not in second.listed:
        await asyncio.sleep(0.01)
    got = await asyncio.wait_for(asyncio.gather(first.fetch(file), second.fetch(file)), 1200)
    took = time.monotonic() - began
    wanted = (sha256(path), mib << 20)
    assert got == [wanted, wanted], "the large file came differently"
    await asyncio.wait_for(host.has_kept(1), 600)
    peak = await host.stop()
    print(f"{mib} MiB from one station through the host to two others in {took:.0f} s, sha256 equal; host peak {peak:.1f} MiB")
    assert peak < limit, f"more than {limit} MiB"
    os.unlink(path)


async def killed():
    data = os.path.join(folder, "killed")
    contents, kept = {}, set()
    for turn in range(3):
        host = await Host().start(data)
        stations = [await Station().join(host.url, f"station {n}") for n in range(4)]
        missing = kept - set(stations[0].listed)
        assert not missing, f"kept and not listed: {missing} (MVRX_SEED={seed})"
        for file in kept:
            digest, _ = await asyncio.wait_for(stations[0].fetch(file), 120)
            assert digest == contents[file], f"{file} is not what was kept (MVRX_SEED={seed})"
        if turn == 2:
            await host.stop()
            break
        for n, station in enumerate(stations):
            for number in range(5):
                path = made(f"k{turn}-{n}-{number}.mvr", dice.randrange(1, 12_000_000))
                contents[await station.commit(path)] = sha256(path)
        # Files are on their way in and out when it is killed.
        asking = [asyncio.create_task(station.fetch(file)) for station, file in zip(stations, dice.sample(sorted(contents), 4))]
        await asyncio.wait_for(host.has_kept(dice.randrange(2, 12)), 120)
        await asyncio.sleep(dice.random() * 0.05)
        await host.kill()
        kept |= host.kept
        await asyncio.gather(*asking, return_exceptions=True)
        for station in stations:
            station.running.cancel()
    print(f"killed twice in the middle of transfers: all {len(kept)} of {len(contents)} files that were told as kept are whole")


async def main():
    await exchange()
    await killed()
    await large()


asyncio.run(main())
