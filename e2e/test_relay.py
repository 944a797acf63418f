"""The relay between two sides spoken by hand: framing, validation, resets, replacement, translation.

spec: secure-tunneling §4.3, §4.5–4.9, §11 points 3–12
"""

import struct
import time
import uuid
from types import SimpleNamespace

import pytest
import wire
from harness import wait_for
from wire import CONNECTION_RESET, CONNECTION_START, DATA, SERVICE_IDS, STREAM_RESET, STREAM_START
from wire import V1, V2, V3, Message, connect, data, reset, start


def client_token():
    return str(uuid.uuid4())


@pytest.fixture
def join(server):
    """Opens a tunnel and joins sides by hand; the ids message is taken off unless asked for."""
    sockets = []

    class Join:
        def __init__(self, *services):
            self.tunnel = server.open(*services)
            self.mine = {"source": client_token(), "destination": client_token()}

        def __call__(self, side, protocols=V3, greeting=True, **more):
            socket = connect(server, side, getattr(self.tunnel, side), self.mine[side], protocols, **more)
            sockets.append(socket)
            if greeting and not protocols.endswith("1.0"):
                assert socket.recv().type == SERVICE_IDS
            return socket

        def both(self, **more):
            return self("source", **more), self("destination", **more)

    yield Join
    for socket in sockets:
        socket.close()


@pytest.fixture
def pair(join):
    """A V3 source and destination of a tunnel with the service SSH, and a stream that is open."""
    tunnel = join("SSH")
    source, destination = tunnel.both()
    source.send(start(1, "SSH", 1))
    opened = destination.recv()
    assert (opened.type, opened.service, opened.connection) == (STREAM_START, "SSH", 1)
    return SimpleNamespace(source=source, destination=destination, id=opened.stream, join=tunnel)


# Service ids


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize("protocol", [V2, V3])
@pytest.mark.parametrize("services", [[], ["SSH"], ["SSH", "HTTP1", "a:b"]])
def test_service_ids_come_first_and_once_on_every_connection(join, side, protocol, services):
    tunnel = join(*services)
    for _ in range(2):
        socket = tunnel(side, protocol, greeting=False)
        assert socket.recv() == Message(SERVICE_IDS, services=services)
        assert socket.silent(0.1)


@pytest.mark.parametrize("protocol", [V1, wire.SECURED])
def test_no_service_ids_on_version_1(join, protocol):
    socket = join("SSH")("destination", protocol)
    assert socket.silent()


def test_empty_service_ids_are_two_bytes(server, join):
    socket = join()("source", greeting=False)
    fin, opcode, payload = socket.recv_frame()
    assert (fin, opcode, payload) == (True, wire.BINARY, bytes.fromhex("0002 0805"))


# Framing


def test_data_both_ways(pair):
    pair.source.send(data(1, b"ls\n", "SSH", 1))
    assert pair.destination.recv() == data(pair.id, b"ls\n", "SSH", 1)
    pair.destination.send(data(pair.id, b"file\n", "SSH", 1))
    assert pair.source.recv() == data(1, b"file\n", "SSH", 1)


def test_fragmented_message(pair):
    message = data(1, bytes(range(256)) * 100, "SSH", 1)
    pair.source.send_fragmented(message.frame())
    assert pair.destination.recv() == data(pair.id, message.payload, "SSH", 1)


def test_frame_split_at_every_kind_of_place(pair):
    message = data(1, b"0123456789", "SSH", 1)
    frame = message.frame()
    for cut in range(1, len(frame)):
        pair.source.binary(frame[:cut])
        pair.source.binary(frame[cut:])
        assert pair.destination.recv().payload == b"0123456789"
    for byte in frame:
        pair.source.binary(bytes([byte]))
    assert pair.destination.recv().payload == b"0123456789"


def test_several_frames_in_one_message(pair):
    pieces = [data(1, b"%d" % i, "SSH", 1) for i in range(50)]
    pair.source.binary(b"".join(p.frame() for p in pieces))
    assert [pair.destination.recv().payload for _ in pieces] == [p.payload for p in pieces]


def test_frames_cut_across_messages(pair):
    pieces = [data(1, b"%d" % i * 100, "SSH", 1) for i in range(50)]
    stream = b"".join(p.frame() for p in pieces)
    for at in range(0, len(stream), 333):
        pair.source.binary(stream[at : at + 333])
    assert [pair.destination.recv().payload for _ in pieces] == [p.payload for p in pieces]


def test_empty_messages_and_fragments(pair):
    pair.source.binary(b"")
    frame = data(1, b"x", "SSH", 1).frame()
    pair.source.frame(wire.BINARY, b"", fin=False)
    pair.source.frame(wire.CONTINUATION, frame, fin=False)
    pair.source.frame(wire.CONTINUATION, b"", fin=True)
    assert pair.destination.recv().payload == b"x"


def test_ping_between_fragments(pair):
    message = data(1, b"y" * 10000, "SSH", 1)
    pair.source.send_fragmented(message.frame(), between=lambda: pair.source.frame(wire.PING, b"1795316974374"))
    assert pair.destination.recv().payload == message.payload
    assert [pair.source.pong() for _ in range(2)] == [b"1795316974374"] * 2


def test_largest_payload(pair):
    pair.source.send(data(1, b"z" * wire.MAX_PAYLOAD, "SSH", 1))
    assert len(pair.destination.recv().payload) == wire.MAX_PAYLOAD
    pair.destination.send(data(pair.id, b"z" * wire.MAX_PAYLOAD, "SSH", 1))
    assert len(pair.source.recv().payload) == wire.MAX_PAYLOAD


def test_two_largest_frames_in_one_message(pair):
    pieces = [data(1, bytes([65 + i]) * wire.MAX_PAYLOAD, "SSH", 1) for i in range(2)]
    pair.source.binary(b"".join(p.frame() for p in pieces))
    assert [pair.destination.recv().payload for _ in pieces] == [p.payload for p in pieces]


def test_order_holds_over_many_messages(pair):
    for number in range(2000):
        pair.source.send(data(1, struct.pack(">I", number), "SSH", 1))
    got = [struct.unpack(">I", pair.destination.recv().payload)[0] for _ in range(2000)]
    assert got == list(range(2000))


@pytest.mark.parametrize("payload", [b"", b"1795316974374", b"\x00\xff" * 8, b"x" * 125])
def test_pong_is_identical(pair, payload):
    assert pair.source.ping(payload) == payload
    assert pair.destination.ping(payload) == payload


def test_unsolicited_pong_is_ignored(pair):
    pair.source.frame(wire.PONG, b"nobody asked")
    pair.source.settle()


def test_no_message_and_no_pong_of_its_own(pair):
    assert pair.source.silent(0.5) and not pair.source.pongs


# Mistakes of a peer: that connection ends, and says why


def violation(socket, code=1002):
    closed = socket.expect_close()
    assert closed.code == code, closed
    assert closed.reason, "the reason says what was wrong"
    return closed.reason


BAD_FROM_EITHER = {
    "length 0": b"\x00\x00",
    "not a message": b"\x00\x03\xff\xff\xff",
    "cut inside a field": b"\x00\x04\x08\x01\x22\x7f",
    "unknown field 8": b"\x00\x07\x08\x01\x10\x01\x40\x01\x00"[:9],
    "type 0": Message(0, 1).frame(),
    "no type": b"\x00\x02\x10\x01",
    "session reset": Message(wire.SESSION_RESET, 1).frame(),
    "service ids": Message(SERVICE_IDS, services=["SSH"]).frame(),
    "stream id 0": data(0, b"x", "SSH", 1).frame(),
    "negative stream id": Message(DATA, -1, "SSH", 1, b"x").frame(),
    "unknown type": Message(9, 1, "SSH").frame(),
    "payload of 64513 bytes": data(1, b"x" * (wire.MAX_PAYLOAD + 1), "SSH", 1).frame(),
    "service id that is not text": b"\x00\x08\x08\x02\x10\x01\x2a\x02\xff\xfe",
}


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize("bad", BAD_FROM_EITHER)
def test_bad_bytes_end_the_connection_that_sent_them(pair, side, bad):
    sender = getattr(pair, side)
    other = pair.destination if side == "source" else pair.source
    sender.binary(BAD_FROM_EITHER[bad])
    violation(sender)
    told = other.recv()
    assert (told.type, told.service) == (STREAM_RESET, "SSH")
    other.settle()
    again = pair.join(side)
    again.settle()


@pytest.mark.parametrize("message", [start(1, "SSH", 1), Message(CONNECTION_START, 1, "SSH", 2)], ids=["stream start", "connection start"])
def test_destination_may_not_start(pair, message):
    pair.destination.send(message)
    violation(pair.destination)


def test_source_may_not_start_an_unknown_service(pair):
    pair.source.send(start(1, "FTP", 1))
    assert "service" in violation(pair.source)


def test_data_before_any_start(join):
    source, _ = join("SSH").both()
    source.send(data(1, b"x", "SSH", 1))
    violation(source)


def test_text_message_is_refused(pair):
    pair.source.frame(wire.TEXT, b"hello")
    assert pair.source.expect_close().code in (1002, 1003)


@pytest.mark.parametrize("opcode", [3, 7, 11, 15])
def test_reserved_opcode_is_refused(pair, opcode):
    pair.source.frame(opcode, b"x")
    violation(pair.source)


def test_reserved_bits_are_refused(pair):
    pair.source.frame(wire.BINARY, b"", rsv=0x40)
    violation(pair.source)


def test_unmasked_frame_is_refused(pair):
    pair.source.raw(wire.encode_frame(wire.BINARY, data(1, b"x", "SSH", 1).frame()))
    violation(pair.source)


def test_continuation_without_a_start_is_refused(pair):
    pair.source.frame(wire.CONTINUATION, b"x")
    violation(pair.source)


def test_long_ping_is_refused(pair):
    pair.source.frame(wire.PING, b"x" * 126)
    violation(pair.source)


def test_frame_over_the_limit_is_refused_before_it_arrives(pair):
    pair.source.raw(bytes([0x82, 0x80 | 127]) + struct.pack(">Q", 131077) + b"\0\0\0\0")
    violation(pair.source, code=1009)


def test_mixed_shapes_name_the_remedy(pair):
    pair.destination.send(data(pair.id, b"x", "", 1))
    assert "V1" in violation(pair.destination)


def test_source_that_changes_its_shape(pair):
    pair.source.send(data(1, b"x"))
    violation(pair.source)


def test_unknown_type_marked_ignorable_is_dropped(pair):
    pair.source.send(Message(9, 1, "SSH", ignorable=True))
    pair.source.send(data(1, b"after", "SSH", 1))
    assert pair.destination.recv().payload == b"after"


def test_stale_messages_are_dropped(pair):
    pair.source.send(data(7, b"stale", "SSH", 1), reset(7, "SSH", 1), Message(CONNECTION_RESET, 7, "SSH", 1))
    pair.destination.send(data(pair.id + 5, b"stale", "SSH", 1))
    pair.source.send(data(1, b"current", "SSH", 1))
    pair.destination.send(data(pair.id, b"current", "SSH", 1))
    assert pair.destination.recv().payload == b"current"
    assert pair.source.recv().payload == b"current"


def test_connection_messages_pass(pair):
    for message in (Message(CONNECTION_START, 1, "SSH", 2), data(1, b"two", "SSH", 2), Message(CONNECTION_RESET, 1, "SSH", 2)):
        pair.source.send(message)
        got = pair.destination.recv()
        assert (got.type, got.stream, got.service, got.connection, got.payload) == (message.type, pair.id, "SSH", 2, message.payload)
    pair.destination.send(Message(CONNECTION_RESET, pair.id, "SSH", 99))
    assert pair.source.recv() == Message(CONNECTION_RESET, 1, "SSH", 99)


def test_connection_start_can_open_a_stream(join):
    source, destination = join("SSH").both()
    source.send(Message(CONNECTION_START, 4, "SSH", 2), data(4, b"x", "SSH", 2))
    opened = destination.recv()
    assert (opened.type, opened.connection) == (CONNECTION_START, 2)
    assert destination.recv().payload == b"x"


# Shapes


def test_unnamed_stream_on_a_tunnel_with_several_services(join):
    source, destination = join("SSH", "HTTP").both()
    source.send(start(1), data(1, b"x"))
    opened = destination.recv()
    assert (opened.type, opened.service, opened.connection) == (STREAM_START, "", 0)
    assert destination.recv().payload == b"x"
    destination.send(data(opened.stream, b"y"))
    assert source.recv() == data(1, b"y")


def test_version_1_on_both_sides(join):
    tunnel = join("SSH")
    source, destination = tunnel.both(protocols=V1)
    for stream in (1, 2):
        source.send(start(stream), data(stream, b"x"))
        opened = destination.recv()
        assert opened.service == "" and destination.recv().payload == b"x"
        destination.send(data(opened.stream, b"y"))
        assert source.recv() == data(stream, b"y")
        source.send(reset(stream))
        assert destination.recv() == reset(opened.stream)


def test_version_2_source_with_a_version_3_destination(join):
    tunnel = join("SSH", "HTTP")
    source, destination = tunnel("source", V2), tunnel("destination", V3)
    source.send(start(1, "SSH"), start(1, "HTTP"), data(1, b"a", "SSH"), data(1, b"b", "HTTP"))
    ssh, http = destination.recv(), destination.recv()
    assert (ssh.service, http.service) == ("SSH", "HTTP") and ssh.stream != http.stream
    assert destination.recv() == data(ssh.stream, b"a", "SSH")
    assert destination.recv() == data(http.stream, b"b", "HTTP")
    destination.send(data(http.stream, b"c", "HTTP"))
    assert source.recv() == data(1, b"c", "HTTP")


def test_a_new_start_replaces_the_stream_of_that_service(pair):
    pair.source.send(start(2, "SSH", 1), data(2, b"new", "SSH", 1), data(1, b"old", "SSH", 1))
    opened = pair.destination.recv()
    assert opened.type == STREAM_START and opened.stream > pair.id
    assert pair.destination.recv() == data(opened.stream, b"new", "SSH", 1)
    pair.destination.send(data(pair.id, b"late", "SSH", 1), data(opened.stream, b"answer", "SSH", 1))
    assert pair.source.recv() == data(2, b"answer", "SSH", 1)


# A side comes and goes


@pytest.mark.parametrize("how", ["lost", "closed", "replaced"])
def test_source_restart(pair, how):
    """The destination is told; bytes of the old session never reach the new one, nor the other way round."""
    if how == "lost":
        pair.source.close()
    elif how == "closed":
        pair.source.frame(wire.CLOSE, struct.pack(">H", 1000))
        assert pair.source.expect_close().code == 1000
    new = pair.join("source") if how == "replaced" else None
    told = pair.destination.recv()
    assert told == reset(pair.id, "SSH", 1)
    new = new or pair.join("source")
    new.send(start(1, "SSH", 1))
    opened = pair.destination.recv()
    assert opened.type == STREAM_START and opened.stream > pair.id
    pair.destination.send(data(pair.id, b"secret of the old session", "SSH", 1))
    pair.destination.send(Message(CONNECTION_RESET, pair.id, "SSH", 1), reset(pair.id, "SSH", 1))
    pair.destination.send(data(opened.stream, b"welcome", "SSH", 1))
    assert new.recv() == data(1, b"welcome", "SSH", 1)
    if how == "replaced":
        closed = pair.source.expect_close()
        assert (closed.code, closed.reason) == (1008, "Connection is replaced by another connection")


@pytest.mark.parametrize("how", ["lost", "replaced"])
def test_destination_restart(pair, how):
    if how == "lost":
        pair.destination.close()
        assert pair.source.recv() == reset(1, "SSH", 1)
        new = pair.join("destination")
    else:
        new = pair.join("destination")
        assert pair.source.recv() == reset(1, "SSH", 1)
        assert pair.destination.expect_close().code == 1008
    pair.source.send(data(1, b"late", "SSH", 1), start(2, "SSH", 2), data(2, b"hello", "SSH", 2))
    opened = new.recv()
    assert (opened.type, opened.connection) == (STREAM_START, 2)
    assert opened.stream > pair.id, "ids are never used again"
    assert new.recv() == data(opened.stream, b"hello", "SSH", 2)


def test_every_open_stream_is_reset_when_a_side_is_lost(join):
    source, destination = join("SSH", "HTTP", "VNC").both()
    source.send(start(1, "SSH", 1), start(1, "HTTP", 1), start(1, "VNC", 1), reset(1, "HTTP", 1))
    ids = {m.service: m.stream for m in (destination.recv() for _ in range(3))}
    assert destination.recv().type == STREAM_RESET
    source.close()
    told = [destination.recv(), destination.recv()]
    assert {(m.type, m.service, m.stream) for m in told} == {(STREAM_RESET, s, ids[s]) for s in ("SSH", "VNC")}
    assert destination.silent(0.2), "nothing for a stream that was not open"


def test_reset_of_a_lost_side_has_the_shape_of_its_start(join):
    source, destination = join().both()
    source.send(start(3))
    destination.recv()
    destination.close()
    assert source.recv() == reset(3)


@pytest.mark.parametrize("shape", [("SSH", 1), ("SSH", 0), ("", 0)])
def test_source_without_destination_is_told_at_once(join, shape):
    source = join("SSH")("source")
    for stream in (1, 2):
        source.send(start(stream, *shape), data(stream, b"x", *shape))
        assert source.recv() == reset(stream, *shape)
    assert source.silent(0.2), "one answer for each stream"


def test_resets_without_a_peer_are_dropped(join):
    source = join("SSH")("source")
    source.send(reset(1, "SSH", 1), Message(CONNECTION_RESET, 1, "SSH", 1))
    source.settle()
    assert source.silent(0.1)


def test_states_follow_the_connections(server, join):
    tunnel = join("SSH")
    got = server.describe(tunnel.tunnel)
    assert got["sourceConnectionState"] == {"status": "DISCONNECTED"}
    source = tunnel("source")
    server.wait_states(tunnel.tunnel, "CONNECTED", "DISCONNECTED")
    first = server.describe(tunnel.tunnel)["sourceConnectionState"]["lastUpdatedAt"]
    destination = tunnel("destination")
    server.wait_states(tunnel.tunnel, "CONNECTED", "CONNECTED")
    replacement = tunnel("source")
    assert source.expect_close().code == 1008
    assert server.states(tunnel.tunnel) == ("CONNECTED", "CONNECTED")
    replacement.close()
    server.wait_states(tunnel.tunnel, "DISCONNECTED", "CONNECTED")
    assert server.describe(tunnel.tunnel)["sourceConnectionState"]["lastUpdatedAt"] >= first
    destination.close()
    server.wait_states(tunnel.tunnel, "DISCONNECTED", "DISCONNECTED")


@pytest.mark.parametrize("delete", [False, True])
def test_closing_the_tunnel_closes_both(server, pair, delete):
    server.api.close_tunnel(tunnelId=pair.join.tunnel.id, delete=delete)
    for socket in (pair.source, pair.destination):
        closed = socket.expect_close()
        assert closed.code == 1000 and closed.reason


def test_close_frame_is_answered(pair):
    pair.source.frame(wire.CLOSE, struct.pack(">H", 1000) + b"bye")
    assert pair.source.expect_close().code == 1000


def test_service_ids_come_before_the_close(server, join):
    """A Close frame as the first thing makes a local proxy abort."""
    tunnel = join("SSH")
    for _ in range(20):
        socket = tunnel("source", greeting=False)
        tunnel("source", greeting=False)
        assert socket.recv().type == SERVICE_IDS
        assert socket.expect_close().code == 1008


def test_other_tunnels_are_not_disturbed(server, join):
    quiet, loud = join("SSH").both(), join("SSH")
    quiet[0].send(start(1, "SSH", 1))
    stream = quiet[1].recv().stream
    for _ in range(10):
        bad = loud("source")
        bad.binary(b"\x00\x00")
        bad.expect_close()
        quiet[0].send(data(1, b"on and on", "SSH", 1))
        assert quiet[1].recv() == data(stream, b"on and on", "SSH", 1)


# Flow control


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])


def fill(socket, message, limit=256 << 20):
    """Sends until the socket takes no more for a second; returns the bytes it took."""
    frame = message.frame()
    sent = 0
    socket.settimeout(1)
    try:
        while sent < limit:
            socket.binary(frame)
            sent += len(frame)
    except TimeoutError:
        pass
    return sent


def test_slow_reader_stops_the_sender_and_memory_stays_bounded(server, pair):
    before = resident_kib(server.process.pid)
    sent = fill(pair.source, data(1, b"x" * 60000, "SSH", 1))
    assert sent < 64 << 20, "the sender was stopped"
    assert resident_kib(server.process.pid) - before < 8 << 10
    pair.destination.settimeout(20)
    for _ in range(sent // 60100 - 1):
        assert len(pair.destination.recv().payload) == 60000


def test_a_stopped_reader_does_not_stop_other_tunnels(server, join, pair):
    fill(pair.source, data(1, b"x" * 60000, "SSH", 1))
    other = join("SSH").both()
    other[0].send(start(1, "SSH", 1))
    stream = other[1].recv().stream
    for _ in range(20):
        other[0].send(data(1, b"quick", "SSH", 1))
        assert other[1].recv() == data(stream, b"quick", "SSH", 1)


def test_unknown_clients_are_paced_at_the_rate_of_aws(server, join):
    tunnel = join("SSH")
    source = tunnel("source")
    destination = tunnel("destination", agent=wire.PACED)
    source.send(start(1, "SSH", 1))
    destination.recv()
    began = time.monotonic()
    for _ in range(25):
        source.send(data(1, b"x" * 10000, "SSH", 1))
    got = 0
    while got < 250_000:
        got += len(destination.recv().payload)
    took = time.monotonic() - began
    assert 1.5 < took < 4, f"250 kB at 100 kB/s with a burst of 64 KiB took {took:.2f} s"


def test_the_other_direction_of_a_paced_client_is_not_paced(server, join):
    tunnel = join("SSH")
    source, destination = tunnel("source"), tunnel("destination", agent=wire.PACED)
    source.send(start(1, "SSH", 1))
    stream = destination.recv().stream
    began = time.monotonic()
    for _ in range(100):
        destination.send(data(stream, b"x" * 10000, "SSH", 1))
    for _ in range(100):
        source.recv()
    assert time.monotonic() - began < 4


def test_resets_pass_the_pacer_in_order(server, join):
    tunnel = join("SSH")
    source, destination = tunnel("source"), tunnel("destination", agent=wire.PACED)
    source.send(start(1, "SSH", 1))
    destination.recv()
    for _ in range(15):
        source.send(data(1, b"x" * 10000, "SSH", 1))
    source.send(reset(1, "SSH", 1))
    kinds = [destination.recv().type for _ in range(16)]
    assert kinds == [DATA] * 15 + [STREAM_RESET]


def test_services_share_a_paced_tunnel_fairly(server, join):
    """A second service gets its turn while the first has a long queue."""
    tunnel = join("BULK", "SSH")
    source, destination = tunnel("source"), tunnel("destination", agent=wire.PACED)
    source.send(start(1, "BULK", 1), start(1, "SSH", 1))
    destination.recv(), destination.recv()
    for _ in range(20):
        source.send(data(1, b"x" * 10000, "BULK", 1))
    source.send(data(1, b"key", "SSH", 1))
    before = 0
    while (message := destination.recv()).service != "SSH":
        before += len(message.payload)
    assert before < 150_000, f"{before} bytes went ahead of one key stroke"


def test_a_silent_side_is_dropped_without_a_close_frame(new_server):
    server = new_server(**{"tunnel.idle-timeout": "5s"})
    tunnel = server.open("SSH")
    with connect(server, "source", tunnel.source) as silent, connect(server, "destination", tunnel.destination) as alive:
        def dropped():
            assert alive.ping(b"1") == b"1"
            return server.states(tunnel) == ("DISCONNECTED", "CONNECTED")

        wait_for(dropped, "the silent side was dropped", 20, pause=0.5)
        assert silent.expect_close().code is None
