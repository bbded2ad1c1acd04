"""What the faults have in common: the programs as processes, and clients made of plain sockets. Everything is on loopback of a namespace."""
import base64
import json
import os
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from concurrent import futures

MVRX = sys.argv[1]
LONG = os.environ.get("MVRX_FAULTS") == "long"
FOLDER = tempfile.mkdtemp(prefix="mvrx-faults-")
HEADER = struct.Struct(">5IQ")
MAGIC = 778682
FRAME = struct.Struct("<QIH")
LIST_ROOMS = 4
HERE = ["--interface", "lo", "--mdns-port", "15353"]


def say(text):
    print(text, flush=True)


def wait(what, seconds, done):
    end = time.monotonic() + seconds
    while True:
        found = done()
        if found:
            return found
        assert time.monotonic() < end, f"no {what} within {seconds} s"
        time.sleep(0.02)


def together(*jobs):
    """Does them at the same time; the first that fails is told."""
    with futures.ThreadPoolExecutor(len(jobs)) as pool:
        for done in futures.as_completed([pool.submit(job) for job in jobs]):
            done.result()


def more_descriptors():
    """For clients by the thousand."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def show(name, size, seed):
    """A whole archive of about this size that does not compress."""
    path = os.path.join(FOLDER, name)
    words = bytes(str(seed), "ascii")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("GeneralSceneDescription.xml", b"<GeneralSceneDescription verMajor=\"1\" verMinor=\"6\"><!--" + words + b"--><Scene><Layers/></Scene></GeneralSceneDescription>")
        archive.writestr("scene.bin", os.urandom(size))
    return path


def content(path):
    with open(path, "rb") as file:
        return file.read()


class Running:
    """A program that tells what happens, an event a line; `said` is what it says to people."""

    all = []

    def __init__(self, *arguments, before=(), limits=None, environment=None, name="program"):
        self.name, self.events, self.said = name, [], []
        self.process = subprocess.Popen(
            [*before, MVRX, *arguments, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
            env={**os.environ, "HOME": os.path.join(FOLDER, "home"), **(environment or {})},
            preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limits, limits))) if limits else None,
        )
        Running.all.append(self)
        self.readers = [threading.Thread(target=self.read, args=way, daemon=True) for way in ((self.process.stdout, True), (self.process.stderr, False))]
        for reader in self.readers:
            reader.start()

    def read(self, stream, events):
        for line in stream:
            if not events:
                self.said.append(line)
                continue
            try:
                self.events.append(json.loads(line))
            except ValueError:
                pass  # cut in the middle: it was killed

    def of(self, kind):
        return [event for event in list(self.events) if event.get("event") == kind]

    def until(self, kind, seconds=30, wanted=lambda _: True):
        def look():
            found = [event for event in self.of(kind) if wanted(event)]
            assert found or self.process.poll() is None, f"{self.name} ended: {self.words()[-2000:]}"
            return found
        try:
            return wait(f"{kind} of {self.name}", seconds, look)[0]
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.words()[-3000:]}") from None

    def words(self):
        return "".join(self.said) + "\n".join(event["text"] for event in list(self.events) if "text" in event)

    def kill(self):
        self.process.kill()
        self.gone()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.gone()
        assert self.process.returncode == 0, f"{self.name} ended with {self.process.returncode}: {self.words()[-2000:]}"

    def gone(self):
        self.process.wait(60)
        for reader in self.readers:
            reader.join(10)

    def status(self, key):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(key)) << 10

    def resident(self):
        """Bytes in memory now."""
        return self.status("VmRSS")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class Listener:
    """A listener under test: its process, its address, and what a good client asks of it."""

    def __init__(self, kind, *more, **options):
        self.kind = kind
        data = os.path.join(tempfile.mkdtemp(dir=FOLDER), kind)
        if kind == "station":
            arguments = ["up", "--name", "Desk", "--listen", "127.0.0.1:0", "--data", data, *HERE]
        elif kind == "mixer":
            arguments = ["mixer", "serve", "--host", "127.0.0.1", "--port", "0", "--data", data]
        else:
            arguments = ["host", "--name", "Rack", "--hidden", "--listen", "127.0.0.1:0", "--data", data, *(["--tls"] if kind == "wss" else [])]
        self.running = Running(*arguments, *more, name=kind, **options)
        up = self.running.until({"station": "up", "mixer": "serving"}.get(kind, "host"))
        place = up["addresses"][0] if kind == "mixer" else up["address"]
        self.address = (place.rsplit(":", 1)[0], int(place.rsplit(":", 1)[1]))

    def connect(self, source="127.0.0.1", timeout=10, encrypted=True):
        stream = socket.socket()
        stream.settimeout(timeout)
        stream.bind((source, 0))
        stream.connect(self.address)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.kind == "wss" and encrypted:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            stream = context.wrap_socket(stream)
        return stream

    def ask(self, source="127.0.0.99", timeout=10):
        """What a good client does: it connects, asks, is answered and goes."""
        with self.connect(source, timeout) as stream:
            self.greeted(stream)

    def greeted(self, stream):
        """Asks on a connection, and waits for the answer."""
        if self.kind == "mixer":
            stream.sendall(FRAME.pack(0, 1, LIST_ROOMS))
            while True:
                length, _, code = FRAME.unpack(exactly(stream, FRAME.size))
                exactly(stream, length)
                if code == LIST_ROOMS:
                    return
        if self.kind == "station":
            stream.sendall(package(join()))
            answer = json.loads(exactly(stream, HEADER.unpack(exactly(stream, HEADER.size))[-1]))
        else:
            upgraded(stream, self.address)
            stream.sendall(frame(1, json.dumps(join()).encode()))
            answer = json.loads(message(stream))
        assert answer["Type"] == "MVR_JOIN_RET" and answer["OK"] is True, answer


STRANGER = str(uuid.UUID(int=7 << 64 | 0x4000 << 64))


def join(station=None):
    return {"Type": "MVR_JOIN", "Provider": "none", "StationName": "Stranger", "verMajor": 1, "verMinor": 6,
            "StationUUID": station or str(uuid.uuid4()), "Commits": []}


def package(words, kind=0):
    payload = json.dumps(words).encode() if kind == 0 else words
    return HEADER.pack(MAGIC, 1, 0, 1, kind, len(payload)) + payload


def exactly(stream, count):
    read = bytearray()
    while len(read) < count:
        piece = stream.recv(min(count - len(read), 1 << 20))
        if not piece:
            raise EOFError(f"closed after {len(read)} of {count} bytes")
        read += piece
    return bytes(read)


def upgrade(address):
    return ("GET / HTTP/1.1\r\n" f"Host: {address[0]}:{address[1]}\r\n" "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n").encode()


def upgraded(stream, address):
    stream.sendall(upgrade(address))
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        # Nobody says more before we do.
        answer += stream.recv(4096) or exactly(stream, 1)
    assert answer.startswith(b"HTTP/1.1 101"), answer


def frame(opcode, payload):
    """A frame masked with zeros."""
    length = len(payload)
    head = bytes([0x80 | opcode])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", length)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", length)
    return head + bytes(4) + payload


def message(stream):
    """The next message that is no ping."""
    while True:
        first, length = exactly(stream, 2)
        length &= 0x7F
        if length >= 126:
            length = int.from_bytes(exactly(stream, 2 if length == 126 else 8), "big")
        payload = exactly(stream, length)
        if first & 0x0F in (1, 2):
            return payload


def p99(times):
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]


def median(values):
    return sorted(values)[len(values) // 2]
