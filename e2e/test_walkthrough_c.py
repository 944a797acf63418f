"""Walkthrough C: just-in-time provisioning with one's own root CA, typed command by command.

spec: provisioning §6, §9
"""

import json
import subprocess

import pytest
from devices import ALLOW_ALL, Mosquitto, fresh
from factory import ACCOUNT, EVERYTHING, REGION, Factory, openssl, own_topics, template
from harness import clean_environment, wait_for

LOST = "Error: The connection was lost."
ROLE = f"arn:aws:iam::{ACCOUNT}:role/JITPRole"
TRUST = """{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"iot.amazonaws.com"},"Action":"sts:AssumeRole"}]}"""


@pytest.fixture(scope="module")
def role(broker):
    """Step 3."""
    made = broker.aws("iam", "create-role", "--role-name", "JITPRole", "--assume-role-policy-document", TRUST)
    assert made["Role"]["Arn"] == ROLE
    for policy in ("AWSIoTLogging", "AWSIoTRuleActions", "AWSIoTThingsRegistration"):
        broker.aws("iam", "attach-role-policy", "--role-name", "JITPRole", "--policy-arn", f"arn:aws:iam::aws:policy/service-role/{policy}")
    return ROLE


@pytest.fixture
def registered(broker, role, tmp_path):
    """Steps 1, 2, 4 and 5: a root CA made with openssl and registered with a template."""

    def register(body):
        factory = Factory(broker, tmp_path / fresh("factory"))
        code = broker.aws("iot", "get-registration-code")["registrationCode"]
        verification = factory.sign("verificationCert", f"/CN={code}")
        assert "Version: 1" in openssl(factory.folder, "x509", "-in", verification, "-noout", "-text"), "as OpenSSL makes it here"
        config = factory.folder / "jitp_template.json"
        config.write_text(json.dumps({"templateBody": json.dumps(body), "roleArn": role}))
        made = broker.aws(
            "iot", "register-ca-certificate", "--ca-certificate", f"file://{factory.root}",
            "--verification-cert", f"file://{verification}", "--set-as-active", "--allow-auto-registration",
            "--registration-config", f"file://{config}",
        )
        assert made["certificateArn"] == f"arn:aws:iot:{REGION}:{ACCOUNT}:cacert/{made['certificateId']}"
        factory.id = made["certificateId"]
        return factory

    return register


def mosquitto_pub(device, cert, *args):
    command = [
        "mosquitto_pub", "--cafile", device.server.ca, "--cert", cert, "--key", device.key, "-h", "localhost",
        "-p", device.server.mqtt_port, "-q", "1", "--tls-version", "tlsv1.2", "-d", *args,
    ]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=30, env=clean_environment())


def first_connection(device):
    """Step 7: the first answer is a lost connection."""
    first = mosquitto_pub(device, device.with_ca(), "-t", "foo/bar", "-i", "anyclientID", "-m", "Hello")
    assert "Client anyclientID sending CONNECT" in first.stdout, first
    assert (first.returncode, first.stderr.strip()) == (7, LOST), first


def test_a_device_that_nobody_registered_is_provisioned(broker, registered, device, tmp_path):
    factory = registered(template())
    demo = factory.device("DemoThing")
    first_connection(demo)

    # Step 8.
    thing = broker.aws("iot", "describe-thing", "--thing-name", "DemoThing")
    assert (thing["attributes"], thing["defaultClientId"]) == ({"version": "v1", "country": "IN"}, "DemoThing")
    principals = broker.aws("iot", "list-thing-principals", "--thing-name", "DemoThing")["principals"]
    assert principals == [demo.arn]
    shown = broker.aws("iot", "describe-certificate", "--certificate-id", demo.id)["certificateDescription"]
    assert (shown["status"], shown["caCertificateId"]) == ("ACTIVE", factory.id)
    policies = broker.aws("iot", "list-attached-policies", "--target", demo.arn)["policies"]
    (policy,) = policies
    assert len(policy["policyName"]) == 40 and policy["policyName"] == policy["policyName"].upper(), policy
    document = broker.aws("iot", "get-policy", "--policy-name", policy["policyName"])["policyDocument"]
    assert json.loads(document) == own_topics()

    # Step 9.
    listener = Mosquitto(device(policy=ALLOW_ALL)).sub(tmp_path, "-i", fresh("test-client"), "-t", "DemoThing/test", "-q", "1", "-F", "heard %t %p")
    again = mosquitto_pub(demo, demo.cert, "-t", "DemoThing/test", "-i", "DemoThing", "-m", "Hello")
    assert again.returncode == 0, again
    listener.wait_text("heard DemoThing/test Hello")
    for client_id, topic, why in [
        ("anyclientID", "DemoThing/test", "iot:Connect"),
        ("DemoThing", "foo/bar", "iot:Publish"),
    ]:
        refused = mosquitto_pub(demo, demo.cert, "-t", topic, "-i", client_id, "-m", "Hello")
        assert refused.returncode != 0 and "lost" in refused.stderr, refused
        assert why in broker.adit("why", "--certificate", demo.id)

    # Step 8, second half, and step 10: further devices share the policy.
    for name in ["DemoThing2", *(f"DemoThing{n}" for n in range(3, 8))]:
        other = factory.device(name)
        first_connection(other)
        assert other.status() == "ACTIVE"
        assert other.policies() == [policy["policyName"]]
        sent = mosquitto_pub(other, other.cert, "-t", f"{name}/test", "-i", name, "-m", "Hello")
        assert sent.returncode == 0, sent
    targets = broker.aws("iot", "list-targets-for-policy", "--policy-name", policy["policyName"])["targets"]
    assert len(targets) == 7
    endpoint = broker.aws("iot", "describe-endpoint", "--endpoint-type", "iot:Data-ATS")
    assert endpoint == {"endpointAddress": "localhost"}


def test_a_template_whose_policy_allows_everything(registered):
    demo = registered(template(EVERYTHING)).device()
    first_connection(demo)
    sent = mosquitto_pub(demo, demo.cert, "-t", "any/topic", "-i", fresh("any"), "-m", "Hello")
    assert sent.returncode == 0, sent


def test_a_template_that_names_a_policy(broker, registered, tmp_path):
    """And that is not there at first: the device need not be touched."""
    name = fresh("Policy_Name")
    document = tmp_path / "policy.json"
    document.write_text(json.dumps(own_topics()))
    demo = registered(template(name=name)).device()
    first_connection(demo)
    assert demo.status() == "PENDING_ACTIVATION", "the policy is not there yet"
    broker.aws("iot", "create-policy", "--policy-name", name, "--policy-document", f"file://{document}")
    assert "Policy default version not found" in broker.adit("why", "--certificate", demo.id)
    retry = lambda: broker.adit("provisioning", "retry", demo.id, ok=False)  # noqa: E731
    wait_for(lambda: "next connection is let in" in retry(), "another try, a second after the first")
    assert (demo.status(), demo.policies()) == ("ACTIVE", [name])
    sent = mosquitto_pub(demo, demo.cert, "-t", f"{demo.name}/x", "-i", demo.name, "-m", "Hello")
    assert sent.returncode == 0, sent
