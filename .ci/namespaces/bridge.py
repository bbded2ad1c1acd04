"""Two local networks that cannot reach each other, a session on a third, two `mvrx bridge` on each. A station of the first commits 50 MiB, one of
the second fetches it; then one bridge on each is killed without a goodbye, and the others take over.

usage: bridge.py MVRX
"""

import glob
import hashlib
import os
import random
import signal
import zipfile

from net import MVRX, Net, say, wait

SIZE = 50 * 1024 * 1024


def make_show(net, name, size, seed):
    path = os.path.join(net.folder, name)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("GeneralSceneDescription.xml", random.Random(seed).randbytes(size))
    return path


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def here(folder):
    return {digest(path) for path in glob.glob(f"{folder}/*.mvr")}


def main():
    with Net() as net:
        try:
            play(net)
        except AssertionError:
            say(story(net))
            raise


def play(net):
    net.switch("br1")
    net.switch("br2")
    net.host("desk", 1, v6=False)
    net.host("blue", 2, v6=False, switch="br1", subnet=78)
    net.host("rack", 9, v6=False, switch="br2", subnet=79)
    bridges = {"a1": ("br0", 77, 11), "a2": ("br0", 77, 12), "b1": ("br1", 78, 13), "b2": ("br1", 78, 14)}
    for name, (switch, subnet, number) in bridges.items():
        net.host(name, number, v6=False, switch=switch, subnet=subnet)
        net.plug(name, "eth1", number, v6=False, switch="br2", subnet=79)
    for host, address in [("desk", "10.78.0.2"), ("blue", "10.77.0.1"), ("desk", "10.79.0.9")]:
        try:
            net.inside(host, "ping", "-c1", "-W1", address)
        except (AssertionError, FileNotFoundError):
            continue
        raise SystemExit(f"{host} reaches {address}: these networks were to be apart")

    net.start("rack", *command("host", "--name", "Rack", "--json"))
    wait("the host", 30, lambda: net.events("rack", "host"))
    show = make_show(net, "rig.mvr", SIZE, 1)
    folders = {host: os.path.join(net.folder, f"{host}-files") for host in ("desk", "blue")}
    for folder in folders.values():
        os.makedirs(folder)
    net.station("desk", None, "--get", "all", "--dir", folders["desk"])
    net.station("blue", None, "--get", "all", "--dir", folders["blue"])
    running = {
        name: net.start(name, *command("bridge", "--host", "10.79.0.9", "--interface", "eth0", "--name", f"Bridge {name}", "--json"))
        for name in bridges
    }
    names = lambda host: {event["name"] for event in net.events(host, "station_joined")}
    seen = wait("stations across", 60, lambda: "blue" in names("desk") and "desk" in names("blue"))
    say(f"stations of either network are in the other after {seen:.1f} s")
    workers = lambda lan: [name for name in bridges if name.startswith(lan) and state(net, name) == "bridge_at_work" and running[name].poll() is None]
    wait("one bridge at work on each", 60, lambda: len(workers("a")) == len(workers("b")) == 1)

    commit(net, "desk", show)
    took = wait("the file across", 60, lambda: digest(show) in here(folders["blue"]))
    say(f"50 MiB from one network to the other in {took:.1f} s, sha256 equal")

    for lan in "ab":
        (worker,) = workers(lan)
        running[worker].send_signal(signal.SIGKILL)
        running[worker].wait()
        took = wait(f"another bridge in place of {worker}", 90, lambda: workers(lan) and worker not in workers(lan))
        say(f"{worker} was killed, {workers(lan)[0]} is at work after {took:.1f} s")
    back, forth = make_show(net, "back.mvr", 5_000_000, 2), make_show(net, "forth.mvr", 5_000_000, 3)
    commit(net, "blue", back)
    commit(net, "desk", forth)
    took = wait("files both ways", 120, lambda: digest(back) in here(folders["desk"]) and digest(forth) in here(folders["blue"]))
    say(f"after that files go both ways, in {took:.1f} s")
    for host in ("desk", "blue"):
        files = len(glob.glob(f"{folders[host]}/*.mvr"))
        assert files <= 3, f"{host} got {files} files"


def story(net):
    """What everybody told last, for who looks into a failure."""
    return "\n".join(f"== {host}\n" + "\n".join(line[:300] for line in net.log(host).splitlines()[-12:]) for host in net.hosts)


def command(*arguments):
    return (MVRX, *arguments)


def state(net, name):
    told = [line for kind in ("bridge_at_work", "bridge_waits") for line in net.events(name, kind)]
    return max(told, key=lambda event: event["at_unix_ms"])["event"] if told else None


def commit(net, host, path):
    """A station of its own, which stays."""
    name = f"push {os.path.basename(path)}"
    net.start(host, *command("commit", path, "--message", "across", "--name", name, "--json"))


main()
