"""Elections where two stations are on two networks each and two on one of them each, not the same: everybody gets into the session of the first host and,
when that is killed, of the next one, and nobody hosts meanwhile who is not to.

usage: election_nets.py MVRX
"""
import signal
import time

from net import Net, say, wait

# Who, its number, its networks, its priority.
STATIONS = [("h", 1, "both", 30), ("a", 2, "both", 20), ("b", 3, "second", 10), ("c", 4, "first", 5)]


def main():
    with Net("e") as net:
        net.switch("br1")
        for name, number, where, _ in STATIONS:
            if where == "second":
                net.host(name, number, v6=False, switch="br1", subnet=78)
                continue
            net.host(name, number, v6=False)
            if where == "both":
                net.plug(name, "eth1", number, v6=False, switch="br1", subnet=78)
        try:
            play(net)
        except AssertionError:
            for name, *_ in STATIONS:
                say(f"== {name}\n" + "\n".join(line[:300] for line in net.log(name).splitlines()[-14:]))
            raise


def play(net):
    running = {
        name: net.station(name, None, "--session-host", "auto", "--priority", str(priority)) for name, _, _, priority in STATIONS
    }
    took = wait("session with everybody", 25, lambda: all(state(net, name) == "elected_host" for name in running))
    say(f"two networks: everybody is in one session after {took:.2f} s")
    assert who(net, "elected") == ["h"], who(net, "elected")

    killed = time.time() * 1000
    running.pop("h").send_signal(signal.SIGKILL)
    took = wait("next session", 25, lambda: all(state(net, name, killed) == "elected_host" for name in running))
    say(f"two networks: everybody is in the next session {took:.2f} s after the host was killed")
    assert who(net, "elected") == ["a", "h"] and not who(net, "gave_way"), (who(net, "elected"), who(net, "gave_way"))


def who(net, kind):
    return sorted(name for name, *_ in STATIONS if net.events(name, kind))


def state(net, name, since=0):
    """Whether it is in a session, by what it told last."""
    told = [event for kind in ("elected_host", "host_lost") for event in net.events(name, kind) if event["at_unix_ms"] >= since]
    return max(told, key=lambda event: event["at_unix_ms"])["event"] if told else None


main()
