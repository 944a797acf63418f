"""The tunnel protocol by hand: a WebSocket client over TLS and the seven-field message.

Nothing here shares code with the server, so that a mistake is not made twice.
"""

import base64
import hashlib
import os
import socket
import ssl
import struct
from dataclasses import dataclass, field

DATA, STREAM_START, STREAM_RESET, SESSION_RESET, SERVICE_IDS, CONNECTION_START, CONNECTION_RESET = range(1, 8)

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

V1 = "aws.iot.securetunneling-1.0"
V2 = "aws.iot.securetunneling-2.0"
V3 = "aws.iot.securetunneling-3.0"
SECURED = "aws.iot.securedtunneling-1.0"

# A name our server knows as one that applies back-pressure, so that it is not paced.
UNPACED = "adit-e2e/1"
# The name Amazon's local proxy gives itself.
PACED = "localproxy linux 64-bit/boost-1.81.0/openssl-3.0.0/protobuf-3.21.12"

MAX_PAYLOAD = 64512


def varint(number):
    out = bytearray()
    while True:
        low, number = number & 0x7F, number >> 7
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return number, at
        shift += 7


@dataclass
class Message:
    type: int
    stream: int = 0
    service: str = ""
    connection: int = 0
    payload: bytes = b""
    services: list = field(default_factory=list)
    ignorable: bool = False

    def encode(self):
        out = b"\x08" + varint(self.type)
        if self.stream:
            out += b"\x10" + varint(self.stream & (2**64 - 1))
        if self.ignorable:
            out += b"\x18\x01"
        if self.payload:
            out += b"\x22" + varint(len(self.payload)) + self.payload
        if self.service:
            out += b"\x2a" + varint(len(self.service)) + self.service.encode()
        for name in self.services:
            out += b"\x32" + varint(len(name)) + name.encode()
        if self.connection:
            out += b"\x38" + varint(self.connection)
        return out

    def frame(self):
        body = self.encode()
        return struct.pack(">H", len(body)) + body

    @classmethod
    def decode(cls, data):
        message, at = cls(0), 0
        while at < len(data):
            tag, at = read_varint(data, at)
            number, kind = tag >> 3, tag & 7
            if kind == 0:
                value, at = read_varint(data, at)
            elif kind == 2:
                size, at = read_varint(data, at)
                value, at = bytes(data[at : at + size]), at + size
                assert len(value) == size, f"field {number} is cut short"
            else:
                raise AssertionError(f"wire type {kind} in a tunnel message")
            match number:
                case 1:
                    message.type = value
                case 2:
                    message.stream = value
                case 3:
                    message.ignorable = bool(value)
                case 4:
                    message.payload = value
                case 5:
                    message.service = value.decode()
                case 6:
                    message.services.append(value.decode())
                case 7:
                    message.connection = value
                case _:
                    raise AssertionError(f"unknown field {number}")
        return message


def start(stream, service="", connection=0):
    return Message(STREAM_START, stream, service, connection)


def data(stream, payload, service="", connection=0):
    return Message(DATA, stream, service, connection, payload)


def reset(stream, service="", connection=0):
    return Message(STREAM_RESET, stream, service, connection)


def frames_of(buffer):
    """Splits a byte stream into whole tunnel frames and the rest."""
    out, at = [], 0
    while len(buffer) - at >= 2:
        (size,) = struct.unpack_from(">H", buffer, at)
        if len(buffer) - at - 2 < size:
            break
        out.append(bytes(buffer[at + 2 : at + 2 + size]))
        at += 2 + size
    return out, bytes(buffer[at:])


def encode_frame(opcode, payload, fin=True, mask=None, rsv=0):
    first = (0x80 if fin else 0) | rsv | opcode
    masked = 0x80 if mask is not None else 0
    size = len(payload)
    if size < 126:
        head = bytes([first, masked | size])
    elif size < 65536:
        head = bytes([first, masked | 126]) + struct.pack(">H", size)
    else:
        head = bytes([first, masked | 127]) + struct.pack(">Q", size)
    if mask is None:
        return head + payload
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")


class Closed(Exception):
    """The peer ended the connection; `code` is None when there was no Close frame."""

    def __init__(self, code=None, reason=""):
        super().__init__(f"closed: {code} {reason}")
        self.code, self.reason = code, reason


class Refused(Exception):
    """The upgrade was answered with something else than 101."""

    def __init__(self, status, headers, body):
        super().__init__(f"{status} {body!r}")
        self.status, self.headers, self.body = status, headers, body


class Socket:
    """One side of a tunnel, spoken by hand. Reading fails after `timeout` seconds."""

    def __init__(self, stream, rest, headers):
        self.stream, self.buffer, self.headers = stream, bytearray(rest), headers
        self.tunnel = b""
        self.queue = []
        self.pongs = []
        self.boundaries = []

    def close(self):
        self.stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def settimeout(self, seconds):
        self.stream.settimeout(seconds)

    def raw(self, payload):
        self.stream.sendall(payload)

    def frame(self, opcode, payload=b"", fin=True, mask=None, rsv=0):
        self.raw(encode_frame(opcode, payload, fin, os.urandom(4) if mask is None else mask, rsv))

    def binary(self, payload):
        self.frame(BINARY, payload)

    def send(self, *messages):
        """Each message alone in one WebSocket message."""
        for message in messages:
            self.binary(message.frame())

    def send_fragmented(self, payload, size=4096, between=None):
        """One WebSocket message in frames of `size`, as Amazon's local proxy writes it."""
        pieces = [payload[i : i + size] for i in range(0, len(payload), size)] or [b""]
        for index, piece in enumerate(pieces):
            self.frame(CONTINUATION if index else BINARY, piece, fin=index == len(pieces) - 1)
            if between and index < len(pieces) - 1:
                between()

    def _read(self, size):
        while len(self.buffer) < size:
            try:
                more = self.stream.recv(65536)
            except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as lost:
                raise Closed() from lost
            if not more:
                raise Closed()
            self.buffer += more
        out = bytes(self.buffer[:size])
        del self.buffer[:size]
        return out

    def recv_frame(self):
        first, second = self._read(2)
        assert not second & 0x80, "a server never masks"
        assert not first & 0x70, "no extension was negotiated"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self._read(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._read(8))
        return bool(first & 0x80), first & 0x0F, self._read(size)

    def recv(self):
        """The next tunnel message; pongs met on the way are kept in `pongs`."""
        while not self.queue:
            fin, opcode, payload = self.recv_frame()
            if opcode == PONG:
                self.pongs.append(payload)
            elif opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                raise Closed(code, payload[2:].decode())
            elif opcode == PING:
                self.frame(PONG, payload)
            else:
                assert opcode == BINARY and fin, "the server sends whole binary messages"
                frames, rest = frames_of(payload)
                assert len(frames) == 1 and not rest, "one whole tunnel frame in each message"
                self.queue.append(Message.decode(frames[0]))
        return self.queue.pop(0)

    def expect_close(self):
        """Reads to the end, ignoring messages; returns how it ended."""
        try:
            while True:
                self.recv()
        except Closed as closed:
            return closed

    def ping(self, payload):
        """Sends a ping and returns the payload of the pong."""
        self.frame(PING, payload)
        return self.pong()

    def pong(self):
        while not self.pongs:
            fin, opcode, payload = self.recv_frame()
            if opcode == PONG:
                self.pongs.append(payload)
            elif opcode == CLOSE:
                raise Closed(struct.unpack(">H", payload[:2])[0], payload[2:].decode())
            else:
                frames, rest = frames_of(payload)
                assert opcode == BINARY and not rest
                self.queue += [Message.decode(each) for each in frames]
        return self.pongs.pop(0)

    def silent(self, seconds=0.3):
        """True when no tunnel message and no end arrives within the time."""
        if self.queue:
            return False
        before = self.stream.gettimeout()
        self.stream.settimeout(seconds)
        try:
            self.queue.append(self.recv())
            return False
        except TimeoutError:
            return True
        finally:
            self.stream.settimeout(before)

    def settle(self):
        """Returns once the server has handled everything sent so far: a ping is answered in order."""
        mark = os.urandom(8)
        assert self.ping(mark) == mark


def tls(host, port, ca, timeout=20, alpn=None, version=None, verify=True):
    context = ssl.create_default_context(cafile=str(ca)) if verify else ssl._create_unverified_context()
    if alpn:
        context.set_alpn_protocols(alpn)
    if version:
        context.minimum_version = context.maximum_version = version
    plain = socket.create_connection((host, port), timeout)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain, server_hostname=host)


def request_bytes(mode, headers, path="/tunnel", query=None, method="GET", host="localhost"):
    target = path + (f"?local-proxy-mode={mode}" if query is None else query)
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"] + [f"{k}: {v}" for k, v in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_head(stream):
    data = b""
    while b"\r\n\r\n" not in data:
        more = stream.recv(4096)
        if not more:
            raise Closed()
        data += more
    head, rest = data.split(b"\r\n\r\n", 1)
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, value = line.split(":", 1)
        headers[name.strip().lower()] = value.strip()
    return int(first.split()[1]), headers, rest


def connect(
    server,
    mode,
    token=None,
    client_token=None,
    protocols=V3,
    cookie=None,
    extra=(),
    agent=UNPACED,
    path="/tunnel",
    query=None,
    method="GET",
    timeout=20,
    host="localhost",
):
    """Upgrades and returns a Socket, or raises Refused. Lists repeat a header."""
    key = base64.b64encode(os.urandom(16)).decode()
    headers = [
        ("Upgrade", "websocket"),
        ("Connection", "upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", "13"),
    ]
    if protocols is not None:
        headers.append(("Sec-WebSocket-Protocol", protocols))
    for each in [token] if isinstance(token, str) else token or []:
        headers.append(("access-token", each))
    for each in [client_token] if isinstance(client_token, str) else client_token or []:
        headers.append(("client-token", each))
    if cookie is not None:
        headers.append(("Cookie", f"awsiot-tunnel-token={cookie}"))
    if agent:
        headers.append(("User-Agent", agent))
    headers += list(extra)
    stream = tls(host, server.port, server.ca, timeout)
    try:
        stream.sendall(request_bytes(mode, headers, path, query, method, host))
        status, answer, rest = read_head(stream)
        if status != 101:
            size = int(answer.get("content-length", 0))
            while len(rest) < size:
                more = stream.recv(4096)
                if not more:
                    break
                rest += more
            raise Refused(status, answer, rest.decode())
        proof = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        assert answer["sec-websocket-accept"] == base64.b64encode(proof).decode()
        return Socket(stream, rest, answer)
    except BaseException:
        stream.close()
        raise
