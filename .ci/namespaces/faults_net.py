"""Bad lines between namespaces: packets lost (nft), a narrow line (tbf), a long one (a proxy of ours that holds bytes back). Files arrive as they were
sent, and nobody is taken for gone for longer than it lasts."""
import hashlib
import selectors

from faults_kit import *
from net import Net

SIZE = 20_000_000 if LONG else 2_000_000
LOST, RATE, DELAY = 3, "30mbit", 0.1


def impaired():
    files = [show(f"line-{number}.mvr", SIZE, number) for number in range(3)]
    with Net() as net:
        for name, number in [("a", 1), ("b", 2), ("rack", 9), ("mid", 8)]:
            net.host(name, number, v6=False)
            drop = f"numgen random mod 100 < {LOST} drop"
            net.rules(name, "input", f"meta l4proto tcp {drop}", f"udp dport 5353 {drop}")
            net.inside(name, "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", RATE, "burst", "64kb", "latency", "100ms")
        group(net, files)
        session(net, files)


def saved(net, folder, files):
    """All of these files are in the folder, each byte by byte, and nothing else."""
    wanted = {hashlib.sha256(content(file)).digest() for file in files}
    found = {hashlib.sha256(content(os.path.join(folder, name))).digest() for name in os.listdir(folder) if not name.startswith(".")}
    assert found <= wanted, "a file in part under its final name, or nobody's"
    return found == wanted


def group(net, files):
    folder = os.path.join(net.folder, "got")
    os.makedirs(folder)
    net.station("b", "B", "--get", "all", "--dir", folder)
    author = net.station("a", "A", files[0])
    took = arrived(net, folder, files[:1], 120)
    # Its process dies in the middle of a file, and comes back.
    author.kill()
    author.wait()
    author = net.station("a", "A", files[1])
    wait("the next one to begin", 60, lambda: len(net.events("a", "serving")) > 1)
    assert not saved(net, folder, files[:2])
    author.kill()
    author.wait()
    net.station("a", "A", *files[:2])
    again = arrived(net, folder, files[:2], 180)
    say(f"a group, {LOST} % of packets lost, {RATE}: {SIZE / 1e6:.0f} MB after {took:.1f} s; killed in the middle and back, all there after {again:.1f} s")


def session(net, files):
    folder = os.path.join(net.folder, "kept")
    os.makedirs(folder)
    net.start("rack", MVRX, "host", "--name", "Rack", "--listen", "10.77.0.9:42480", "--hidden", "--json")
    wait("the host", 30, lambda: net.events("rack", "host"))
    with net.within("mid"):
        proxy = Proxy(("10.77.0.8", 42480), ("10.77.0.9", 42480), lambda: net.within("mid"))
    net.start("mid", MVRX, "up", "--name", "Far", "--host", "ws://10.77.0.8:42480", "--get", "all", "--dir", folder, "--json")
    net.start("a", MVRX, "commit", files[2], "-m", "far", "--name", "Near", "--host", "ws://10.77.0.9:42480", "--json")
    took = arrived(net, folder, files[2:], 180)
    lost = net.events("mid", "host_lost")
    assert not lost and proxy.passed > SIZE, (lost, proxy.passed)
    say(f"a session, the same and {DELAY:.1f} s of delay each way: {SIZE / 1e6:.0f} MB after {took:.1f} s, the host never lost")


def arrived(net, folder, files, seconds):
    begun = time.monotonic()
    try:
        wait("whole files", seconds, lambda: saved(net, folder, files))
    except AssertionError as error:
        raise AssertionError(f"{error}\n{net.log('a')[-2000:]}\n{net.log('b')[-2000:]}\n{net.log('rack')[-2000:]}") from None
    return time.monotonic() - begun


class Proxy:
    """Passes connections on; whatever comes goes out so much later, in order."""

    def __init__(self, here, there, inside):
        self.there, self.inside, self.passed = there, inside, 0
        self.listener = socket.create_server(here)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            with self.inside():
                far = socket.create_connection(self.there, timeout=10)
            threading.Thread(target=self.carry, args=(near, far), daemon=True).start()

    def carry(self, near, far):
        """Both directions: what was read waits in a queue with the time when it goes."""
        pairs, queues = {near: far, far: near}, {near: [], far: []}
        waiting = selectors.DefaultSelector()
        for stream in pairs:
            stream.setblocking(False)
            waiting.register(stream, selectors.EVENT_READ)
        while True:
            due = [queue[0][0] for queue in queues.values() if queue]
            for key, _ in waiting.select(max(0, min(due) - time.monotonic()) if due else 1):
                try:
                    piece = key.fileobj.recv(1 << 16)
                except OSError:
                    piece = b""
                queues[key.fileobj].append((time.monotonic() + DELAY, piece))
                if not piece:
                    waiting.unregister(key.fileobj)
            for stream, queue in queues.items():
                while queue and queue[0][0] <= time.monotonic():
                    piece = queue.pop(0)[1]
                    if not piece:
                        near.close()
                        far.close()
                        return
                    self.passed += len(piece)
                    pairs[stream].setblocking(True)
                    try:
                        pairs[stream].sendall(piece)
                    except OSError:
                        piece = b""
                    pairs[stream].setblocking(False)
