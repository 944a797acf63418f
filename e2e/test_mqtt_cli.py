"""`adit mqtt pub` and `sub`, over a signed WebSocket and with a certificate, beside mosquitto's clients and paho."""

import json
import time

import cli
import pytest
from devices import document, fresh
from harness import bin_dir, clean_environment
from test_iam import iam, user  # noqa: F401 (fixtures)


@pytest.fixture
def server(broker):
    return broker


@pytest.fixture
def adit(broker, tmp_path):
    return cli.of(broker, tmp_path / "home")


@pytest.fixture
def listen(adit, proxies):
    """Starts `adit mqtt sub` and waits until it is subscribed."""

    def start(*args, **env):
        process = proxies.run_in([], bin_dir() / "adit", "mqtt", "sub", *args, "-v", "--timeout", "30", env=clean_environment(**adit.env, **env))
        return process.wait_text("Subscribed as")

    return start


def ended(process):
    assert process.wait_exit() == 0, process.describe()
    return process.out()


def test_messages_go_from_one_to_the_other(adit, listen):
    topic = fresh("topic")
    every, text, hexes = (
        listen(f"{topic}/#", "-n", "4", "-o", "json"),
        listen(f"{topic}/a", f"{topic}/b", "--count", "2", "--topic"),
        listen(f"{topic}/d", "-n", "1", "--output", "hex"),
    )
    adit("mqtt", "pub", f"{topic}/a", "on")
    adit("mqtt", "pub", f"{topic}/b", text="from stdin")
    (adit.folder / "file").write_bytes(b"\xff\x00")
    adit("mqtt", "pub", f"{topic}/d", "--file", "file", "--qos", "0")
    adit("mqtt", "pub", f"{topic}/e", "x", "--content-type", "text/plain", "--response-topic", "r", "--correlation-data", "c",
         "--user-property", "k=v", "--text", "--expiry", "1h")
    got = [json.loads(line) for line in ended(every).splitlines()]
    assert [(each["topic"].rpartition("/")[2], each.get("payload"), each.get("payloadBase64"), each["qos"]) for each in got] == [
        ("a", "on", None, 1), ("b", "from stdin", None, 1), ("d", None, "/wA=", 0), ("e", "x", None, 1),
    ]
    assert (got[3]["contentType"], got[3]["responseTopic"], got[3]["correlationDataBase64"], got[3]["userProperties"]) == ("text/plain", "r", "Yw==", {"k": "v"})
    assert ended(text) == f"{topic}/a on\n{topic}/b from stdin\n"
    assert ended(hexes) == "ff00\n"


def test_what_is_retained_is_kept_until_it_is_replaced(adit):
    topic = fresh("topic")
    adit("mqtt", "pub", topic, "kept", "--retain")
    assert adit("mqtt", "sub", topic, "-n", "1", "--timeout", "10").out == "kept\n"
    assert adit("mqtt", "sub", topic, "--no-retained", "--timeout", "1").out == ""
    assert "0 of 1" in adit("mqtt", "sub", topic, "--no-retained", "-n", "1", "--timeout", "1", code=7).err
    adit("mqtt", "pub", topic, "", "--retain")
    assert adit("mqtt", "sub", topic, "--timeout", "1").out == ""


def test_qos_0_and_the_client_id_are_as_asked_for(adit, listen, broker):
    topic, name = fresh("topic"), fresh("me")
    quiet = listen(topic, "-n", "1", "--qos", "0", "-o", "json", "--client-id", name)
    wait_name = [row["client-id"] for row in broker.clients()]
    assert name in wait_name
    adit("mqtt", "pub", topic, "x")
    assert json.loads(ended(quiet))["qos"] == 0


def test_a_device_and_an_operator_meet(broker, adit, device, client, listen):
    topic = fresh("topic")
    one = device()
    told = listen(topic, "-n", "1")
    with_cert = ("--cert", one.cert, "--key", one.key)
    adit("mqtt", "pub", topic, "from the device", *with_cert, "--endpoint", f"localhost:{broker.mqtt_port}", "--client-id", one.name)
    assert ended(told) == "from the device\n"
    # With certificate, endpoint and CA, neither key nor region is needed; port and endpoint come from a data folder too.
    bare = cli.Cli(adit.folder / "bare")
    bare("mqtt", "pub", topic, "x", *with_cert, "--endpoint", f"localhost:{broker.mqtt_port}", "--ca-bundle", broker.ca)
    bare("mqtt", "pub", topic, "x", *with_cert, "--data-dir", broker.data)
    assert "does not answer" in bare("mqtt", "pub", topic, "x", *with_cert, "--endpoint", "localhost:1", "--ca-bundle", broker.ca, code=8).err


def test_who_may_not_is_told_so(broker, adit, device, user):  # noqa: F811
    one = device(policy=document(("Allow", "iot:Connect", "*")))
    with_cert = ("--cert", one.cert, "--key", one.key, "--endpoint", f"localhost:{broker.mqtt_port}", "--client-id", one.name)
    assert f"adit why --client-id {one.name}" in adit("mqtt", "pub", "no", "x", *with_cert, code=3).err
    assert "refused" in adit("mqtt", "sub", "no", *with_cert, code=3).err
    broker.aws("iot", "update-certificate", "--certificate-id", one.id, "--new-status", "INACTIVE")
    assert "adit why" in adit("mqtt", "pub", "no", "x", *with_cert, code=3).err
    key, secret = user(fresh("nobody"))
    adit("mqtt", "pub", "no", "x", env={"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}, code=3)
    adit("mqtt", "pub", "no", "x", env={"AWS_SECRET_ACCESS_KEY": "wrong"}, code=3)


def test_a_session_token_signs_too(broker, adit):
    topic = fresh("topic")
    got = broker.aws("sts", "get-session-token")["Credentials"]
    env = {"AWS_ACCESS_KEY_ID": got["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": got["SecretAccessKey"], "AWS_SESSION_TOKEN": got["SessionToken"]}
    adit("mqtt", "pub", topic, "x", "--retain", env=env)
    assert adit("mqtt", "sub", topic, "-n", "1", "--timeout", "10").out == "x\n"


def test_what_cannot_be_published_is_refused_before_anything_is_sent(adit):
    for args, why in [(("a/#", "x"), "no topic"), (("a", "--file", "/no/such"), "/no/such"), (("a", "x", "--cert", "c"), "--key")]:
        assert why in adit("mqtt", "pub", *args, code=2).err


def test_an_interrupted_subscriber_ends_in_order(listen, broker):
    import signal

    name = fresh("me")
    process = listen(fresh("topic"), "--client-id", name)
    process.send(signal.SIGINT)
    assert process.wait_exit() == 0
    end = time.monotonic() + 10
    while name in [row["client-id"] for row in broker.clients()] and time.monotonic() < end:
        time.sleep(0.05)
    assert name not in [row["client-id"] for row in broker.clients()]
