"""Networks of stations in namespaces. Usage: mdns.py MVRX PYTHON_WITH_ZEROCONF [one function and its numbers]. Needs root; nothing reaches this machine's network."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

MVRX, ZEROCONF = sys.argv[1:3]
HERE = os.path.dirname(os.path.abspath(__file__))
ID = f"mx{os.getpid() % 10000}"
# On a slow and busy machine everything may take three times as long as on a desk.
SLOW = 3


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


class Net:
    """Hosts on one switch, each in a namespace."""

    def __init__(self):
        self.hosts, self.started, self.folder = [], [], tempfile.mkdtemp(prefix="mvrx-ns-")

    def __enter__(self):
        run("ip", "netns", "add", f"{ID}hub")
        run("ip", "-n", f"{ID}hub", "link", "add", "br0", "type", "bridge")
        run("ip", "-n", f"{ID}hub", "link", "set", "br0", "up")
        return self

    def __exit__(self, *_):
        for process in self.started:
            process.kill()
        for process in self.started:
            process.wait()
        for host in [*self.hosts, "hub"]:
            subprocess.run(["ip", "netns", "del", f"{ID}{host}"], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def host(self, name, number, v4=True, v6=True, loss=False):
        ns, cable = f"{ID}{name}", f"{ID}{name}"
        self.hosts.append(name)
        run("ip", "netns", "add", ns)
        run("ip", "link", "add", cable, "netns", f"{ID}hub", "type", "veth", "peer", "name", "eth0", "netns", ns)
        run("ip", "netns", "exec", ns, "sysctl", "-qw", f"net.ipv6.conf.eth0.disable_ipv6={0 if v6 else 1}", "net.ipv6.conf.eth0.accept_dad=0")
        run("ip", "-n", f"{ID}hub", "link", "set", cable, "master", "br0", "up")
        run("ip", "-n", ns, "link", "set", "lo", "up")
        if v4:
            run("ip", "-n", ns, "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
        run("ip", "-n", ns, "link", "set", "eth0", "up")
        if v6:
            run("ip", "-n", ns, "addr", "add", f"fd77::{number}/64", "dev", "eth0", "nodad")
        if loss:
            rules = "table inet t {\n chain c {\n type filter hook input priority 0;\n udp dport 5353 numgen random mod 100 < 20 drop\n }\n}\n"
            run("ip", "netns", "exec", ns, "nft", "-f", "-", input=rules)
        return name

    def start(self, host, *command, **environment):
        home = os.path.join(self.folder, host)
        os.makedirs(home, exist_ok=True)
        log = open(os.path.join(home, "log"), "a")
        environment = {**os.environ, "HOME": home, **environment}
        process = subprocess.Popen(["ip", "netns", "exec", f"{ID}{host}", *command], stdout=log, stderr=log, env=environment)
        self.started.append(process)
        return process

    def station(self, host, name=None):
        return self.start(host, MVRX, "up", "--name", name or host, "--json")

    def log(self, host):
        with open(os.path.join(self.folder, host, "log")) as file:
            return file.read()

    def joined(self, host):
        """How many others this station has joined."""
        return len(set(re.findall(r'"station_joined"[^\n]*"text": ?"([^"]*)"|"text": ?"([^"]*)"[^\n]*"station_joined"', self.log(host))))

    def listed(self, host, *arguments):
        home = os.path.join(self.folder, f"{host}-looking")
        os.makedirs(home, exist_ok=True)
        command = ["ip", "netns", "exec", f"{ID}{host}", MVRX, "ls", "--json", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HOME": home})
        return {s["name"]: s for s in json.loads(done.stdout)["stations"]} if done.stdout else {}


def wait(what, seconds, done):
    begun = time.monotonic()
    while not done():
        assert time.monotonic() < begun + seconds, f"no {what} within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - begun


def say(text):
    print(text, flush=True)


def three_find_each_other(what, **options):
    with Net() as net:
        hosts = [net.host(f"h{n}", n, **options) for n in (1, 2, 3)]
        for host in hosts:
            net.station(host)
        took = wait(f"three stations ({what})", 10 * SLOW, lambda: all(net.joined(h) == 2 for h in hosts))
        say(f"three stations, {what}: all joined after {took:.2f} s")


def cable():
    with Net() as net:
        hosts = [net.host(f"h{n}", n) for n in (1, 2, 3, 4)]
        for host in hosts[:3]:
            net.station(host)
        wait("three stations", 10 * SLOW, lambda: all(net.joined(h) == 2 for h in hosts[:3]))
        run("ip", "-n", f"{ID}hub", "link", "set", f"{ID}h3", "down")
        time.sleep(5)
        net.station("h4")
        wait("the fourth station", 10 * SLOW, lambda: net.joined("h4") >= 2)
        assert net.joined("h4") == 2, "the third is not there"
        run("ip", "-n", f"{ID}hub", "link", "set", f"{ID}h3", "up")
        took = wait("the third station again", 15 * SLOW, lambda: net.joined("h4") == 3 and net.joined("h3") == 3)
        say(f"cable pulled, a fourth station came, cable back: third and fourth joined after {took:.2f} s")


def many(count):
    with Net() as net:
        hosts = [net.host(f"h{n}", n, v6=False) for n in range(1, count + 1)]
        net.host("t", 100, v6=False)
        begun = time.monotonic()
        for host in hosts:
            net.station(host)
        try:
            wait(f"{count} stations", 10 * SLOW, lambda: all(net.joined(h) == count - 1 for h in hosts))
        except AssertionError:
            say(f"joined: {sorted(net.joined(h) for h in hosts)}; the first saw {net.log(hosts[0])[-2000:]}")
            raise
        say(f"{count} stations: all joined {time.monotonic() - begun:.2f} s after the first was started")
        script = f"""
import sys; sys.path.insert(0, {HERE!r})
from dns import *
wire, found = Wire("10.77.0.100"), set()
begun = wire.send(message([question(BASE, PTR, unicast=True)]))
for packet in wire.packets({SLOW}):
    kinds = {{r.kind for r in packet.records}}
    if packet.response and {{PTR, SRV, TXT, A}} <= kinds:
        found.update(r.value for r in packet.records if r.kind == PTR and r.name == BASE)
    if len(found) == {count}:
        break
print(len(found), packet.at - begun)
"""
        found, took = run("ip", "netns", "exec", f"{ID}t", sys.executable, "-c", script).split()
        assert int(found) == count, f"{found} of {count} answered"
        say(f"a late browser's one question: {found} stations with PTR, SRV, TXT and A after {float(took):.2f} s")


def zeroconf_and_avahi():
    with Net() as net:
        for name, number in [("h1", 1), ("z", 2), ("v", 3)]:
            net.host(name, number, v6=False)
        net.station("h1", "Desk")
        net.start("z", ZEROCONF, os.path.join(HERE, "zeroconf_peer.py"))
        wait("python-zeroconf", 20 * SLOW, lambda: "found" in net.log("z"))
        found = json.loads(re.search(r"found (.*)", net.log("z")).group(1))
        assert found["name"] == "Desk.Default._mvrxchange._tcp.local." and found["port"] == 42424, found
        assert found["addresses"] == ["10.77.0.1"] and found["txt"]["StationName"] == "Desk", found
        say(f"python-zeroconf sees {found['name']} at {found['addresses'][0]}:{found['port']} on {found['server']}")
        wait("zeroconf's station", 10 * SLOW, lambda: "Pythons" in str(net.listed("h1", "--wait", "3")))
        say("and is seen by us")
        with avahi(net, "v") as bus:
            resolved = lambda: subprocess.run(["ip", "netns", "exec", f"{ID}v", "avahi-resolve", "-4", "-n", found["server"].rstrip(".")], capture_output=True, text=True, env={**os.environ, **bus}).stdout
            wait("avahi's answer", 10 * SLOW, lambda: "10.77.0.1" in resolved())
            say(f"avahi resolves {resolved().strip()}")
            net.start("v", "avahi-publish", "-s", "Avahis.Default", "_mvrxchange._tcp", "4242", "StationName=Avahis", "StationUUID=a0000000-0000-4000-8000-000000000001", **bus)
            wait("avahi's station", 10 * SLOW, lambda: "Avahis" in str(net.listed("h1", "--wait", "3")))
            say("and what it announces is seen by us")


@contextlib.contextmanager
def avahi(net, host):
    """A private bus and an avahi-daemon on it."""
    folder = os.path.join(net.folder, "avahi")
    os.makedirs(folder)
    bus = f"unix:path={folder}/bus"
    with open(f"{folder}/bus.conf", "w") as file:
        file.write(f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>{bus}</listen><auth>EXTERNAL</auth><policy context="default"><allow user="*"/><allow own="*"/>
<allow send_destination="*"/><allow receive_sender="*"/><allow send_type="method_call"/></policy></busconfig>""")
    net.start(host, "dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork")
    wait("the bus", 10, lambda: os.path.exists(f"{folder}/bus"))
    with open(f"{folder}/avahi.conf", "w") as file:
        file.write("[server]\nhost-name=avahihost\nuse-ipv6=no\nallow-interfaces=eth0\nenable-dbus=yes\n[publish]\npublish-workstation=no\n")
    script = f"mkdir -p /run/avahi-daemon && mount -t tmpfs none /run/avahi-daemon && exec avahi-daemon --no-drop-root --no-chroot -f {folder}/avahi.conf"
    net.start(host, "unshare", "-m", "sh", "-c", script, DBUS_SYSTEM_BUS_ADDRESS=bus)
    wait("avahi", 20, lambda: "startup complete" in net.log(host))
    yield {"DBUS_SYSTEM_BUS_ADDRESS": bus}


def casebook():
    with Net() as net:
        net.host("h1", 1)
        net.host("t", 100, v6=False)
        home = os.path.join(net.folder, "h1")
        os.makedirs(home)
        station = ["env", f"HOME={home}", "ip", "netns", "exec", f"{ID}h1", MVRX, "up", "--name", "Desk"]
        say("the casebook:")
        done = subprocess.run(["ip", "netns", "exec", f"{ID}t", sys.executable, os.path.join(HERE, "casebook.py"), *station])
        assert done.returncode == 0, "a case failed"


def loopback_only():
    with Net() as net:
        net.host("h1", 1)
        net.host("t", 100, v6=False)
        script = f"""
import sys; sys.path.insert(0, {HERE!r})
from dns import *
print(sum(1 for p in Wire("10.77.0.100").packets(4)))
"""
        listening = subprocess.Popen(["ip", "netns", "exec", f"{ID}t", sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        time.sleep(0.3)
        net.start("h1", MVRX, "up", "--name", "quiet", "--interface", "lo")
        heard = int(listening.communicate()[0])
        assert heard == 0, f"{heard} packets on the network"
        say("a station on loopback only says nothing on the network")


def main():
    if len(sys.argv) > 3:
        return globals()[sys.argv[3]](*map(int, sys.argv[4:]))
    three_find_each_other("IPv4 only", v6=False)
    three_find_each_other("IPv6 only", v4=False)
    three_find_each_other("IPv4 and IPv6")
    three_find_each_other("20 % of datagrams lost", loss=True)
    cable()
    zeroconf_and_avahi()
    loopback_only()
    casebook()
    many(30)


main()
