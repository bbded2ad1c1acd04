"""mvrx's own traffic as Wireshark shows it with our dissector: TCP mode, WebSocket mode and Mixer, in segments of an Ethernet's size.

wireshark.py MVRX LUA FOLDER; inside a network namespace of its own. Prints what was seen; fails at the first thing that was not.
"""

import atexit
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import zipfile

mvrx, lua, folder = sys.argv[1:4]
environment = dict(os.environ, HOME=folder, XDG_DATA_HOME=folder)
NETWORK = ["--interface", "lo", "--mdns-port", "15353"]
SECONDS = 120
# Two processors write into one capture.
OUT_OF_ORDER = "tcp.reassemble_out_of_order: TRUE"


def show(name, size):
    path = os.path.join(folder, name)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("GeneralSceneDescription.xml", '<GeneralSceneDescription verMajor="1" verMinor="6"><Scene/></GeneralSceneDescription>')
        archive.writestr("texture.png", os.urandom(size))
    return path


class Running:
    """A running mvrx and the events it tells."""

    def __init__(self, *arguments, data=None):
        environment_here = dict(environment, **({"MVRX_DATA": os.path.join(folder, data)} if data else {}))
        self.process = subprocess.Popen([mvrx, *arguments, "--json"], env=environment_here, stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)

    def until(self, **wanted):
        for line in self.process.stdout:
            event = json.loads(line)
            if all(event.get(key) == value for key, value in wanted.items()):
                return event
        raise SystemExit(f"{self.process.args} ended before {wanted}")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=SECONDS)


def run(*arguments):
    done = subprocess.run([mvrx, *arguments], env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, (arguments, done)
    return done.stdout


class Capture:
    """What goes over the loopback, from now on until its end."""

    def __init__(self, name):
        self.path = os.path.join(folder, name + ".pcap")
        self.process = subprocess.Popen(
            ["tcpdump", "-i", "lo", "-U", "--immediate-mode", "-B", "131072", "-s", "16384", "-w", self.path, "tcp"], stderr=subprocess.PIPE, text=True
        )
        atexit.register(self.process.kill)
        for line in self.process.stderr:
            if "listening on" in line:
                break

    def end(self):
        # An attempt to connect where nobody listens is the last thing: once it is in the file, so is what was before it.
        with socket.socket() as last:
            last.bind(("127.0.0.1", 0))
            mark = struct.pack(">HH", last.getsockname()[1], 1)
            assert last.connect_ex(("127.0.0.1", 1)) != 0
        until = time.monotonic() + SECONDS
        while not self.ends_with(mark):
            assert time.monotonic() < until, "the capture does not end"
        self.process.send_signal(signal.SIGINT)
        told = self.process.stderr.read()
        self.process.wait(SECONDS)
        assert "0 packets dropped by kernel" in told, told

    def ends_with(self, mark):
        with open(self.path, "rb") as file:
            file.seek(max(0, os.path.getsize(self.path) - 4096))
            return mark in file.read()

    def read(self, *fields, filter="mvrx or mixer", prefs=()):
        """The dissected packets: for each, its fields as lists."""
        command = ["tshark", "-X", "lua_script:" + lua, "-r", self.path, "-Y", filter, "-o", OUT_OF_ORDER, "-T", "fields", "-E", "aggregator=\x02", "-E", "separator=\x01"]
        for field in fields:
            command += ["-e", field]
        for pref in prefs:
            command += ["-o", pref]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0 and "Lua" not in done.stderr, done.stderr
        return [[cell.split("\x02") if cell else [] for cell in line.split("\x01")] for line in done.stdout.splitlines()]

    def column(self, field, **options):
        return [value for row in self.read(field, **options) for value in row[0]]


def equal(what, seen, wanted):
    assert seen == wanted, f"{what}: {seen} instead of {wanted}"


def sound(capture):
    """Nothing malformed, no segment of a message left alone, no error of the script."""
    equal("malformed", capture.read("frame.number", filter="_ws.malformed or _ws.lua.error or mixer.short"), [])


def tcp_mode():
    # More commits than a segment holds, and a file of three thousand segments.
    texts = [show(f"{n:02} {'long name ' * 8}x.mvr", 100) for n in range(20)]
    large = show("large.mvr", 3 << 20)
    capture = Capture("tcp")
    desk = Running("up", *NETWORK, "--name", "Desk", *texts, large, data="desk")
    while desk.until(event="commit_published")["file_name"] != "large.mvr":
        pass
    run("get", "large", *NETWORK, "--name", "Client", "-o", os.path.join(folder, "got.mvr"))
    desk.stop()
    capture.end()
    sound(capture)
    kinds = capture.column("mvrx.type")
    for kind in ("MVR_JOIN", "MVR_JOIN_RET", "MVR_REQUEST", "MVR_LEAVE", "MVR_LEAVE_RET"):
        assert kind in kinds, (kind, kinds)
    # The COMMITs in the answer to JOIN: each is there with its key, in a message that came in several segments.
    names = capture.column("mvrx.file_name", filter='mvrx.type == "MVR_JOIN_RET"')
    assert {f"{n:02} {'long name ' * 8}x.mvr" for n in range(20)} | {"large.mvr"} <= set(names), names
    size = os.path.getsize(large)
    equal("files", capture.column("mvrx.package.length", filter="mvrx.package.type == 1"), [str(size)])
    whole = capture.column("mvrx.file")
    with open(large, "rb") as file:
        equal("the file's bytes", bytes.fromhex(whole[0].replace(":", "")) == file.read(), True)
    equal("deviations of ours", capture.read("frame.number", filter="mvrx.deviation or mvrx.deadly"), [])
    # A file that is not put together: its header, its bytes, and what follows it, are each what they are.
    apart = ("mvrx.whole_file: 1",)
    equal("files", capture.column("mvrx.package.length", filter="mvrx.package.type == 1", prefs=apart), [str(size)])
    there = sum(len(value.replace(":", "")) // 2 for value in capture.column("mvrx.file_bytes", prefs=apart))
    equal("bytes of the file", there, size)
    equal("messages beside it", capture.column("mvrx.type", prefs=apart), kinds)
    print(f"TCP mode: {len(kinds)} messages, a file of {size} bytes put together and apart")


def websocket_mode():
    shared = show("session.mvr", 2 << 20)
    capture = Capture("websocket")
    host = Running("host", "--listen", "127.0.0.1:0", "--hidden", data="host")
    url = host.until(event="host")["urls"][0]
    author = Running("commit", shared, "--host", url, "--name", "Author", "-m", "hang LX2", data="author")
    host.until(event="file_kept")
    run("get", "session", "--host", url, "--name", "Taker", "-o", os.path.join(folder, "session-got.mvr"))
    author.stop()
    host.stop()
    capture.end()
    sound(capture)
    kinds = set(capture.column("mvrx.type", filter="websocket and mvrx"))
    assert {"MVR_JOIN", "MVR_JOIN_RET", "MVR_REQUEST", "MVR_LEAVE"} <= kinds, kinds
    assert "hang LX2" in capture.column("mvrx.comment")
    # Once to the host, once from it; each message whole, though it comes in many frames.
    lengths = [len(value.replace(":", "")) // 2 for value in capture.column("mvrx.file")]
    equal("files", lengths, [os.path.getsize(shared)] * 2)
    print(f"WebSocket mode: {len(kinds)} kinds of messages, a file of {lengths[0]} bytes in either direction")


def mixer():
    rooms = Running("mixer", "serve", "--host", "127.0.0.1", "--port", "12800")
    rooms.until(event="serving")
    saved = os.path.join(folder, "room")
    path = "/Lamp \u00e4\u00f6"
    transform = text(path) + bytes(3000)
    with open(saved, "wb") as file:
        file.write(text("{}") + frame(201, transform) + frame(132, bytes(4)) + frame(999, b""))
    capture = Capture("mixer")
    run("mixer", "load", saved, "--room", "stage", "--ignore-versions")
    run("mixer", "rooms")
    rooms.stop()
    capture.end()
    sound(capture)
    kinds = [int(kind) for kind in capture.column("mixer.type")]
    for kind in (1, 4, 5, 20, 201, 132, 999):
        assert kind in kinds, (kind, kinds)
    assert path in capture.column("mixer.path"), capture.column("mixer.path")
    assert "stage" in capture.column("mixer.room")
    assert any('"stage"' in value for value in capture.column("mixer.json", filter="mixer.type == 4 or mixer.type == 20"))
    equal("unknown types", capture.read("frame.number", filter="mixer.unknown"), [])
    print(f"Mixer: {len(kinds)} frames of {len(set(kinds))} types")


def text(value):
    return struct.pack("<I", len(value.encode())) + value.encode()


def frame(kind, payload):
    return struct.pack("<QIH", len(payload), 1, kind) + payload


def deviations():
    """Packages of a double with the known faults: each is named."""
    messages = [
        {"Type": "MVR_JOIN_RET", "OK": "true", "Files": [], "verMajor": "1", "StationUUID": "00000000-0000-0000-0000-000000000000"},
        {"Type": "MVR_REQUEST", "FileUUID": ""},
        {"Type": "MVR_NEW_SESSION_HOST", "ServiceURL": "ws://desk:4711/", "ServiceName": ""},
        {"Type": "MVR_COMMIT_RET", "OK": False, "Message": 'a "quoted\\" } \u00e4\u65e5\U0001f4a1 \\ud83d word'},
    ]
    capture = Capture("deviations")
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        there, _ = server.accept()
        for message in messages:
            payload = json.dumps(message).encode()
            client.sendall(struct.pack(">IIIIIQ", 778682, 1, 0, 1, 0, len(payload)) + payload)
        client.shutdown(socket.SHUT_WR)
        while there.recv(65536):
            pass
        client.close()
        there.close()
    capture.end()
    equal("types", capture.column("mvrx.type"), [message["Type"] for message in messages])
    # One line of expert information for each: OK, Files, verMajor and the nil UUID; the two that end some products; the refusal.
    for name, count in (("deviation", 4), ("deadly", 2), ("refused", 1)):
        equal(name, len(capture.column(f"mvrx.{name}", filter=f"mvrx.{name}")), count)
    equal("the refusal's words", capture.column("mvrx.text"), [messages[3]["Message"]])
    print("Deviations: each is named")


if __name__ == "__main__":
    deviations()
    tcp_mode()
    websocket_mode()
    mixer()
