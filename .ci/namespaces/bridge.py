"""Two local networks that cannot reach each other, a session behind TLS with a password on a third, two `mvrx bridge` on each. A double of grandMA3 on
the first commits 50 MiB, one of BlenderDMX on the second fetches it. A bridge on each is killed without a goodbye, and the others take over. Then a large file
crosses, and fifty stations more come to one side: what that takes of memory and threads is printed.

usage: bridge.py MVRX DOUBLE [MIB of the large file]
"""

import contextlib
import glob
import hashlib
import os
import random
import signal
import sys
import time
import uuid
import zipfile

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from double import Double
from net import MVRX, Net, say, wait
from peer import Peer
from sparse import sparse

DOUBLE = sys.argv[2]
LARGE = int(sys.argv[3]) if len(sys.argv) > 3 else 1024
SIZE = 50 * 1024 * 1024
RACK, PORT, PASSWORD = "10.79.0.9", 42480, "open sesame"
# name: the switch of its network, the subnet, its number there
BRIDGES = {"a1": ("br0", 77, 11), "a2": ("br0", 77, 12), "b1": ("br1", 78, 13), "b2": ("br1", 78, 14)}
CREW = 50
# A bridge's memory does not grow with the file: so many MiB at most while the large one crosses.
PEAK = 64


def main():
    with Net() as net:
        try:
            Play(net).play()
        except AssertionError:
            say(story(net))
            raise


class Play:
    def __init__(self, net):
        self.net = net

    def play(self):
        self.networks()
        self.session()
        self.bridges()
        self.across()
        self.killed()
        self.large()
        self.crew()
        assert not self.desk.wrong and not self.blue.wrong, (self.desk.wrong, self.blue.wrong)
        say("neither product lost a message or was killed by one")

    def networks(self):
        net = self.net
        net.switch("br1")
        net.switch("br2")
        net.host("desk", 1, v6=False)
        net.host("foh", 3, v6=False)
        net.host("crew", 4, v6=False)
        net.host("blue", 2, v6=False, switch="br1", subnet=78)
        net.host("viz", 5, v6=False, switch="br1", subnet=78)
        net.host("rack", 9, v6=False, switch="br2", subnet=79)
        for name, (switch, subnet, number) in BRIDGES.items():
            net.host(name, number, v6=False, switch=switch, subnet=subnet)
            net.plug(name, "eth1", number, v6=False, switch="br2", subnet=79)
        for host, address in [("desk", "10.78.0.2"), ("blue", "10.77.0.1"), ("desk", RACK), ("blue", RACK)]:
            try:
                net.inside(host, "ping", "-c1", "-W1", address)
            except (AssertionError, FileNotFoundError):
                continue
            raise SystemExit(f"{host} reaches {address}: these networks were to be apart")

    def session(self):
        net = self.net
        password = os.path.join(net.folder, "password")
        with open(password, "w") as file:
            file.write(PASSWORD)
        net.start("rack", MVRX, "host", "--name", "Rack", "--tls", "--password-file", password, "--listen", f"{RACK}:{PORT}", "--hidden", "--json")
        wait("the host", 30, lambda: net.events("rack", "host"))
        (up,) = net.events("rack", "host")
        self.there = ["--host", up["urls"][0], "--pin", up["fingerprint"], "--password-file", password]
        assert up["urls"][0].startswith("wss://"), up

    def bridges(self):
        net = self.net
        self.desk = Double(net, DOUBLE, "GrandMa3", "desk", "10.77.0.1", "Desk-gMA3")
        self.blue = Double(net, DOUBLE, "BlenderDmx", "blue", "10.78.0.2", "Blue")
        self.folders = {host: os.path.join(net.folder, f"{host}-files") for host in ("foh", "viz")}
        for host, folder in self.folders.items():
            os.makedirs(folder)
            net.station(host, None, "--get", "all", "--dir", folder)
        self.running = {
            name: net.start(name, MVRX, "bridge", *self.there, "--interface", "eth0", "--name", f"Bridge {name}", "--json", "--most-each", "64") for name in BRIDGES
        }
        wait("one bridge at work on each", 60, lambda: len(self.workers("a")) == len(self.workers("b")) == 1)
        took = wait("stations across", 60, lambda: self.blue.id in self.desk.members and self.desk.id in self.blue.members)
        say(f"one bridge of two is at work on each network, and {took:.1f} s later the stations of either are members in the other")

    def across(self):
        show = self.show("rig.mvr", SIZE)
        file = self.desk.commit(show)
        took = self.fetched(self.blue, file, show)
        say(f"50 MiB from a double of grandMA3 to one of BlenderDMX in {took:.1f} s, sha256 equal")
        took = wait("the file at our own station", 60, lambda: digest(show) in here(self.folders["viz"]))
        say(f"our own station beside it has it {took:.1f} s later")

    def killed(self):
        for lan, double, other in [("a", self.desk, self.blue), ("b", self.blue, self.desk)]:
            (worker,) = self.workers(lan)
            self.running[worker].send_signal(signal.SIGKILL)
            self.running[worker].wait()
            took = wait(f"another bridge in place of {worker}", 90, lambda: self.workers(lan) and worker not in self.workers(lan))
            (next_one,) = self.workers(lan)
            stands = lambda side, station: any(e["side"] == side and e["station"] == station for e in self.net.events(next_one, "station_appeared"))
            more = wait("its stand-ins", 90, lambda: stands("session", double.id) and stands("group", other.id))
            say(f"{worker} was killed: {next_one} is at work after {took:.1f} s, and stands in for the stations of both sides after {took + more:.1f} s")
        back, forth, ours = self.show("back.mvr", 5_000_000), self.show("forth.mvr", 5_000_000), self.show("ours.mvr", 5_000_000)
        one, two = self.blue.commit(back), self.desk.commit(forth)
        self.net.start("viz", MVRX, "commit", ours, "--message", "across", "--name", "push", "--json")
        took = self.fetched(self.desk, one, back) + self.fetched(self.blue, two, forth)
        wait("our station's file across", 120, lambda: digest(ours) in here(self.folders["foh"]))
        say(f"after that files go both ways, in {took:.1f} s")
        for host, folder in self.folders.items():
            files = len(glob.glob(f"{folder}/*.mvr"))
            assert files <= 4, f"{host} got {files} files"

    def large(self):
        net = self.net
        for host, folder in self.folders.items():
            stop(net, host)
        show = sparse(net.folder, "large.mvr", LARGE)
        wanted = digest(show)
        workers = [*self.workers("a"), *self.workers("b")]
        before = {name: memory(self.running[name]) for name in workers}
        net.start("foh", MVRX, "commit", show, "--message", "large", "--name", "Large", "--json")
        fetched = os.path.join(net.folder, "fetched.mvr")
        getting = net.start("viz", MVRX, "get", "latest", "--from", "Large", "-o", fetched, "--wait", "600")
        took = wait("the large file", 900, lambda: getting.poll() is not None)
        assert getting.returncode == 0, net.log("viz")[-500:]
        assert digest(fetched) == wanted, "another file"
        os.remove(fetched)
        peaks = {name: memory(self.running[name], "VmHWM") for name in workers}
        told = ", ".join(f"{name} {peaks[name]:.1f} MiB ({before[name]:.1f} before)" for name in workers)
        say(f"{LARGE} MiB from one network to the other in {took:.1f} s, sha256 equal; peak memory of the bridges: {told}")
        assert max(peaks.values()) < PEAK, f"more than {PEAK} MiB"

    def crew(self):
        """Stations that do nothing but be there: bridge a stands in for each in the session, bridge b in its group."""
        net = self.net
        workers = {lan: self.workers(lan)[0] for lan in "ab"}
        standing = lambda name, side: len({e["station"] for e in net.events(name, "station_appeared") if e["side"] == side})
        before = {name: (memory(self.running[name]), threads(self.running[name])) for name in workers.values()}
        stood = {"a": standing(workers["a"], "session"), "b": standing(workers["b"], "group")}
        crew = [Peer(net, "crew", "10.77.0.4", str(uuid.uuid4()), (f"Crew {n}", "Default")) for n in range(CREW)]
        all_of = lambda lan, side: standing(workers[lan], side) >= stood[lan] + CREW
        took = wait("the crew across", 60, lambda: all_of("a", "session") and all_of("b", "group"))
        say(f"{CREW} stations more came to one network and are in the other after {took:.1f} s")
        for lan, what in [("a", "connections to the host"), ("b", "stations of the group")]:
            name = workers[lan]
            grown = memory(self.running[name]) - before[name][0]
            more = threads(self.running[name]) - before[name][1]
            say(f"{CREW} stand-ins that are {what}: {grown / CREW:.2f} MiB and {more / CREW:.2f} threads each; "
                f"{memory(self.running[name]):.1f} MiB and {threads(self.running[name])} threads in all")
        assert all(peer.joins for peer in crew), "somebody of the crew was never joined"

    def workers(self, lan):
        net = self.net
        return [name for name in BRIDGES if name.startswith(lan) and state(net, name) == "bridge_at_work" and self.running[name].poll() is None]

    def fetched(self, double, file, show):
        """Until it has that file; seconds since the commit."""
        began = time.monotonic()
        wait("word of the commit", 60, lambda: file in double.known)
        # As a person does: a station's word may come before discovery shows where it listens now, and these products ask once.
        for _ in range(6):
            double.request(file)
            with contextlib.suppress(AssertionError):
                wait("the file", 10, lambda: file in double.got)
                break
        assert file in double.got, "the file never came"
        took = time.monotonic() - began
        assert digest(double.got[file]) == digest(show), "another file"
        return took

    def show(self, name, size):
        path = os.path.join(self.net.folder, name)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("GeneralSceneDescription.xml", random.Random(name).randbytes(size))
        return path


def stop(net, host):
    """Our own stations there end: they would fetch the large file, too."""
    for process in net.started:
        if os.path.realpath(f"/proc/{process.pid}/exe") == os.path.realpath(MVRX) and f"{net.id}{host}" in " ".join(process.args):
            process.send_signal(signal.SIGINT)
            process.wait(30)


def memory(process, what="VmRSS"):
    """In MiB."""
    return field(process, what) / 1024


def threads(process):
    return field(process, "Threads")


def field(process, what):
    with open(f"/proc/{process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{what}:"))


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def here(folder):
    return {digest(path) for path in glob.glob(f"{folder}/*.mvr")}


def state(net, name):
    told = [line for kind in ("bridge_at_work", "bridge_waits") for line in net.events(name, kind)]
    return max(told, key=lambda event: event["at_unix_ms"])["event"] if told else None


def story(net):
    """What everybody told last, for who looks into a failure."""
    logs = [host for host in net.hosts if os.path.exists(os.path.join(net.folder, host, "log"))]
    return "\n".join(f"== {host}\n" + "\n".join(line[:300] for line in net.log(host).splitlines()[-12:]) for host in logs)


main()
