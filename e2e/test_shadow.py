"""Device shadows over HTTP and MQTT with boto3, `aws` and paho.

spec: control-plane §10, mqtt-gateway §8.1
"""

import io
import json
import time

import pytest
from devices import fresh
from harness import wait_for
from test_api import fault


@pytest.fixture(scope="module")
def data(broker):
    return broker.boto("iot-data")


def update(data, thing, state, name=None, **more):
    which = {"shadowName": name} if name else {}
    answer = data.update_thing_shadow(thingName=thing, payload=json.dumps({"state": state, **more}), **which)
    return json.load(answer["payload"])


def get(data, thing, name=None):
    which = {"shadowName": name} if name else {}
    return json.load(data.get_thing_shadow(thingName=thing, **which)["payload"])


@pytest.mark.parametrize("name", [None, "dim"])
def test_a_shadow_from_first_update_to_deletion(data, name):
    thing = fresh("thing")
    which = {"shadowName": name} if name else {}
    identifier = f"{thing}~{name}" if name else thing
    code, message, status = fault(data.get_thing_shadow, thingName=thing, **which)
    assert (code, message, status) == ("ResourceNotFoundException", f"No shadow exists with name: '{identifier}'", 404)
    first = update(data, thing, {"desired": {"led": "on"}}, name)
    assert first["state"] == {"desired": {"led": "on"}} and first["version"] == 1
    assert abs(first["metadata"]["desired"]["led"]["timestamp"] - time.time()) < 60
    assert get(data, thing, name)["state"] == {"desired": {"led": "on"}, "delta": {"led": "on"}}
    assert update(data, thing, {"reported": {"led": "on"}}, name)["state"] == {"reported": {"led": "on"}}
    whole = get(data, thing, name)
    assert whole["state"] == {"desired": {"led": "on"}, "reported": {"led": "on"}} and whole["version"] == 2
    stale = json.dumps({"state": {"desired": {"led": "off"}}, "version": 1})
    assert fault(data.update_thing_shadow, thingName=thing, payload=stale, **which) == ("ConflictException", "Version conflict", 409)
    update(data, thing, {"desired": {"led": None}}, name)
    assert get(data, thing, name)["state"] == {"reported": {"led": "on"}}
    assert json.load(data.delete_thing_shadow(thingName=thing, **which)["payload"])["version"] == 3
    assert fault(data.delete_thing_shadow, thingName=thing, **which)[::2] == ("ResourceNotFoundException", 404)
    assert update(data, thing, {}, name)["version"] == 4


def test_a_shadow_with_the_aws_program(broker, tmp_path):
    thing, out = fresh("thing"), tmp_path / "out.json"
    which = ["--thing-name", thing, "--shadow-name", "dim"]
    broker.aws(
        "iot-data", "update-thing-shadow", *which, "--payload", json.dumps({"state": {"reported": {"level": 7}}}), out,
    )
    assert json.loads(out.read_text())["state"] == {"reported": {"level": 7}}
    broker.aws("iot-data", "get-thing-shadow", *which, out)
    assert json.loads(out.read_text())["state"] == {"reported": {"level": 7}}
    listed = broker.aws("iot-data", "list-named-shadows-for-thing", "--thing-name", thing)
    assert listed["results"] == ["dim"]
    broker.aws("iot-data", "delete-thing-shadow", *which, out)
    assert broker.aws("iot-data", "list-named-shadows-for-thing", "--thing-name", thing)["results"] == []


def test_documents_that_aws_refuses(data):
    thing = fresh("thing")
    for payload, code, message, status in [
        (b"{", "InvalidRequestException", "Invalid JSON", 400),
        (b'{"random":"data"}', "InvalidRequestException", "Missing required node: state", 400),
        (b'{"state":{"delta":{"key":"value"}}}', "InvalidRequestException", "State contains an invalid node", 400),
        (b'{"state":{"desired":{"l":[null]}}}', "InvalidRequestException", "State contains an invalid node", 400),
        (b'{"state":{"desired":{"k":"\xff"}}}', "UnsupportedDocumentEncodingException",
         "Unsupported documented encoding; supported encoding is UTF-8", 415),
        (json.dumps({"state": {"desired": {"k": "x" * 8192}}}).encode(), "RequestEntityTooLargeException",
         "The payload exceeds the maximum size allowed", 413),
    ]:
        assert fault(data.update_thing_shadow, thingName=thing, payload=io.BytesIO(payload)) == (code, message, status)


def test_a_shadow_outlives_its_thing(broker, data):
    iot, thing = broker.boto("iot"), fresh("thing")
    iot.create_thing(thingName=thing)
    update(data, thing, {"desired": {"key": "value"}})
    iot.delete_thing(thingName=thing)
    assert get(data, thing)["state"]["desired"] == {"key": "value"}


def test_named_shadows_by_pages(data):
    thing, names = fresh("thing"), [f"s{n}" for n in range(5)]
    for name in names:
        update(data, thing, {}, name)
    first = data.list_named_shadows_for_thing(thingName=thing, pageSize=3)
    rest = data.list_named_shadows_for_thing(thingName=thing, nextToken=first["nextToken"])
    assert first["results"] + rest["results"] == names and "nextToken" not in rest


@pytest.mark.parametrize("name", [None, "dim"])
def test_every_answer_has_its_topic(client, device, data, name):
    owner = device()
    one = client(owner).connect()
    shadow = f"$aws/things/{owner.name}/shadow" + (f"/name/{name}" if name else "")
    one.subscribe(f"{shadow}/get/+")
    one.subscribe(f"{shadow}/update/+")
    one.subscribe(f"{shadow}/delete/+")

    def told(count):
        got = {}
        for _ in range(count):
            message = one.message()
            got[message.topic.removeprefix(shadow + "/")] = json.loads(message.payload)
        assert one.quiet(0.2)
        return got

    one.publish(f"{shadow}/get", json.dumps({"clientToken": "a"}))
    refused = told(1)["get/rejected"]
    assert refused["code"] == 404 and refused["clientToken"] == "a" and "timestamp" in refused
    one.publish(f"{shadow}/update", json.dumps({"state": {"desired": {"on": True}}, "clientToken": "b"}))
    got = told(3)
    assert set(got) == {"update/accepted", "update/delta", "update/documents"}
    assert all(each["clientToken"] == "b" for each in got.values())
    assert got["update/delta"]["state"] == {"on": True} and got["update/delta"]["version"] == 1
    assert got["update/documents"]["current"]["state"] == {"desired": {"on": True}}
    one.publish(f"{shadow}/update", json.dumps({"state": {"reported": {"on": True}}}))
    assert set(told(2)) == {"update/accepted", "update/documents"}
    one.publish(f"{shadow}/update", json.dumps({"state": {}, "version": 7}))
    assert told(1)["update/rejected"]["message"] == "Version conflict"
    one.publish(f"{shadow}/get", "")
    assert told(1)["get/accepted"]["state"] == {"desired": {"on": True}, "reported": {"on": True}}
    update(data, owner.name, {"desired": {"on": False}}, name)
    assert set(told(3)) == {"update/accepted", "update/delta", "update/documents"}
    one.publish(f"{shadow}/delete", "whatever")
    assert told(1)["delete/accepted"]["version"] == 3
    one.publish(f"{shadow}/delete", "")
    assert told(1)["delete/rejected"]["code"] == 404


def test_two_devices_agree_through_a_shadow(client, device, data):
    """The lamp does what is desired of it, told by the delta alone, while ten wishes come one after the other."""
    lamp = device()
    one = client(lamp).connect()
    shadow = f"$aws/things/{lamp.name}/shadow"
    one.subscribe(f"{shadow}/update/delta")
    for level in range(10):
        update(data, lamp.name, {"desired": {"level": level}})
        delta = json.loads(one.payload())
        assert delta["state"] == {"level": level}
        one.publish(f"{shadow}/update", json.dumps({"state": {"reported": delta["state"]}}))
        wait_for(lambda: "delta" not in get(data, lamp.name)["state"], "the lamp reported")
