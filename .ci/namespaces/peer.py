"""A station of another product, as far as a test needs one: it announces any shape of instance, and answers JOIN as it is told."""
import json
import socket
import struct
import threading

from dns import A, BASE, PTR, SRV, TXT, Wire, encode_name, message, record, srv

TYPES = ("_services", "_dns-sd", "_udp", "local")
HEADER = struct.Struct(">5IQ")


class Peer:
    """`instance` is its labels before the service type. `says`: how it answers a JOIN: "yes", "no", "another" (with another StationUUID).
    `under`: the name that points to it, and by which alone it is found; `also`: further ones. `speaks`: whether it announces itself, or only
    answers. `text`: its TXT record. `ttls`: of pointer and text, of host and service."""

    def __init__(self, net, host, address, uuid, instance, says="yes", name=None, target=None, under=BASE, speaks=True, listed=None, placed=True,
                 also=(), text=None, ttls=(120, 120), flush=False):
        self.also, self.text, self.ttls, self.flush = also, text, ttls, flush
        self.under, self.listed, self.placed = under, listed, placed
        self.address, self.uuid, self.instance, self.says, self.name = address, uuid, (*instance, *BASE), says, name or instance[0]
        self.target = target if isinstance(target, tuple) else (target or f"peer-{uuid[:8]}", "local")
        self.joins = 0
        with net.within(host):
            self.listener = socket.create_server((address, 0))
            self.wire = Wire(address)
        self.port = self.listener.getsockname()[1]
        for work in (self.accept, self.answer):
            threading.Thread(target=work, daemon=True).start()
        if speaks:
            self.announce()

    def announce(self):
        strings = self.text or [f"StationName={self.name}", f"StationUUID={self.uuid}"]
        long, short = self.ttls
        text = b"".join(bytes([len(s.encode())]) + s.encode() for s in strings)
        address = [record(self.target, A, short, socket.inet_aton(self.address), self.flush)] if self.placed else []
        self.wire.send(message(flags=0x8400, answers=[
            *[record(name, PTR, long, encode_name(self.instance)) for name in (self.under, *self.also)],
            record(self.instance, SRV, short, srv(self.port, self.target), self.flush),
            record(self.instance, TXT, long, text, self.flush),
            *address,
        ]))

    def answer(self):
        for packet in self.wire.packets(600):
            asked = [name for name, _, _ in packet.questions if not packet.response]
            if {self.under, *self.also} & set(asked):
                self.announce()
            if self.listed and TYPES in asked:
                self.wire.send(message(flags=0x8400, answers=[record(TYPES, PTR, 4500, encode_name(self.listed))]))

    def accept(self):
        while True:
            stream, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(stream,), daemon=True).start()

    def serve(self, stream):
        with stream, stream.makefile("rb") as incoming:
            while header := incoming.read(HEADER.size):
                heard = json.loads(incoming.read(HEADER.unpack(header)[5]))
                reply = json.dumps(self.reply(heard["Type"])).encode()
                stream.sendall(HEADER.pack(778682, 1, 0, 1, 0, len(reply)) + reply)

    def reply(self, kind):
        if kind != "MVR_JOIN":
            return {"Type": f"{kind}_RET", "OK": True, "Message": ""}
        self.joins += 1
        uuid = self.uuid if self.says != "another" else "dddddddd-dddd-4ddd-8ddd-dddddddddddd"
        about = {"Provider": "A test", "StationName": self.name, "verMajor": 1, "verMinor": 6, "StationUUID": uuid, "Commits": []}
        return {"Type": "MVR_JOIN_RET", "OK": self.says != "no", "Message": "no room" if self.says == "no" else "", **about}
