"""Stations on networks of namespaces. Usage: mdns.py MVRX PYTHON_WITH_ZEROCONF [one function and its numbers]."""
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import zipfile

from dns import A, BASE, PTR, SRV, TXT, Wire, encode_name, message, record, srv
from net import HERE, MVRX, Net, avahi, run, say, wait
from pace import SLOW
from peer import Peer

ZEROCONF = sys.argv[2]


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
        net.cut("h3")
        time.sleep(5)
        net.station("h4")
        wait("the fourth station", 10 * SLOW, lambda: net.joined("h4") >= 2)
        assert net.joined("h4") == 2, "the third is not there"
        net.cut("h3", "up")
        took = wait("the third station again", 15 * SLOW, lambda: net.joined("h4") == 3 and net.joined("h3") == 3)
        say(f"cable pulled, a fourth station came, cable back: third and fourth joined after {took:.2f} s")


def killed():
    """While a file of its is on the way: that is the connection that fails."""
    with Net() as net:
        hosts = [net.host(f"h{n}", n) for n in (1, 2, 3)]
        show = os.path.join(net.folder, "show.mvr")
        with zipfile.ZipFile(show, "w") as file:
            file.writestr("GeneralSceneDescription.xml", os.urandom(6_000_000))
        net.inside("h3", "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "8mbit", "burst", "32kbit", "latency", "400ms")
        station = net.station("h3", "h3", show)
        net.station("h2")
        # h2 is to have nothing on the way to h3 when that is killed: who has finds out by itself, and rightly.
        quiet = lambda: not net.inside("h2", "ss", "-Htn", "dst", "10.77.0.3").strip()
        wait("the two", 10 * SLOW, lambda: net.joined("h2") == 1 and net.joined("h3") == 1 and quiet())
        net.station("h1", "h1", "--get", "all", "--dir", net.folder)
        wait("the others and the file", 10 * SLOW, lambda: all(net.joined(h) == 2 for h in hosts) and net.events("h1", "request_started"))
        station.kill()
        wait("the failed connection", 10 * SLOW, lambda: net.events("h1", "request_attempt_failed"))
        took = wait("a word of it", 2 * SLOW, lambda: net.events("h1", "station_unreachable"))
        lost = wait("its end", 15 * SLOW, lambda: net.events("h1", "station_lost"))
        told = lambda kind: net.events("h1", kind)[0]["at_unix_ms"]
        failed, noticed = told("request_attempt_failed"), told("station_unreachable")
        assert noticed - failed < 2000 * SLOW, (failed, noticed)
        assert not net.events("h1", "request_done"), net.log("h1")
        assert not net.events("h2", "station_unreachable"), net.log("h2")
        say(f"a station killed: unreachable {noticed - failed} ms after the connection failed, forgotten {took + lost:.1f} s later")


def late_browser(net, count):
    """What our own binary lists within a time that includes its start."""
    for seconds in (0.3, 0.6, 1, 1 * SLOW):
        listed = json.loads(net.mvrx("t", "groups", "--json", "--wait", str(seconds)).stdout)
        stations = [s for group in listed["groups"] for s in group["stations"]]
        if len(stations) == count and all(any(a.startswith("10.77.") for a in s["addresses"]) for s in stations):
            return say(f"a late browser of ours resolves all {count} within {seconds} s")
    raise AssertionError(f"a late browser sees {len(stations)} of {count}")


def same_instance():
    """Two stations under one name, as three products have it, and the other forms."""
    with Net() as net:
        for name, number in [("h1", 1), ("p", 2), ("q", 3)]:
            net.host(name, number, v6=False)
        uuid = lambda n: f"a{n}000000-0000-4000-8000-000000000001"
        one = Peer(net, "p", "10.77.0.2", uuid(1), ("Default",), name="One", target="shared-host")
        two = Peer(net, "q", "10.77.0.3", uuid(2), ("Default",), name="Two", target="shared-host")
        forms = [("Dotted.Default",), ("Two", "Default"), ("At@Default",)]
        others = [Peer(net, "q", "10.77.0.3", uuid(3 + n), form, name=f"Form {n}") for n, form in enumerate(forms)]
        elsewhere = Peer(net, "q", "10.77.0.3", uuid(9), ("Desk", "Other"))
        net.station("h1")
        peers = [one, two, *others]
        wait("all of them", 10 * SLOW, lambda: net.joined("h1") == len(peers))
        joined = {event["station"] for event in net.events("h1", "station_joined")}
        assert joined == {peer.uuid for peer in peers} and not elsewhere.joins, (joined, elsewhere.joins)
        for name, peer in [("One", one), ("Two", two)]:
            listed = net.listed("h1")[name]
            assert f"{peer.address}:{peer.port}" in listed["addresses"], (name, listed)
        say("two stations of one instance and host name are joined at their own addresses; so are one escaped label, two, and Station@Group")


# How each product announces itself: instance, SRV target of a station with this StationUUID at this address, further pointers, times to live
# of pointer and text and of service and address, the cache-flush bit, TXT record.
def usual(uuid):
    return [f"StationName=Desk {uuid[:2]}", f"StationUUID={uuid.upper()}"]


PRODUCTS = {
    "libMVRgdtf": dict(instance=lambda g: (g,), target=lambda g, *_: (g, "local"), ttls=(60, 60), flush=False, text=usual),
    "BlenderDMX": dict(instance=lambda g: (g,), target=lambda g, uuid, _: (f"BlenderDMX_station_{uuid[:2]}", g, *BASE), ttls=(4500, 120), flush=True, text=usual),
    "MVR4J": dict(instance=lambda g: ("JavaStation", g), target=lambda g, uuid, address: (address.replace(".", "-"), "local"), ttls=(3600, 3600), flush=True,
                  text=lambda uuid: [f"StationName=JavaStation", f"StationUUID={uuid}"]),
    "Perastage": dict(instance=lambda g: ("Desk", g), target=lambda g, uuid, _: (f"Perastage-desk-{uuid}", "local"), also=True, ttls=(120, 120), flush=True,
                      text=lambda uuid: ["StationName=Desk", f"StationUUID={uuid}"]),
    "Peraviz": dict(instance=lambda g: (f"Viz@{g}",), target=lambda g, uuid, _: (f"Peraviz-{uuid[:8]}", "local"), ttls=(120, 120), flush=True,
                    text=lambda uuid: ["StationName=Viz", f"StationUUID={uuid}"]),
    "mvr-gdtf": dict(instance=lambda g: (g,), target=lambda g, uuid, _: (f"station-{uuid[:2]}", "local"), ttls=(4500, 120), flush=True,
                     text=lambda uuid: [f"StationUUID={uuid}", "Provider=x", "VersionMajor=1", "VersionMinor=6"]),
}


def six_products():
    """Two stations of each product with the same instance name and different addresses: both joined, each at its own."""
    with Net() as net:
        for name, number in [("h1", 1), ("p", 2), ("q", 3)]:
            net.host(name, number, v6=False)
        for n, (product, form) in enumerate(PRODUCTS.items()):
            group = f"G{n}"
            peers = []
            for m, (host, address) in enumerate([("p", "10.77.0.2"), ("q", "10.77.0.3")]):
                uuid = f"{'ab'[m]}{n}000000-0000-4000-8000-000000000001"
                also = [(group, *BASE)] if form.get("also") else []
                peers.append(Peer(net, host, address, uuid, form["instance"](group), target=form["target"](group, uuid, address), also=also,
                                  ttls=form["ttls"], flush=form["flush"], text=form["text"](uuid), name=f"{product} {m}"))
            station = net.station("h1", "h1", "--group", group)
            wanted = {peer.uuid for peer in peers}
            joined = lambda: {event["station"] for event in net.events("h1", "station_joined")} & wanted
            wait(f"both stations of {product}", 10 * SLOW, lambda: joined() == wanted)
            assert all(peer.joins for peer in peers), [peer.joins for peer in peers]
            listed = {s["station"]: s["addresses"] for s in json.loads(net.mvrx("h1", "ls", "--json", "--group", group, "--wait", "3").stdout)["stations"]}
            for peer in peers:
                assert listed[peer.uuid] == [f"{peer.address}:{peer.port}"], (product, peer.uuid, listed)
            assert peers[0].instance == peers[1].instance, peers
            station.kill()
            station.wait()
            say(f"{product}: two stations of the instance {'.'.join(peers[0].instance[:-3])}, both joined, at {peers[0].address} and {peers[1].address}")


def frames_of(net, host, interface, mac):
    """Counts the UDP and TCP packets that a machine sends where this host hears them, of either family."""
    with net.within(host):
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        wire.bind((interface, 0))
    counted = []

    def listen():
        while True:
            try:
                frame = wire.recv(4096)
            except OSError:
                return  # the network is taken down
            kind, protocol = frame[12:14], frame[23:24] if frame[12:14] == b"\x08\x00" else frame[20:21]
            if frame[6:12] == mac and kind in (b"\x08\x00", b"\x86\xdd") and protocol in (b"\x11", b"\x06"):
                counted.append(frame)

    threading.Thread(target=listen, daemon=True).start()
    return counted


def chosen_interface():
    """A station on one of two networks, chosen by name or by address: not a packet of it on the other."""
    for choice, families in [("eth1", "both"), ("10.78.0.1", "IPv4"), ("fd78::1", "IPv6")]:
        with Net() as net:
            net.switch("br1")
            net.host("h1", 1)
            net.plug("h1", "eth1", 1, switch="br1", subnet=78)
            net.host("h2", 2)
            net.host("h3", 3, switch="br1", subnet=78)
            mac = lambda interface: bytes.fromhex(net.inside("h1", "cat", f"/sys/class/net/{interface}/address").strip().replace(":", ""))
            other, chosen = frames_of(net, "h2", "eth0", mac("eth0")), frames_of(net, "h3", "eth0", mac("eth1"))
            for host in ("h2", "h3"):
                net.station(host)
            wait("the others", 10 * SLOW, lambda: net.events("h2", "up") and net.events("h3", "up"))
            net.station("h1", "h1", "--interface", choice)
            took = wait("the station of the chosen network", 10 * SLOW, lambda: net.joined("h1") == 1 and net.joined("h3") == 1)
            # As long as announcements and the first questions take.
            time.sleep(8)
            names = {event.get("name") for event in net.events("h1", "station_joined")}
            assert names == {"h3"} and net.joined("h2") == 0, names
            assert chosen and not other, f"{len(chosen)} packets on the chosen network, {len(other)} on the other"
            spoken = {frame[12:14] for frame in chosen if frame[23 if frame[12:14] == b"\x08\x00" else 20] == 17}
            wanted = {"IPv4": {b"\x08\x00"}, "IPv6": {b"\x86\xdd"}, "both": {b"\x08\x00", b"\x86\xdd"}}[families]
            assert spoken == wanted, spoken
            say(f"--interface {choice}: {len(chosen)} packets on that network, none on the other; its station joined after {took:.2f} s")


def reflector(count=80):
    """Many stations of one instance name, all told of by one address."""
    with Net() as net:
        for name, number in [("h1", 1), ("q", 3)]:
            net.host(name, number, v6=False)
        peers = [Peer(net, "q", "10.77.0.3", f"c0000000-0000-4000-8000-{n:012}", ("Default",), name=f"Desk {n}", speaks=False) for n in range(count)]
        net.station("h1")
        try:
            took = wait(f"all {count}", 20 * SLOW, lambda: net.joined("h1") == count)
        except AssertionError:
            say(f"{net.joined('h1')} joined, {len(net.events('h1', 'station_lost'))} lost")
            raise
        time.sleep(20)
        lost = net.events("h1", "station_lost")
        assert not lost and all(peer.joins for peer in peers), f"{len(lost)} lost"
        say(f"{count} stations of one instance name behind one address: all joined after {took:.1f} s, none lost in 20 s more")


def dotted_groups():
    """Groups that most products read as another one: ours and whoever has them as one label are joined, others by address, and nobody else."""
    for group in ("Hall 1.2", "me@home"):
        with Net() as net:
            for name, number in [("h1", 1), ("h2", 2), ("p", 3)]:
                net.host(name, number, v6=False)
            uuid = lambda n: f"d{n}000000-0000-4000-8000-000000000001"
            label = Peer(net, "p", "10.77.0.3", uuid(1), ("Counts", group), name="Counts")
            last = Peer(net, "p", "10.77.0.3", uuid(2), ("Splits", group.replace("@", ".").split(".")[-1]), name="Splits")
            silent = Peer(net, "p", "10.77.0.3", uuid(3), ("Silent", "Other"), name="Silent", speaks=False, listed=None)
            with net.within("p"):
                wire = Wire("10.77.0.3")
            net.station("h1", "h1", "--group", group, "--peer", f"{silent.address}:{silent.port}")
            net.station("h2", "h2", "--group", group)
            names = lambda host: {event.get("name") for event in net.events(host, "station_joined")}
            took = wait("our stations and the others", 10 * SLOW, lambda: names("h1") == {"h2", "Counts", "Silent"} and names("h2") == {"h1", "Counts"})
            ours = [p for p in wire.packets(3) if p.source[0] != "10.77.0.3"]
            base = [p for p in ours if p.response and any(r.kind == PTR and r.name == BASE and r.value[1:2] == (group,) for r in p.answers)]
            assert not base and not last.joins, (base, last.joins)
            said = {g["group"] for g in json.loads(net.mvrx("p", "groups", "--json", "--wait", "3").stdout)["groups"]}
            assert group in said, said
            say(f"the group {group}: our stations, one that has it as a label and one of --peer joined after {took:.2f} s; nobody who reads its last part sees it")


def docker_like():
    """Bridges of containers: the same address on every host, one with nothing behind it, one with a station in a container."""
    with Net() as net:
        for name, number in [("h1", 1), ("h2", 2)]:
            net.host(name, number)
            net.ip(name, "link", "add", "docker0", "type", "bridge")
            net.ip(name, "addr", "add", "172.17.0.1/16", "dev", "docker0")
            net.ip(name, "link", "set", "docker0", "up")
            net.ip(name, "link", "add", "br-app", "type", "bridge")
            net.ip(name, "addr", "add", "172.18.0.1/16", "dev", "br-app")
            net.ip(name, "link", "set", "br-app", "up")
        net.hosts.append("c")
        run("ip", "netns", "add", f"{net.id}c")
        run("ip", "link", "add", "veth7", "netns", f"{net.id}h1", "type", "veth", "peer", "name", "eth0", "netns", f"{net.id}c")
        net.ip("h1", "link", "set", "veth7", "master", "br-app", "up")
        for arguments in [("link", "set", "lo", "up"), ("addr", "add", "172.18.0.2/16", "dev", "eth0"), ("link", "set", "eth0", "up")]:
            net.ip("c", *arguments)
        for host in ("h1", "h2", "c"):
            net.station(host)
        took = wait("both hosts and the container", 10 * SLOW, lambda: net.joined("h1") == 2 and net.joined("h2") == 1 and net.joined("c") == 1)
        net.host("t", 100, v6=False)
        listed = net.listed("t", "--wait", "2")
        assert set(listed) == {"h1", "h2"}, listed
        wrong = [a for s in listed.values() for a in s["addresses"] if a.startswith("172.")]
        assert not wrong, listed
        say(f"bridges with one address on all hosts: everybody joined whom he can reach after {took:.2f} s, nobody tells a bridge's address to the network")


def hot_plug():
    """Judged on the raw packets of a second network."""
    with Net() as net:
        net.switch("br1")
        net.host("h1", 1)
        net.host("h2", 2)
        net.host("t", 100, v6=False, switch="br1", subnet=78)
        net.host("h3", 3, v6=False, switch="br1", subnet=78)
        net.station("h3")
        with net.within("t"):
            wire = Wire("10.78.0.100")
        for host in ("h1", "h2"):
            net.station(host)
        wait("two stations", 10 * SLOW, lambda: net.joined("h1") == 1 and net.joined("h2") == 1)
        begun = time.monotonic()
        net.plug("h1", "eth1", 1, v6=False, switch="br1", subnet=78)
        of_h1 = lambda p: p.source[0] in ("10.78.0.1", "10.78.0.5")
        addresses = lambda p: {r.value for r in p.records if r.kind == A and r.ttl}
        is_ours = lambda p: of_h1(p) and p.response and any(r.kind == SRV for r in p.answers)
        probes, said = [], None
        for packet in wire.packets(10 * SLOW):
            if of_h1(packet) and packet.authorities:
                probes.append(packet)
            if is_ours(packet):
                said = packet
                break
        assert said and len(probes) == 3 and addresses(said) == {"10.78.0.1"}, (probes, said)
        took = said.at - begun
        wait("the station of the second network", 10 * SLOW, lambda: net.joined("h1") == 2)
        say(f"a second interface: probed 3 times and announced with its address alone {took:.1f} s after it was plugged in, the station there joined")
        begun = time.monotonic()
        net.ip("h1", "addr", "add", "10.78.0.5/24", "dev", "eth1")
        net.ip("h1", "addr", "del", "10.78.0.1/24", "dev", "eth1")
        net.ip("h1", "addr", "replace", "10.78.0.5/24", "dev", "eth1")
        said = wire.until("the new address", 10 * SLOW, lambda p: of_h1(p) and p.response and addresses(p) == {"10.78.0.5"})
        say(f"another address is announced after {said.at - begun:.1f} s")
        net.ip("h1", "link", "del", "eth1")
        time.sleep(3)
        net.station("h4" if net.host("h4", 4) else "")
        wait("one more station of the first network", 10 * SLOW, lambda: net.joined("h4") == 2)
        say("the interface is gone: all else goes on")


def flood():
    """10,000 invented stations from one host, in ever new datagrams; and a real one after them."""
    with Net() as net:
        for name, number in [("h1", 1), ("h2", 2), ("t", 100)]:
            net.host(name, number, v6=False)
        station = net.station("h1")
        wait("the first station", 10 * SLOW, lambda: net.events("h1", "joined_group") or '"event"' in net.log("h1"))
        memory = lambda: int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{station.pid}/status").read()).group(1)) // 1024
        before = memory()
        with net.within("t"):
            wire = Wire("10.77.0.100")
        for n in range(10_000):
            instance, host = (f"Liar {n}", "Default", *BASE), (f"liar{n}", "local")
            text = b"".join(bytes([len(s)]) + s for s in [b"StationName=Liar", f"StationUUID=cccccccc-0000-4000-8000-{n:012}".encode()])
            wire.send(message(flags=0x8400, answers=[
                record(BASE, PTR, 4500, encode_name(instance)), record(instance, SRV, 120, srv(9, host)), record(instance, TXT, 4500, text), record(host, A, 120, b"\x0a\x4d\x00\x64")]))
            if n % 50 == 0:
                time.sleep(0.01)
        net.station("h2")
        real = lambda: any(event.get("name") == "h2" for event in net.events("h1", "station_joined"))
        took = wait("the real station", 5 * SLOW, real)
        grown = memory() - before
        assert grown < 64, f"{before} MiB before, {grown} more"
        say(f"10,000 invented stations: the real one joined after {took:.2f} s, {grown} MiB more than before")


def crowd():
    """Hundreds of invented stations under one instance name, from one address and from many, over and over. A real one comes after 12 s, of each
    of two products, and ours gives its file."""
    with Net() as net:
        for name, number in [("h1", 1), ("h2", 2), ("p", 3), ("t", 100)]:
            net.host(name, number, v6=False)
        for n in range(101, 141):
            net.ip("t", "addr", "add", f"10.77.0.{n}/24", "dev", "eth0")
        show, saved = os.path.join(net.folder, "show.mvr"), os.path.join(net.folder, "saved")
        os.makedirs(saved)
        with zipfile.ZipFile(show, "w") as file:
            file.writestr("GeneralSceneDescription.xml", os.urandom(1_000_000))
        station = net.station("h1", "h1", "--get", "all", "--dir", saved)
        wait("the first station", 10 * SLOW, lambda: net.events("h1", "up"))
        with net.within("t"):
            wires = [Wire(f"10.77.0.{n}") for n in range(100, 141)]
        instance, sent, done = ("Default", *BASE), 0, threading.Event()

        def lie():
            nonlocal sent
            while not done.is_set():
                n = sent % 800
                # Half of them have one host name, a third one source; most lead where nobody is.
                host = ("Default", "local") if n % 2 else (f"liar{n}", "local")
                text = b"".join(bytes([len(s)]) + s for s in [b"StationName=Liar", f"StationUUID=cccccccc-0000-4000-8000-{n:012}".encode()])
                wires[0 if n % 3 == 0 else n % 41].send(message(flags=0x8400, answers=[
                    record(BASE, PTR, 120, encode_name(instance)), record(instance, SRV, 120, srv(9 + n, host)),
                    record(instance, TXT, 120, text), record(host, A, 120, bytes([10, 77, 0, 100 + n % 100]))]))
                sent += 1
                if sent % 10 == 0:
                    time.sleep(0.03)

        liar = threading.Thread(target=lie, daemon=True)
        liar.start()
        try:
            time.sleep(12)
            before = spent(station)
            time.sleep(5)
            busy = (spent(station) - before) / 5
            net.station("h2", "h2", show)
            of_name = Peer(net, "p", "10.77.0.3", "a1000000-0000-4000-8000-000000000001", ("Default",), name="One", target="Default")
            # Events are told faster than anybody reads them; what was done is not.
            took = wait("the real station's file", 10 * SLOW, lambda: any(name.endswith(".mvr") for name in os.listdir(saved)))
            shared = wait("a real station of the crowd's name", 10 * SLOW, lambda: of_name.joins)
        finally:
            done.set()
            liar.join()
        assert busy < 0.9, f"{busy:.2f} of a processor"
        say(f"a crowd of 800 under one name, {sent} datagrams: {busy * 100:.0f} % of a processor; the real station's file was here "
            f"{took:.2f} s after it was started, a real one of the crowd's name was joined {shared:.2f} s after that")


def spent(process):
    """Seconds of a processor, of the binary under `ip netns exec`, which becomes it."""
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def port_taken():
    """Another program has UDP 5353 of IPv4 for itself."""
    with Net() as net:
        for name, number in [("h1", 1), ("h2", 2), ("h3", 3)]:
            net.host(name, number, v6=name != "h3")
        with net.within("h1"):
            alone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        alone.bind(("", 5353))
        for host in ("h1", "h2", "h3"):
            net.station(host)
        problem = lambda: [e["reason"] for e in net.events("h1", "discovery_problem") if "5353" in e["reason"]]
        wait("a word of it", 10 * SLOW, problem)
        wait("the station that speaks IPv6", 10 * SLOW, lambda: net.joined("h1") == 1)
        [told] = problem()
        assert "IPv4" in told and "does not share it" in told, told
        for command in ("ls", "groups"):
            done = net.mvrx("h1", command, "--wait", "3", "--json")
            assert any("IPv4" in problem for problem in json.loads(done.stdout)["problems"]) and "does not share it" in done.stderr, (command, done)
        alone.close()
        joins = lambda host, name: any(event.get("name") == name for event in net.events(host, "station_joined"))
        took = wait("the station that speaks IPv4 alone", 10 * SLOW, lambda: joins("h1", "h3") and joins("h3", "h1"))
        say(f"a port that another program had for itself: told by up, ls and groups, IPv6 went on; {took:.1f} s after it was free IPv4 did, too")


def group_type_alone():
    """Stations that are announced under their group's own type alone: one that speaks, one that answers for its group, one that is on the list of types."""
    with Net() as net:
        for name, number in [("h1", 1), ("p", 2)]:
            net.host(name, number, v6=False)
        uuid = lambda n: f"a{n}000000-0000-4000-8000-000000000001"
        of = lambda group: (group, *BASE)
        asked = Peer(net, "p", "10.77.0.2", uuid(1), ("Asked", "Tour"), under=of("Tour"), speaks=False)
        Peer(net, "p", "10.77.0.2", uuid(2), ("Listed", "Club"), under=of("Club"), speaks=False, listed=of("Club"))
        groups = lambda *more: {g["group"]: [s["name"] for s in g["stations"]] for g in json.loads(net.mvrx("h1", "groups", "--json", "--wait", "3", *more).stdout)["groups"]}
        assert groups() == {"Club": ["Listed"]}, groups()
        assert groups("--new", "Tour") == {"Club": ["Listed"], "Tour": ["Asked"]}, groups("--new", "Tour")
        listed = net.listed("h1", "--group", "Tour", "--wait", "3")
        assert set(listed) == {"Asked"} and asked.joins, listed
        report = json.loads(net.mvrx("h1", "doctor", "--group", "Tour", "--json", "--wait", "3").stdout)
        assert {g["group"] for g in report["facts"]["groups"]} == {"Tour", "Club"}, report["facts"]
        station = net.station("h1", "h1", "--group", "Hall")
        wait("our station", 10 * SLOW, lambda: net.events("h1", "up"))
        speaks = Peer(net, "p", "10.77.0.2", uuid(3), ("Speaks", "Hall"), under=of("Hall"))
        took = wait("the station that speaks", 10 * SLOW, lambda: net.joined("h1") == 1 and speaks.joins)
        station.kill()
        say(f"stations of their group's own type alone: asked for in their group, found by the list of types, joined {took:.2f} s after one spoke")


def one_address_twice():
    """Two interfaces with one IPv4 address, each with a station behind it."""
    with Net() as net:
        net.switch("br1")
        net.host("h1", 1, v6=False)
        net.plug("h1", "eth1", 1, v6=False, switch="br1")
        net.host("h2", 2, v6=False)
        net.host("h3", 3, v6=False, switch="br1")
        net.ip("h1", "route", "add", "10.77.0.3/32", "dev", "eth1")
        for host in ("h1", "h2", "h3"):
            net.station(host)
        took = wait("the stations of both networks", 10 * SLOW, lambda: net.joined("h1") == 2 and net.joined("h2") == net.joined("h3") == 1)
        say(f"two interfaces with one address: the stations behind each joined after {took:.2f} s")


def two_subnets():
    """Stations on one wire with addresses of different networks: one that cannot be reached is told of, and joined once there is a way."""
    with Net() as net:
        net.host("h1", 1, v6=False)
        net.host("h2", 2, v6=False, subnet=88)
        net.station("h1")
        net.station("h2")
        groups = lambda host: [s["name"] for g in json.loads(net.mvrx(host, "groups", "--json", "--wait", "3").stdout)["groups"] for s in g["stations"]]
        assert sorted(groups("h1")) == sorted(groups("h2")) == ["h1", "h2"], (groups("h1"), groups("h2"))
        told = net.mvrx("h1", "doctor", "--json", "--wait", "2")
        found = [f for f in json.loads(told.stdout)["findings"] if "h2" in f["text"]]
        assert told.returncode == 1 and any("10.88.0.2" in f["text"] for f in found), told.stdout
        net.ip("h1", "route", "add", "10.88.0.0/24", "dev", "eth0")
        net.ip("h2", "route", "add", "10.77.0.0/24", "dev", "eth0")
        joins = lambda host, name: any(event.get("name") == name for event in net.events(host, "station_joined"))
        took = wait("the two", 30 * SLOW, lambda: joins("h1", "h2") and joins("h2", "h1"))
        say(f"two networks' addresses on one wire: seen, told by the doctor, joined {took:.1f} s after there was a way")


def thirty_interfaces():
    """More interfaces than Linux lets one socket hear multicast on (20, igmp_max_memberships), as many networks of containers make; the one that counts comes last."""
    with Net() as net:
        for name, number in [("h1", 1), ("h2", 2)]:
            net.host(name, number, v6=False)
        net.ip("h1", "link", "del", "eth0")
        net.inside("h1", "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        for n in range(29):
            net.ip("h1", "link", "add", f"br-{n}", "type", "veth", "peer", "name", f"port-{n}")
            net.ip("h1", "addr", "add", f"172.{16 + n}.0.1/16", "dev", f"br-{n}")
            for end in ("br", "port"):
                net.ip("h1", "link", "set", f"{end}-{n}", "up")
        net.plug("h1", "eth0", 1, v6=False)
        net.station("h1")
        wait("our station", 10 * SLOW, lambda: net.events("h1", "up"))
        # One that joins nobody by itself: it has to be heard.
        Peer(net, "h2", "10.77.0.2", "a1000000-0000-4000-8000-000000000001", ("Heard", "Default"))
        took = wait("the station there", 10 * SLOW, lambda: net.joined("h1") == 1)
        say(f"thirty interfaces: joined on the last one after {took:.2f} s")


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
        found, took = run("ip", "netns", "exec", f"{net.id}t", sys.executable, "-c", script).split()
        assert int(found) == count, f"{found} of {count} answered"
        say(f"a late browser's one question: {found} stations with PTR, SRV, TXT and A after {float(took):.2f} s")
        late_browser(net, count)


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
            resolved = lambda: subprocess.run(["ip", "netns", "exec", f"{net.id}v", "avahi-resolve", "-4", "-n", found["server"].rstrip(".")], capture_output=True, text=True, env={**os.environ, **bus}).stdout
            wait("avahi's answer", 10 * SLOW, lambda: "10.77.0.1" in resolved())
            say(f"avahi resolves {resolved().strip()}")
            net.start("v", "avahi-publish", "-s", "Avahis.Default", "_mvrxchange._tcp", "4242", "StationName=Avahis", "StationUUID=a0000000-0000-4000-8000-000000000001", **bus)
            wait("avahi's station", 10 * SLOW, lambda: "Avahis" in str(net.listed("h1", "--wait", "3")))
            say("and what it announces is seen by us")


def casebook():
    with Net() as net:
        net.host("h1", 1)
        net.host("t", 100, v6=False)
        home = os.path.join(net.folder, "h1")
        os.makedirs(home)
        station = ["env", f"HOME={home}", "ip", "netns", "exec", f"{net.id}h1", MVRX, "up", "--name", "Desk"]
        say("the casebook:")
        done = subprocess.run(["ip", "netns", "exec", f"{net.id}t", sys.executable, os.path.join(HERE, "casebook.py"), *station])
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
        listening = subprocess.Popen(["ip", "netns", "exec", f"{net.id}t", sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
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
    killed()
    hot_plug()
    docker_like()
    same_instance()
    dotted_groups()
    six_products()
    reflector()
    chosen_interface()
    flood()
    crowd()
    port_taken()
    group_type_alone()
    one_address_twice()
    two_subnets()
    thirty_interfaces()
    zeroconf_and_avahi()
    loopback_only()
    casebook()
    many(30)


if __name__ == "__main__":
    main()
