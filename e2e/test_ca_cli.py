"""`adit ca` beside the real openssl and mosquitto: what it makes is what they take, and the other way round."""

import json
import os
import shutil
import stat
import subprocess

import harness
import pytest
from devices import fresh
from factory import role, template
from test_certificate import openssl

MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
CSR_SUBJECT = "/C=IN/O=Acme/CN=DemoThing"


@pytest.fixture
def adit(binaries, tmp_path):
    """Runs `adit ca …` in a folder of its own; fails unless `code` comes."""

    def run(*args, code=0, env=None):
        done = subprocess.run(
            [binaries / "adit", "ca", *map(str, args)], cwd=tmp_path, capture_output=True, text=True, timeout=60,
            env=harness.clean_environment(**(env or {})), stdin=subprocess.DEVNULL,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return harness.Result(done.returncode, done.stdout, done.stderr)

    return run


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def text_of(pem):
    return openssl("x509", "-in", pem, "-noout", "-text")


@pytest.mark.parametrize("kind, shown", [("p256", "prime256v1"), ("p384", "secp384r1"), ("rsa2048", "(2048 bit)")])
def test_a_ca_and_a_device_are_accepted_by_openssl(adit, tmp_path, kind, shown):
    made = adit("init", "--key", kind, "--country", "IN", "--organization", "Acme")
    ca, key = tmp_path / "deviceRootCA.pem", tmp_path / "deviceRootCA.key"
    assert made.out.splitlines() == ["deviceRootCA.key", "deviceRootCA.pem"]
    assert mode(key) == 0o600 and mode(ca) == 0o644
    text = text_of(ca)
    for wanted in (
        "Version: 3 (0x2)", "Basic Constraints: critical", "CA:TRUE", "Key Usage: critical", "Certificate Sign, CRL Sign",
        "Subject Key Identifier", "Authority Key Identifier", shown, "C = IN, O = Acme, CN = Device Root CA",
    ):
        assert wanted in text, text

    adit("device", "DemoThing", "--key", kind, "--country", "IN")
    pem, chain, key = (tmp_path / f"DemoThing{end}" for end in (".pem", "-chain.pem", ".key"))
    assert mode(key) == 0o600
    assert openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", ca, pem).strip() == f"{pem}: OK"
    text = text_of(pem)
    for wanted in ("Version: 3 (0x2)", "CA:FALSE", "Digital Signature", "TLS Web Client Authentication", "C = IN, CN = DemoThing"):
        assert wanted in text, text
    assert openssl("x509", "-in", pem, "-pubkey", "-noout") == openssl("pkey", "-in", key, "-pubout")
    assert chain.read_text() == pem.read_text() + ca.read_text()


def test_the_openssl_recipe_and_adit_share_a_ca(adit, tmp_path):
    """A CA made by hand signs through adit; a CA of adit signs by hand."""
    by_hand = tmp_path / "hand.pem"
    openssl("genrsa", "-traditional", "-out", tmp_path / "hand.key", "2048")
    openssl("req", "-x509", "-new", "-key", tmp_path / "hand.key", "-days", "30", "-subj", "/CN=By hand", "-out", by_hand)
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", tmp_path / "own.key")
    openssl("req", "-new", "-key", tmp_path / "own.key", "-subj", CSR_SUBJECT, "-out", tmp_path / "own.csr")
    made = json.loads(adit("sign", "own.csr", "--ca", by_hand, "--json").out)
    assert made["subject"] == "C=IN, O=Acme, CN=DemoThing"
    pem = tmp_path / "own.pem"
    openssl("verify", "-purpose", "sslclient", "-CAfile", by_hand, pem)
    assert openssl("x509", "-in", pem, "-pubkey", "-noout") == openssl("pkey", "-in", tmp_path / "own.key", "-pubout")
    end = openssl("x509", "-in", by_hand, "-enddate", "-noout")
    assert openssl("x509", "-in", pem, "-enddate", "-noout") == end, "a certificate outlives its CA"

    adit("init", "--name", "ours")
    openssl(
        "x509", "-req", "-in", tmp_path / "own.csr", "-CA", tmp_path / "ours.pem", "-CAkey", tmp_path / "ours.key",
        "-CAcreateserial", "-out", tmp_path / "v1.pem",
    )
    openssl("verify", "-CAfile", tmp_path / "ours.pem", tmp_path / "v1.pem")


def test_nothing_is_replaced_unasked(adit, tmp_path):
    adit("init")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    refused = adit("init", code=1)
    assert "deviceRootCA.key exists already" in refused.err and refused.out == ""
    adit("device", "one")
    (tmp_path / "two.pem").write_text("mine")
    assert "two.pem exists already" in adit("device", "three", "two", code=1).err
    assert not (tmp_path / "three.key").exists() and not (tmp_path / "two.key").exists()
    assert {path: path.read_bytes() for path in before} == before
    adit("init", "--force")
    assert (tmp_path / "deviceRootCA.key").read_bytes() != before[tmp_path / "deviceRootCA.key"]


def test_mistakes_are_named(adit, tmp_path):
    assert "make a CA with `adit ca init`" in adit("device", "d", code=1).err
    adit("init")
    (tmp_path / "bad.csr").write_text("nonsense")
    assert "BEGIN CERTIFICATE REQUEST" in adit("sign", "bad.csr", code=1).err
    adit("device", "leaf")
    assert "is not that of a CA" in adit("device", "d", "--ca", "leaf.pem", code=1).err
    assert "not that of the CA certificate" in adit("device", "d", "--ca-key", "leaf.key", code=1).err
    openssl("pkey", "-in", tmp_path / "deviceRootCA.key", "-aes256", "-passout", "pass:x", "-out", tmp_path / "locked.key")
    assert "is encrypted" in adit("device", "d", "--ca-key", "locked.key", code=1).err
    assert "two capital letters" in adit("device", "d", "--country", "India", code=2).err
    assert "name of a thing" in adit("device", "a b", code=2).err
    assert "no/such/folder" in adit("sign", "no/such/folder.csr", code=1).err
    assert not (tmp_path / "d.key").exists()


@pytest.mark.skipif(not MOSQUITTO, reason="needs mosquitto: apt-get install mosquitto")
@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_mosquitto_lets_the_device_in(adit, binaries, tmp_path, kind):
    adit("init", "--key", kind)
    adit("device", "DemoThing", "--key", kind)
    adit("init", "--name", "server-ca", "--key", kind)
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "server.key", "-out", tmp_path / "server.csr", "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", tmp_path / "server.csr", "-CA", tmp_path / "server-ca.pem", "-CAkey", tmp_path / "server-ca.key", "-CAcreateserial", "-out", tmp_path / "server.pem")
    port = harness.free_port()
    (tmp_path / "mosquitto.conf").write_text(
        f"user root\nlog_dest stderr\nlistener {port} 127.0.0.1\ncafile {tmp_path}/deviceRootCA.pem\ncertfile {tmp_path}/server.pem\n"
        f"keyfile {tmp_path}/server.key\nrequire_certificate true\nuse_identity_as_username true\n"
    )
    broker = harness.Process([MOSQUITTO, "-v", "-c", tmp_path / "mosquitto.conf"], tmp_path / "log", "mosquitto")
    try:
        broker.wait_text("running")
        done = subprocess.run(
            ["mosquitto_pub", "--cafile", tmp_path / "server-ca.pem", "--cert", tmp_path / "DemoThing.pem", "--key", tmp_path / "DemoThing.key",
             "-h", "localhost", "-p", str(port), "-q", "1", "-i", "DemoThing", "-t", "DemoThing/test", "-m", "Hello"],
            capture_output=True, text=True, timeout=30,
        )
        assert done.returncode == 0, done.stderr + broker.text()
        assert "u'DemoThing'" in broker.text(), broker.text()
    finally:
        broker.kill()


@pytest.fixture
def iot(server):
    return server.boto("iot")


TEMPLATE = template()
ROLE = "arn:aws:iam::123456789012:role/JITPRole"


def test_a_ca_is_registered_and_registering_it_again_is_refused(adit, server, iot):
    adit("init")
    done = adit("register", "--data-dir", server.data)
    arn = done.out.strip()
    assert arn.startswith("arn:aws:iot:us-east-1:123456789012:cacert/"), done.out
    assert "ACTIVE, with registration of its devices" in done.err and "PENDING_ACTIVATION" in done.err
    described = iot.describe_ca_certificate(certificateId=arn.rsplit("/", 1)[1])
    assert described["certificateDescription"]["status"] == "ACTIVE"
    assert described["certificateDescription"]["autoRegistrationStatus"] == "ENABLE"
    assert described["certificateDescription"]["certificateMode"] == "DEFAULT"
    assert "registrationConfig" not in described
    again = adit("register", "--data-dir", server.data, code=5)
    assert "(ResourceAlreadyExistsException)" in again.err and again.out == ""


@pytest.mark.parametrize("kind", ["p384", "rsa2048"])
def test_a_template_is_registered_with_the_ca_from_the_environment_of_aws(adit, server, iot, tmp_path, kind):
    adit("init", "--key", kind)
    names = ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_CA_BUNDLE"]
    env = {name: server.env[name] for name in names}
    (tmp_path / "template.json").write_text(json.dumps(TEMPLATE))
    assert "--role-arn" in adit("register", "--template", "template.json", env=env, code=1).err
    (tmp_path / "jitp_template.json").write_text(json.dumps({"templateBody": json.dumps(TEMPLATE), "roleArn": ROLE}))
    made = json.loads(adit("register", "--template", "jitp_template.json", "--inactive", "--no-auto-registration", "--json", env=env).out)
    described = iot.describe_ca_certificate(certificateId=made["certificateId"])
    assert described["registrationConfig"] == {"templateBody": json.dumps(TEMPLATE), "roleArn": ROLE}
    assert described["certificateDescription"]["status"] == "INACTIVE"
    assert described["certificateDescription"]["autoRegistrationStatus"] == "DISABLE"


def test_sni_only_needs_no_key(adit, server, iot, tmp_path):
    adit("init")
    (tmp_path / "deviceRootCA.key").unlink()
    assert "deviceRootCA.key" in adit("register", "--data-dir", server.data, code=1).err
    made = json.loads(adit("register", "--data-dir", server.data, "--sni-only", "--json").out)
    described = iot.describe_ca_certificate(certificateId=made["certificateId"])
    assert described["certificateDescription"]["certificateMode"] == "SNI_ONLY"


def test_a_server_that_cannot_be_used_is_named(adit, server, tmp_path):
    adit("init")
    assert "adit serve --data-dir" in adit("register", "--data-dir", tmp_path / "none", code=1).err
    assert "AWS_REGION" in adit("register", "--endpoint-url", server.url, code=2).err
    assert "AWS_ACCESS_KEY_ID" in adit("register", "--endpoint-url", server.url, env={"AWS_REGION": "us-east-1"}, code=2).err
    env = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1", "AWS_CA_BUNDLE": str(server.ca)}
    refused = adit("register", "--endpoint-url", server.url, env=env, code=3)
    assert "does not know the access key AKIAIOSFODNN7EXAMPLE" in refused.err, refused.err
    adit("register", "--endpoint-url", f"https://localhost:{harness.free_port()}", env=env, code=8)


def pub(broker, folder, name, chain, topic):
    return subprocess.run(
        ["mosquitto_pub", "--cafile", broker.ca, "--cert", folder / f"{name}{chain}.pem", "--key", folder / f"{name}.key",
         "-h", "localhost", "-p", str(broker.mqtt_port), "-q", "1", "-i", name, "-t", topic, "-m", "Hello"],
        capture_output=True, text=True, timeout=30, env=harness.clean_environment(),
    )


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_three_commands_bring_a_device_in(adit, broker, tmp_path, kind):
    """Walkthrough C without openssl: the first connection ends and provisions, the second one stays."""
    (tmp_path / "template.json").write_text(json.dumps(TEMPLATE))
    adit("init", "--key", kind, "--country", "IN", "--organization", fresh("factory"))
    adit("register", "--template", "template.json", "--role-arn", role(broker), "--data-dir", broker.data)
    one, other = fresh("lamp"), fresh("lamp")
    made = [json.loads(line) for line in adit("device", one, other, "--key", kind, "--country", "IN", "--json").out.splitlines()]
    for name, described in zip([one, other], made):
        first = pub(broker, tmp_path, name, "-chain", f"{name}/test")
        assert (first.returncode, first.stderr.strip()) == (7, "Error: The connection was lost."), first
        again = pub(broker, tmp_path, name, "", f"{name}/test")
        assert again.returncode == 0, again
        iot = broker.boto("iot")
        assert iot.describe_thing(thingName=name)["attributes"] == {"version": "v1", "country": "IN"}
        shown = iot.describe_certificate(certificateId=described["certificate-id"])["certificateDescription"]
        assert shown["status"] == "ACTIVE"
