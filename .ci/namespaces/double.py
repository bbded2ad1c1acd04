"""A double of an existing product on a network: the process `double` of `mvrx-worlds`, which speaks TCP, and beside it multicast DNS in that product's shape."""
import os
import socket
import subprocess
import threading
import uuid

from dns import A, BASE, PTR, SRV, TXT, Wire, encode_name, message, question, record, srv

# How it announces itself: instance, SRV target, time to live of pointer and text, and of host and service; who of them flushes.
SHAPES = {
    "BlenderDmx": (lambda group, name: (group,), lambda group, name: (f"BlenderDMX_station_{name}", group, *BASE), (4500, 120), True),
    "GrandMa3": (lambda group, name: (name, group), lambda group, name: (name, "local"), (120, 120), True),
}


class Double:
    """Started on a host of `net`, at its address. What it got lies in a folder of its own."""

    def __init__(self, net, program, product, host, address, name, group="Default"):
        self.id, self.name, self.address = str(uuid.uuid4()), name, address
        instance, target, self.ttls, self.flush = SHAPES[product]
        self.instance, self.target = (*instance(group, name), *BASE), target(group, name)
        self.members, self.known, self.got, self.wrong, self.seen = set(), set(), {}, [], {}
        folder = os.path.join(net.folder, f"{host}-double")
        os.makedirs(folder)
        command = ["ip", "netns", "exec", f"{net.id}{host}", program, product, self.id, name, f"{address}:0", folder]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        net.started.append(self.process)
        first = self.process.stdout.readline().split()
        assert first and first[0] == "address", f"{name}: {first}"
        self.port = int(first[1].rsplit(":", 1)[1])
        with net.within(host):
            self.wire = Wire(address)
        for work in (self.listen, self.look):
            threading.Thread(target=work, daemon=True).start()
        self.announce()

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def commit(self, path):
        """Its FileUUID."""
        file = str(uuid.uuid4())
        self.tell(f"commit {file} {path}")
        return file

    def request(self, file):
        self.tell(f"request {file}")

    def listen(self):
        for line in self.process.stdout:
            what, rest = line.rstrip("\n").split(" ", 1)
            if what == "member":
                self.members.add(rest)
            elif what == "left":
                self.members.discard(rest)
            elif what == "known":
                self.known.add(rest)
            elif what == "got":
                file, path = rest.split(" ", 1)
                self.got[file] = path
            else:
                self.wrong.append(line.strip())

    def announce(self):
        long, short = self.ttls
        strings = [f"StationName={self.name}".encode(), f"StationUUID={self.id}".encode()]
        self.wire.send(message(flags=0x8400, answers=[
            record(BASE, PTR, long, encode_name(self.instance)),
            record(self.instance, SRV, short, srv(self.port, self.target), self.flush),
            record(self.instance, TXT, long, b"".join(bytes([len(text)]) + text for text in strings), self.flush),
            record(self.target, A, short, socket.inet_aton(self.address), self.flush),
        ]))

    def look(self):
        """Answers who asks, and tells the process of each station once all its records are there, and again when it has moved."""
        services, texts, places = {}, {}, {}
        while self.process.poll() is None:
            self.wire.send(message([question(BASE, PTR)]))
            for packet in self.wire.packets(5):
                if not packet.response:
                    if any(name in (BASE, self.instance) for name, _, _ in packet.questions):
                        self.announce()
                    continue
                for found in packet.records:
                    if found.ttl and found.kind in (SRV, TXT, A):
                        {SRV: services, TXT: texts, A: places}[found.kind][found.name] = found.value
                self.sight(services, texts, places)

    def sight(self, services, texts, places):
        for instance, (port, host) in services.items():
            said = dict(text.split("=", 1) for text in texts.get(instance, []) if "=" in text)
            station, place = said.get("StationUUID", "").lower(), places.get(host)
            if station and place and station != self.id and self.seen.get(station) != (place, port):
                self.seen[station] = (place, port)
                self.tell(f"sees {station} {place}:{port}")
