"""Five stations that elect their host, with large files under way when the host is killed, when the old one comes back, and when the next one loses its cable.
Two of them have slow links, so that files are whole with some and half with others at that moment; which, is judged by what the stations tell. Prints how
long each take-over took.

usage: election_files.py MVRX
"""
import hashlib
import os
import random
import signal
import subprocess
import time
import zipfile

from net import MVRX, Net, say, wait

SEED = int(os.environ.get("MVRX_SEED", random.randrange(1 << 30)))
DICE = random.Random(SEED)
MIB = 1 << 20
# What the links carry, in Mbit/s: to the slow ones, and from the first host, so that it is long at it.
SLOW, SLOW_TO, FROM_FIRST = ("s1", "s3"), 10, 120
SCENE = '<?xml version="1.0" encoding="UTF-8"?><GeneralSceneDescription verMajor="1" verMinor="6"><Scene><Layers/></Scene></GeneralSceneDescription>'
NEXT = "s4"
# No wait takes as long when all is well.
BOUND = 180


class Crew:
    def __init__(self, net):
        self.net, self.running, self.people, self.shared, self.hash_of = net, {}, {}, {}, {}
        for number in range(1, 8):
            net.host(f"s{number}", number, v6=False)
        for name in SLOW:
            shape(["ip", "netns", "exec", f"{net.id}hub"], net.cable(name), SLOW_TO)
        shape(["ip", "netns", "exec", f"{net.id}s5"], "eth0", FROM_FIRST)

    def start(self, name, *more):
        directory = os.path.join(self.net.folder, name, "files")
        os.makedirs(directory, exist_ok=True)
        data = os.path.join(self.net.folder, name, "data")
        station = ["--session-host", "auto", "--priority", f"{name[1:]}0"] if int(name[1:]) < 6 else more
        self.running[name] = self.net.station(name, None, *station, "--data", data, "--get", "all", "--dir", directory)

    def share(self, name, what, mib, url=None):
        """Somebody beside this station commits a file into the session, or in TCP mode, and stays."""
        home = os.path.join(self.net.folder, f"{name}-{what}")
        os.makedirs(home)
        path = os.path.join(home, f"{what}.mvr")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("GeneralSceneDescription.xml", SCENE)
            archive.writestr("large.3ds", DICE.randbytes(int(mib * MIB)))
        with open(path, "rb") as file:
            self.shared[what] = hashlib.file_digest(file, "blake2b").hexdigest()
        self.people[what] = self.net.start(
            name, MVRX, "commit", path, "--message", what, *(["--host", url] if url else []), "--name", f"P {what}", "--data", f"{home}/data", HOME=home
        )

    def end(self, what, how=signal.SIGINT):
        person = self.people.pop(what)
        person.send_signal(how)
        assert person.wait(BOUND) == 0 or how != signal.SIGINT, f"{what} did not end well"

    # ---- what is told

    def told(self, name, kind, since=0, what=None):
        """Events of a station after a moment; of one file, by what its committer said of it."""
        events = [e for e in self.net.events(name, kind) if e["at_unix_ms"] >= since]
        return [e for e in events if e.get("comment") == what] if what else events

    def under_way(self, name, what, since=0):
        """A file was asked for, and did not come yet."""
        return len(self.told(name, "request_started", since, what)) > 0 and not self.told(name, "request_done", 0, what)

    def have(self, names, *files):
        """Whether all of these stations have all of these files, byte by byte."""
        for name in names:
            here = self.saved(name)
            if not {self.shared[what] for what in files} <= here:
                return False
        return True

    def saved(self, name):
        found = set()
        for base, _, names in os.walk(os.path.join(self.net.folder, name, "files")):
            for path in (os.path.join(base, file) for file in names if file.endswith(".mvr")):
                key = (path, os.stat(path).st_size, os.stat(path).st_mtime_ns)
                if key not in self.hash_of:
                    with open(path, "rb") as file:
                        self.hash_of[key] = hashlib.file_digest(file, "blake2b").hexdigest()
                found.add(self.hash_of[key])
        return found

    def host(self):
        """Who was elected last, its URL, and its StationUUID."""
        elected = [(e["at_unix_ms"], name, e["session"]) for name in self.running for e in self.told(name, "elected")]
        _, name, url = max(elected)
        return name, url

    def taken_over(self, names, gone, what):
        """The next host of these, once all of them are in its session."""
        since = lambda name, kind: self.told(name, kind, gone)
        wait(f"host after: {what}", BOUND, lambda: any(since(name, "elected") for name in names))
        wait(f"session after: {what}", BOUND, lambda: all(since(name, "elected_host") for name in names))
        when, name = min((since(name, "elected")[0]["at_unix_ms"], name) for name in names if since(name, "elected"))
        joined = max(since(name, "elected_host")[0]["at_unix_ms"] for name in names)
        say(f"{what}: {name} hosts after {(when - gone) / 1000:.2f} s, all {len(names)} are with it after {(joined - gone) / 1000:.2f} s")
        assert when - gone < 10_000, f"{what}: it took longer than 10 s"
        elected = [name for name in names for _ in since(name, "elected")]
        assert elected == [name], f"{what}: {elected} were elected"
        self.in_one_session(names, what)
        return name

    def in_one_session(self, names, what):
        """All of these are in the session of one host: the one of which each was told last."""
        of = {name: self.told(name, "elected_host")[-1]["station"] for name in names}
        assert len(set(of.values())) == 1, f"{what}: they are in the sessions of {of}"


def shape(within, link, mbit):
    """What goes out of a link is held to a rate."""
    subprocess.run([*within, "tc", "qdisc", "add", "dev", link, "root", "tbf", "rate", f"{mbit}mbit", "burst", "256kb", "latency", "300ms"], check=True)


def now():
    return time.time() * 1000


def main():
    say(f"seed {SEED}")
    with Net("f") as net:
        crew = Crew(net)
        try:
            play(net, crew)
        except (AssertionError, subprocess.TimeoutExpired):
            for name in crew.running:
                say(f"== {name}\n" + "\n".join(line[:260] for line in net.log(name).splitlines()[-30:]))
            raise


def play(net, crew):
    five = [f"s{number}" for number in range(1, 6)]
    begun = now()
    for name in five:
        crew.start(name)
    assert crew.taken_over(five, begun, "first election") == "s5"
    host, url = crew.host()

    # One file that everybody has, and whose author is gone.
    crew.share("s2", "old", 2, url)
    wait("the old file everywhere", BOUND, lambda: crew.have(five, "old"))
    crew.end("old")

    # Killed in the middle: `half` is whole with s2 and s4 and its author dies with the host; `only` is whole with s5 alone; the author of `alive` is
    # in TCP mode and goes on, reached by whoever hosts.
    crew.share("s5", "half", 20, url)
    wait("half a file", BOUND, lambda: all(crew.told(name, "request_done", 0, "half") for name in ("s2", NEXT)))
    crew.share("s5", "only", 60, url)
    crew.share("s2", "alive", 10)
    begun = lambda: crew.told("s5", "request_done", 0, "only") and all(crew.under_way(n, "only") for n in ("s2", NEXT))
    wait("the host's own copy", BOUND, lambda: begun() and all(crew.told(name, "commit_seen", 0, "alive") for name in five))
    half_way = [(name, what) for name in five for what in ("half", "alive", "only") if crew.under_way(name, what)]
    gone = now()
    crew.running["s5"].kill()
    crew.running.pop("s5").wait()
    crew.end("half", signal.SIGKILL)
    crew.end("only", signal.SIGKILL)
    cut = [(name, what) for name, what in half_way if name != "s5" and not crew.told(name, "request_done", 0, what)]
    assert {("s1", "half"), ("s3", "half"), ("s2", "only"), (NEXT, "only")} <= set(cut), f"under way at the kill: {cut}"
    say(f"host killed with {len(cut)} files under way")
    left = five[:4]
    assert crew.taken_over(left, gone, "host killed") == NEXT
    took = wait("every file that somebody has", BOUND, lambda: crew.have(left, "old", "half", "alive"))
    say(f"host killed: whatever somebody had is with everybody {took:.1f} s later")
    for name, what in cut:
        if what == "half":
            again = crew.told(name, "request_started", gone, what)
            assert again, f"{name} did not begin {what} again from the next host"
    assert not any(crew.told(name, "request_done", gone, "only") for name in left), "a file that nobody has"

    # Who comes only now gets the old ones, too; the author of two of them is gone.
    _, url = crew.host()
    crew.start("s6", "--host", url)
    took = wait("the newcomer has all", BOUND, lambda: crew.have(["s6"], "old", "half", "alive"))
    say(f"a newcomer has every old file from the next host after {took:.1f} s")

    # Who was away is told in order what it missed; no author is there any more.
    away = crew.running.pop("s3")
    away.send_signal(signal.SIGINT)
    assert away.wait(BOUND) == 0
    missed = ["one", "two", "three", "four"]
    for what in missed:
        crew.share("s2", what, 0.2, url)
        wait(f"{what} everywhere", BOUND, lambda: crew.have(["s1", "s2", NEXT, "s6"], what))
        crew.end(what)
    back = now()
    crew.start("s3")
    wait("what s3 missed", BOUND, lambda: crew.have(["s3"], *missed))
    heard = [e for e in crew.told("s3", "commit_seen", back) if e.get("comment") in missed]
    # Once, whether its group, a bridge or the host told it first.
    assert [e["comment"] for e in heard] == missed and all(e["missed"] for e in heard), heard
    say("who was away got what it missed in order, marked as missed, without its authors")

    # The old host comes back in the middle of a file and stays one of the session; what it alone had is there again.
    crew.share("s2", "during", 20, url)
    wait("a file under way", BOUND, lambda: crew.under_way("s1", "during") and crew.under_way("s3", "during"))
    back = now()
    crew.start("s5")
    wait("the old host in the session", BOUND, lambda: crew.told("s5", "elected_host", back))
    say(f"old host back: one of the session after {(crew.told('s5', 'elected_host', back)[0]['at_unix_ms'] - back) / 1000:.2f} s")
    took = wait("everything everywhere", BOUND, lambda: crew.have([*five, "s6"], *crew.shared))
    say(f"old host back: all {len(crew.shared)} files are with everybody {took:.1f} s later, those with them that it alone had")
    assert not any(crew.told(name, kind, back) for name in crew.running for kind in ("elected", "gave_way", "host_lost")), "nobody else was to host"
    crew.in_one_session(five, "old host back")

    # The host's cable is pulled in the middle of a file; s5 is the next.
    crew.share("s2", "cable", 20, url)
    wait("half a file", BOUND, lambda: all(crew.told(n, "request_done", 0, "cable") for n in ("s2", "s5")))
    cut = [name for name in SLOW if crew.under_way(name, "cable")]
    gone = now()
    net.cut(NEXT)
    assert cut == list(SLOW), f"under way when the cable was pulled: {cut}"
    left = ["s1", "s2", "s3", "s5"]
    assert crew.taken_over(left, gone, "cable pulled") == "s5"
    crew.end("cable", signal.SIGKILL)
    took = wait("the file with all that are left", BOUND, lambda: crew.have(left, *crew.shared))
    assert all(crew.told(name, "request_started", gone, "cable") for name in cut), "it was begun again"
    say(f"cable pulled: all {len(crew.shared)} files are with all that are left {took:.1f} s later, the author of the one under way gone")
    _, url = crew.host()
    crew.share("s1", "meanwhile", 2, url)
    wait("a commit in the next session", BOUND, lambda: crew.have(left, "meanwhile"))
    back = now()
    net.cut(NEXT, "up")
    wait("one host", BOUND, lambda: crew.told(NEXT, "gave_way", back))
    took = wait("everything everywhere", BOUND, lambda: crew.have(five, *crew.shared))
    crew.in_one_session(five, "cable plugged in again")
    gave = [name for name in five if crew.told(name, "gave_way", back)]
    assert gave == [NEXT], f"{gave} gave way"
    say(f"cable plugged in again: all five have all {len(crew.shared)} files after {(now() - back) / 1000:.1f} s")
    for name in five:
        crew.running[name].send_signal(signal.SIGINT)
    for name in five:
        assert crew.running[name].wait(BOUND) == 0, f"{name} did not end well"


main()
