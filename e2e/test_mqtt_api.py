"""The data API, events and tunnels around MQTT: boto3, `aws` and certificates over HTTPS beside MQTT clients.

spec: mqtt-gateway §8, §10
"""

import http.client
import json
import time

import pytest
from botocore.exceptions import ClientError
from devices import ALPN_HTTP, V4, Paho, document, fresh
from harness import wait_for


@pytest.fixture(scope="module")
def data(broker):
    return broker.boto("iot-data")


def test_publish_with_boto3_reaches_a_device(client, data):
    one = client().connect()
    topic = fresh("api")
    one.subscribe(f"{topic}/#")
    data.publish(
        topic=f"{topic}/a b/é", qos=1, payload=b"\x00hi", contentType="a/b", responseTopic="r", messageExpiry=60,
        payloadFormatIndicator="UTF8_DATA", correlationData="Y2Q=", userProperties=json.dumps([{"k": "1"}, {"k": "2"}]),
    )
    got = one.message()
    assert (got.topic, got.payload, got.qos) == (f"{topic}/a b/é", b"\x00hi", 1)
    p = got.properties
    assert (p.ContentType, p.ResponseTopic, p.PayloadFormatIndicator, p.CorrelationData) == ("a/b", "r", 1, b"cd")
    assert p.UserProperty == [("k", "1"), ("k", "2")] and 55 <= p.MessageExpiryInterval <= 60


def test_publish_with_the_aws_program(client, broker, tmp_path):
    one = client(version=V4).connect()
    topic = fresh("cli")
    one.subscribe(topic)
    payload = tmp_path / "payload"
    payload.write_text("hello")
    broker.aws("iot-data", "publish", "--topic", topic, "--payload", f"fileb://{payload}", "--qos", "1")
    assert one.payload() == "hello"


def test_publish_with_a_certificate_over_https(client, device, broker):
    one, owner, topic = client().connect(), device(), fresh("https")
    one.subscribe(topic)
    status, _ = post(owner, broker, f"/topics/{topic}?qos=1", b"from https")
    assert status == 200
    assert one.payload() == "from https"
    nobody = device(policy=None)
    status, body = post(nobody, broker, f"/topics/{topic}?qos=1", b"x")
    assert status == 403 and "message" in json.loads(body)


def post(owner, broker, path, body):
    connection = http.client.HTTPSConnection("localhost", broker.port, context=owner.context(ALPN_HTTP), timeout=15)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_retained_messages_in_the_api(client, data):
    one, topic = client().connect(), fresh("kept")
    one.publish(topic, "kept", retain=True, UserProperty=[("a", "b")])
    got = data.get_retained_message(topic=topic)
    assert (got["topic"], got["payload"], got["qos"]) == (topic, b"kept", 1)
    assert abs(got["lastModifiedTime"] - time.time() * 1000) < 60_000
    assert json.loads(got["userProperties"]) == [{"a": "b"}]
    pages = data.get_paginator("list_retained_messages").paginate(PaginationConfig={"PageSize": 1})
    found = [each for page in pages for each in page["retainedTopics"] if each["topic"] == topic]
    assert [(each["payloadSize"], each["qos"]) for each in found] == [(4, 1)]
    data.publish(topic=topic, retain=True, payload=b"", qos=1)
    with pytest.raises(ClientError) as refused:
        data.get_retained_message(topic=topic)
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_whether_a_thing_is_connected_and_since_when(broker, client):
    iot = broker.boto("iot")
    one = client(clean=False, SessionExpiryInterval=300)
    thing = one.device.name

    def seen(**more):
        answer = iot.get_thing_connectivity_data(thingName=thing, **more)
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    assert seen() == {"thingName": thing, "connected": False}
    one.connect(keepalive=60)
    online = seen(includeSocketInformation=True)
    assert online["connected"] and online["disconnectReason"] == "NONE" and online["clientId"] == thing
    assert (online["keepAliveDuration"], online["cleanSession"], online["sessionExpiry"]) == (60, False, 300)
    assert online["sourceIp"] == "127.0.0.1" and online["targetPort"] == broker.mqtt_port
    assert "sourceIp" not in seen()
    one.disconnect()
    wait_for(lambda: not seen()["connected"], "the end of the connection")
    away = seen()
    assert away["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT" and away["timestamp"] >= online["timestamp"]
    with pytest.raises(ClientError) as unknown:
        iot.get_thing_connectivity_data(thingName=fresh("nobody"))
    assert unknown.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_connection_can_be_seen_and_cut(client, data):
    one = client(clean=False, SessionExpiryInterval=300).connect(keepalive=60)
    topics = sorted(fresh("s") for _ in range(3))
    one.subscribe(*topics)
    seen = data.get_connection(clientId=one.client_id)
    assert seen["connected"] is True and seen["clientId"] == one.client_id
    listed = data.list_subscriptions(clientId=one.client_id)["subscriptions"]
    assert sorted((each["topicFilter"], each["qos"]) for each in listed) == [(topic, 1) for topic in topics]
    data.delete_connection(clientId=one.client_id)
    assert one.ended() == 0x98
    wait_for(lambda: not data.get_connection(clientId=one.client_id)["connected"], "the end of the connection")
    two = Paho(one.device, clean=False, SessionExpiryInterval=300).connect()
    assert two.flags.session_present
    data.delete_connection(clientId=one.client_id, cleanSession=True)
    assert two.ended() == 0x98
    three = Paho(one.device, clean=False, SessionExpiryInterval=0).connect()
    assert not three.flags.session_present
    three.disconnect()


def test_a_message_for_one_client(client, data):
    one = client().connect()
    topic = fresh("direct")
    data.send_direct_message(clientId=one.client_id, topic=topic, payload=b"for you", confirmation=True)
    got = one.message()
    assert (got.topic, got.payload) == (topic, b"for you")


def test_who_comes_and_goes(client, device):
    """spec: mqtt-gateway §8.2"""
    watcher, owner = client().connect(), device()
    watcher.subscribe(f"$aws/events/presence/+/{owner.name}", f"$aws/events/subscriptions/+/{owner.name}")
    one = Paho(owner).connect()
    connected = json.loads(watcher.payload())
    assert connected["eventType"] == "connected" and connected["clientId"] == owner.name
    assert connected["principalIdentifier"] == owner.id and connected["ipAddress"] == "127.0.0.1"
    one.subscribe("a/b")
    subscribed = json.loads(watcher.payload())
    assert (subscribed["eventType"], subscribed["topics"]) == ("subscribed", ["a/b"])
    one.disconnect()
    gone = json.loads(watcher.payload())
    assert gone["eventType"] == "disconnected" and gone["clientInitiatedDisconnect"] is True
    assert gone["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"
    assert gone["versionNumber"] == connected["versionNumber"]
    assert gone["sessionIdentifier"] == connected["sessionIdentifier"]


def test_why_a_connection_ended(client, device):
    """spec: mqtt-gateway §6.2"""
    watcher, owner = client().connect(), device()
    watcher.subscribe(f"$aws/events/presence/disconnected/{owner.name}")
    one = Paho(owner).connect()
    one.vanish()
    assert json.loads(watcher.payload())["disconnectReason"] == "CONNECTION_LOST"
    Paho(owner).connect()
    two = Paho(owner).connect()
    assert json.loads(watcher.payload())["disconnectReason"] == "DUPLICATE_CLIENTID"
    two.send("a", b"x" * 131_073)
    assert json.loads(watcher.payload())["disconnectReason"] == "CLIENT_ERROR"


def test_a_failed_connect_is_an_event(client, device):
    watcher, nobody = client().connect(), device(policy=document(("Deny", "iot:Connect", "*")))
    watcher.subscribe(f"$aws/events/presence/connect_failed/{nobody.name}")
    assert client(nobody).refused() == 0x87
    event = json.loads(watcher.payload())
    assert (event["eventType"], event["connectFailureReason"]) == ("connect_failed", "AUTHORIZATION_FAILED")


def test_a_tunnel_is_announced_to_its_thing(client, device, broker):
    """spec: mqtt-gateway §8.3: walkthrough B, step 4"""
    owner = device()
    one = client(owner, version=V4).connect()
    assert one.subscribe(f"$aws/things/{owner.name}/tunnels/notify") == [1]
    tunnel = broker.open("SSH", thing=owner.name)
    told = json.loads(one.payload())
    assert told == {
        "clientAccessToken": tunnel.destination, "clientMode": "destination",
        "region": broker.env["AWS_REGION"], "services": ["SSH"],
    }


def test_a_shadow_over_mqtt(client, device, data):
    owner = device()
    one = client(owner).connect()
    shadow = f"$aws/things/{owner.name}/shadow"
    assert one.subscribe(f"{shadow}/update/accepted", f"{shadow}/update/delta", f"{shadow}/get/+") == [1, 1, 1]
    assert one.publish(f"{shadow}/get", "") == 0
    assert json.loads(one.payload())["code"] == 404
    one.publish(f"{shadow}/update", json.dumps({"state": {"reported": {"on": False}}}))
    assert json.loads(one.payload())["state"] == {"reported": {"on": False}}
    data.update_thing_shadow(thingName=owner.name, payload=json.dumps({"state": {"desired": {"on": True}}}))
    got = {}
    for _ in range(2):
        message = one.message()
        got[message.topic.rsplit("/", 1)[1]] = json.loads(message.payload)["state"]
    assert got == {"accepted": {"desired": {"on": True}}, "delta": {"on": True}}
    read = json.loads(data.get_thing_shadow(thingName=owner.name)["payload"].read())
    assert read["state"] == {"desired": {"on": True}, "reported": {"on": False}, "delta": {"on": True}}
