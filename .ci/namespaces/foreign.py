"""A foreign client of a session at wss://, in plain Python: it sets no header in its handshake, and says the password as a hash in its JOIN."""
import base64
import hashlib
import json
import os
import socket
import ssl
import struct


class Refused(Exception):
    """The host answered the handshake with something else than 101."""


class Foreign:
    """A WebSocket over TLS, to who has the pinned certificate."""

    def __init__(self, address, pin, origin=None, path="/"):
        plain = socket.create_connection(address, timeout=20)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(plain)
        shown = "sha256:" + hashlib.sha256(self.socket.getpeercert(True)).hexdigest()
        assert shown == pin, f"another certificate: {shown}"
        host = f"{address[0]}:{address[1]}"
        head = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
        head += [f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}"]
        head += [f"Origin: {origin}"] if origin else []
        self.socket.sendall("\r\n".join([*head, "", ""]).encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                raise Refused(answer.decode(errors="replace"))
            answer += byte
        if not answer.startswith(b"HTTP/1.1 101"):
            raise Refused(answer.decode(errors="replace"))

    def frame(self, opcode, payload):
        mask = os.urandom(4)
        length = len(payload)
        head = bytes([0x80 | opcode])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", length)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", length)
        self.socket.sendall(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)))

    def say(self, **message):
        self.frame(1, json.dumps(message).encode())

    def exactly(self, count):
        read = bytearray()
        while len(read) < count:
            piece = self.socket.recv(min(count - len(read), 1 << 20))
            if not piece:
                raise EOFError
            read += piece
        return bytes(read)

    def hear(self):
        """The next message: its opcode and its bytes; pings are answered."""
        whole, kind = b"", None
        while True:
            first, second = self.exactly(2)
            length = second & 127
            if length > 125:
                length = int.from_bytes(self.exactly(2 if length == 126 else 8), "big")
            payload = self.exactly(length)
            opcode = first & 15
            if opcode == 9:
                self.frame(10, payload)
            elif opcode == 8:
                return 8, payload
            elif opcode != 10:
                kind, whole = opcode or kind, whole + payload
                if first & 128:
                    return kind, whole

    def until(self, kind):
        """The next message of this Type; the words of the close frame if the host closes."""
        while True:
            opcode, payload = self.hear()
            if opcode == 8:
                return {"Type": "closed", "Message": payload[2:].decode()}
            if opcode == 1 and (message := json.loads(payload))["Type"] == kind:
                return message

    def join(self, station, password=None, name="Foreign", commits=()):
        message = {"Type": "MVR_JOIN", "Provider": "Plain", "StationName": name, "verMajor": 1, "verMinor": 6, "StationUUID": station}
        if password is not None:
            # The specification's issue 258: SHA-256 of the password and the StationUUID.
            message["Password"] = hashlib.sha256((password + station).encode()).hexdigest()
        self.say(**message, Commits=list(commits))
        return self.until("MVR_JOIN_RET")

    def fetch(self, file, station, size):
        self.say(Type="MVR_REQUEST", FileUUID=file, FromStationUUID=[station])
        got = b""
        while len(got) < size:
            opcode, payload = self.hear()
            assert opcode == 2 or json.loads(payload)["Type"] != "MVR_REQUEST_RET", payload
            got += payload if opcode == 2 else b""
        return got
