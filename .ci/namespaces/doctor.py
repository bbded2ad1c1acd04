"""Everything that `mvrx doctor` can find, brought about on networks of namespaces. Usage: doctor.py MVRX [one scenario]. Needs root."""
import concurrent.futures
import itertools
import json
import os
import socket
import subprocess
import sys
import time

from net import MVRX, Net, avahi, say, wait
from pace import SLOW
from peer import Peer

UUID = "a0000000-0000-4000-8000-000000000001"


def doctor(net, *arguments, seconds=2, user="looking"):
    done = net.mvrx("h1", "doctor", "--json", "--wait", str(seconds), *arguments, user=user)
    assert done.returncode in (0, 1), done
    report = json.loads(done.stdout)
    assert done.returncode == (1 if report["findings"] else 0), done
    assert all(f["text"] and f["advice"] for f in report["findings"]), report
    return report


def two(net):
    net.host("h1", 1)
    net.host("h2", 2)
    net.station("h2", "FOH")
    wait("a station", 10 * SLOW, lambda: net.events("h2", "up"))


def all_well(net):
    two(net)
    yield doctor(net), []


def no_network(net):
    net.host("h1", 1)
    net.ip("h1", "link", "del", "eth0")
    yield doctor(net), ["no-network", "nobody-in-group"]


def loopback_down(net):
    two(net)
    net.ip("h1", "link", "set", "lo", "down")
    yield doctor(net), ["loopback-down"]


def wrong_interface(net):
    net.host("h1", 1)
    yield doctor(net, "--interface", "eth9"), ["interface-not-there", "no-network", "own-announcement-not-seen", "nobody-in-group"]
    net.cut("h1")
    yield doctor(net, "--interface", "eth0"), ["interface-down", "no-network", "own-announcement-not-seen", "nobody-in-group"]


def link_local_only(net):
    net.host("h1", 1, v4=False, v6="link")
    net.host("h2", 2)
    net.station("h2", "FOH")
    yield doctor(net, seconds=3), ["link-local-only"]


def port_not_shared(net):
    two(net)
    with net.within("h1"):
        alone = [socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_INET6)]
    alone[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    for one in alone:
        one.bind(("", 5353))
    report = doctor(net)
    assert f"(process {os.getpid()})" in str(report["facts"]["udp_port_holders"]), report["facts"]
    yield report, ["udp-port-not-shared", "multicast-not-sent", "discovery-cannot-start", "own-announcement-not-seen", "nobody-in-group"]


def avahi_beside(net):
    two(net)
    with avahi(net, "h1"):
        report = doctor(net)
    assert "avahi-daemon (process " in str(report["facts"]["udp_port_holders"]), report["facts"]
    yield report, []


def firewall_in(net):
    two(net)
    net.rules("h1", "input", "udp dport 5353 drop")
    yield doctor(net), ["multicast-not-heard", "own-announcement-not-seen", "nobody-in-group"]


def firewall_out(net):
    net.host("h1", 1)
    net.rules("h1", "output", "udp dport 5353 drop")
    yield doctor(net), ["multicast-not-sent", "own-announcement-not-seen", "nobody-in-group"]


def nobody(net):
    net.host("h1", 1)
    yield doctor(net), ["nobody-in-group"]
    net.host("h2", 2)
    net.station("h2", "FOH", "--group", "Club")
    yield doctor(net), ["nobody-in-group"]
    net.station("h1", "Ours")
    wait("our station", 10 * SLOW, lambda: net.events("h1", "up"))
    yield doctor(net, user=""), ["only-ourselves"]


def near_miss(net):
    two(net)
    yield doctor(net, "--group", "default"), ["group-near-miss"]
    report = doctor(net, "--group", "Defualt")
    assert "FOH" in report["findings"][0]["text"] and "Default" in report["findings"][0]["advice"], report
    yield report, ["group-near-miss"]


def not_joined(net):
    net.host("h1", 1, v6=False)
    net.host("h2", 2, v6=False)
    for says, words in [("no", "it refuses us: no room"), ("another", "another station (dddd")]:
        peer = Peer(net, "h2", "10.77.0.2", UUID.replace("a", "abc"[("no", "another").index(says)]), ("Desk " + says, "G" + says), says)
        report = doctor(net, "--group", "G" + says)
        text = report["findings"][0]["text"]
        assert words in text and f"10.77.0.2:{peer.port}" in text, text
        yield report, ["station-not-joined"]


def closed_port(net):
    two(net)
    net.rules("h2", "input", "tcp dport 42424 reject with tcp reset")
    yield doctor(net), ["station-not-joined"]
    report = doctor(net, "--peer", "10.77.0.2:9", "--group", "Other")
    assert "10.77.0.2:9: Connection refused" in report["findings"][1]["text"], report
    yield report, ["nobody-in-group", "station-silent"]


def dropped_port(net):
    two(net)
    net.rules("h2", "input", "tcp dport 42424 drop")
    yield doctor(net, seconds=6), ["station-not-joined"]


def copied(net):
    """The same StationUUID on two machines."""
    net.host("h1", 1)
    net.host("h2", 2)
    station = net.station("h1", "Ours")
    wait("our station", 10 * SLOW, lambda: net.events("h1", "up"))
    [up] = net.events("h1", "up")
    Peer(net, "h2", "10.77.0.2", up["station"], ("Copy", "Default"))
    report = doctor(net, user="")
    assert "10.77.0.2" in next(f["text"] for f in report["findings"] if f["id"] == "same-station-uuid"), report
    yield report, ["only-ourselves", "same-station-uuid"]
    station.kill()
    wait("its end", 10 * SLOW, lambda: station.poll() is not None)


def unusable(net):
    """Somebody announces port 0."""
    two(net)
    Peer(net, "h2", "10.77.0.2", UUID, ("Broken", "Default")).port = 0
    report = doctor(net)
    assert "Broken" in report["findings"][0]["text"], report
    yield report, ["discovery-problem"]


def without_address(net):
    """Somebody announces a station whose host has no address."""
    two(net)
    Peer(net, "h2", "10.77.0.2", UUID, ("Nowhere", "Default"), placed=False)
    report = doctor(net, seconds=5)
    assert "Nowhere.Default" in report["findings"][0]["text"] and "announces no address" in report["findings"][0]["text"], report
    yield report, ["discovery-problem"]


def blank_near_miss(net):
    """A group with a blank behind it, and one whose ü is put together."""
    net.host("h1", 1)
    net.host("h2", 2)
    for n, (name, wanted, words) in enumerate([("Tour ", "Tour", "blanks count"), ("Bu\u0308hne", "B\u00fchne", "NFC and NFD")]):
        Peer(net, "h2", "10.77.0.2", UUID.replace("a", "ab"[n]), ("FOH", name))
        report = doctor(net, "--group", wanted, seconds=3)
        finding = report["findings"][0]
        assert f'"{name}"' in finding["text"] and words in finding["advice"], report
        yield report, ["group-near-miss"]


def own_port_silent(net):
    two(net)
    net.station("h1", "Ours", "--listen", "127.0.0.1:42424")
    wait("our station", 10 * SLOW, lambda: net.events("h1", "up"))
    report = doctor(net, user="")
    text = report["findings"][0]["text"]
    assert "10.77.0.1" in text and "127.0.0.1" not in text, text
    yield report, ["own-port-silent"]


def own_port_behind_firewall(net):
    two(net)
    net.station("h1", "Ours")
    wait("our station", 10 * SLOW, lambda: net.events("h1", "up"))
    yield doctor(net, user=""), []
    net.rules("h1", "input", "tcp dport 42424 drop")
    report = doctor(net, user="")
    assert "10.77.0.1 (no answer)" in report["findings"][1]["text"], report
    yield report, ["station-not-joined", "own-port-silent"]


def port_not_to_be_had(net):
    """Of a user who may not have ports as low as ours; discovery at one that he may have, for the other finding's sake."""
    net.host("h1", 1)
    net.inside("h1", "sysctl", "-qw", "net.ipv4.ip_local_port_range=50000 60000", "net.ipv4.ip_unprivileged_port_start=49999")
    plain = ["setpriv", "--bounding-set", "-net_bind_service", "--inh-caps", "-net_bind_service", "env", f"HOME={net.folder}"]
    command = ["ip", "netns", "exec", f"{net.id}h1", *plain, MVRX, "doctor", "--json", "--wait", "2", "--mdns-port", "55353"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done
    yield json.loads(done.stdout), ["discovery-cannot-start", "own-announcement-not-seen", "nobody-in-group", "tcp-port-not-to-be-had"]


SCENARIOS = [
    all_well, no_network, loopback_down, wrong_interface, link_local_only, port_not_shared, avahi_beside, firewall_in, firewall_out, nobody, near_miss,
    not_joined, closed_port, dropped_port, copied, unusable, without_address, blank_near_miss, own_port_silent, own_port_behind_firewall, port_not_to_be_had,
]


def play(scenario, tag):
    """What is wrong with it, if anything."""
    try:
        with Net(tag) as net:
            for report, expected in scenario(net):
                found = list(dict.fromkeys(finding["id"] for finding in report["findings"]))
                if found != expected:
                    texts = [f"{f['id']}: {f['text']}" for f in report["findings"]]
                    return f"{scenario.__name__}: {found} instead of {expected}: {texts}"
    except Exception as error:
        return f"{scenario.__name__}: {error!r}"
    return None


def main():
    chosen = [s for s in SCENARIOS if not sys.argv[2:] or s.__name__ in sys.argv[2:]]
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        wrong = [w for w in pool.map(play, chosen, map(chr, itertools.count(ord("a")))) if w]
    assert not wrong, "\n".join(wrong)
    say(f"mvrx doctor: {len(chosen)} scenarios, each with its findings and no others, in {time.monotonic() - begun:.0f} s")


main()
