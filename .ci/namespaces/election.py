"""Five `mvrx up --session-host auto`, each in a namespace of its own, which elect their host. They exchange files while the host is killed, while
the old one comes back, and while the next one loses its cable. After each of these take-overs everybody has everything, all are in one session, and the new host gives
all of it, byte by byte, to a stranger who asks nobody else. A `mvrx up`
without --session-host and a station of another product stay in TCP mode all the while, commit before, at and after each take-over, and have everything, too.
At the end the host and the two who succeed it first lose their cables at once: the third hosts within 10 s.

usage: election.py MVRX ID LINK
ID: the namespaces are ID1 to ID7 and IDhub; LINK: the bridge's ports are LINK1 to LINK5.
"""

import atexit
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

from tcp_only import Namespaces, TcpOnly

mvrx, ident, link = sys.argv[1:4]
seed = int(os.environ.get("MVRX_SEED", random.randrange(1 << 30)))
dice = random.Random(seed)
folder = tempfile.mkdtemp(prefix="election")
begun = time.monotonic()


class Station:
    """One station, and what it told."""

    def __init__(self, number, priority):
        self.number = number
        self.part = ["--session-host", "auto", "--priority", str(priority)] if priority else []
        self.home = f"{folder}/{number}"
        self.dir = f"{self.home}/files"
        os.makedirs(self.dir)
        self.process, self.told, self.shares = None, [], []
        self.heard = threading.Condition()

    def start(self):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", f"{ident}{self.number}", mvrx, "up", *self.part, "--name", f"S{self.number}", *self.shares, "--data", f"{self.home}/data", "--get", "all", "--dir", self.dir, "--json"],
            stdout=subprocess.PIPE, stderr=open(f"{self.home}/errors", "a"), text=True, env=dict(os.environ, HOME=self.home),
        )
        with self.heard:
            self.told.append((time.monotonic(), {"event": "(started)"}))
        threading.Thread(target=self.read, args=(self.process,), daemon=True).start()

    def read(self, process):
        for line in process.stdout:
            event = json.loads(line)
            with self.heard:
                self.told.append((time.monotonic(), event))
                self.heard.notify_all()

    def since(self, at):
        with self.heard:
            return [(when, event) for when, event in self.told if when >= at]

    def wait(self, kinds, since, within):
        """The first event of these kinds after a moment, and when it came."""
        end = time.monotonic() + within
        while True:
            for when, event in self.since(since):
                if event["event"] in kinds:
                    return when, event
            left = end - time.monotonic()
            if left <= 0:
                raise SystemExit(f"S{self.number} told none of {kinds} within {within} s (seed {seed}):\n{story()}")
            with self.heard:
                self.heard.wait(min(left, 0.2))

    def kill(self):
        # `ip netns exec` becomes the command itself.
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def commit(self, what):
        """Commits from beside, as a person does, into the running station's session; gives the file's hash."""
        path = f"{self.home}/{what}.mvr"
        with zipfile.ZipFile(path, "w") as archive:
            scene = '<?xml version="1.0" encoding="UTF-8"?><GeneralSceneDescription verMajor="1" verMinor="6"><Scene><Layers/></Scene></GeneralSceneDescription>'
            archive.writestr("GeneralSceneDescription.xml", scene)
            archive.writestr("model.3ds", dice.randbytes(dice.randrange(100_000, 2_000_000)))
        return path


def story():
    lines = []
    for station in [*stations.values(), desk]:
        for when, event in station.told[-25:]:
            lines.append((when, f"{when - begun:8.3f} S{station.number} {json.dumps(event)[:300]}"))
        errors = open(f"{station.home}/errors").read()[-500:] if os.path.exists(f"{station.home}/errors") else ""
        if errors:
            lines.append((0, f"S{station.number} errors: {errors}"))
    return "\n".join(text for _, text in sorted(lines))


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def files(station):
    return hashes_in(station.dir)


def hashes_in(directory):
    found = set()
    for base, _, names in os.walk(directory):
        for name in names:
            if name.endswith(".mvr"):
                try:
                    found.add(digest(os.path.join(base, name)))
                except OSError:
                    pass
    return found


def end_of(process):
    process.send_signal(signal.SIGINT)
    assert process.wait(BOUND) == 0, f"{process.args} did not end well (seed {seed})"


def everybody_has(shares, who, within):
    """Waits until each of these has what the others shared."""
    end = time.monotonic() + within
    while True:
        missing = {
            station.number: {path for owner, path, hashed in shares if owner != station.number and hashed not in files(station)}
            for station in who
        }
        missing = {number: paths for number, paths in missing.items() if paths}
        if not missing:
            # Who shared goes; everybody has it.
            while people:
                end_of(people.pop())
            return
        if time.monotonic() > end:
            raise SystemExit(f"not everybody has everything within {within} s (seed {seed}): {missing}\n{story()}")
        time.sleep(0.2)


def host_url(station):
    """Where the session is, as somebody who looks for it finds it."""
    for _, event in reversed(station.told):
        if event["event"] == "elected":
            return event["session"]
    raise SystemExit(f"S{station.number} hosts nothing (seed {seed})")


def share(station, what, url=None):
    """One more person in the same namespace commits into the session; without its URL, in TCP mode."""
    path = station.commit(what)
    place = ["--host", url] if url else []
    people.append(subprocess.Popen(
        ["ip", "netns", "exec", f"{ident}{station.number}", mvrx, "commit", path, "--message", what, *place, "--name", f"P{what}",
         "--data", f"{station.home}/data-{what}"],
        env=dict(os.environ, HOME=station.home), stdout=subprocess.DEVNULL,
    ))
    return 0, path, digest(path)


def share_in_tcp_mode(what):
    """The person at the desk and the other product commit in their group; gives both, and when that was."""
    at = time.monotonic()
    path = desk.commit(f"other-{what}")
    other.commit(path)
    return at, [share(desk, what), (other.number, path, digest(path))]


def across(what, since, shares, who):
    """Waits until all of these have what was shared, and prints how long it took."""
    everybody_has(shares, who, BOUND)
    print(f"{what}: {len(shares)} files across to all {len(who)} after {time.monotonic() - since:.2f} s")


def nobody_twice(gone=None):
    """Who is in the group of TCP mode, as somebody sees it who has just come: each station once."""
    listed = subprocess.run(
        ["ip", "netns", "exec", f"{ident}6", mvrx, "ls", "--json", "--wait", "4"],
        check=True, capture_output=True, text=True, timeout=60, env=dict(os.environ, HOME=f"{folder}/stranger"),
    )
    found = json.loads(listed.stdout)["stations"]
    names = sorted(station["name"] for station in found)
    here = {f"S{s.number}" for s in stations.values() if s is not gone} | {"S6", "Other"}
    assert len(set(names)) == len(names) and here <= set(names), f"{names} are in the group (seed {seed})\n{story()}"
    assert not other.wrong, f"{other.wrong} (seed {seed})"


def served_by(host, shares, number):
    """A stranger who comes only now, and knows nothing but the session's URL, gets every file of it, byte by byte."""
    home = f"{folder}/stranger-{len(strangers)}"
    os.makedirs(f"{home}/files")
    stranger = subprocess.Popen(
        ["ip", "netns", "exec", f"{ident}{number}", mvrx, "up", "--host", host_url(host), "--name", f"X{len(strangers)}", "--data", f"{home}/data",
         "--get", "all", "--dir", f"{home}/files"],
        env=dict(os.environ, HOME=home), stdout=subprocess.DEVNULL,
    )
    strangers.append(stranger)
    begun, wanted = time.monotonic(), {hashed for _, _, hashed in shares}
    while not wanted <= hashes_in(f"{home}/files"):
        here = len(wanted & hashes_in(f"{home}/files"))
        assert stranger.poll() is None and time.monotonic() < begun + BOUND, f"S{host.number} gave {here} of {len(wanted)} files (seed {seed})\n{story()}"
        time.sleep(0.1)
    end_of(stranger)
    print(f"S{host.number} gives all {len(wanted)} files to a stranger")


def in_one_session(who):
    """All of these are in the session of one host: the one of which each was told last."""
    of = {s.number: [event["station"] for _, event in s.since(0) if event["event"] == "elected_host"][-1:] for s in who}
    assert len({str(host) for host in of.values()}) == 1, f"they are in the sessions of {of} (seed {seed})\n{story()}"


def succeeded(candidates, gone_at, what):
    """Waits until one of these hosts, and until all of them are in its session; gives it, and prints how long it took."""
    end = time.monotonic() + BOUND
    while True:
        new = [(when, s) for s in candidates for when, event in s.since(gone_at) if event["event"] == "elected"]
        if new:
            break
        if time.monotonic() > end:
            raise SystemExit(f"nobody took over (seed {seed})\n{story()}")
        time.sleep(0.05)
    when, host = min(new, key=lambda pair: pair[0])
    joined = [s.wait(["elected_host"], gone_at, BOUND)[0] for s in candidates]
    print(f"{what}: S{host.number} hosts after {when - gone_at:.2f} s, all {len(candidates)} are with it after {max(joined) - gone_at:.2f} s")
    assert when - gone_at < 10, f"it took longer than 10 s (seed {seed})\n{story()}"
    hosts = [s.number for s in candidates for _, event in s.since(gone_at) if event["event"] == "elected"]
    assert hosts == [host.number], f"{hosts} were elected (seed {seed})\n{story()}"
    in_one_session(candidates)
    return host


def clean():
    for process in people + strangers + [station.process for station in [*stations.values(), desk]]:
        if process and process.poll() is None:
            process.kill()
            process.wait()
    shutil.rmtree(folder, ignore_errors=True)


# No wait takes as long when all is well.
BOUND = 120
people, strangers = [], []
stations = {n: Station(n, 10 * n) for n in range(1, 6)}
# In TCP mode alone: one of ours, and one of another product.
desk = Station(6, None)
atexit.register(clean)
print(f"seed {seed}")
other = TcpOnly(Namespaces(ident), 7, "10.78.0.7", "Other", f"{folder}/7")
other.number = 7
tcp_mode = [desk, other]
desk.shares = [desk.commit("own6")]
desk.start()
start = time.monotonic()
for station in stations.values():
    station.shares = [station.commit(f"own{station.number}")]
    station.start()
host = succeeded(list(stations.values()), start, "first election")
assert host.number == 5, f"S{host.number} hosts instead of the highest (seed {seed})\n{story()}"

shares = [(s.number, s.shares[0], digest(s.shares[0])) for s in stations.values()]
shares += [(6, desk.shares[0], digest(desk.shares[0]))]
at, more = share_in_tcp_mode("before")
shares += [*more, share(stations[1], "first", host_url(host))]
across("TCP mode and the first session", at, shares, [*stations.values(), *tcp_mode])
nobody_twice()

# The host is killed while somebody shares.
others = [s for s in stations.values() if s is not host]
gone = time.monotonic()
host.kill()
at, more = share_in_tcp_mode("during")
old, host = host, succeeded(others, gone, "host killed")
assert host.number == 4, f"S{host.number} succeeds instead of the next (seed {seed})\n{story()}"
shares += more
across("what TCP mode committed when the host was killed", at, shares, [*others, *tcp_mode])
at, more = share_in_tcp_mode("after")
shares += [*more, share(stations[1], "second", host_url(host))]
across("TCP mode and the second session", at, shares, [*others, *tcp_mode])
nobody_twice(gone=old)
served_by(host, shares, 2)

# The old host comes back as one of the others, although it is higher.
back = time.monotonic()
old.start()
when, _ = old.wait(["elected_host"], back, BOUND)
print(f"old host back: one of the session again after {when - back:.2f} s")
in_one_session(stations.values())
shares.append(share(stations[3], "third", host_url(host)))
shares.append(share(old, "returned", host_url(host)))
everybody_has(shares, [*stations.values(), *tcp_mode], BOUND)
nobody_twice()
served_by(host, shares, 1)
displaced = [s.number for s in stations.values() for _, event in s.since(back) if event["event"] in ("elected", "gave_way", "host_lost")]
assert not displaced, f"{displaced} (seed {seed})\n{story()}"

# The cable of the host is pulled; later it is plugged in again.
others = [s for s in stations.values() if s is not host]
gone = time.monotonic()
subprocess.run(["ip", "-n", f"{ident}hub", "link", "set", f"{link}{host.number}", "down"], check=True)
old, host = host, succeeded(others, gone, "cable pulled")
assert host.number == 5, f"S{host.number} succeeds instead of the next (seed {seed})\n{story()}"
shares.append(share(stations[1], "fourth", host_url(host)))
everybody_has(shares, [*others, *tcp_mode], BOUND)
served_by(host, shares, 1)
back = time.monotonic()
subprocess.run(["ip", "-n", f"{ident}hub", "link", "set", f"{link}{old.number}", "up"], check=True)
# The one that was cut off is alone, and gives way, whatever is remembered of it.
end = time.monotonic() + BOUND
while True:
    gave = [(when, s) for s in (old, host) for when, event in s.since(back) if event["event"] == "gave_way"]
    if gave:
        break
    assert time.monotonic() < end, f"two hosts go on (seed {seed})\n{story()}"
    time.sleep(0.05)
when, gone_from = min(gave, key=lambda pair: pair[0])
assert gone_from is old, f"S{gone_from.number} gave way instead of S{old.number}, which was cut off (seed {seed})\n{story()}"
joined, _ = gone_from.wait(["elected_host"], when, BOUND)
print(f"cable plugged in again: S{gone_from.number} gave way after {when - back:.2f} s and is one of the session after {joined - back:.2f} s")
at, more = share_in_tcp_mode("healed")
shares += more
everybody_has(shares, [*stations.values(), *tcp_mode], BOUND)
nobody_twice()
in_one_session(stations.values())
served_by(host, shares, old.number)
lost = [event for _, event in old.since(when) if event["event"] == "host_lost"]
assert not lost, f"who gave way lost nothing: {lost} (seed {seed})\n{story()}"
gave = [s.number for s in stations.values() for _, event in s.since(back) if event["event"] == "gave_way"]
assert gave == [old.number], f"{gave} gave way (seed {seed})\n{story()}"

# The cables of the host and of the two who succeed it first are pulled at once: who comes third hosts.
heirs = sorted((s for s in stations.values() if s is not host), key=lambda s: s.number, reverse=True)
cut, left = [host, *heirs[:2]], heirs[2:]
gone = time.monotonic()
for station in cut:
    subprocess.run(["ip", "-n", f"{ident}hub", "link", "set", f"{link}{station.number}", "down"], check=True)
host = succeeded(left, gone, "the host's cable and those of the next two pulled")
assert host is left[0], f"S{host.number} hosts instead of the third (seed {seed})\n{story()}"
shares.append(share(left[1], "fifth", host_url(host)))
everybody_has(shares, [*left, *tcp_mode], BOUND)
served_by(host, shares, left[1].number)
assert not other.wrong, f"{other.wrong} (seed {seed})"

for station in [*stations.values(), desk]:
    station.process.send_signal(signal.SIGINT)
for station in [*stations.values(), desk]:
    assert station.process.wait(BOUND) == 0, f"S{station.number} did not end well (seed {seed})\n{story()}"
print("all five have all files, and so have the two that speak TCP mode alone")
