"""A station of another product that speaks TCP mode alone: it announces itself, looks for others by multicast DNS, answers what it is asked, tells each
station that it sees of its files, and fetches every file that it is told of. It shares no code with what is tested."""
import contextlib
import json
import os
import socket
import threading
import time
import uuid

from dns import A, BASE, PTR, SRV, TXT, message, question
from net import within
from peer import HEADER, Peer


class Namespaces:
    """Namespaces that somebody else made: their names are this and a number."""

    def __init__(self, ident):
        self.ident = ident

    def within(self, host):
        return within(f"{self.ident}{host}")


class TcpOnly(Peer):
    def __init__(self, spaces, host, address, name, folder):
        self.spaces, self.host, self.dir = spaces, host, folder
        self.lock = threading.Lock()
        # What mDNS says: instance -> (port, target), instance -> StationUUID, target -> address.
        self.services, self.texts, self.places = {}, {}, {}
        self.mine, self.told, self.wrong = {}, {}, []
        os.makedirs(folder)
        super().__init__(spaces, host, address, str(uuid.uuid4()), (name, "Default"), name=name)
        self.wire.send(message(questions=[question(BASE, PTR)]))
        threading.Thread(target=self.collect, daemon=True).start()

    # ---- who is there

    def answer(self):
        for packet in self.wire.packets(1200):
            if not packet.response:
                if BASE in [name for name, _, _ in packet.questions]:
                    self.announce()
                continue
            with self.lock:
                for record in packet.records:
                    self.note(record)

    def note(self, record):
        if record.kind == SRV and record.ttl:
            self.services[record.name] = record.value
        elif record.kind == TXT and record.ttl:
            said = dict(text.split("=", 1) for text in record.value if "=" in text)
            self.texts[record.name] = said.get("StationUUID")
        elif record.kind == A and record.ttl:
            self.places[record.name] = record.value
        elif record.kind in (SRV, TXT) and not record.ttl:
            self.services.pop(record.name, None)
        elif record.kind == PTR and not record.ttl:
            self.services.pop(record.value, None)

    def seen(self):
        """StationUUID -> where it is, as far as announced."""
        with self.lock:
            found = {}
            for instance, (port, target) in self.services.items():
                station, address = self.texts.get(instance), self.places.get(target)
                if station and address and station != self.uuid:
                    found.setdefault(station, set()).add((address, port))
            return found

    # ---- what it says

    def commit(self, path):
        with open(path, "rb") as file:
            content = file.read()
        number = str(uuid.uuid4())
        self.mine[number] = (os.path.basename(path), content)
        for places in self.seen().values():
            for place in places:
                threading.Thread(target=self.tell, args=(place, number), daemon=True).start()

    def about(self, number):
        name, content = self.mine[number]
        return {"verMajor": 1, "verMinor": 6, "FileUUID": number, "StationUUID": self.uuid, "FileSize": len(content), "Comment": "",
                "FileName": name, "ForStationsUUID": []}

    def tell(self, place, number):
        with contextlib.suppress(OSError, EOFError):
            self.ask(place, {"Type": "MVR_COMMIT", **self.about(number)})

    def ask(self, place, what):
        """One message on a connection of its own, and what comes back: its kind and its bytes."""
        with self.spaces.within(self.host):
            stream = socket.create_connection(place, timeout=5)
        with stream, stream.makefile("rb") as incoming:
            stream.settimeout(20)
            content = json.dumps(what).encode()
            stream.sendall(HEADER.pack(778682, 1, 0, 1, 0, len(content)) + content)
            return package(incoming)

    # ---- what it hears

    def reply(self, kind):
        answer = super().reply(kind)
        if kind == "MVR_JOIN":
            answer["Commits"] = [{"Type": "MVR_COMMIT", **self.about(number)} for number in self.mine]
        return answer

    def serve(self, stream):
        with contextlib.suppress(OSError, EOFError), stream, stream.makefile("rb") as incoming:
            while True:
                _, content = package(incoming)
                heard = json.loads(content)
                file = heard.get("FileUUID")
                if heard["Type"] == "MVR_REQUEST" and file in self.mine:
                    content = self.mine[file][1]
                    stream.sendall(HEADER.pack(778682, 1, 0, 1, 1, len(content)) + content)
                    continue
                if heard["Type"] == "MVR_COMMIT":
                    if heard["StationUUID"] == self.uuid:
                        self.wrong.append(f"told of our own {file}")
                    self.hear(heard, heard["StationUUID"])
                for listed in heard.get("Commits", []):
                    self.hear(listed, heard.get("StationUUID"))
                answer = json.dumps(self.reply(heard["Type"])).encode()
                stream.sendall(HEADER.pack(778682, 1, 0, 1, 0, len(answer)) + answer)

    def hear(self, commit, teller):
        if commit["StationUUID"] != self.uuid:
            with self.lock:
                self.told.setdefault(commit["FileUUID"], []).extend([commit["StationUUID"], teller])

    def collect(self):
        had = set()
        while True:
            with self.lock:
                wanted = {file: list(dict.fromkeys(tellers)) for file, tellers in self.told.items() if file not in had}
            for file, tellers in wanted.items():
                if self.fetch(file, tellers):
                    had.add(file)
            time.sleep(0.1)

    def fetch(self, file, tellers):
        seen = self.seen()
        for place in [place for teller in tellers for place in seen.get(teller, ())]:
            with contextlib.suppress(OSError, EOFError):
                kind, content = self.ask(place, {"Type": "MVR_REQUEST", "FileUUID": file, "FromStationUUID": [tellers[0]]})
                if kind == 1:
                    path = os.path.join(self.dir, file)
                    with open(path, "wb") as out:
                        out.write(content)
                    os.rename(path, f"{path}.mvr")
                    return True
        return False


def package(incoming):
    """The kind and the bytes of what comes next, however many packages it is in."""
    content = b""
    while True:
        header = incoming.read(HEADER.size)
        if len(header) < HEADER.size:
            raise EOFError
        flag, _, number, count, kind, length = HEADER.unpack(header)
        assert flag == 778682, header
        part = incoming.read(length)
        if len(part) < length:
            raise EOFError
        content += part
        if number + 1 == count:
            return kind, content
