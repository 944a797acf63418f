"""Each real MQTT client, unmodified: subscribes, publishes to itself, gets its message back.

spec: mqtt-gateway §1.1, §10
"""

import json
import os
import subprocess
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest
from devices import ALPN_MQTT, V4, V5, Mosquitto, Paho, fresh
from harness import ROOT, clean_environment

PORTS = pytest.mark.parametrize("alpn", [False, True], ids=["8883", "alpn"])
VERSIONS = pytest.mark.parametrize("version", [V4, V5], ids=["3.1.1", "5"])


@PORTS
@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
@pytest.mark.parametrize("qos", ["0", "1"])
def test_mosquitto(device, tmp_path, alpn, version, qos):
    one, two = device(), device()
    topic = fresh("m")
    sub = Mosquitto(one, version, alpn).sub(tmp_path, "-i", one.name, "-t", f"{topic}/#", "-q", qos, "-C", "2", "-F", "%t %q %p")
    pub = Mosquitto(two, version, alpn)
    for number in range(2):
        pub.pub("-i", two.name, "-t", f"{topic}/{number}", "-m", f"hello {number}", "-q", qos)
    assert sub.wait_exit() == 0
    lines = [line for line in sub.out().splitlines() if line.startswith(topic)]
    assert lines == [f"{topic}/0 {qos} hello 0", f"{topic}/1 {qos} hello 1"]


def test_mosquitto_properties(device, tmp_path):
    one = device()
    topic = fresh("m")
    mosquitto = Mosquitto(one)
    sub = mosquitto.sub(tmp_path, "-i", one.name, "-t", topic, "-C", "1", "-F", "%C|%D|%E|%F|%P|%R|%p")
    mosquitto.pub(
        "-i", fresh("pub"), "-t", topic, "-m", "payload", "-q", "1",
        "-D", "publish", "content-type", "text/plain", "-D", "publish", "response-topic", "answers/here",
        "-D", "publish", "correlation-data", "c-1", "-D", "publish", "message-expiry-interval", "600",
        "-D", "publish", "payload-format-indicator", "1",
        "-D", "publish", "user-property", "k", "1", "-D", "publish", "user-property", "k", "2",
    )
    assert sub.wait_exit() == 0
    (line,) = [line for line in sub.out().splitlines() if "|" in line]
    content, correlation, expiry, form, users, reply, payload = line.split("|")
    assert (content, correlation, form, reply, payload) == ("text/plain", "c-1", "1", "answers/here", "payload")
    assert users.split() == ["k:1", "k:2"] and 590 <= int(expiry) <= 600


def test_mosquitto_says_why_it_was_refused(device):
    nobody = device(policy=None)
    done = Mosquitto(nobody).pub("-i", nobody.name, "-t", "a", "-m", "x", ok=False)
    assert done.returncode != 0 and "not authori" in done.stderr.lower()
    done = Mosquitto(nobody, "mqttv311").pub("-i", nobody.name, "-t", "a", "-m", "x", ok=False)
    assert done.returncode != 0


def test_mosquitto_with_an_inactive_certificate(device):
    """spec: mqtt-gateway §1.4, case B: the handshake succeeds and the connection is lost"""
    inactive = device(active=False)
    for version in ("mqttv311", "mqttv5"):
        done = Mosquitto(inactive, version).pub("-i", inactive.name, "-t", "a", "-m", "x", ok=False)
        assert done.returncode != 0
        assert "The connection was lost" in done.stderr, done
        assert "TLS error" not in done.stderr


@PORTS
@VERSIONS
def test_paho(client, alpn, version):
    one = client(version=version, alpn=alpn).connect()
    topic = fresh("paho")
    assert one.subscribe(f"{topic}/+", qos=1) == [1]
    assert one.publish(f"{topic}/1", b"\x00\xff" * 1000) == 0
    message = one.message()
    assert (message.topic, message.payload, message.qos, message.retain) == (f"{topic}/1", b"\x00\xff" * 1000, 1, False)
    one.unsubscribe(f"{topic}/+")
    one.publish(f"{topic}/2", "more")
    assert one.quiet()
    one.disconnect()


@VERSIONS
def test_paho_over_websocket(broker, device, version):
    owner = device()
    one = Paho(owner, version=version, websocket=signed_path(broker)).connect()
    topic = fresh("ws")
    one.subscribe(topic)
    assert one.publish(topic, "x" * 100_000) == 0
    assert one.payload() == "x" * 100_000
    one.disconnect()


def signed_url(server, token=None, key=None, secret=None):
    """What AWS's SDKs make: the query is signed, a session token is added behind."""
    from urllib.parse import quote

    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    keys = Credentials(key or server.env["AWS_ACCESS_KEY_ID"], secret or server.env["AWS_SECRET_ACCESS_KEY"])
    request = AWSRequest("GET", f"wss://localhost:{server.port}/mqtt")
    SigV4QueryAuth(keys, "iotdevicegateway", server.env["AWS_REGION"], expires=300).add_auth(request)
    return request.url + (f"&X-Amz-Security-Token={quote(token, safe='')}" if token else "")


def signed_path(server, **credentials):
    return signed_url(server, **credentials).split(f":{server.port}", 1)[1]


def node(script, wish, timeout=40):
    modules = os.environ.get("ADIT_NODE_MODULES") or Path(__file__).parent / "mqttjs/node_modules"
    assert (Path(modules) / "mqtt").is_dir(), "run npm ci in e2e/mqttjs, or set ADIT_NODE_MODULES"
    done = subprocess.run(
        ["node", ROOT / "e2e/mqttjs" / script, json.dumps(wish, default=str)],
        env=clean_environment(NODE_PATH=str(modules)), capture_output=True, text=True, timeout=timeout,
    )
    assert done.returncode == 0, done
    return json.loads(done.stdout)


@pytest.mark.parametrize("way", ["8883", "alpn", "websocket"])
@pytest.mark.parametrize("version", [4, 5])
def test_mqtt_js(broker, device, version, way):
    one = device()
    topic = fresh("js")
    wish = {"version": version, "clientId": one.name, "topic": f"{topic}/a", "payload": "hé", "ca": broker.ca}
    if way == "websocket":
        wish["url"] = signed_url(broker)
    else:
        port = broker.port if way == "alpn" else broker.mqtt_port
        wish |= {"url": f"mqtts://localhost:{port}", "cert": one.cert, "key": one.key}
        if way == "alpn":
            wish["alpn"] = [ALPN_MQTT]
    seen = node("client.cjs", wish)
    message = seen["message"]
    assert (message["topic"], message["payload"], message["qos"]) == (f"{topic}/a", "hé", 1)
    assert seen["granted"][0]["qos"] == 1
    if version == 5:
        assert message["properties"]["contentType"] == "text/plain"
        assert message["properties"]["responseTopic"] == "r"
        assert message["properties"]["userProperties"] == {"a": ["1", "2"]}
        assert seen["connack"]["properties"]["maximumPacketSize"] == 149_504


def sdk_keys(broker):
    from awscrt import auth

    return auth.AwsCredentialsProvider.new_static(broker.env["AWS_ACCESS_KEY_ID"], broker.env["AWS_SECRET_ACCESS_KEY"])


@pytest.mark.parametrize("way", ["8883", "websocket"])
def test_device_sdk_3_1_1(broker, device, way):
    from awscrt import mqtt
    from awsiot import mqtt_connection_builder as builder

    one = device()
    topic = fresh("sdk")
    common = {"endpoint": "localhost", "client_id": one.name, "ca_filepath": str(broker.ca), "keep_alive_secs": 30}
    if way == "websocket":
        made = builder.websockets_with_default_aws_signing(
            region=broker.env["AWS_REGION"], credentials_provider=sdk_keys(broker), port=broker.port, **common
        )
    else:
        made = builder.mtls_from_path(cert_filepath=str(one.cert), pri_key_filepath=str(one.key), port=broker.mqtt_port, **common)
    assert made.connect().result(20) == {"session_present": False}
    got = Future()
    done, _ = made.subscribe(f"{topic}/#", mqtt.QoS.AT_LEAST_ONCE, lambda topic, payload, **_: got.set_result((topic, payload)))
    assert done.result(20)["qos"] == mqtt.QoS.AT_LEAST_ONCE
    made.publish(f"{topic}/x", "hello", mqtt.QoS.AT_LEAST_ONCE)[0].result(20)
    assert got.result(20) == (f"{topic}/x", b"hello")
    made.unsubscribe(f"{topic}/#")[0].result(20)
    made.disconnect().result(20)


@pytest.mark.parametrize("way", ["8883", "alpn", "websocket"])
def test_device_sdk_5(broker, device, way):
    from awscrt import io, mqtt5
    from awsiot import mqtt5_client_builder as builder

    one = device()
    topic = fresh("sdk5")
    connected, stopped, got = Future(), threading.Event(), Future()
    common = {
        "endpoint": "localhost",
        "client_id": one.name,
        "on_lifecycle_connection_success": lambda data: connected.set_result(data),
        "on_lifecycle_connection_failure": lambda data: connected.set_exception(RuntimeError(str(data))),
        "on_lifecycle_stopped": lambda data: stopped.set(),
        "on_publish_received": lambda data: got.set_result(data.publish_packet),
        "ca_filepath": str(broker.ca),
    }
    if way == "websocket":
        made = builder.websockets_with_default_aws_signing(
            region=broker.env["AWS_REGION"], credentials_provider=sdk_keys(broker), port=broker.port, **common
        )
    elif way == "8883":
        made = builder.mtls_from_path(cert_filepath=str(one.cert), pri_key_filepath=str(one.key), port=broker.mqtt_port, **common)
    else:
        made = alpn_client(broker, one, io, mqtt5, common)
    made.start()
    connack = connected.result(20).connack_packet
    assert connack.maximum_qos == mqtt5.QoS.AT_LEAST_ONCE and connack.maximum_packet_size == 149_504
    suback = made.subscribe(mqtt5.SubscribePacket([mqtt5.Subscription(topic, mqtt5.QoS.AT_LEAST_ONCE)])).result(20)
    assert suback.reason_codes == [mqtt5.SubackReasonCode.GRANTED_QOS_1]
    sent = mqtt5.PublishPacket(
        topic=topic, payload=b"hello", qos=mqtt5.QoS.AT_LEAST_ONCE, content_type="a/b", user_properties=[mqtt5.UserProperty("n", "v")]
    )
    assert made.publish(sent).result(20).puback.reason_code == mqtt5.PubackReasonCode.SUCCESS
    back = got.result(20)
    assert (back.payload, back.content_type, [(p.name, p.value) for p in back.user_properties]) == (b"hello", "a/b", [("n", "v")])
    made.stop()
    assert stopped.wait(20)


def alpn_client(broker, one, io, mqtt5, common):
    """The builder offers ALPN only on port 443."""
    tls = io.TlsContextOptions.create_client_with_mtls_from_path(str(one.cert), str(one.key))
    tls.override_default_trust_store_from_path(None, str(broker.ca))
    tls.alpn_list = [ALPN_MQTT]
    return mqtt5.Client(mqtt5.ClientOptions(
        host_name="localhost",
        port=broker.port,
        tls_ctx=io.ClientTlsContext(tls),
        connect_options=mqtt5.ConnectPacket(client_id=one.name, keep_alive_interval_sec=60),
        on_lifecycle_event_connection_success_fn=common["on_lifecycle_connection_success"],
        on_lifecycle_event_connection_failure_fn=common["on_lifecycle_connection_failure"],
        on_lifecycle_event_stopped_fn=common["on_lifecycle_stopped"],
        on_publish_callback_fn=common["on_publish_received"],
    ))


@pytest.mark.parametrize("suite", [None, "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"])
def test_tls_versions_and_both_server_keys(device, suite):
    """spec: mqtt-gateway §1.3: TLS 1.3, and TLS 1.2 with either kind of server key"""
    import ssl

    one = device()
    made = Paho(one)
    context = one.context()
    if suite:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suite)
    made.client._ssl_context = context
    made.connect()
    assert made.client.socket().version() == ("TLSv1.2" if suite else "TLSv1.3")
    if suite:
        assert made.client.socket().cipher()[0] == suite
    made.disconnect()
