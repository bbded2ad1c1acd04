"""One station judged by its packets, in the manner of the Bonjour Conformance Test. Runs in the tester's namespace.

Probing, tie-break won and lost, rename, announcements, known answers, goodbye, legacy unicast and chattiness are here, each by what RFC 6762 says;
hot-plug needs a second network and is `hot_plug` in mdns.py."""
import signal
import subprocess
import sys
import time
from statistics import median

from dns import A, AAAA, ANY, BASE, GROUP, NSEC, PTR, SRV, TXT, Wire, encode_name, message, question, record, srv
from pace import SLOW

ADDRESS, STATION = "10.77.0.100", "10.77.0.1"
INSTANCE = ("Desk", "Default", *BASE)


def case(text):
    print(f"  ok  {text}", flush=True)


def of_station(packet):
    if packet.source[0] != STATION:
        return False
    # RFC 6762, 11 and 6: nothing crosses a router, and all comes from the port of mDNS.
    assert packet.hops in (None, 255) and packet.source[1] == 5353, (packet.hops, packet.source)
    return True


def to_all(packet):
    return of_station(packet) and packet.response and packet.to == GROUP


def start(command, log):
    return subprocess.Popen(command, stdout=log, stderr=log)


def probing_and_announcing(wire, command, log):
    station = start(command, log)
    probes, announcements, questions = [], [], {}
    for packet in wire.packets(12):
        if of_station(packet) and not packet.response and not packet.authorities:
            for name in {name for name, kind, _ in packet.questions if kind == PTR}:
                questions.setdefault(name, []).append(packet.at)
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
    # RFC 6762, 8.3: two to eight times, a second apart, each pause twice as long as the one before; then no more.
    pauses = [b.at - a.at for a, b in zip(announcements, announcements[1:])]
    assert 2 <= len(announcements) <= 8 and pauses[0] > 0.9, announcements
    assert all(longer > 2 * pause - LATE for pause, longer in zip(pauses, pauses[1:])), pauses
    assert all(p.to == GROUP for p in probes + announcements), probes + announcements
    # 5.2: the second question a second after the first, each pause at least twice as long, until the longest one.
    assert set(questions) == {BASE, ("Default", *BASE)}, questions
    for times in questions.values():
        asked = [b - a for a, b in zip(times, times[1:])]
        assert asked and min(asked) > 1 - LATE / 2, questions
        assert all(longer > min(2 * pause, LONGEST_PAUSE) - LATE for pause, longer in zip(asked, asked[1:])), asked
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
    # 7.1: what is known for less than half its time is said again; 7.2: of a question in several messages all are waited for.
    wire.send(message([question(BASE, PTR)], [record(BASE, PTR, 2000, encode_name(INSTANCE))]))
    wire.until("answer to one who knows it for half its time only", 2, lambda p: to_all(p) and any(r.value == INSTANCE for r in p.answers))
    time.sleep(1.2)
    wire.send(message([question(BASE, PTR)], flags=0x0200))
    wire.send(message(answers=[known]))
    said = [p for p in wire.packets(1.5) if of_station(p) and p.response]
    assert not said, said
    asked = wire.send(message([question(BASE, PTR)], flags=0x0200))
    packet = wire.until("answer to one who announced more", 2, to_all)
    assert packet.at - asked > 0.39, packet.at - asked
    time.sleep(1.2)
    case(f"does not say what the asker knows, in one message or two; waits {(packet.at - asked) * 1000:.0f} ms for what was announced to follow")
    begun, said = time.monotonic(), []
    while time.monotonic() < begun + 3:
        wire.send(message([question(BASE, PTR)]))
        said += [p.at for p in wire.packets(0.1) if of_station(p) and p.response]
    said += [p.at for p in wire.packets(1.5) if of_station(p) and p.response]
    # 6: no record more than once a second, so at 0, 1, 2, 3 and once more when the asking has ended.
    assert 2 <= len(said) <= 5, said
    assert median(b - a for a, b in zip(said, said[1:])) > 0.95, said
    case(f"says the same {len(said)} times in 3 s to one who asks 30 times")
    time.sleep(1.2)


def alone(wire):
    plain = Wire(ADDRESS, plain=True)
    plain.send(message([question(BASE, PTR)], number=4711))
    packet = plain.until("legacy answer", 2, of_station)
    assert packet.number == 4711 and packet.questions == [(BASE, PTR, False)], packet
    assert all(r.ttl <= 10 and not r.flush for r in packet.records) and A in {r.kind for r in packet.records}, packet
    case("answers plain DNS with its number, its question and ten seconds")
    time.sleep(1.2)
    # 5.4: said to all within a quarter of its time to live, so to the asker alone.
    wire.send(message([question(BASE, PTR, unicast=True)]))
    said = [p for p in wire.packets(1.5) if of_station(p) and p.response]
    assert len(said) == 1 and said[0].to == ADDRESS, [(p.to, p) for p in said]
    assert any(r.value == INSTANCE for r in said[0].answers), said
    case("answers who asks for itself, and nobody else")


def quiet(wire):
    # Settled and with nobody to answer it has nothing to say, but its own questions: one a minute for each type (5.2: at most an hour apart).
    said = [p for p in wire.packets(20) if of_station(p)]
    assert not any(p.response or p.authorities for p in said) and len(said) <= 2, said
    case(f"says {len(said)} messages in 20 s when nobody asks")


def malformed(wire):
    for bad in [b"", b"\0" * 11, b"\0\0\x84\0\0\0\xff\xff\0\0\0\0", b"\0\0\x84\0\0\0\0\1\0\0\0\0\xc0\x0c" + b"\0" * 10, b"\xff" * 1400]:
        wire.send(bad)
    wire.send(message([question(BASE, PTR)]))
    wire.until("answer after nonsense", 3, lambda p: of_station(p) and p.response)
    case("answers after malformed, looping and lying messages")


def leaving(wire, station, by=signal.SIGTERM, instance=INSTANCE):
    station.send_signal(by)
    gone = lambda p: to_all(p) and any(r.ttl == 0 and r.value == instance for r in p.answers)
    packet = wire.until("goodbye", 5, gone)
    # 10.1: nothing but what it takes back.
    assert all(r.ttl == 0 for r in packet.answers), packet
    assert station.wait(10) is not None
    case(f"says goodbye on {by.name}")


def denied(wire, command, log):
    station = start(command, log)
    first = wire.until("probe", 10, lambda p: of_station(p) and p.authorities)
    assert first.questions[0][0] == INSTANCE, first
    rival = record(INSTANCE, SRV, 120, srv(9, ("rival", "local")), flush=True)
    wire.send(message(answers=[rival], flags=0x8400))
    other = ("Desk (2)", *INSTANCE[1:])
    probes, said = 0, None
    for packet in wire.packets(10):
        probes += of_station(packet) and bool(packet.authorities) and packet.questions[0][0] == other
        if of_station(packet) and any(r.kind == SRV and r.name == other for r in packet.answers):
            said = packet
            break
    # 9: the new name is probed for as the first one was.
    assert said and probes == 3, (said, probes)
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


# What a busy machine may be late by, in seconds; and the longest pause between questions of a young station.
LATE, LONGEST_PAUSE = 0.5, 5


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
