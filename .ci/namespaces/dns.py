"""Just enough of multicast DNS to ask, to lie and to judge, by the standard library alone."""
import socket
import struct
import time

IP_PKTINFO, IP_RECVTTL = 8, 12
GROUP = "224.0.0.251"
A, PTR, TXT, AAAA, SRV, NSEC, ANY = 1, 12, 16, 28, 33, 47, 255
BASE = ("_mvrxchange", "_tcp", "local")


def encode_name(labels):
    return b"".join(bytes([len(label.encode())]) + label.encode() for label in labels) + b"\0"


def question(labels, kind, unicast=False):
    return encode_name(labels) + struct.pack(">HH", kind, 0x8001 if unicast else 1)


def record(labels, kind, ttl, data, flush=False):
    return encode_name(labels) + struct.pack(">HHIH", kind, 0x8001 if flush else 1, ttl, len(data)) + data


def srv(port, host):
    return struct.pack(">HHH", 0, 0, port) + encode_name(host)


def message(questions=(), answers=(), authorities=(), flags=0, number=0):
    counts = struct.pack(">6H", number, flags, len(questions), len(answers), len(authorities), 0)
    return counts + b"".join(questions) + b"".join(answers) + b"".join(authorities)


def read_name(data, at):
    labels, end = [], None
    for _ in range(128):
        length = data[at]
        if length == 0:
            return tuple(labels), end or at + 1
        if length >= 0xC0:
            end = end or at + 2
            at = (length & 0x3F) << 8 | data[at + 1]
        else:
            labels.append(data[at + 1 : at + 1 + length].decode())
            at += 1 + length
    raise ValueError("a name without an end")


class Record:
    def __init__(self, data, at):
        self.name, at = read_name(data, at)
        self.kind, klass, self.ttl, length = struct.unpack(">HHIH", data[at : at + 10])
        self.flush = klass & 0x8000 != 0
        at += 10
        raw = data[at : at + length]
        self.end = at + length
        if self.kind == PTR:
            self.value = read_name(data, at)[0]
        elif self.kind == SRV:
            self.value = (struct.unpack(">H", raw[4:6])[0], read_name(data, at + 6)[0])
        elif self.kind == TXT:
            self.value, rest = [], raw
            while rest:
                self.value.append(rest[1 : 1 + rest[0]].decode())
                rest = rest[1 + rest[0] :]
        elif self.kind == A:
            self.value = socket.inet_ntop(socket.AF_INET, raw)
        elif self.kind == AAAA:
            self.value = socket.inet_ntop(socket.AF_INET6, raw)
        else:
            self.value = raw

    def __repr__(self):
        return f"{'.'.join(self.name)} {self.kind} {self.ttl}{' flush' if self.flush else ''} {self.value}"


class Packet:
    """One message, with when it came and from whom."""

    def __init__(self, data, source, at, to=None, hops=None):
        self.source, self.at, self.to, self.hops = source, at, to, hops
        self.number, flags, *counts = struct.unpack(">6H", data[:12])
        self.response, at = flags & 0x8000 != 0, 12
        self.questions, sections = [], ([], [], [])
        for _ in range(counts[0]):
            name, at = read_name(data, at)
            kind, klass = struct.unpack(">HH", data[at : at + 4])
            self.questions.append((name, kind, klass & 0x8000 != 0))
            at += 4
        for section, count in zip(sections, counts[1:]):
            for _ in range(count):
                section.append(Record(data, at))
                at = section[-1].end
        self.answers, self.authorities, self.additionals = sections

    @property
    def records(self):
        return self.answers + self.additionals

    def __repr__(self):
        return f"<{'answer' if self.response else 'query'} {self.questions} {self.records} {self.authorities}>"


class Wire:
    """A socket in the multicast group of one IPv4 address; or a plain one, as unicast DNS has it."""

    def __init__(self, address, plain=False):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if not plain:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self.socket.bind(("", 5353))
            # To whom it was sent, and over how many routers.
            self.socket.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            self.socket.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
            joined = socket.inet_aton("224.0.0.251") + socket.inet_aton(address)
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)

    def send(self, data):
        self.socket.sendto(data, ("224.0.0.251", 5353))
        return time.monotonic()

    def packets(self, seconds):
        """What comes within these seconds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                data, beside, _, source = self.socket.recvmsg(9000, 256)
            except TimeoutError:
                return
            said = {kind: value for _, kind, value in beside}
            to = socket.inet_ntoa(said[IP_PKTINFO][8:12]) if IP_PKTINFO in said else None
            hops = struct.unpack("i", said[socket.IP_TTL])[0] if socket.IP_TTL in said else None
            yield Packet(data, source, time.monotonic(), to, hops)

    def until(self, what, seconds, wanted):
        """The first packet of which it holds."""
        seen = []
        for packet in self.packets(seconds):
            seen.append(packet)
            if wanted(packet):
                return packet
        raise AssertionError(f"no {what} within {seconds} s, only {seen[-5:]}")
