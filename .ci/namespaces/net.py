"""Networks of hosts in namespaces, each with the binary under test. Needs root; nothing reaches this machine's network."""
import contextlib
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

MVRX = sys.argv[1]
HERE = os.path.dirname(os.path.abspath(__file__))


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


class Net:
    """Hosts on one switch, or on several, each in a namespace."""

    def __init__(self, tag=""):
        self.id = f"mx{os.getpid() % 10000}{tag}"
        self.hosts, self.started, self.folder = [], [], tempfile.mkdtemp(prefix="mvrx-ns-")

    def __enter__(self):
        run("ip", "netns", "add", f"{self.id}hub")
        self.switch("br0")
        return self

    def __exit__(self, *_):
        for process in self.started:
            process.kill()
        for process in self.started:
            process.wait()
        for host in [*self.hosts, "hub"]:
            subprocess.run(["ip", "netns", "del", f"{self.id}{host}"], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def switch(self, name):
        run("ip", "-n", f"{self.id}hub", "link", "add", name, "type", "bridge")
        run("ip", "-n", f"{self.id}hub", "link", "set", name, "up")

    def host(self, name, number, v4=True, v6=True, loss=False, switch="br0", subnet=77):
        self.hosts.append(name)
        run("ip", "netns", "add", f"{self.id}{name}")
        run("ip", "-n", f"{self.id}{name}", "link", "set", "lo", "up")
        self.plug(name, "eth0", number, v4, v6, switch, subnet)
        if loss:
            self.rules(name, "input", "udp dport 5353 numgen random mod 100 < 20 drop")
        return name

    def plug(self, host, interface, number, v4=True, v6=True, switch="br0", subnet=77):
        """A further cable of a host, with addresses."""
        ns = f"{self.id}{host}"
        run("ip", "link", "add", self.cable(host, interface), "netns", f"{self.id}hub", "type", "veth", "peer", "name", interface, "netns", ns)
        self.inside(host, "sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6={0 if v6 else 1}", f"net.ipv6.conf.{interface}.accept_dad=0")
        run("ip", "-n", f"{self.id}hub", "link", "set", self.cable(host, interface), "master", switch, "up")
        if v4:
            run("ip", "-n", ns, "addr", "add", f"10.{subnet}.0.{number}/24", "dev", interface)
        run("ip", "-n", ns, "link", "set", interface, "up")
        if v6 and v6 != "link":
            run("ip", "-n", ns, "addr", "add", f"fd{subnet}::{number}/64", "dev", interface, "nodad")

    def cable(self, host, interface="eth0"):
        return f"{self.id}{host}" if interface == "eth0" else f"{self.id}{host}{interface[-1]}"

    def cut(self, host, state="down"):
        """Pulls a cable out at the switch, or plugs it in again."""
        run("ip", "-n", f"{self.id}hub", "link", "set", self.cable(host), state)

    def rules(self, host, hook, *rules):
        table = f"table inet t{hook} {{\n chain c {{\n type filter hook {hook} priority 0;\n {chr(10).join(rules)}\n }}\n}}\n"
        run("ip", "netns", "exec", f"{self.id}{host}", "nft", "-f", "-", input=table)

    def ip(self, host, *arguments):
        return run("ip", "-n", f"{self.id}{host}", *arguments)

    def inside(self, host, *command):
        return run("ip", "netns", "exec", f"{self.id}{host}", *command)

    def within(self, host):
        """Sockets that this thread makes meanwhile are that host's."""
        return within(f"{self.id}{host}")

    def start(self, host, *command, **environment):
        home = os.path.join(self.folder, host)
        os.makedirs(home, exist_ok=True)
        log = open(os.path.join(home, "log"), "a")
        environment = {**os.environ, "HOME": home, **environment}
        process = subprocess.Popen(["ip", "netns", "exec", f"{self.id}{host}", *command], stdout=log, stderr=log, env=environment)
        self.started.append(process)
        return process

    def station(self, host, name=None, *arguments):
        return self.start(host, MVRX, "up", "--name", name or host, "--json", *arguments)

    def mvrx(self, host, *arguments, user="looking"):
        """One command that ends by itself, of another user than the host's station; or of the same."""
        home = os.path.join(self.folder, f"{host}-{user}" if user else host)
        os.makedirs(home, exist_ok=True)
        command = ["ip", "netns", "exec", f"{self.id}{host}", MVRX, *arguments]
        return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HOME": home})

    def log(self, host):
        with open(os.path.join(self.folder, host, "log")) as file:
            return file.read()

    def events(self, host, kind):
        """The events of this kind that a station has told so far."""
        lines = [line for line in self.log(host).splitlines() if f'"{kind}"' in line and line.endswith("}")]
        return [event for event in map(json.loads, lines) if event.get("event") == kind]

    def joined(self, host):
        """How many others this station has joined."""
        return len({event["station"] for event in self.events(host, "station_joined")})

    def listed(self, host, *arguments):
        done = self.mvrx(host, "ls", "--json", *arguments)
        return {s["name"]: s for s in json.loads(done.stdout)["stations"]} if done.stdout else {}


@contextlib.contextmanager
def within(namespace):
    """Sockets that this thread makes meanwhile are of that namespace."""
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as there:
        enter(there)
        try:
            yield
        finally:
            enter(home)


def enter(namespace):
    failed = ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0x40000000)
    assert not failed, os.strerror(ctypes.get_errno())


def wait(what, seconds, done):
    begun = time.monotonic()
    while not done():
        assert time.monotonic() < begun + seconds, f"no {what} within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - begun


def say(text):
    print(text, flush=True)


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
