"""What the OASIS standards ask of a server, in the profile `standard`: packet by packet, in both versions."""

import signal
import time
import uuid

import harness
import pytest
from mqttwire import (
    AUTH, CONNACK, DISCONNECT, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, V4, V5, Closed, Wire, field,
)

both = pytest.mark.parametrize("version", [V4, V5], ids=["3.1.1", "5.0"])

NO_LOCAL, AS_PUBLISHED, WHEN_NEW, NEVER = 4, 8, 16, 32


@pytest.fixture(scope="module")
def server(binaries, tmp_path_factory):
    server = harness.Server(
        tmp_path_factory.mktemp("standard"), **{"mqtt.profile": "standard", "test.plain-mqtt": True}
    )
    server.mqtt_port = harness.free_port()
    server.listen.append({"address": f"127.0.0.1:{server.mqtt_port}", "tls": False, "serve": ["mqtt"]})
    server.start()
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def open_wire(server):
    """Opens connections that are closed after the test."""
    made = []

    def make(version):
        made.append(Wire(server.mqtt_port, version))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def connect(open_wire):
    """Opens connections that are welcome."""

    def make(version, client_id=None, **more):
        wire = open_wire(version)
        wire.connack = wire.welcome(name("client") if client_id is None else client_id, **more)
        return wire

    return make


def name(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def persistent(version):
    return {"clean": False} if version == V4 else {"clean": False, "session_expiry": 300}


@both
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_every_qos_to_oneself(connect, version, qos):
    wire, topic = connect(version), name("t")
    assert wire.subscribe((topic, qos)) == [qos]
    sent = wire.publish(topic, b"hello", qos)
    if qos == 0:
        assert wire.take().payload == b"hello"
        return
    # The delivery and the acknowledgements may cross.
    got, acknowledged = None, False
    while not (got and acknowledged):
        packet = wire.next()
        if packet.kind == PUBLISH:
            assert (packet.payload, packet.qos, packet.retain, packet.dup) == (b"hello", qos, False, False)
            wire.ack(PUBACK if qos == 1 else PUBREC, packet.id)
            got = packet if qos == 1 else got
        elif packet.kind == PUBREC:
            assert packet.id == sent
            wire.ack(PUBREL, sent)
        elif packet.kind == PUBREL:
            wire.ack(PUBCOMP, packet.id)
            got = packet
        else:
            assert packet.kind in (PUBACK, PUBCOMP) and packet.id == sent
            acknowledged = True
    assert wire.quiet()


@both
@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("granted", [0, 1, 2])
def test_a_delivery_has_the_lower_qos(connect, version, published, granted):
    topic = name("t")
    sub, pub = connect(version), connect(version)
    sub.subscribe((topic, granted))
    pub.published(topic, b"x", published)
    assert sub.take().qos == min(published, granted)


@both
def test_versions_reach_each_other(connect, version):
    topic = name("t")
    sub, pub = connect(version), connect(V4 if version == V5 else V5)
    sub.subscribe(topic)
    more = {"user": [("k", "v")], "content_type": "text/plain"} if pub.version == V5 else {}
    pub.published(topic, b"x", 1, **more)
    assert sub.take().props == {}


@both
@pytest.mark.parametrize(
    "pattern, topics, others",
    [
        ("{}/a/+", ["{}/a/b", "{}/a/"], ["{}/a", "{}/a/b/c", "/{}/a/b"]),
        ("{}/a/#", ["{}/a", "{}/a/b", "{}/a/b/c", "{}/a/"], ["{}/ab", "{}"]),
        ("{}/+/c", ["{}/x/c", "{}//c"], ["{}/c", "{}/x/y/c"]),
        ("+/{}/#", ["x/{}", "/{}/b"], ["{}", "x/y/{}"]),
        ("/{}", ["/{}"], ["{}", "//{}"]),
    ],
)
def test_wildcards(connect, version, pattern, topics, others):
    part = name("w")
    sub, pub = connect(version), connect(version)
    sub.subscribe(pattern.format(part))
    for topic in others + topics:
        pub.published(topic.format(part), b"x")
    assert [sub.take().topic for _ in topics] == [topic.format(part) for topic in topics]
    assert sub.quiet(0.2)


@both
def test_reserved_topics_are_not_for_leading_wildcards(connect, version):
    sub, other = connect(version), connect(version)
    sub.subscribe("#", "+/#")
    for _ in range(3):
        part = name("t")
        other.published(part, b"x")
        while (got := sub.take()).topic != part:
            assert not got.topic.startswith("$"), got.topic


@both
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_retained_messages(connect, version, qos):
    part = name("r")
    pub = connect(version)
    for end in ("a", "b", "c/d"):
        pub.published(f"{part}/{end}", end, qos, retain=True)
    sub = connect(version)
    sub.subscribe((f"{part}/#", 2))
    got = sorted((sub.take() for _ in range(3)), key=lambda message: message.topic)
    assert [(m.topic, m.payload.decode(), m.retain, m.qos) for m in got] == [
        (f"{part}/{end}", end, True, qos) for end in ("a", "b", "c/d")
    ]
    pub.published(f"{part}/a", "live", 1, retain=True)
    live = sub.take()
    assert (live.payload, live.retain) == (b"live", False)
    for end in ("a", "b", "c/d"):
        pub.published(f"{part}/{end}", b"", qos, retain=True)
    assert [sub.take().payload for _ in range(3)] == [b"", b"", b""]
    late = connect(version)
    late.subscribe(f"{part}/#")
    assert late.quiet()


def test_retain_handling_and_retain_as_published(connect):
    part = name("r")
    pub, sub = connect(V5), connect(V5)
    pub.published(part, "kept", retain=True)
    assert sub.subscribe((part, 1 | NEVER)) == [1] and sub.quiet(0.2)
    assert sub.subscribe((part, 1 | WHEN_NEW)) == [1] and sub.quiet(0.2)
    assert sub.subscribe((part, 1 | AS_PUBLISHED)) == [1] and sub.take().retain
    pub.published(part, "again", retain=True)
    assert sub.take().retain
    sub.unsubscribe(part)
    assert sub.subscribe((part, 1 | WHEN_NEW)) == [1] and sub.payload() == "again"


def test_no_local(connect):
    part = name("t")
    one, two = connect(V5), connect(V5)
    one.subscribe((part, 1 | NO_LOCAL))
    one.published(part, "own")
    two.published(part, "foreign")
    assert one.payload() == "foreign" and one.quiet(0.2)


@both
def test_overlapping_subscriptions(connect, version):
    part = name("t")
    sub, pub = connect(version), connect(version)
    assert sub.subscribe((f"{part}/#", 0), (f"{part}/+", 2), (f"{part}/a", 1)) == [0, 2, 1]
    pub.published(f"{part}/a", "x", 2)
    assert sub.take().qos == 2
    assert sub.quiet()


@both
def test_unsubscribing(connect, version):
    part = name("t")
    sub, pub = connect(version), connect(version)
    sub.subscribe(f"{part}/a", f"{part}/b")
    codes = sub.unsubscribe(f"{part}/a", f"{part}/never")
    assert codes == ([] if version == V4 else [0, 0x11])
    pub.published(f"{part}/a", "no")
    pub.published(f"{part}/b", "yes")
    assert sub.payload() == "yes" and sub.quiet(0.2)


@both
def test_messages_wait_for_an_absent_session(connect, version):
    client, part = name("client"), name("t")
    sub = connect(version, client, **persistent(version))
    sub.subscribe((f"{part}/#", 2))
    sub.disconnect()
    pub = connect(version)
    for at in range(30):
        pub.published(f"{part}/{at % 2}", f"{at}", at % 3)
    again = connect(version, client, **persistent(version))
    assert again.connack.present
    got = [again.take() for _ in range(20)]
    # QoS 0 is not kept.
    assert [int(message.payload) for message in got] == [at for at in range(30) if at % 3]
    assert [message.qos for message in got] == [at % 3 for at in range(30) if at % 3]
    assert again.quiet(0.2)
    again.disconnect()
    assert not connect(version, client, clean=True).connack.present


@both
def test_unacknowledged_messages_come_again(connect, version):
    client, part = name("client"), name("t")
    sub = connect(version, client, **persistent(version))
    sub.subscribe((part, 2))
    pub = connect(version)
    for at in range(6):
        pub.published(part, f"{at}", 1 + at % 2)
    first = [sub.expect(PUBLISH) for _ in range(6)]
    sub.ack(PUBACK, first[0].id)
    sub.ack(PUBREC, first[1].id)
    sub.expect(PUBREL, id=first[1].id)
    sub.ping()
    sub.close()
    again = connect(version, client, **persistent(version))
    assert again.connack.present
    came = [again.next() for _ in range(5)]
    assert [packet.id for packet in came if packet.kind == PUBREL] == [first[1].id]
    again.ack(PUBCOMP, first[1].id)
    for old, new in zip(first[2:], [packet for packet in came if packet.kind == PUBLISH]):
        assert (new.id, new.payload, new.qos, new.dup) == (old.id, old.payload, old.qos, True)
        if new.qos == 1:
            again.ack(PUBACK, new.id)
        else:
            again.ack(PUBREC, new.id)
            again.expect(PUBREL, id=new.id)
            again.ack(PUBCOMP, new.id)
    assert again.quiet(0.2)


@both
def test_a_qos_2_publish_goes_on_after_a_reconnect(connect, version):
    client, part = name("client"), name("t")
    sub = connect(version)
    sub.subscribe((part, 2))
    pub = connect(version, client, **persistent(version))
    pub.publish(part, "once", 2, packet_id=9)
    pub.expect(PUBREC, id=9)
    assert sub.payload() == "once"
    pub.close()
    pub = connect(version, client, **persistent(version))
    pub.publish(part, "once", 2, packet_id=9, dup=True)
    pub.expect(PUBREC, id=9)
    pub.ack(PUBREL, 9)
    pub.expect(PUBCOMP, id=9)
    assert pub.published(part, "next", 2, packet_id=9) == 0
    assert sub.payload() == "next" and sub.quiet(0.2)


@both
def test_a_clean_start_forgets(connect, version):
    client, part = name("client"), name("t")
    sub = connect(version, client, **persistent(version))
    sub.subscribe(part)
    sub.disconnect()
    sub = connect(version, client, clean=True)
    connect(version).published(part, "x")
    assert not sub.connack.present and sub.quiet()


def test_sessions_are_not_shared_between_versions(connect):
    client, part = name("client"), name("t")
    old = connect(V4, client, clean=False)
    old.subscribe(part)
    old.disconnect()
    new = connect(V5, client, clean=False, session_expiry=300)
    assert not new.connack.present
    connect(V5).published(part, "x")
    assert new.quiet()


def test_a_session_expires(connect):
    client = name("client")
    connect(V5, client, clean=False, session_expiry=1).disconnect()
    time.sleep(0.2)
    assert connect(V5, client, clean=False, session_expiry=1).connack.present
    kept = connect(V5, client, clean=False, session_expiry=60)
    kept.disconnect(0, session_expiry=1)
    time.sleep(6.5)
    assert not connect(V5, client, clean=False, session_expiry=1).connack.present
    wire = connect(V5, client)
    wire.packet(DISCONNECT << 4, bytes([0, 5, 0x11, 0, 0, 0, 9]))
    assert wire.ended()[-1].code == 0x82


@both
def test_take_over(connect, version):
    client, part = name("client"), name("t")
    old = connect(version, client, **persistent(version))
    old.subscribe((part, 1))
    pub = connect(version)
    pub.published(part, "one")
    assert old.expect(PUBLISH).payload == b"one"
    new = connect(version, client, **persistent(version))
    assert [packet.code for packet in old.ended()] == ([0x8E] if version == V5 else [])
    assert new.connack.present
    again = new.take()
    assert (again.payload, again.dup) == (b"one", True)
    pub.published(part, "two")
    assert new.payload() == "two"


@both
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_wills(connect, version, qos):
    part = name("w")
    sub = connect(version)
    sub.subscribe((part, 2))
    will = {"topic": part, "payload": b"gone", "qos": qos}
    connect(version, will=will).close()
    message = sub.take()
    assert (message.payload, message.qos, message.retain) == (b"gone", qos, False)
    connect(version, will=will).disconnect()
    assert sub.quiet()
    connect(version, will={**will, "retain": True}).close()
    sub.take()
    late = connect(version)
    late.subscribe(part)
    assert late.take().retain
    connect(version).published(part, b"", retain=True)


def test_wills_of_5_0(connect):
    part, client = name("w"), name("client")
    sub = connect(V5)
    sub.subscribe((part, 2))
    will = {"topic": part, "payload": b"gone", "qos": 1, "content_type": "t", "user": [("a", "b")]}
    connect(V5, will=will).disconnect(4)
    message = sub.take()
    assert message.props == {"content_type": "t", "user": [("a", "b")]}
    delayed = {**will, "will_delay": 2}
    connect(V5, client, will=delayed, clean=False, session_expiry=60).close()
    assert sub.quiet(0.7)
    back = connect(V5, client, will=delayed, clean=False, session_expiry=60)
    assert sub.quiet(2.5)
    back.close()
    began = time.monotonic()
    assert sub.payload() == "gone" and time.monotonic() - began > 1.5
    # The end of the session comes first.
    connect(V5, will={**will, "will_delay": 60}, session_expiry=1).close()
    assert sub.payload() == "gone"


@both
def test_keep_alive(connect, version):
    part = name("w")
    sub = connect(version)
    sub.subscribe(part)
    began = time.monotonic()
    silent = connect(version, keep=1, will={"topic": part, "payload": b"x"})
    busy = connect(version, keep=1)
    for _ in range(6):
        time.sleep(0.5)
        busy.ping()
    assert [packet.code for packet in silent.ended()] == ([0x8D] if version == V5 else [])
    assert sub.payload() == "x" and 1.4 < time.monotonic() - began


@both
def test_an_empty_client_id(open_wire, version):
    wire = open_wire(version)
    connack = wire.welcome("", clean=True)
    assert (connack.props.get("assigned_id") is not None) == (version == V5)
    wire = open_wire(version).connect("", clean=False)
    connack = wire.expect(CONNACK)
    if version == V4:
        assert connack.code == 2
        wire.ended()
    else:
        assert connack.code == 0


@both
def test_a_broken_connect(open_wire, version):
    wire = open_wire(version)
    wire.packet(0x10, field("MQTT") + bytes([version, 0x03, 0, 9]) + (b"\0" if version == V5 else b"") + field("x"))
    assert [packet.code for packet in wire.ended()] == ([0x81] if version == V5 else [])
    wire = open_wire(V4)
    wire.packet(0x10, field("MQIsdp") + bytes([3, 2, 0, 9]) + field("x"))
    assert [packet.code for packet in wire.ended()] == [1]
    wire = open_wire(version)
    wire.packet(0xC0, b"")
    assert wire.ended() == []


@both
@pytest.mark.parametrize(
    "first, body",
    [
        (0x10, b""),
        (0x36, b"\0\1a\0\1x"),
        (0x38, b"\0\1ax"),
        (0x30, b"\0\3a\0b"),
        (0x30, b"\0\2\xc3\x28"),
        (0x82, b"\0\1"),
        (0x82, b"\0\0\0\0\1a\1"),
        (0x80, b"\0\1\0\1a\1"),
        (0xC1, b""),
        (0x20, b"\0\0"),
        (0xD0, b""),
        (0x00, b""),
    ],
    ids=["connect", "qos-3", "dup-0", "nul", "utf-8", "no-filter", "id-0", "flags", "ping-flags", "connack", "pingresp", "type-0"],
)
def test_broken_packets_end_the_connection(connect, version, first, body):
    wire = connect(version)
    wire.packet(first, body)
    codes = [packet.code for packet in wire.ended()]
    assert codes == [] if version == V4 else codes in ([0x81], [0x82])


@both
@pytest.mark.parametrize("text", ["a/#/b", "a#", "a+/b", "+a", "", "$share/", "$share/g/", "$share/a+/b"])
def test_broken_filters_end_the_connection(connect, version, text):
    wire = connect(version)
    with pytest.raises((AssertionError, Closed, ConnectionError)):
        wire.subscribe(text)


def test_properties_arrive_as_they_were(connect):
    part = name("t")
    sub, pub = connect(V5), connect(V5)
    sub.subscribe(part)
    props = {
        "payload_format": 1,
        "content_type": "text/plain",
        "response_topic": "answers/here",
        "correlation": b"\0\xff",
        "user": [("a", "1"), ("b", "2"), ("a", "3"), ("", "")],
    }
    pub.published(part, "x", **props)
    assert sub.take().props == props


def test_message_expiry(connect):
    client, part = name("client"), name("t")
    sub, pub = connect(V5, client, **persistent(V5)), connect(V5)
    sub.subscribe(part)
    pub.published(part, "now", message_expiry=100)
    assert sub.take().props["message_expiry"] in (99, 100)
    sub.disconnect()
    pub.published(part, "short", message_expiry=1)
    pub.published(part, "long", message_expiry=100)
    pub.published(part, "kept", message_expiry=1, retain=True)
    time.sleep(2.1)
    sub = connect(V5, client, **persistent(V5))
    message = sub.take()
    assert message.payload == b"long" and 95 <= message.props["message_expiry"] <= 98
    assert sub.quiet(0.2)
    late = connect(V5)
    late.subscribe(part)
    assert late.quiet(0.2)


def test_the_clients_receive_maximum(connect):
    part = name("t")
    sub, pub = connect(V5, receive_maximum=3), connect(V5)
    sub.subscribe((part, 2))
    for at in range(10):
        pub.published(part, f"{at}", 1 + at % 2)
    first = [sub.expect(PUBLISH) for _ in range(3)]
    assert [message.payload for message in first] == [b"0", b"1", b"2"]
    sub.ack(PUBREC, first[1].id)
    sub.expect(PUBREL, id=first[1].id)
    sub.ack(PUBACK, first[0].id)
    assert sub.expect(PUBLISH).payload == b"3"
    assert sub.quiet(0.2)


def test_our_receive_maximum(connect):
    wire = connect(V5)
    window = wire.connack.props["receive_maximum"]
    for at in range(window):
        wire.publish("t", b"x", 2, packet_id=at + 1)
        wire.expect(PUBREC, id=at + 1)
    wire.publish("t", b"x", 2, packet_id=window + 1)
    assert wire.ended()[-1].code == 0x93


def test_the_clients_maximum_packet_size(connect):
    part = name("t")
    sub, pub = connect(V5, maximum_packet=100), connect(V5)
    sub.subscribe(part)
    pub.published(part, b"x" * 100)
    pub.published(part, b"small")
    assert sub.take().payload == b"small"


def test_our_maximum_packet_size(connect):
    wire = connect(V5)
    size = wire.connack.props["maximum_packet"]
    wire.raw(b"\x30" + (size + 10).to_bytes(1, "big") if size < 100 else b"\x30\xff\xff\xff\x7f")
    assert wire.ended()[-1].code == 0x95


def test_topic_aliases(connect):
    part = name("a-long-topic")
    sub, pub = connect(V5, alias_maximum=5), connect(V5)
    assert pub.connack.props["alias_maximum"] > 0
    sub.subscribe(part)
    pub.published(part, "one", alias=1)
    pub.published("", "two", alias=1)
    pub.published("other", "no", alias=1)
    pub.published(part, "three", alias=2)
    known = {}
    for wanted in ("one", "two", "three"):
        message = sub.take()
        alias = message.props.get("alias")
        topic = message.topic or known[alias]
        if alias:
            known[alias] = topic
        assert (topic, message.payload.decode()) == (part, wanted)
    plain = connect(V5)
    plain.subscribe(part)
    pub.published("", "four", alias=2)
    message = plain.take()
    assert message.topic == part and "alias" not in message.props
    pub.publish("x", b"", alias=pub.connack.props["alias_maximum"] + 1)
    assert pub.ended()[-1].code == 0x94


def test_subscription_identifiers(connect):
    part = name("t")
    sub, pub = connect(V5), connect(V5)
    sub.subscribe((f"{part}/a", 1), subscription_id=7)
    sub.subscribe((f"{part}/#", 1), subscription_id=268435455)
    pub.published(f"{part}/a", "x")
    ids = sub.take().props["subscription_id"]
    ids += sub.take().props["subscription_id"] if len(ids) == 1 else []
    assert sorted(ids) == [7, 268435455]
    sub.subscribe((f"{part}/a", 1), subscription_id=8)
    sub.unsubscribe(f"{part}/#")
    pub.published(f"{part}/a", "x")
    assert sub.take().props["subscription_id"] == [8]


@both
def test_shared_subscriptions(connect, version):
    part = name("t")
    members, plain, pub = [connect(version) for _ in range(3)], connect(version), connect(version)
    for member in members:
        member.subscribe(f"$share/g/{part}/#")
    plain.subscribe(f"{part}/#")
    for at in range(60):
        pub.published(f"{part}/{at}", f"{at}")
    assert [int(plain.payload()) for _ in range(60)] == list(range(60))
    got = []
    for member in members:
        mine = []
        try:
            while True:
                mine.append(int(member.payload(timeout=0.4)))
        except TimeoutError:
            pass
        assert mine and mine == sorted(mine)
        got += mine
    assert sorted(got) == list(range(60))


def test_shared_subscriptions_of_5_0(connect):
    part = name("t")
    pub, sub = connect(V5), connect(V5)
    pub.published(part, "kept", retain=True)
    assert sub.subscribe(f"$share/g/{part}") == [1] and sub.quiet(0.2)
    sub.packet(0x82, b"\0\x09\0" + field(f"$share/g/{part}") + bytes([1 | NO_LOCAL]))
    assert sub.ended()[-1].code == 0x82


def test_what_is_not_there(open_wire, connect):
    wire = open_wire(V5).connect("x", method="SCRAM-SHA-1")
    assert wire.expect(CONNACK).code == 0x8C
    wire = connect(V5)
    wire.packet(AUTH << 4, b"\x19\0")
    assert wire.ended()[-1].code == 0x82


def test_reason_strings_can_be_refused(connect):
    for terse in (False, True):
        wire = connect(V5, **({"problem_information": 0} if terse else {}))
        wire.packet(0x00, b"")
        assert ("reason_string" in wire.ended()[-1].props) != terse


@both
def test_order_is_kept(connect, version):
    part = name("t")
    sub, pub = connect(version), connect(version)
    sub.subscribe((part, 2))
    ids = [pub.publish(part, f"{at}", 1) for at in range(500)]
    got = [int(sub.payload()) for _ in range(500)]
    assert got == list(range(500))
    assert [pub.expect(PUBACK).id for _ in range(500)] == ids


@both
def test_packets_may_come_in_any_pieces(open_wire, version):
    wire, part = open_wire(version), name("t")
    sent = []
    wire.raw, send = sent.append, wire.raw
    wire.connect("pieces")
    wire.publish(part, b"y" * 300, 1, packet_id=1)
    wire.packet(0x82, b"\0\7" + (b"\0" if version == V5 else b"") + field(part) + b"\1")
    wire.publish(part, b"x" * 300, 1, packet_id=2)
    wire.raw = send
    data = b"".join(sent)
    for at in range(0, len(data), 7):
        wire.raw(data[at : at + 7])
    wire.expect(CONNACK)
    wire.expect(PUBACK, id=1)
    wire.expect(SUBACK, id=7)
    kinds = {wire.next().kind, wire.next().kind}
    assert kinds == {PUBACK, PUBLISH}
