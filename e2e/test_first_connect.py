"""Devices that come in by themselves, beyond the walkthrough: the checklist of the specification, line by line.

spec: provisioning §6, §10
"""

import json
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from devices import ALLOW_ALL, V4, V5, fresh
from factory import EVERYTHING, Factory, template
from harness import wait_for
from mqttwire import field


@pytest.fixture
def factory(broker, tmp_path):
    """Makes factories with elliptic-curve keys, which are made quickly."""
    return lambda **more: Factory(broker, tmp_path / fresh("factory"), **{"ec": True, **more})


def connect_packet(client_id, version):
    body = b"\x00\x04MQTT" + bytes([version]) + b"\x02\x00\x3c" + (b"\x00" if version == 5 else b"") + field(client_id)
    return b"\x10" + bytes([len(body)]) + body


def greet(device, client_id=None, version=4, cert=None, sni="localhost", first=None, tls=None):
    """Connects and says CONNECT; what the server says to that, b"" when it only closes."""
    context = device.context(cert=cert)
    if tls:
        context.minimum_version = context.maximum_version = tls
    if sni is None:
        context.check_hostname = False
    raw = socket.create_connection(("127.0.0.1", device.server.mqtt_port), timeout=10)
    with context.wrap_socket(raw, server_hostname=sni) as link:
        link.sendall(connect_packet(client_id or device.name, version) if first is None else first)
        try:
            return link.recv(64)
        except ConnectionResetError:
            return b""


ACCEPTED = b"\x20\x02\x00\x00"


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["tls1.2", "tls1.3"])
@pytest.mark.parametrize("ec", [True, False], ids=["ecdsa", "rsa"])
def test_every_kind_of_device_comes_in(factory, version, tls, ec):
    device = factory(ec=ec).register(template(EVERYTHING)).device()
    assert greet(device, version=version, tls=tls) == b""
    assert device.status() == "ACTIVE"
    assert greet(device, version=version, tls=tls)[:1] == b"\x20"


def test_version_3_certificates_and_whole_chains_are_alike(factory, tmp_path):
    made = factory().register(template(EVERYTHING))
    extensions = tmp_path / "ext.conf"
    extensions.write_text("basicConstraints = critical,CA:FALSE\nkeyUsage = critical,digitalSignature\n")
    leaf, chain = made.device(extensions=extensions), made.device()
    for device, cert in [(leaf, None), (chain, chain.with_ca())]:
        assert greet(device, cert=cert) == b""
        assert greet(device, cert=cert) == ACCEPTED


def test_only_a_connect_counts(factory):
    """TLS alone, something else first, or half a CONNECT registers nothing."""
    device = factory().register(template(EVERYTHING)).device()
    raw = socket.create_connection(("127.0.0.1", device.server.mqtt_port), timeout=10)
    device.context().wrap_socket(raw, server_hostname="localhost").close()
    for first in (b"\xc0\x00", b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\xff\x7f", bytes(64)):
        assert greet(device, first=first) == b""
    assert device.status() is None
    too_large = b"\x10\x80\x80\x01" + b"\x00\x04MQTT\x04\x02\x00\x3c" + bytes(9000)
    assert greet(device, first=too_large) == b""
    assert device.status() is None


@pytest.mark.parametrize("sent", ["none", "localhost"])
def test_a_ca_told_apart_by_host_names_needs_one(factory, sent):
    made = factory().register(template(EVERYTHING), sni=True)
    device = made.device()
    assert greet(device, sni=None if sent == "none" else sent) == b""
    assert device.status() == (None if sent == "none" else "ACTIVE")
    if sent == "none":
        assert "SNI_ONLY" in device.server.adit("why", "--certificate", device.id)


def test_a_host_name_of_another_account_brings_nobody_in(factory):
    device = factory().register(template(EVERYTHING)).device()
    context = device.context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    raw = socket.create_connection(("127.0.0.1", device.server.mqtt_port), timeout=10)
    with context.wrap_socket(raw, server_hostname="a1b2c3d4e5f6g7-ats.iot.us-east-1.amazonaws.com") as link:
        link.sendall(connect_packet(device.name, 4))
        assert link.recv(16) == b""
    assert device.status() is None
    assert greet(device, sni=None) == b"" and device.status() == "ACTIVE", "without any the CA is enough"


def test_two_cas_of_one_subject(factory):
    name = fresh("same")
    first, second = (factory(name=name).register(template(EVERYTHING)) for _ in range(2))
    device = second.device()
    assert greet(device) == b""
    assert device.describe()["caCertificateId"] == second.id != first.id


def test_a_certificate_of_a_foreign_ca_is_not_registered(factory):
    made = factory().register(template(EVERYTHING))
    stranger = factory().device()
    assert greet(stranger) == b"" and stranger.status() is None
    assert "no registered CA issued it" in made.server.adit("why", "--certificate", stranger.id)


@pytest.mark.parametrize(("subject", "why"), [
    ("/CN={name}", "Cannot resolve reference value: AWS::IoT::Certificate::Country"),
    ("/C=IN/CN={name} with spaces", "hing"),
])
def test_what_a_template_cannot_use_is_named(factory, subject, why):
    made = factory().register(template(EVERYTHING))
    name = fresh("dev")
    device = made.device(name, subject.format(name=name))
    assert greet(device) == b""
    assert device.status() == "PENDING_ACTIVATION"
    assert device.policies() == [], "nothing half-made"
    assert why in device.server.adit("why", "--certificate", device.id)
    (attempt,) = [json.loads(line) for line in device.server.adit("provisioning", "--certificate", device.id, "--json").splitlines()]
    assert (attempt["certificate"], attempt["ca"]) == (device.id, made.id)
    assert why in attempt["reason"] and attempt["step"]
    metrics = device.server.metrics()[1]
    assert 'result="client-error"' in metrics


def test_a_thing_that_is_there_already(factory):
    """Equal is fine; different is not, unless the template says what to do."""
    made = factory().register(template(EVERYTHING))
    for attributes, status in [({"version": "v1", "country": "IN"}, "ACTIVE"), ({"version": "v0"}, "PENDING_ACTIVATION")]:
        device = made.device()
        made.iot.create_thing(thingName=device.name, attributePayload={"attributes": attributes})
        assert greet(device) == b""
        assert device.status() == status
    assert "conflicts with AttributePayload" in made.server.adit("why", "--certificate", device.id)
    replacing = template(EVERYTHING, thing={"OverrideSettings": {"AttributePayload": "REPLACE"}})
    config = {"templateBody": json.dumps(replacing), "roleArn": made.role()}
    made.iot.update_ca_certificate(certificateId=made.id, registrationConfig=config)
    wait_for(lambda: greet(device) is not None and device.status() == "ACTIVE", "a device that heals by itself")
    assert made.iot.describe_thing(thingName=device.name)["attributes"] == {"version": "v1", "country": "IN"}


def test_a_named_template_counts_as_it_is_now(factory):
    made = factory()
    name = fresh("jitp")[:36]
    iot = made.iot
    iot.create_provisioning_template(
        templateName=name, templateBody=json.dumps(template(EVERYTHING, attributes={"version": "one"})), enabled=False,
        provisioningRoleArn=made.role(), type="JITP",
    )
    made.register(named=name)
    first = made.device()
    assert greet(first) == b"" and first.status() == "PENDING_ACTIVATION"
    assert "is not enabled" in made.server.adit("why", "--certificate", first.id)
    iot.update_provisioning_template(templateName=name, enabled=True)
    second = made.device()
    assert greet(second) == b"" and second.status() == "ACTIVE"
    iot.create_provisioning_template_version(
        templateName=name, templateBody=json.dumps(template(EVERYTHING, attributes={"version": "two"})), setAsDefault=True,
    )
    third = made.device()
    assert greet(third) == b""
    attributes = [iot.describe_thing(thingName=each.name)["attributes"]["version"] for each in (second, third)]
    assert attributes == ["one", "two"]
    with pytest.raises(Exception, match="(?i)template"):
        iot.delete_provisioning_template(templateName=name)


def test_registration_alone_tells_subscribers(factory, client):
    """JITR: no template; somebody who listens activates the certificate."""
    made = factory().register()
    device = made.device()
    listener = client().connect()
    listener.subscribe(f"$aws/events/certificates/registered/{made.id}")
    assert greet(device) == b""
    first = json.loads(listener.payload())
    assert first == {
        "certificateId": device.id, "caCertificateId": made.id, "timestamp": first["timestamp"],
        "certificateStatus": "PENDING_ACTIVATION", "awsAccountId": "123456789012",
        "certificateRegistrationTimestamp": None, "sourceIp": "127.0.0.1",
    }
    assert greet(device) == b""
    second = json.loads(listener.payload())
    assert second["certificateRegistrationTimestamp"].isdigit() and int(second["certificateRegistrationTimestamp"]) <= second["timestamp"]
    policy = fresh("policy")
    made.iot.create_policy(policyName=policy, policyDocument=ALLOW_ALL)
    made.iot.attach_policy(policyName=policy, target=device.arn)
    made.iot.update_certificate(certificateId=device.id, newStatus="ACTIVE")
    assert greet(device) == ACCEPTED
    made.iot.update_certificate(certificateId=device.id, newStatus="INACTIVE")
    assert greet(device) == b""
    assert listener.quiet(), "nothing is told of one that is not waiting"


def test_switching_a_ca_off_leaves_its_devices_alone(factory):
    made = factory().register(template(EVERYTHING))
    old = made.device()
    assert greet(old) == b"" and greet(old) == ACCEPTED
    iot = made.iot
    for change, says in [
        ({"newAutoRegistrationStatus": "DISABLE"}, "auto registration"),
        ({"newAutoRegistrationStatus": "ENABLE", "newStatus": "INACTIVE"}, "INACTIVE"),
    ]:
        iot.update_ca_certificate(certificateId=made.id, **change)
        new = made.device()
        assert greet(new) == b"" and new.status() is None
        assert says in made.server.adit("why", "--certificate", new.id)
        assert greet(old) == ACCEPTED
    iot.delete_ca_certificate(certificateId=made.id)
    assert greet(old) == ACCEPTED
    assert old.describe()["caCertificateId"] == made.id


def test_many_devices_at_once_share_one_policy(broker, factory):
    made = factory().register(template())
    before = len(policies(broker))
    devices = [made.device() for _ in range(100)]
    with ThreadPoolExecutor(25) as pool:
        assert set(pool.map(greet, devices)) == {b""}
    assert {device.status() for device in devices} == {"ACTIVE"}
    assert len({tuple(device.policies()) for device in devices}) == 1
    assert len(policies(broker)) <= before + 1
    with ThreadPoolExecutor(25) as pool:
        assert set(pool.map(greet, devices)) == {ACCEPTED}


def policies(broker):
    pages = broker.boto("iot").get_paginator("list_policies").paginate()
    return [each["policyName"] for page in pages for each in page["policies"]]


def test_one_device_twenty_times_at_once_is_one_device(factory, client):
    made = factory().register(template(EVERYTHING))
    device = made.device()
    listener = client().connect()
    listener.subscribe(f"$aws/events/certificates/registered/{made.id}")
    barrier, answers = threading.Barrier(20), []

    def come(_):
        barrier.wait()
        answers.append(greet(device))

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(come, range(20)))
    # Who comes late enough is let in, and then another takes over; nobody hears of a refusal.
    assert set(answers) <= {b"", ACCEPTED}
    assert device.status() == "ACTIVE"
    listed = made.iot.list_certificates_by_ca(caCertificateId=made.id)["certificates"]
    assert [each["certificateId"] for each in listed] == [device.id]
    assert listener.payload() and listener.quiet()


@pytest.mark.parametrize("version", [V4, V5], ids=["3.1.1", "5"])
def test_the_first_connection_may_go_on(new_server, tmp_path, version):
    """With `jitp.first-connection = "accept"`."""
    server = new_server(False, **{"jitp.first-connection": "accept"}).with_mqtt().start()
    made = Factory(server, tmp_path / "factory", ec=True).register(template())
    device = made.device()
    assert greet(device, version=4 if version == V4 else 5)[:1] == b"\x20"
    other = made.device()
    assert greet(other, client_id="another") == b"", "its policy judges it at once"
    assert other.status() == "ACTIVE"
    waiting = Factory(server, tmp_path / "other", ec=True).register().device()
    assert greet(waiting) == b"", "nobody has activated it"


def test_a_role_that_does_not_allow_it_is_named(factory):
    made = factory()
    iam = made.server.boto("iam")
    name = fresh("Weak")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "iot.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    arn = f"arn:aws:iam::123456789012:role/{name}"
    made.register(template(EVERYTHING))
    made.iot.update_ca_certificate(
        certificateId=made.id, registrationConfig={"templateBody": json.dumps(template(EVERYTHING)), "roleArn": arn},
    )
    device = made.device()

    def why():
        greet(device)
        return device.server.adit("why", "--certificate", device.id)

    wait_for(lambda: name in why(), "a role that is missing")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    wait_for(lambda: "iot:CreateThing" in why(), "a role that allows nothing")
    assert device.status() == "PENDING_ACTIVATION"
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/service-role/AWSIoTThingsRegistration")
    wait_for(lambda: why() and device.status() == "ACTIVE", "a role that allows it")
