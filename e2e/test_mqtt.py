"""What the gateway does with connections, messages and sessions, seen with paho in both versions.

spec: mqtt-gateway §3 to §6
"""

import time

import pytest
from devices import V4, V5, Paho, document, fresh, properties
from harness import wait_for
from paho.mqtt.packettypes import PacketTypes

VERSIONS = pytest.mark.parametrize("version", [V4, V5], ids=["3.1.1", "5"])


# §3 CONNECT


def test_connack_says_what_the_server_can(client):
    """spec: mqtt-gateway §3.4"""
    one = client().connect(keepalive=60)
    got = {name: value for name, value in one.properties.json().items()}
    assert got == {
        "ReceiveMaximum": 100, "MaximumQoS": 1, "RetainAvailable": 1, "MaximumPacketSize": 149504,
        "TopicAliasMaximum": 8, "WildcardSubscriptionAvailable": 1, "SubscriptionIdentifierAvailable": 0,
        "SharedSubscriptionAvailable": 1,
    }


@pytest.mark.parametrize("asked, told", [(10, 30), (1201, 1200), (0, 1200), (30, None), (1200, None)])
def test_keep_alive_is_kept_between_30_and_1200(client, asked, told):
    """spec: mqtt-gateway §3.3"""
    one = client().connect(keepalive=asked)
    assert getattr(one.properties, "ServerKeepAlive", None) == told


def test_a_client_without_id_gets_one(client):
    """spec: mqtt-gateway §3.2"""
    one = client(client_id="").connect()
    assert one.properties.AssignedClientIdentifier.startswith("$GEN/")
    client(client_id="", version=V4).connect()


@pytest.mark.parametrize("client_id", ["$mine", "$GEN/1", "x" * 129], ids=["dollar", "gen", "129"])
def test_client_ids_that_are_refused(client, client_id):
    """spec: mqtt-gateway §3.2; paho translates the code of 3.1.1 to that of 5"""
    assert client(client_id=client_id).refused() == 0x85
    assert client(client_id=client_id, version=V4).refused() == 0x85


def test_long_and_odd_client_ids_are_welcome(client):
    for client_id in ("é" * 64, "a/b c+d#", "x" * 128):
        client(client_id=client_id).connect()


def test_a_will_with_qos_2_is_refused(client):
    will = {"topic": "w", "payload": b"", "qos": 2}
    assert client(will=will).refused() == 0x9B
    assert client(will=will, version=V4).refused() is None


def test_the_newcomer_with_the_same_id_wins(client, device):
    """spec: mqtt-gateway §3.5"""
    watcher = client().connect()
    owner = device()
    topic = fresh("will")
    watcher.subscribe(topic)
    old = Paho(owner, will={"topic": topic, "payload": b"gone", "qos": 1}).connect()
    new = Paho(owner).connect()
    assert old.ended() == 0x8E
    assert watcher.payload() == "gone"
    assert new.publish(topic, "still here") == 0
    assert watcher.payload() == "still here"
    new.disconnect()


# §4 PUBLISH


@VERSIONS
@pytest.mark.parametrize("topic, acknowledged", [("a/b/c/d/e/f/g/h/i", True), ("x" * 257, False)], ids=["9-levels", "257-bytes"])
def test_topics_too_deep_or_too_long(client, version, topic, acknowledged):
    """spec: mqtt-gateway §4.2, policies §9"""
    one = client(version=version).connect()
    if version == V5 and acknowledged:
        assert one.publish(topic) == 0x90
        one.send(topic, qos=0)
    else:
        one.send(topic, qos=1)
    assert one.ended() == (0x90 if version == V5 else None)


def test_the_longest_topics_pass(client):
    """spec: mqtt-gateway §4.1"""
    one = client().connect()
    for topic in ("/".join(fresh("t") for _ in range(8)), fresh("x") + "é" * 119, "a//b/"):
        assert one.subscribe(topic) == [1]
        assert one.publish(topic, "deep") == 0
        assert one.message().topic == topic


@VERSIONS
def test_a_payload_over_128_kib_ends_the_connection(client, version):
    one = client(version=version).connect()
    topic = fresh("big")
    one.subscribe(topic)
    one.publish(topic, b"x" * 131_072)
    assert len(one.message().payload) == 131_072
    one.send(topic, b"x" * 131_073, qos=1)
    assert one.ended() == (0x95 if version == V5 else None)


@VERSIONS
def test_qos_2_is_not_supported(client, version):
    """spec: mqtt-gateway §4.6"""
    one = client(version=version).connect()
    assert one.subscribe(fresh("q"), qos=2) == [1]
    if version == V4:
        one.send("q", qos=2)
        assert one.ended() is None


@VERSIONS
def test_what_policy_does_not_allow_to_publish(client, device, version):
    """spec: mqtt-gateway §4.2"""
    owner = device(policy=document(("Allow", "iot:Connect", "*"), ("Allow", "iot:Publish", "arn:aws:iot:*:*:topic/mine/*")))
    one = client(owner, version=version).connect()
    assert one.publish("mine/1") == 0
    if version == V4:
        one.send("other", qos=1)
        assert one.ended() is None
        return
    assert one.publish("other") == 0x87
    assert one.publish("mine/2") == 0
    one.send("other", qos=0)
    assert one.ended() == 0x87


def test_retain_needs_a_permission_of_its_own(client, device):
    owner = device(policy=document(("Allow", ["iot:Connect", "iot:Publish"], "*")))
    one = client(owner).connect()
    assert one.publish("a", "x", retain=True) == 0x87
    assert one.publish("a", "x") == 0


@pytest.mark.parametrize("topic", ["$aws/events/presence/connected/me", "$mine/x", "$share/g/x"])
def test_reserved_topics_are_not_for_publishing(client, topic):
    """spec: mqtt-gateway §4.2, §8.1"""
    one = client().connect()
    assert one.publish(topic) == 0x90
    one.send(topic, qos=0)
    assert one.ended() == 0x90


def test_topic_aliases_work_up_to_8(client):
    """spec: mqtt-gateway §3.4, §4.2"""
    one = client().connect()
    topic = fresh("alias")
    one.subscribe(topic)
    one.publish(topic, "first", TopicAlias=8)
    one.publish("", "second", TopicAlias=8)
    assert [one.payload(), one.payload()] == ["first", "second"]
    one.send(topic, qos=1, TopicAlias=9)
    assert one.ended() == 0x94


def test_an_alias_that_names_nothing(client):
    one = client().connect()
    one.send("", qos=1, TopicAlias=3)
    assert one.ended() == 0x82


def test_properties_reach_the_subscriber(client):
    """spec: mqtt-gateway §4.4"""
    one = client().connect()
    topic = fresh("props")
    one.subscribe(topic)
    sent = {
        "UserProperty": [("a", "1"), ("b", ""), ("a", "2")], "ContentType": "text/plain", "PayloadFormatIndicator": 1,
        "ResponseTopic": "answers", "CorrelationData": b"\x00\x01",
    }
    one.publish(topic, "x", MessageExpiryInterval=100, **sent)
    got = one.message().properties
    assert {name: getattr(got, name) for name in sent} == sent
    assert 95 <= got.MessageExpiryInterval <= 100
    assert not hasattr(got, "TopicAlias")


def test_order_is_kept(client):
    one, two = client().connect(), client().connect()
    topic = fresh("order")
    two.subscribe(topic)
    sent = [one.send(topic, str(number), qos=1) for number in range(500)]
    assert [int(two.payload()) for _ in sent] == list(range(500))


# §5 SUBSCRIBE


def test_hash_does_not_match_the_parent(client):
    """spec: mqtt-gateway §5.1"""
    one = client().connect()
    topic = fresh("hash")
    one.subscribe(f"{topic}/#")
    for each in (topic, f"{topic}/", f"{topic}/a/b"):
        one.publish(each)
    assert [one.message().topic, one.message().topic] == [f"{topic}/", f"{topic}/a/b"]
    assert one.quiet()


def test_overlapping_filters_bring_one_copy(client):
    one = client().connect()
    topic = fresh("lap")
    assert one.subscribe(f"{topic}/+", qos=0) == [0]
    assert one.subscribe(f"{topic}/#", qos=1) == [1]
    one.publish(f"{topic}/a")
    assert one.message().qos == 1
    assert one.quiet()


@VERSIONS
def test_more_than_8_filters(client, version):
    """spec: mqtt-gateway §5.2"""
    one = client(version=version).connect()
    assert len(one.subscribe(*[fresh("f") for _ in range(8)])) == 8
    one.ask_subscribe(*[fresh("f") for _ in range(9)])
    assert one.ended() == (0x97 if version == V5 else None)


@VERSIONS
def test_more_than_50_subscriptions(client, version):
    one = client(version=version).connect()
    filters = [fresh("f") for _ in range(52)]
    codes = []
    for at in range(0, 48, 8):
        codes += one.subscribe(*filters[at : at + 8])
    codes += one.subscribe(*filters[48:])
    excess = 0x97 if version == V5 else 0x80
    assert codes == [1] * 50 + [excess] * 2
    assert one.subscribe(filters[0]) == [1]


@VERSIONS
def test_what_policy_does_not_allow_to_subscribe(client, device, version):
    allowed = "arn:aws:iot:*:*:topicfilter/mine/*"
    owner = device(policy=document(("Allow", ["iot:Connect", "iot:Publish", "iot:Receive"], "*"), ("Allow", "iot:Subscribe", allowed)))
    one = client(owner, version=version).connect()
    if version == V5:
        assert one.subscribe("mine/#", "other/#") == [1, 0x87]
        return
    assert one.subscribe("mine/#") == [1]
    one.ask_subscribe("other/#")
    assert one.ended() is None


def test_what_policy_does_not_allow_to_receive(client, device):
    """spec: mqtt-gateway §5.3"""
    topic = fresh("rx")
    owner = device(policy=document(
        ("Allow", ["iot:Connect", "iot:Subscribe"], "*"), ("Allow", "iot:Receive", f"arn:aws:iot:*:*:topic/{topic}/open/*")
    ))
    one, two = client(owner).connect(), client().connect()
    one.subscribe(f"{topic}/#")
    two.publish(f"{topic}/secret/1", "no")
    two.publish(f"{topic}/open/1", "yes")
    assert one.payload() == "yes"
    assert one.quiet()


def test_malformed_and_unsuitable_filters(client):
    """spec: mqtt-gateway §5.2"""
    one = client().connect()
    assert one.subscribe("a/b/c/d/e/f/g/h/i", "$mine/#", fresh("ok")) == [0x8F, 0x8F, 1]
    assert one.running()


def test_unsubscribing_what_was_never_subscribed(client):
    one = client().connect()
    topic = fresh("un")
    one.subscribe(topic)
    assert one.unsubscribe(topic, fresh("un")) == [0, 0x11]


def test_no_local_and_retain_as_published(client):
    one, two = client().connect(), client().connect()
    topic = fresh("opt")
    one.subscribe(topic, noLocal=True)
    two.subscribe(topic, retainAsPublished=True)
    one.publish(topic, "x", retain=True)
    assert two.message().retain is True
    assert one.quiet()
    two.publish(topic, "y", retain=True)
    assert one.message().retain is False


def test_a_subscription_identifier_is_refused(client):
    one = client().connect()
    one.ask_subscribe("a", props=properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=7))
    assert one.ended() == 0xA1


def test_shared_subscriptions_give_each_message_to_one(client):
    """spec: mqtt-gateway §5.4"""
    members = [client().connect(), client(version=V4).connect()]
    single, sender = client().connect(), client().connect()
    topic = fresh("share")
    for each in members:
        assert each.subscribe(f"$share/group/{topic}/+") == [1]
    single.subscribe(f"{topic}/+")
    for number in range(40):
        sender.publish(f"{topic}/a", str(number))
    assert [int(single.payload()) for _ in range(40)] == list(range(40))
    wait_for(lambda: sum(each.messages.qsize() for each in members) >= 40, "40 messages in the group")
    time.sleep(0.3)
    got = [sorted(int(each.payload()) for _ in range(each.messages.qsize())) for each in members]
    assert sorted(got[0] + got[1]) == list(range(40)) and all(got)


# §5.5 retained messages


@VERSIONS
def test_retained_messages_go_to_exact_filters_only(client, version):
    """spec: mqtt-gateway §5.5"""
    sender = client().connect()
    topic = fresh("kept")
    sender.publish(f"{topic}/a", "kept", retain=True)
    one = client(version=version).connect()
    one.subscribe(f"{topic}/+")
    assert one.quiet()
    one.subscribe(f"{topic}/a")
    message = one.message()
    assert (message.payload, message.retain) == (b"kept", True)
    sender.publish(f"{topic}/a", "", retain=True)
    assert one.message().payload == b""
    two = client().connect()
    two.subscribe(f"{topic}/a")
    assert two.quiet()


# §6 sessions


def offline(version, owner, **more):
    values = {"SessionExpiryInterval": 300} if version == V5 else {}
    return Paho(owner, version=version, clean=False, **values, **more)


@VERSIONS
def test_a_session_keeps_what_was_missed(client, device, version):
    """spec: mqtt-gateway §6"""
    owner, sender = device(), client().connect()
    topic = fresh("queue")
    one = offline(version, owner).connect()
    assert not one.flags.session_present
    one.subscribe(f"{topic}/#")
    one.disconnect()
    for number in range(20):
        assert sender.publish(f"{topic}/a", str(number)) == 0
    sender.send(f"{topic}/a", "at most once")
    two = offline(version, owner).connect()
    assert two.flags.session_present
    assert [int(two.payload()) for _ in range(20)] == list(range(20))
    sender.publish(f"{topic}/b", "live")
    assert two.payload() == "live"
    two.disconnect()
    three = Paho(owner, version=version).connect()
    assert not three.flags.session_present
    sender.publish(f"{topic}/b", "for nobody")
    assert three.quiet()
    three.disconnect()


@VERSIONS
def test_sessions_and_queues_survive_kill_9(client, device, broker, version):
    owner = device()
    topic = fresh("kill")
    one = offline(version, owner).connect()
    one.subscribe(f"{topic}/#")
    one.disconnect()
    sender = client().connect()
    for number in range(50):
        assert sender.publish(f"{topic}/a", str(number)) == 0
    sender.publish(f"{topic}/kept", "kept", retain=True)
    broker.kill()
    broker.restart()
    two = offline(version, owner).connect()
    assert two.flags.session_present
    got = [two.payload() for _ in range(51)]
    assert got == [str(number) for number in range(50)] + ["kept"]
    three = client().connect()
    three.subscribe(f"{topic}/kept")
    assert three.message().retain
    two.disconnect()


def test_an_expired_message_is_not_kept(client, device):
    """spec: mqtt-gateway §4.5"""
    owner, sender = device(), client().connect()
    topic = fresh("late")
    one = offline(V4, owner).connect()
    one.subscribe(topic)
    one.disconnect()
    sender.publish(topic, "short", MessageExpiryInterval=1)
    sender.publish(topic, "long", MessageExpiryInterval=60)
    time.sleep(2.2)
    two = offline(V4, owner).connect()
    assert two.payload() == "long"
    assert two.quiet()
    two.disconnect()


def test_a_session_expires(client, device):
    owner = device()
    one = Paho(owner, clean=False, SessionExpiryInterval=1).connect()
    one.subscribe(fresh("s"))
    one.disconnect()
    time.sleep(7)
    two = Paho(owner, clean=False, SessionExpiryInterval=1).connect()
    assert not two.flags.session_present
    two.disconnect()


def test_a_session_of_3_1_1_is_not_resumed_in_5(client, device):
    owner = device()
    one = offline(V4, owner).connect()
    one.subscribe(fresh("s"))
    one.disconnect()
    two = offline(V5, owner).connect()
    assert not two.flags.session_present
    two.disconnect(SessionExpiryInterval=0)


# §6.1 wills


@VERSIONS
def test_a_will_is_published_when_the_link_is_lost(client, device, version):
    watcher = client().connect()
    topic = fresh("will")
    watcher.subscribe(topic)
    for clean_end, expected in [(True, False), (False, True)]:
        one = Paho(device(), version=version, will={"topic": topic, "payload": b"gone", "qos": 1}).connect()
        if clean_end:
            one.disconnect()
            assert watcher.quiet(0.7)
        else:
            one.vanish()
            assert watcher.payload() == "gone"
    one = Paho(device(), will={"topic": topic, "payload": b"asked", "qos": 1}).connect()
    one.disconnect(4)
    assert watcher.payload() == "asked"


def test_a_will_needs_a_permission(client, device):
    owner = device(policy=document(("Allow", "iot:Connect", "*")))
    assert client(owner, will={"topic": "w", "payload": b"x", "qos": 1}).refused() == 0x87
    client(owner).connect()


# §2.3, §7 changes act on live connections


def test_a_new_policy_acts_within_a_second(client, device):
    owner = device(policy=document(("Allow", "iot:Connect", "*")))
    one = client(owner).connect()
    assert one.publish("late") == 0x87
    name = owner.attach(document(("Allow", "iot:Publish", "*")))
    wait_for(lambda: one.publish("late") == 0, "the new policy", timeout=1.5, pause=0.1)
    owner.iot.detach_policy(policyName=name, target=owner.arn)
    wait_for(lambda: one.publish("late") == 0x87, "the end of the policy", timeout=1.5, pause=0.1)
    assert one.running()


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_disabling_a_certificate_cuts_its_connections(client, device, status):
    owner = device()
    five, three = client(owner, client_id=fresh("c")).connect(), client(owner, client_id=fresh("c"), version=V4).connect()
    owner.status(status)
    assert five.ended(6) == 0x98
    assert three.ended(6) is None
    assert client(owner).refused() is None


@VERSIONS
def test_connect_without_permission(client, device, version):
    """spec: mqtt-gateway §3.1 point 8"""
    owner = device(policy=document(("Allow", "iot:Connect", "arn:aws:iot:*:*:client/${iot:Connection.Thing.ThingName}")))
    client(owner, version=version).connect()
    refused = client(owner, client_id=fresh("stranger"), version=version).refused()
    assert refused == (0x87 if version == V5 else None)
