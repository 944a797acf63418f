"""MQTT 3.1.1 and 5.0 by hand, over a plain socket or TLS; shares no code with the server and none with paho."""

import socket
import struct
import time
from types import SimpleNamespace

V4, V5 = 4, 5

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE = range(1, 9)
SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(9, 16)

# Name: identifier and type. A `pair` may come more than once, as may `subscription_id`.
PROPERTIES = {
    "payload_format": (0x01, "u8"),
    "message_expiry": (0x02, "u32"),
    "content_type": (0x03, "text"),
    "response_topic": (0x08, "text"),
    "correlation": (0x09, "bytes"),
    "subscription_id": (0x0B, "varint"),
    "session_expiry": (0x11, "u32"),
    "assigned_id": (0x12, "text"),
    "server_keep_alive": (0x13, "u16"),
    "method": (0x15, "text"),
    "problem_information": (0x17, "u8"),
    "will_delay": (0x18, "u32"),
    "reason_string": (0x1F, "text"),
    "receive_maximum": (0x21, "u16"),
    "alias_maximum": (0x22, "u16"),
    "alias": (0x23, "u16"),
    "maximum_qos": (0x24, "u8"),
    "retain_available": (0x25, "u8"),
    "user": (0x26, "pair"),
    "maximum_packet": (0x27, "u32"),
    "wildcard": (0x28, "u8"),
    "subscription_ids": (0x29, "u8"),
    "shared": (0x2A, "u8"),
}
NAMES = {number: (name, kind) for name, (number, kind) in PROPERTIES.items()}


def varint(value):
    out = b""
    while True:
        value, low = divmod(value, 128)
        out += bytes([low | (128 if value else 0)])
        if not value:
            return out


def field(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(data)) + data


def one_property(kind, value):
    if kind in ("text", "bytes"):
        return field(value)
    if kind == "pair":
        return field(value[0]) + field(value[1])
    if kind == "varint":
        return varint(value)
    return value.to_bytes({"u8": 1, "u16": 2, "u32": 4}[kind], "big")


def properties(version, **values):
    if version == V4:
        assert not values, values
        return b""
    out = b""
    for name, value in values.items():
        number, kind = PROPERTIES[name]
        for each in value if isinstance(value, list) else [value]:
            out += bytes([number]) + one_property(kind, each)
    return varint(len(out)) + out


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert self.at + count <= len(self.data), "the packet ends early"
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def field(self):
        return self.take(self.number(2))

    def varint(self):
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def rest(self):
        return self.take(len(self.data) - self.at)

    def more(self):
        return self.at < len(self.data)

    def properties(self):
        inner, found = Reader(self.take(self.varint())), {}
        while inner.more():
            name, kind = NAMES[inner.number(1)]
            if kind == "text":
                value = inner.field().decode()
            elif kind == "bytes":
                value = inner.field()
            elif kind == "pair":
                value = (inner.field().decode(), inner.field().decode())
            elif kind == "varint":
                value = inner.varint()
            else:
                value = inner.number({"u8": 1, "u16": 2, "u32": 4}[kind])
            if name in ("user", "subscription_id"):
                found.setdefault(name, []).append(value)
            else:
                assert name not in found, f"{name} twice"
                found[name] = value
        return found


class Closed(Exception):
    """The server ended the connection."""


class Wire:
    """One connection. Nothing is answered by itself, except the PUBREL of a message that `Wire.take` took."""

    def __init__(self, port, version=V5, context=None):
        self.version, self.held, self.ids = version, b"", 0
        self.releases = set()
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=15)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def raw(self, data):
        self.socket.sendall(data)

    def packet(self, first, body):
        self.raw(bytes([first]) + varint(len(body)) + body)

    def id(self):
        self.ids = self.ids % 65535 + 1
        return self.ids

    def connect(self, client_id="", clean=True, keep=60, will=None, user=None, password=None, **props):
        """Sends CONNECT. `will` is a dict: topic, payload, qos, retain and properties."""
        will = dict(will or {})
        flags = (2 if clean else 0) | (128 if user is not None else 0) | (64 if password is not None else 0)
        body = field(client_id)
        if will:
            flags |= 4 | will.pop("qos", 0) << 3 | (32 if will.pop("retain", False) else 0)
            topic, payload = will.pop("topic"), will.pop("payload", b"")
            body += properties(self.version, **will) + field(topic) + field(payload)
        body += b"".join(field(each) for each in (user, password) if each is not None)
        head = field("MQTT") + bytes([self.version, flags]) + struct.pack(">H", keep) + properties(self.version, **props)
        self.packet(CONNECT << 4, head + body)
        return self

    def welcome(self, *args, **more):
        """Connects and returns the CONNACK of success."""
        connack = self.connect(*args, **more).expect(CONNACK)
        assert connack.code == 0, connack
        return connack

    def publish(self, topic, payload=b"", qos=0, retain=False, dup=False, packet_id=None, **props):
        """Sends PUBLISH; the packet id."""
        packet_id = (packet_id or self.id()) if qos else 0
        body = field(topic) + (struct.pack(">H", packet_id) if qos else b"") + properties(self.version, **props)
        payload = payload.encode() if isinstance(payload, str) else payload
        self.packet(PUBLISH << 4 | (8 if dup else 0) | qos << 1 | retain, body + payload)
        return packet_id

    def published(self, topic, payload=b"", qos=1, **more):
        """Publishes and sees it through; the reason of PUBACK or PUBREC."""
        packet_id = self.publish(topic, payload, qos, **more)
        if qos == 0:
            return 0
        answer = self.expect(PUBACK if qos == 1 else PUBREC, id=packet_id)
        if qos == 2 and answer.code < 128:
            self.ack(PUBREL, packet_id)
            self.expect(PUBCOMP, id=packet_id)
        return answer.code

    def ack(self, kind, packet_id, code=0):
        body = struct.pack(">H", packet_id) + (bytes([code]) if code else b"")
        self.packet(kind << 4 | (2 if kind == PUBREL else 0), body)

    def subscribe(self, *wishes, **props):
        """A wish is a filter (at QoS 1) or (filter, options); the reasons of SUBACK."""
        packet_id = self.id()
        body = struct.pack(">H", packet_id) + properties(self.version, **props)
        for wish in wishes:
            name, options = (wish, 1) if isinstance(wish, str) else wish
            body += field(name) + bytes([options])
        self.packet(SUBSCRIBE << 4 | 2, body)
        return list(self.expect(SUBACK, id=packet_id).codes)

    def unsubscribe(self, *filters):
        packet_id = self.id()
        body = struct.pack(">H", packet_id) + properties(self.version) + b"".join(map(field, filters))
        self.packet(UNSUBSCRIBE << 4 | 2, body)
        return list(self.expect(UNSUBACK, id=packet_id).codes)

    def disconnect(self, code=None, **props):
        more = bytes([code or 0]) + properties(self.version, **props) if code is not None or props else b""
        self.packet(DISCONNECT << 4, more)
        self.ended()

    def ended(self, timeout=15):
        """Reads to the end of the connection; what came before it."""
        came = []
        try:
            while True:
                came.append(self.next(timeout))
        except (Closed, ConnectionError):
            self.close()
            return came

    def next(self, timeout=15):
        """The next packet; TimeoutError when none comes, Closed at the end."""
        end = time.monotonic() + timeout
        while True:
            found = self.cut()
            if found and found.kind == PUBREL and found.id in self.releases:
                self.releases.remove(found.id)
                self.ack(PUBCOMP, found.id)
                continue
            if found:
                return found
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            data = self.socket.recv(65536)
            if not data:
                raise Closed
            self.held += data

    def cut(self):
        size = shift = 0
        for at, byte in enumerate(self.held[1:5]):
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                whole = 2 + at + size
                if len(self.held) < whole:
                    return None
                first, body = self.held[0], self.held[2 + at : whole]
                self.held = self.held[whole:]
                return self.parse(first >> 4, first & 15, Reader(body))
        return None

    def parse(self, kind, flags, body):
        found, is_v5 = SimpleNamespace(kind=kind, code=0, props={}), self.version == V5
        if kind == CONNACK:
            found.present, found.code = body.number(1) == 1, body.number(1)
            found.props = body.properties() if body.more() else {}
        elif kind == PUBLISH:
            found.dup, found.qos, found.retain = bool(flags & 8), flags >> 1 & 3, bool(flags & 1)
            found.topic = body.field().decode()
            found.id = body.number(2) if found.qos else 0
            found.props = body.properties() if is_v5 else {}
            found.payload = body.rest()
        elif kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
            found.id, found.code = body.number(2), body.number(1) if body.more() else 0
            found.props = body.properties() if body.more() else {}
        elif kind in (SUBACK, UNSUBACK):
            found.id = body.number(2)
            found.props = body.properties() if is_v5 else {}
            found.codes = body.rest()
        elif kind == DISCONNECT:
            found.code = body.number(1) if body.more() else 0
            found.props = body.properties() if body.more() else {}
        else:
            assert kind == PINGRESP, kind
        assert not body.more(), "bytes behind the last field"
        return found

    def expect(self, kind, timeout=15, **fields):
        found = self.next(timeout)
        wrong = {name: value for name, value in fields.items() if getattr(found, name, None) != value}
        assert found.kind == kind and not wrong, f"{found}, but wanted {kind} {fields}"
        return found

    def take(self, timeout=15):
        """The next message, seen through."""
        message = self.expect(PUBLISH, timeout)
        if message.qos == 1:
            self.ack(PUBACK, message.id)
        elif message.qos == 2:
            self.releases.add(message.id)
            self.ack(PUBREC, message.id)
        return message

    def payload(self, timeout=15):
        return self.take(timeout).payload.decode()

    def ping(self):
        self.packet(PINGREQ << 4, b"")
        self.expect(PINGRESP)

    def quiet(self, seconds=0.4):
        """True when nothing comes."""
        try:
            raise AssertionError(f"{self.next(seconds)} came")
        except TimeoutError:
            return True
