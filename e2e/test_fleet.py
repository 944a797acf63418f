"""Fleet provisioning: AWS's device SDK in JSON, paho in CBOR, claims of five minutes, a hook.

spec: provisioning §7, §10
"""

import json
import ssl
import threading
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from devices import ALLOW_ALL, V4, V5, Paho, document, fresh
from factory import Factory, openssl
from harness import wait_for

ACCOUNT = "123456789012"
ARN = f"arn:aws:iot:us-east-1:{ACCOUNT}"


def body(**more):
    """A template: a thing named after the serial number, everything allowed."""
    return json.dumps({
        "Parameters": {"SerialNumber": {"Type": "String"}, "Site": {"Type": "String", "Default": "north"}},
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {
                    "ThingName": {"Fn::Join": ["-", ["sensor", {"Ref": "SerialNumber"}]]},
                    "AttributePayload": {"site": {"Ref": "Site"}},
                },
            },
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"},
            },
            "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": ALLOW_ALL}},
        },
        "DeviceConfiguration": {"url": {"Fn::Sub": "https://${Site}.example"}},
        **more,
    })


def claim_policy(template):
    """What AWS's guide attaches to a claim certificate."""
    topics = ["$aws/certificates/create/*", "$aws/certificates/create-from-csr/*", f"$aws/provisioning-templates/{template}/provision/*"]
    return document(
        ("Allow", "iot:Connect", "*"),
        ("Allow", ["iot:Publish", "iot:Receive"], [f"{ARN}:topic/{each}" for each in topics]),
        ("Allow", "iot:Subscribe", [f"{ARN}:topicfilter/{each}" for each in topics]),
    )


@pytest.fixture
def template(broker, tmp_path):
    """Makes enabled templates."""

    def make(text=None, server=None, **more):
        name, server = fresh("fleet"), server or broker
        role = Factory.role(Owner(server), "FleetRole")
        server.boto("iot").create_provisioning_template(
            templateName=name, templateBody=text or body(), enabled=True, provisioningRoleArn=role, **more,
        )
        return name

    return make


class Owner:
    """What `Factory.role` needs."""

    def __init__(self, server):
        self.server = server


class Holder:
    """A certificate with its key, as a device keeps them."""

    def __init__(self, server, folder, certificate, key):
        self.server, self.name = server, fresh("holder")
        self.cert, self.key = folder / fresh("cert"), folder / fresh("key")
        self.cert.write_text(certificate)
        self.key.write_text(key)

    def context(self, alpn=None):
        context = ssl.create_default_context(cafile=str(self.server.ca))
        context.load_cert_chain(self.cert, self.key)
        if alpn:
            context.set_alpn_protocols([alpn])
        return context


def ask(client, topic, payload, write=json.dumps, read=json.loads):
    """Publishes a request and waits for its answer: whether it was accepted, and what it says."""
    client.subscribe(f"{topic}/accepted", f"{topic}/rejected")
    client.publish(topic, write(payload))
    message = client.message()
    assert message.topic in (f"{topic}/accepted", f"{topic}/rejected")
    return message.topic.endswith("accepted"), read(message.payload)


@pytest.mark.parametrize("way", ["keys", "csr"])
def test_the_device_sdk(broker, device, template, tmp_path, way):
    """AWS's sample: fleetprovisioning.py of awsiotsdk."""
    from awscrt import mqtt
    from awsiot import iotidentity, mqtt_connection_builder as builder

    name = template()
    claim = device(policy=claim_policy(name), thing=False)
    connection = builder.mtls_from_path(
        endpoint="localhost", port=broker.mqtt_port, cert_filepath=str(claim.cert), pri_key_filepath=str(claim.key),
        ca_filepath=str(broker.ca), client_id=claim.name, clean_session=False, keep_alive_secs=30,
    )
    connection.connect().result(20)
    client, qos = iotidentity.IotIdentityClient(connection), mqtt.QoS.AT_LEAST_ONCE

    def call(what, publish, request, subscription):
        answer = Future()
        subscribe = lambda kind, taken: getattr(client, f"subscribe_to_{what}_{kind}")(subscription, qos, taken)[0].result(20)  # noqa: E731
        subscribe("accepted", answer.set_result)
        subscribe("rejected", lambda error: answer.set_exception(RuntimeError(f"{error.error_code} {error.error_message}")))
        getattr(client, f"publish_{publish}")(request, qos).result(20)
        return answer.result(30)

    if way == "keys":
        made = call(
            "create_keys_and_certificate", "create_keys_and_certificate",
            iotidentity.CreateKeysAndCertificateRequest(), iotidentity.CreateKeysAndCertificateSubscriptionRequest(),
        )
        key = made.private_key
    else:
        openssl(tmp_path, "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "device.key", "-out", "device.csr", "-subj", "/CN=x")
        made = call(
            "create_certificate_from_csr", "create_certificate_from_csr",
            iotidentity.CreateCertificateFromCsrRequest(certificate_signing_request=(tmp_path / "device.csr").read_text()),
            iotidentity.CreateCertificateFromCsrSubscriptionRequest(),
        )
        key = (tmp_path / "device.key").read_text()
    serial = fresh("s")
    registered = call(
        "register_thing", "register_thing",
        iotidentity.RegisterThingRequest(
            template_name=name, certificate_ownership_token=made.certificate_ownership_token,
            parameters={"SerialNumber": serial},
        ),
        iotidentity.RegisterThingSubscriptionRequest(template_name=name),
    )
    connection.disconnect().result(20)
    assert registered.thing_name == f"sensor-{serial}"
    assert registered.device_configuration == {"url": "https://north.example"}
    iot = broker.boto("iot")
    shown = iot.describe_certificate(certificateId=made.certificate_id)["certificateDescription"]
    assert shown["status"] == "ACTIVE" and shown["certificatePem"] == made.certificate_pem
    assert iot.describe_thing(thingName=registered.thing_name)["attributes"] == {"site": "north"}
    # The device comes back with its own certificate.
    own = Paho(Holder(broker, tmp_path, made.certificate_pem, key), client_id=registered.thing_name).connect()
    assert own.subscribe("own") == [1]
    own.disconnect()


def cbor(value):
    """The little of CBOR that requests need."""
    if isinstance(value, dict):
        return bytes([0xA0 + len(value)]) + b"".join(cbor(name) + cbor(each) for name, each in value.items())
    text = value.encode()
    head = bytes([0x60 + len(text)]) if len(text) < 24 else bytes([0x79]) + len(text).to_bytes(2, "big")
    return head + text


def uncbor(data):
    """Maps, texts and numbers, as answers have them."""

    def item(at):
        major, low = data[at] >> 5, data[at] & 31
        width = {24: 1, 25: 2, 26: 4}.get(low, 0)
        length = int.from_bytes(data[at + 1 : at + 1 + width], "big") if width else low
        at += 1 + width
        if major == 0:
            return length, at
        if major == 3:
            return data[at : at + length].decode(), at + length
        assert major == 5, data
        members = {}
        for _ in range(length):
            name, at = item(at)
            members[name], at = item(at)
        return members, at

    value, end = item(0)
    assert end == len(data)
    return value


@pytest.mark.parametrize("version", [V4, V5], ids=["3.1.1", "5"])
def test_cbor_and_refusals(client, device, template, version):
    name, serial = template(), fresh("s")
    one = client(device(policy=claim_policy(name), thing=False), version=version).connect()
    in_cbor = {"write": lambda value: cbor(value) if value else b"", "read": uncbor}
    accepted, made = ask(one, "$aws/certificates/create/cbor", None, **in_cbor)
    assert accepted and made["privateKey"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    request = {"certificateOwnershipToken": made["certificateOwnershipToken"], "parameters": {"SerialNumber": serial}}
    topic = f"$aws/provisioning-templates/{name}/provision"
    accepted, answer = ask(one, f"{topic}/cbor", request, **in_cbor)
    assert (accepted, answer["thingName"]) == (True, f"sensor-{serial}")
    # Again, and in the other format: nothing changes.
    accepted, again = ask(one, f"{topic}/json", request)
    assert (accepted, again) == (True, answer)
    accepted, refusal = ask(one, f"{topic}/json", {"certificateOwnershipToken": "x"})
    expected = {"statusCode": 400, "errorCode": "InvalidCertificateOwnershipToken", "errorMessage": "Certificate ownership token is invalid."}
    assert (accepted, refusal) == (False, expected)
    # A conflict: the thing is there with another site.
    request["parameters"]["Site"] = "south"
    accepted, refusal = ask(one, f"{topic}/json", request)
    assert (accepted, refusal["errorCode"]) == (False, "ProvisioningFailed")
    text = "Existing AttributePayload: {site=north} conflicts with AttributePayload: {site=south} in Template."
    assert text in refusal["errorMessage"]


def test_a_claim(broker, template, tmp_path):
    """A trusted user's certificate of five minutes: good for its template's topics and nothing else."""
    name, other, iot = template(), template(), broker.boto("iot")
    made = iot.create_provisioning_claim(templateName=name)
    holder = Holder(broker, tmp_path, made["certificatePem"], made["keyPair"]["PrivateKey"])
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_certificate(certificateId=made["certificateId"])
    one = Paho(holder, version=V5).connect()
    accepted, keys = ask(one, "$aws/certificates/create/json", {})
    assert accepted
    serial = fresh("s")
    request = {"certificateOwnershipToken": keys["certificateOwnershipToken"], "parameters": {"SerialNumber": serial}}
    accepted, answer = ask(one, f"$aws/provisioning-templates/{name}/provision/json", request)
    assert (accepted, answer["thingName"]) == (True, f"sensor-{serial}")
    assert one.subscribe(f"$aws/provisioning-templates/{other}/provision/json/accepted", "plain/topic") == [135, 135]
    one.disconnect()
    stranger = Paho(holder, version=V4).connect()
    stranger.send(f"$aws/provisioning-templates/{other}/provision/json", "{}", 1)
    stranger.ended()
    assert other in broker.adit("why", "--certificate", made["certificateId"])


class Function(BaseHTTPRequestHandler):
    """A pre-provisioning hook such as AWS's guide has it as a Lambda function."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(asked)
        known = asked["parameters"]["SerialNumber"].startswith("s-")
        answer = json.dumps({"allowProvisioning": known, "parameterOverrides": {"Site": "hooked"}}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def test_a_hook(new_server, template, tmp_path):
    service = HTTPServer(("127.0.0.1", 0), Function)
    service.asked = []
    threading.Thread(target=service.serve_forever, daemon=True).start()
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:hook"
    url = f"http://127.0.0.1:{service.server_port}/hook"
    server = new_server(start=False, **{"provisioning.hooks": [f"{function}={url}"]}).with_mqtt().start()
    iot = server.boto("iot")
    name = template(server=server, preProvisioningHook={"targetArn": function})
    with pytest.raises(ClientError, match=f"Access denied during lambda validation: {function}2"):
        template(server=server, preProvisioningHook={"targetArn": f"{function}2"})
    made = iot.create_provisioning_claim(templateName=name)
    holder = Holder(server, tmp_path, made["certificatePem"], made["keyPair"]["PrivateKey"])
    one = Paho(holder).connect()
    _, keys = ask(one, "$aws/certificates/create/json", {})
    token, topic = keys["certificateOwnershipToken"], f"$aws/provisioning-templates/{name}/provision/json"
    serial = fresh("s")
    accepted, answer = ask(one, topic, {"certificateOwnershipToken": token, "parameters": {"SerialNumber": serial}})
    assert (accepted, answer["deviceConfiguration"]) == (True, {"url": "https://hooked.example"})
    (asked,) = service.asked
    assert asked == {
        "claimCertificateId": made["certificateId"], "certificateId": keys["certificateId"],
        "certificatePem": keys["certificatePem"], "templateArn": f"{ARN}:provisioningtemplate/{name}",
        "clientId": holder.name, "parameters": {"SerialNumber": serial},
    }
    accepted, refusal = ask(one, topic, {"certificateOwnershipToken": token, "parameters": {"SerialNumber": "x"}})
    assert (accepted, refusal) == (False, {"statusCode": 403, "errorCode": "AccessDenied", "errorMessage": "Access Denied"})
    service.shutdown()


def test_unfinished_certificates_survive_a_restart_with_their_tokens(new_server, template, tmp_path):
    server = new_server(start=False).with_mqtt().start()
    name = template(server=server)
    made = server.boto("iot").create_provisioning_claim(templateName=name)
    holder = Holder(server, tmp_path, made["certificatePem"], made["keyPair"]["PrivateKey"])
    one = Paho(holder).connect()
    _, keys = ask(one, "$aws/certificates/create/json", {})
    one.vanish()
    assert keys["certificateOwnershipToken"].encode() not in Path(server.data / "adit.db").read_bytes()
    server.kill()
    server.start()
    back = Paho(holder).connect()
    request = {"certificateOwnershipToken": keys["certificateOwnershipToken"], "parameters": {"SerialNumber": "7"}}
    accepted, answer = ask(back, f"$aws/provisioning-templates/{name}/provision/json", request)
    assert (accepted, answer["thingName"]) == (True, "sensor-7")
    iot = server.boto("iot")
    shown = lambda: iot.describe_certificate(certificateId=keys["certificateId"])["certificateDescription"]["status"]  # noqa: E731
    wait_for(lambda: shown() == "ACTIVE", "an active certificate")
