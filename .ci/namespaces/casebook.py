"""One station judged by its packets, in the manner of the Bonjour Conformance Test. Runs in the tester's namespace."""
import signal
import subprocess
import sys
import time
from statistics import median

from dns import A, AAAA, ANY, BASE, NSEC, PTR, SRV, TXT, Wire, encode_name, message, question, record, srv
from pace import SLOW

ADDRESS, STATION = "10.77.0.100", "10.77.0.1"
INSTANCE = ("Desk", "Default", *BASE)


def case(text):
    print(f"  ok  {text}", flush=True)


def of_station(packet):
    return packet.source[0] == STATION


def start(command, log):
    return subprocess.Popen(command, stdout=log, stderr=log)


def probing_and_announcing(wire, command, log):
    station = start(command, log)
    probes, announcements = [], []
    for packet in wire.packets(12):
        if of_station(packet) and packet.authorities:
            probes.append(packet)
        if of_station(packet) and packet.response and any(r.kind == SRV and r.name == INSTANCE for r in packet.answers):
            announcements.append(packet)
    assert len(probes) == 3, probes
    gaps = [b.at - a.at for a, b in zip(probes, probes[1:])] + [announcements[0].at - probes[-1].at]
    # A busy machine may hold up any one of them.
    assert min(gaps) > 0.1 and median(gaps) > 0.2 and median(gaps) < 0.5 * SLOW, gaps
    assert all(kind == ANY and unicast for p in probes for _, kind, unicast in p.questions), probes
    assert not any(r.flush for p in probes for r in p.authorities), probes
    assert len(announcements) >= 2 and announcements[1].at - announcements[0].at > 0.9, announcements
    first = announcements[0]
    kinds = sorted(r.kind for r in first.answers)
    assert sorted(set(kinds)) == [A, PTR, TXT, AAAA, SRV] and kinds.count(PTR) == 2, first
    assert all(r.flush == (r.kind != PTR) for r in first.answers), first
    assert all(r.ttl == (120 if r.kind in (A, AAAA, SRV) else 4500) for r in first.answers), first
    case(f"probes 3 times ({', '.join(f'{gap * 1000:.0f} ms' for gap in gaps)}), announces {len(announcements)} times, all in one message")
    return station, next(r.value[1] for r in first.answers if r.kind == SRV)


def answers(wire, host):
    delays = []
    for name in [BASE, ("Default", *BASE)] * 5:
        asked = wire.send(message([question(name, PTR)]))
        packet = wire.until("answer", 2, lambda p: of_station(p) and p.response)
        delays.append(packet.at - asked)
        assert any(r.kind == PTR and r.name == name and r.value == INSTANCE for r in packet.answers), packet
        assert {SRV, TXT, A, AAAA} <= {r.kind for r in packet.additionals}, packet
        time.sleep(1.2)
    assert min(delays) > 0.015 and median(delays) < 0.2, delays
    case(f"answers for both types after {min(delays) * 1000:.0f} to {max(delays) * 1000:.0f} ms, with SRV, TXT, A and AAAA")
    delays = []
    for _ in range(3):
        asked = wire.send(message([question(host, A)]))
        delays.append(wire.until("address", 2, lambda p: of_station(p) and p.response).at - asked)
        time.sleep(1.2)
    assert median(delays) < 0.05, delays
    case(f"answers for what is its own alone after {median(delays) * 1000:.0f} ms")
    wire.send(message([question(INSTANCE, A)]))
    denied = wire.until("denial", 2, lambda p: of_station(p) and p.response)
    assert denied.answers[0].kind == NSEC and denied.answers[0].name == INSTANCE, denied
    case("denies what it has not")
    time.sleep(1.2)
    known = record(BASE, PTR, 4500, encode_name(INSTANCE))
    wire.send(message([question(BASE, PTR)], [known]))
    said = [p for p in wire.packets(1.5) if of_station(p) and p.response]
    assert not said, said
    case("does not say what the asker knows")
    begun = time.monotonic()
    while time.monotonic() < begun + 3:
        wire.send(message([question(BASE, PTR)]))
        time.sleep(0.1)
    said = [p.at for p in wire.packets(1.5) if of_station(p) and p.response]
    assert 2 <= len(said) <= 5, said
    case(f"says the same {len(said)} times in 3 s to one who asks 30 times")
    time.sleep(1.2)


def alone(wire):
    plain = Wire(ADDRESS, plain=True)
    plain.send(message([question(BASE, PTR)], number=4711))
    packet = plain.until("legacy answer", 2, of_station)
    assert packet.number == 4711 and packet.questions == [(BASE, PTR, False)], packet
    assert all(r.ttl <= 10 and not r.flush for r in packet.records) and A in {r.kind for r in packet.records}, packet
    case("answers plain DNS with its number, its question and ten seconds")
    wire.send(message([question(BASE, PTR, unicast=True)]))
    packet = wire.until("unicast answer", 2, lambda p: of_station(p) and p.response)
    assert any(r.value == INSTANCE for r in packet.answers), packet
    case("answers who asks for itself")


def quiet(wire):
    said = [p for p in wire.packets(20) if of_station(p)]
    assert len(said) <= 20, said
    case(f"says {len(said)} messages in 20 s when nobody asks")


def malformed(wire):
    for bad in [b"", b"\0" * 11, b"\0\0\x84\0\0\0\xff\xff\0\0\0\0", b"\0\0\x84\0\0\0\0\1\0\0\0\0\xc0\x0c" + b"\0" * 10, b"\xff" * 1400]:
        wire.send(bad)
    wire.send(message([question(BASE, PTR)]))
    wire.until("answer after nonsense", 3, lambda p: of_station(p) and p.response)
    case("answers after malformed, looping and lying messages")


def leaving(wire, station, by=signal.SIGTERM, instance=INSTANCE):
    station.send_signal(by)
    gone = lambda p: of_station(p) and any(r.ttl == 0 and r.value == instance for r in p.answers)
    wire.until("goodbye", 5, gone)
    assert station.wait(10) is not None
    case(f"says goodbye on {by.name}")


def denied(wire, command, log):
    station = start(command, log)
    first = wire.until("probe", 10, lambda p: of_station(p) and p.authorities)
    assert first.questions[0][0] == INSTANCE, first
    rival = record(INSTANCE, SRV, 120, srv(9, ("rival", "local")), flush=True)
    wire.send(message(answers=[rival], flags=0x8400))
    other = ("Desk (2)", *INSTANCE[1:])
    said = wire.until("another name", 10, lambda p: of_station(p) and any(r.kind == SRV and r.name == other for r in p.answers))
    assert not any(r.name == INSTANCE for r in said.records), said
    case("takes another name when its own is denied")
    leaving(wire, station, signal.SIGQUIT, other)


def ties(wire, command, log):
    """Another host claims the name at the same moment (RFC 6762, 8.2)."""
    for later, by in [(True, signal.SIGINT), (False, signal.SIGHUP)]:
        station = start(command, log)
        try:
            wire.until("probe", 10, lambda p: of_station(p) and p.authorities)
            text = record(INSTANCE, TXT, 120, b"\xff" + b"x" * 255 if later else b"\0")
            rival = record(INSTANCE, SRV, 120, srv(65535 if later else 1, ("rival", "local")))
            at = wire.send(message([question(INSTANCE, ANY, unicast=True)], authorities=[text, rival]))
            probes, said = [], None
            for packet in wire.packets(6):
                if of_station(packet) and packet.authorities:
                    probes.append(packet.at - at)
                if of_station(packet) and packet.response and any(r.kind == SRV for r in packet.answers):
                    said = packet
                    break
            assert said and any(r.kind == SRV and r.name == INSTANCE for r in said.answers), (said, probes)
            if later:
                assert len(probes) == 3 and 0.9 < probes[0] < 1.6 * SLOW, probes
                case(f"a lost tie-break: silent for {probes[0]:.1f} s, then claims the name anew")
            else:
                assert len(probes) == 2 and probes[0] < 0.6 * SLOW and said.at - at < 1.5 * SLOW, (probes, said.at - at)
                case(f"a tie-break won: goes on, and announces {said.at - at:.1f} s later")
                knows(wire)
            leaving(wire, station, by)
        finally:
            station.kill()
            station.wait()


def knows(wire):
    """What our own questions say."""
    known, shared = ("Known", "Default", *BASE), ("Default", *BASE)
    records = [record(BASE, PTR, 4500, encode_name(known)), record(BASE, PTR, 4500, encode_name(shared))]
    wire.send(message(flags=0x8400, answers=records))
    asks = lambda p: of_station(p) and not p.response and not p.authorities and any(name == BASE for name, _, _ in p.questions)
    first = wire.until("question", 10, asks)
    second = wire.until("question", 10, asks)
    for asked in (first, second):
        told = [r.value for r in asked.answers if r.kind == PTR and r.name == BASE]
        assert known in told and shared not in told, asked
    assert second.at - first.at > 0.9, second.at - first.at
    case("asks with what it knows already, but never with names that several may have")


def main():
    command = sys.argv[1:]
    wire = Wire(ADDRESS)
    with open("/dev/null", "w") as log:
        station, host = probing_and_announcing(wire, command, log)
        try:
            answers(wire, host)
            alone(wire)
            malformed(wire)
            quiet(wire)
            leaving(wire, station)
        finally:
            station.kill()
        ties(wire, command, log)
        denied(wire, command, log)


main()
