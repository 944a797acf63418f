"""Configuration keys that no other test turns away from their default, and a list that keeps itself: each key must be named by a test."""

import json
import re
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import harness
import pytest
from botocore.exceptions import ClientError
from devices import V4, V5, Device, Paho, document, fresh

HERE = Path(__file__).parent
ROOT = HERE.parent


@pytest.fixture(scope="module")
def broker(binaries, tmp_path_factory):
    """A server with many keys away from their defaults."""
    settings = {
        "certificate.check-validity": False,
        "tunnel.pace-own": "64KiB",
        "tunnel.services-per-tunnel": 5,
        "registry.policies-per-principal": 2,
        "registry.policies-per-group": 1,
        "mqtt.max-session-expiry": "2m",
        "mqtt.mailbox-bytes": 2048,
        "mqtt.retained-bytes": 3000,
        "mqtt.retained-messages": 2,
        "registry.policy-versions": 2,
        "mqtt.v3-publish-denied": "answer",
        "mqtt.v3-subscribe-denied": "answer",
        "limits.upgrade-bytes": 512,
        "timeline.events-per-thing": 8,
    }
    server = harness.Server(tmp_path_factory.mktemp("broker"), **settings).with_mqtt().start()
    yield server
    server.stop(signal.SIGKILL)


def rows_of(server, thing):
    return json.loads(server.adit("thing", "events", thing, "-o", "json"))


def code(call, **input):
    with pytest.raises(ClientError) as refused:
        call(**input)
    return refused.value.response["Error"]["Code"]


def test_check_validity_off_lets_an_expired_certificate_in(broker, tmp_path):
    key, csr, pem, config = (tmp_path / name for name in ("old.key", "old.csr", "old.pem", "ca.cnf"))
    config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={tmp_path}/index\nnew_certs_dir={tmp_path}\ndefault_md=sha256\nserial={tmp_path}/serial\npolicy=p\n[p]\ncommonName=supplied\n")
    (tmp_path / "index").touch()
    (tmp_path / "serial").write_text("01")
    for command in (
        ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=old", "-keyout", key, "-out", csr],
        ["ca", "-config", config, "-selfsign", "-keyfile", key, "-in", csr, "-out", pem, "-batch", "-notext",
         "-startdate", "20200101000000Z", "-enddate", "20210101000000Z"],
    ):
        subprocess.run(["openssl", *command], check=True, capture_output=True, cwd=tmp_path)
    device = Device(broker, tmp_path)
    made = device.iot.register_certificate_without_ca(certificatePem=pem.read_text(), status="ACTIVE")
    device.iot.attach_policy(policyName=device.iot.list_attached_policies(target=device.arn)["policies"][0]["policyName"], target=made["certificateArn"])
    device.cert, device.key, device.arn = pem, key, made["certificateArn"]
    Paho(device, fresh("old")).connect().close()


def test_five_services_in_one_tunnel(broker):
    assert broker.open(*(f"S{n}" for n in range(5))).id
    assert code(broker.api.open_tunnel, destinationConfig={"services": [f"S{n}" for n in range(6)]}) == "LimitExceededException"


def test_pace_own_holds_our_own_local_proxy_back(broker, proxies, service):
    """More than a bucket and what 64 KiB/s let through in a second cannot arrive within that second."""
    size = 512 * 1024
    sender = service(lambda connection: connection.sendall(b"x" * size))
    tunnel, port = broker.open("S"), harness.free_port()
    proxies.destination(broker, tunnel.destination, f"S=127.0.0.1:{sender.port}")
    proxies.source(broker, tunnel.source, f"S={port}")
    start = time.monotonic()
    with harness.dial(port, 60) as connection:
        assert len(harness.read_exactly(connection, size)) == size
    assert time.monotonic() - start > 4


def test_policies_of_a_certificate_and_of_a_group_are_limited(broker, tmp_path):
    device = Device(broker, tmp_path)
    device.attach(document(("Allow", "iot:Connect", "*")))
    third, group = fresh("policy"), fresh("group")
    device.iot.create_policy(policyName=third, policyDocument=document(("Allow", "iot:*", "*")))
    assert code(device.iot.attach_policy, policyName=third, target=device.arn) == "LimitExceededException"
    target = device.iot.create_thing_group(thingGroupName=group)["thingGroupArn"]
    device.iot.attach_policy(policyName=third, target=target)
    (other, *_) = [each["policyName"] for each in device.iot.list_attached_policies(target=device.arn)["policies"]]
    assert code(device.iot.attach_policy, policyName=other, target=target) == "LimitExceededException"


def test_a_session_lasts_no_longer_than_allowed(client):
    one = client(clean=False, SessionExpiryInterval=3600).connect()
    assert one.properties.SessionExpiryInterval == 120


def test_retained_messages_fill_their_bytes_and_their_number(client):
    one = client(version=V5).connect()
    assert one.publish(fresh("kept"), b"x" * 2000, retain=True) == 0
    assert one.publish(fresh("too-many-bytes"), b"x" * 2000, retain=True) == 0x97
    assert one.publish(fresh("kept"), b"x", retain=True) == 0
    assert one.publish(fresh("too-many"), b"x", retain=True) == 0x97


def test_what_is_larger_than_a_mailbox_is_dropped_and_counted(broker, client):
    one, topic = client().connect(), fresh("topic")
    one.subscribe(topic)

    def dropped():
        return int(re.search(r'adit_mqtt_dropped_total\{reason="full"\} (\d+)', broker.metrics()[1])[1])

    one.publish(topic, b"x" * 1500)
    assert len(one.message().payload) == 1500 and dropped() == 0
    one.publish(topic, b"x" * 3000)
    one.publish(topic, b"the last")
    assert one.payload() == "the last" and dropped() == 1


def test_versions_of_a_policy_are_limited(broker):
    iot, name = broker.boto("iot"), fresh("policy")
    text = document(("Allow", "iot:*", "*"))
    iot.create_policy(policyName=name, policyDocument=text)
    iot.create_policy_version(policyName=name, policyDocument=text)
    assert code(iot.create_policy_version, policyName=name, policyDocument=text) == "VersionsLimitExceededException"


def test_a_denied_packet_of_3_1_1_is_answered(client, device):
    owner = device(policy=document(("Allow", "iot:Connect", "*")))
    one = client(owner, version=V4).connect()
    assert one.subscribe(fresh("denied")) == [0x80]
    one.publish(fresh("denied"))
    assert one.running()


def test_a_thing_keeps_as_many_events(broker, client, device):
    """A quarter of eight are for connects; how long they are kept (timeline.retention) takes a clock that a test can move."""
    one = device()
    for _ in range(4):
        client(one).connect().close()
    shown = [row["kind"] for row in rows_of(broker, one.name)]
    assert shown.count("CONNECTED") == 2 and len(shown) <= 4


def test_a_long_upgrade_is_refused(broker):
    context = ssl.create_default_context(cafile=str(broker.ca))
    with socket.create_connection(("127.0.0.1", broker.port), 10) as raw, context.wrap_socket(raw, server_hostname="localhost") as link:
        link.sendall(b"GET /tunnel?local-proxy-mode=source HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nx-long: " + b"x" * 600 + b"\r\n\r\n")
        assert b" 4" in link.recv(100)[:12]


def test_every_key_is_named_by_a_test():
    keys = re.findall(r"^### `(.+)`", (ROOT / "docs/config.md").read_text(), re.M)
    tests = [*HERE.glob("*.py"), *ROOT.glob("crates/server/tests/it/**/*.rs"), ROOT / "crates/server/src/config/tests.rs"]
    text = "\n".join(path.read_text() for path in tests)
    def named(key):
        last = key.rpartition(".")[2]
        return key in text or re.search(rf"\b{last.replace('-', '_')}\b|[\"`.\s]{last}\b", text)

    assert not [key for key in keys if not named(key)]
