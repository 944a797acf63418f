"""Plays what a real local proxy sent, byte for byte, and expects of our server what the relay of the day did.

The form of the files is in transcripts/README.md. spec: secure-tunneling §4.3–4.7
"""

import base64
import os
from pathlib import Path

import pytest
import wire
from wire import Message

FOLDER = Path(__file__).parent / "transcripts"
KINDS = {"continuation": 0, "text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}


def unhex(words):
    out = b""
    for word in words:
        byte, _, times = word.partition("*")
        out += bytes.fromhex(byte) * int(times or 1)
    return out


def read(path):
    """The services and a list of steps: (side, "upgrade", lines), (side, ">", kind, fin, payload), (side, "<", …), (side, "lost")."""
    services, steps = [], []
    for line in path.read_text().splitlines():
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if line.startswith("  "):
            steps[-1][2].append(line.strip())
        elif words[0] == "services":
            services = words[1:]
        elif words[1] == "upgrade":
            steps.append((words[0], "upgrade", []))
        elif words[1] == "lost":
            steps.append((words[0], "lost"))
        else:
            kind = words[2]
            steps.append((words[0], words[1], KINDS[kind.rstrip("+")], not kind.endswith("+"), unhex(words[3:])))
    return services, steps


def upgrade(server, lines, token):
    key = base64.b64encode(os.urandom(16)).decode()
    text = "\r\n".join(lines).replace("<host>", "localhost").replace("<key>", key).replace("<token>", token)
    stream = wire.tls("localhost", server.port, server.ca)
    stream.sendall(text.encode() + b"\r\n\r\n")
    status, headers, rest = wire.read_head(stream)
    assert status == 101, rest
    (asked,) = [line.split(": ")[1] for line in lines if line.startswith("Sec-WebSocket-Protocol")]
    assert headers["sec-websocket-protocol"] == asked
    return wire.Socket(stream, rest, headers)


def same(got, expected):
    """A reset made by the relay need only have a connection id or have none, as the stream start had."""
    if got.type == expected.type == wire.STREAM_RESET:
        got.connection, expected.connection = bool(got.connection), bool(expected.connection)
    return got == expected


class Destination:
    """The ids a server gives the destination's streams are its own choice, as long as they rise."""

    def __init__(self):
        self.ids, self.parts = {0: 0}, []

    def learn(self, expected, got):
        if expected.stream not in self.ids:
            assert got.stream > max(self.ids.values()), "an id that was used before"
            self.ids[expected.stream] = got.stream
        expected.stream = self.ids[expected.stream]

    def send(self, socket, kind, fin, payload):
        """The recorded frames, cut where they were, with the ids of the day in them."""
        if kind not in (wire.BINARY, wire.CONTINUATION):
            socket.frame(kind, payload, fin=fin)
            return
        self.parts.append(payload)
        if fin:
            (frame,), rest = wire.frames_of(b"".join(self.parts))
            assert not rest
            message = Message.decode(frame)
            message.stream = self.ids[message.stream]
            left = message.frame()
            for number, part in enumerate(self.parts):
                last = number == len(self.parts) - 1
                piece, left = (left, b"") if last else (left[: len(part)], left[len(part) :])
                socket.frame(wire.CONTINUATION if number else wire.BINARY, piece, fin=last)
            self.parts = []


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda p: p.stem)
def test_transcript(server, path):
    services, steps = read(path)
    tunnel = server.open(*services)
    tokens = {"source": tunnel.source, "destination": tunnel.destination}
    sockets, destination = {}, Destination()
    for number, (side, what, *rest) in enumerate(steps):
        where = f"{path.name}, step {number}: {side} {what} {str(rest)[:200]}"
        if what == "upgrade":
            if tokens[side] is None:
                got = server.api.rotate_tunnel_access_token(tunnelId=tunnel.id, clientMode=side.upper())
                tokens[side] = got[f"{side}AccessToken"]
            sockets[side] = upgrade(server, rest[0], tokens[side])
            tokens[side] = None
        elif what == "lost":
            sockets.pop(side).close()
        elif what == ">":
            kind, fin, payload = rest
            if side == "destination":
                destination.send(sockets[side], kind, fin, payload)
            else:
                sockets[side].frame(kind, payload, fin=fin)
        else:
            kind, fin, payload = rest
            if kind == wire.PONG:
                assert sockets[side].pong() == payload, where
                continue
            (frame,), left = wire.frames_of(payload)
            assert not left
            expected, got = Message.decode(frame), sockets[side].recv()
            if side == "destination":
                destination.learn(expected, got)
            assert same(got, expected), f"{where}\ngot {str(got)[:300]}"
    for side, socket in sockets.items():
        assert socket.silent(0.05), f"{path.name}: more than expected for the {side}: {socket.queue} {socket.pongs}"
    for socket in sockets.values():
        socket.close()
