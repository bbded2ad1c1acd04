"""A session behind TLS with a password: who knows pin and password exchanges a file, and a foreign client in plain Python fetches it by the Password
of its JOIN. At a terminal
the password is asked for. Wrong pins, wrong passwords, guesses, an expired certificate, a station on no list, a web page, a station that only reads
and a commit above the quota are told so; a recorded session that is sent again joins nobody, and 10,000 half-open handshakes from forty addresses keep
nobody out. What happened is in the audit file, without a password.

usage: wss.py MVRX
"""

import hashlib
import json
import os
import pty
import random
import resource
import socket
import subprocess
import termios
import threading
import uuid
import zipfile

from foreign import Foreign, Refused
from net import MVRX, Net, run, say, wait

RACK, PORT = "10.77.0.9", 42480
PASSWORD = "open sesame"
SIZE, LARGEST = 5_000_000, 20_000_000
READER, STRANGER, LISTED = (str(uuid.UUID(int=n << 8)) for n in (2, 3, 4))
HANDSHAKES, ADDRESSES = 10_000, 40


def main():
    with Net() as net:
        for name, number in [("desk", 1), ("guess", 3), ("blue", 4), ("flood", 5), ("rack", 9)]:
            net.host(name, number, v6=False)
        try:
            play(net)
        except AssertionError:
            say(net.log("rack")[-4000:])
            raise


def secret(net, name, text):
    path = os.path.join(net.folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def play(net):
    right, wrong = secret(net, "right", PASSWORD), secret(net, "wrong", "open barley")
    audit = os.path.join(net.folder, "audit")
    net.start("rack", MVRX, "host", "--name", "Rack", "--tls", "--password-file", right, "--listen", f"{RACK}:{PORT}",
              "--read-only", READER, "--largest", "20M", "--audit", audit, "--hidden", "--json")
    wait("the host", 30, lambda: net.events("rack", "host"))
    (up,) = net.events("rack", "host")
    url, pin = up["urls"][0], up["fingerprint"]
    there = ["--host", url, "--pin", pin]

    show = os.path.join(net.folder, "rig.mvr")
    with zipfile.ZipFile(show, "w") as archive:
        archive.writestr("GeneralSceneDescription.xml", random.Random(1).randbytes(SIZE))
    net.start("desk", MVRX, "commit", show, "-m", "hung", *there, "--password-file", right, "--json")
    took = wait("the file at the host", 30, lambda: net.events("rack", "file_kept"))
    say(f"a station with pin and password committed, the host has the file after {took:.1f} s")

    refusals(net, there, url, wrong)
    at_a_terminal(net, there)
    foreigner(net, pin, show)
    page(net, pin)
    limits(net, pin)
    expired_and_listed(net, right)
    sent_again(net, pin, audit)
    flood(net, there, right, pin)
    written_down(audit)


def refusals(net, there, url, wrong):
    other = "sha256:" + "ab" * 32
    for what, arguments, words in [
        ("another pin", ["--host", url, "--pin", other], other),
        ("no password", there, "wants a password"),
        ("a wrong password", [*there, "--password-file", wrong], "does not take our password"),
    ]:
        done = net.mvrx("guess", "ls", "--wait", "1", *arguments)
        assert done.returncode == 4 and words in done.stderr, f"{what}: {done}"
        assert "sesame" not in done.stderr and "barley" not in done.stderr
        say(f"{what}: {done.stderr.strip()[:150]}")
    for _ in range(6):
        done = net.mvrx("guess", "ls", "--wait", "1", *there, "--password-file", wrong)
    assert "after too many wrong ones" in done.stderr, done
    say(f"guessing: {done.stderr.strip()[:150]}")


def at_a_terminal(net, there):
    """Asked for the password where none is given, and it is not shown."""
    for typed, code in [(PASSWORD, 0), ("open barley", 4)]:
        ours, theirs = pty.openpty()
        command = ["ip", "netns", "exec", f"{net.id}blue", MVRX, "ls", "--wait", "1", *there]
        home = os.path.join(net.folder, "blue-typing")
        os.makedirs(home, exist_ok=True)
        running = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "HOME": home})
        os.close(theirs)
        shown = terminal(ours, lambda shown: b"Password of the session" in shown)
        # Echo is off once it is asked; what is typed before could be shown by the terminal itself.
        wait("no echo", 10, lambda: not termios.tcgetattr(ours)[3] & termios.ECHO)
        os.write(ours, typed.encode() + b"\n")
        out = running.stdout.read()
        assert running.wait(30) == code, (typed, out, shown)
        shown += terminal(ours, lambda _: False)
        assert typed.encode() not in shown + out, shown
        os.close(ours)
    say("at a terminal the password is asked for, and not shown")


def terminal(end, enough):
    """What a terminal shows until that is enough, or its program has ended."""
    shown = b""
    while not enough(shown):
        try:
            piece = os.read(end, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    return shown


def foreigner(net, pin, show):
    """By its JOIN; and its guesses count as those of handshakes."""
    with net.within("blue"):
        client = Foreign((RACK, PORT), pin, origin=f"https://{RACK}:{PORT}")
    ret = client.join(STRANGER, PASSWORD)
    assert ret["OK"], ret
    (commit,) = ret["Commits"]
    got = client.fetch(commit["FileUUID"], commit["StationUUID"], commit["FileSize"])
    with open(show, "rb") as file:
        assert hashlib.sha256(got).digest() == hashlib.file_digest(file, "sha256").digest()
    say(f"a foreign client joined by the Password of its JOIN and fetched {len(got)} bytes, sha256 equal")
    client.say(Type="MVR_LEAVE", FromStationUUID=STRANGER)
    for password, words in [(None, "wants a password"), ("open barley", "the password is wrong")]:
        with net.within("blue"):
            client = Foreign((RACK, PORT), pin)
        ret = client.join(STRANGER, password)
        assert not ret["OK"] and words in ret["Message"], ret
        assert not ret.get("StationName"), f"a stranger is told of the host: {ret}"
        assert client.until("nothing")["Type"] == "closed"
        say(f"a foreign client, password {password}: {ret['Message']}")
    with net.within("blue"):
        client = Foreign((RACK, PORT), pin)
    client.say(Type="MVR_LEAVE", FromStationUUID=STRANGER)
    assert "wants a password" in client.until("MVR_JOIN_RET")["Message"]


def page(net, pin):
    for origin in ["https://evil.example", "null"]:
        try:
            with net.within("blue"):
                Foreign((RACK, PORT), pin, origin=origin)
        except Refused as refused:
            assert "403" in str(refused), refused
        else:
            raise AssertionError(f"a page of {origin} came in")
    say("web pages from elsewhere are refused")


def limits(net, pin):
    def commit(file, size):
        return {"Type": "MVR_COMMIT", "verMajor": 1, "verMinor": 6, "FileUUID": file, "StationUUID": READER, "FileSize": size,
                "ForStationsUUID": [], "Comment": "", "FileName": "x.mvr"}

    with net.within("blue"):
        reader = Foreign((RACK, PORT), pin)
    assert reader.join(READER, PASSWORD)["OK"]
    reader.say(**commit(str(uuid.uuid4()), 1000))
    ret = reader.until("MVR_COMMIT_RET")
    assert not ret["OK"] and "only read" in ret["Message"], ret
    say(f"a station that only reads: {ret['Message']}")
    with net.within("blue"):
        author = Foreign((RACK, PORT), pin)
    assert author.join(STRANGER, PASSWORD)["OK"]
    author.say(**{**commit(str(uuid.uuid4()), 10 << 30), "StationUUID": STRANGER})
    ret = author.until("MVR_COMMIT_RET")
    assert not ret["OK"] and str(LARGEST) in ret["Message"], ret
    say(f"10 GiB: {ret['Message']}")
    # Nothing of it is asked for: the next REQUEST is for the small one.
    small = str(uuid.uuid4())
    author.say(**{**commit(small, 1000), "StationUUID": STRANGER})
    assert author.until("MVR_REQUEST")["FileUUID"] == small


def expired(net):
    """A certificate that an authority vouches for and that is out of date, and the authority."""
    def at(name):
        return os.path.join(net.folder, name)

    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run("openssl", "req", "-x509", *new, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-subj", "/CN=Crew", "-days", "30")
    run("openssl", "req", *new, "-keyout", at("old.key"), "-out", at("old.csr"), "-subj", "/CN=Rack")
    with open(at("names"), "w") as file:
        file.write(f"subjectAltName=IP:{RACK}\n")
    run("openssl", "x509", "-req", "-in", at("old.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "-1",
        "-extfile", at("names"), "-out", at("old.pem"))
    return at("old.pem"), at("old.key"), at("ca.pem")


def expired_and_listed(net, right):
    """A second session, whose certificate is out of date, for one station alone."""
    certificate, key, authority = expired(net)
    audit = os.path.join(net.folder, "audit2")
    net.start("rack", MVRX, "host", "--name", "Crew", "--cert", certificate, "--key", key, "--password-file", right, "--listen", f"{RACK}:{PORT + 1}",
              "--allow", LISTED, "--data", os.path.join(net.folder, "crew"), "--audit", audit, "--hidden", "--json")
    wait("the second host", 30, lambda: len(net.events("rack", "host")) == 2)
    up = net.events("rack", "host")[1]
    url, pin = up["urls"][0], up["fingerprint"]
    with net.within("blue"):
        listed = Foreign((RACK, PORT + 1), pin)
    assert listed.join(LISTED, PASSWORD)["OK"]

    done = net.mvrx("desk", "ls", "--wait", "1", "--host", url, "--ca", authority, "--password-file", right)
    assert done.returncode == 4 and "expired" in done.stderr, done
    say(f"an expired certificate: {done.stderr.strip()[:190]}")
    with net.within("guess"):
        stranger = Foreign((RACK, PORT + 1), pin)
    ret = stranger.join(STRANGER, PASSWORD)
    assert not ret["OK"] and "certain stations" in ret["Message"] and not ret["Commits"], ret
    assert stranger.until("nothing")["Type"] == "closed"
    say(f"a station on no list: {ret['Message']}")
    done = net.mvrx("desk", "ls", "--wait", "1", "--host", url, "--pin", pin, "--password-file", right)
    assert done.returncode == 4 and "certain stations" in done.stderr, done
    say(f"the same, ours: {done.stderr.strip()[:190]}")

    # Who is on the list has noticed nothing.
    file = str(uuid.uuid4())
    listed.say(Type="MVR_COMMIT", verMajor=1, verMinor=6, FileUUID=file, StationUUID=LISTED, FileSize=1000, ForStationsUUID=[], Comment="",
               FileName="x.mvr")
    assert listed.until("MVR_REQUEST")["FileUUID"] == file
    with open(audit) as file:
        refused = [line for line in map(json.loads, file) if (line["event"], line["result"]) == ("join", "refused")]
    assert STRANGER in {line["station"] for line in refused} and len(refused) == 2, refused


def sent_again(net, pin, audit):
    """Somebody on the way writes down what a station says, and says it again."""
    with net.within("flood"):
        way, onward = socket.create_server(("10.77.0.5", 0)), socket.create_connection((RACK, PORT))
    record = bytearray()

    def carry(source, target, keep):
        while piece := source.recv(65536):
            keep.extend(piece)
            target.sendall(piece)

    def between():
        client, _ = way.accept()
        back = threading.Thread(target=carry, args=(onward, client, bytearray()), daemon=True)
        back.start()
        carry(client, onward, record)
        onward.shutdown(socket.SHUT_RDWR)

    carrying = threading.Thread(target=between, daemon=True)
    carrying.start()
    victim = str(uuid.uuid4())
    with net.within("blue"):
        client = Foreign(way.getsockname(), pin)
    assert client.join(victim, PASSWORD)["OK"]
    client.say(Type="MVR_LEAVE", FromStationUUID=victim)
    client.until("MVR_LEAVE_RET")
    client.socket.close()
    carrying.join(20)
    assert not carrying.is_alive() and len(record) > 600, len(record)

    def joins():
        with open(audit) as file:
            return sum(victim in line and '"join"' in line for line in file)

    def refusals():
        with open(audit) as file:
            return sum('"connection"' in line for line in file)

    before = joins(), refusals()
    with net.within("flood"):
        again = socket.create_connection((RACK, PORT), timeout=20)
    again.sendall(record)
    answer = b""
    try:
        while piece := again.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass
    assert b"101" not in answer
    wait("a line of it", 20, lambda: refusals() > before[1])
    assert joins() == before[0] == 1, (joins(), before)
    say(f"{len(record)} bytes of a session that were sent again joined nobody")


def flood(net, there, right, pin):
    """Half-open handshakes of a neighbour with many addresses; new stations of another come in all the while."""
    for n in range(ADDRESSES):
        net.ip("flood", "addr", "add", f"10.77.0.{101 + n}/24", "dev", "eth0")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    room = min(HANDSHAKES, most - 1_000)
    held, joined = [], []
    for begun in range(0, HANDSHAKES, 250):
        knocks = []
        with net.within("flood"):
            for n in range(begun, begun + 250):
                knocking = socket.socket()
                knocking.setblocking(False)
                knocking.bind((f"10.77.0.{101 + n % ADDRESSES}", 0))
                knocking.connect_ex((RACK, PORT))
                knocks.append(knocking)
        for knocking in knocks:
            try:
                knocking.send(bytes([0x16, 3, 1, 0, 200]))
            except OSError:
                pass
        held += knocks
        for knocking in held[:max(0, len(held) - room)]:
            knocking.close()
        held = held[-room:]
        if begun % 2_500 == 2_250:
            with net.within("blue"):
                joined.append(Foreign((RACK, PORT), pin))
            assert joined[-1].join(str(uuid.uuid4()), PASSWORD)["OK"]
    done = net.mvrx("desk", "ls", "--wait", "1", "--json", *there, "--password-file", right)
    assert done.returncode == 0, done
    # Those who came in at first are still in.
    for client in joined:
        client.say(Type="MVR_COMMIT")
        assert not client.until("MVR_COMMIT_RET")["OK"]
    for knocking in held:
        knocking.close()
    say(f"{HANDSHAKES} half-open handshakes from {ADDRESSES} addresses keep nobody out, {len(held)} of them held at the end; {len(joined)} stations came in and stayed")


def written_down(audit):
    with open(audit) as file:
        text = file.read()
    seen = {(line["event"], line["result"]) for line in map(json.loads, text.splitlines())}
    for wanted in [("connection", "refused"), ("join", "ok"), ("commit", "ok"), ("commit", "refused"), ("request", "ok"), ("leave", "ok")]:
        assert wanted in seen, f"{wanted} is not written down: {sorted(seen)}"
    assert "sesame" not in text and "barley" not in text
    assert hashlib.sha256((PASSWORD + STRANGER).encode()).hexdigest() not in text
    say(f"{len(text.splitlines())} audit lines, no password among them")


main()
