"""The timeline of a thing: what happened to its device, told by real clients, kept when the server is killed.

spec: issue 6, point 4; docs/operating.md
"""

import json
import sqlite3

import cli
import pytest
from devices import Device, Mosquitto, document, fresh
from harness import wait_for
from test_api import send, signed


@pytest.fixture
def server(new_server):
    return new_server(start=False).with_mqtt().start()


def events(server, thing, query=""):
    """What ListThingEvents answers to a call that botocore has signed."""
    path = f"/adit/things/{thing}/events{query}"
    status, _, body = send(server, signed(server, body=b"", service="iot", method="GET", path=path, headers={}))
    assert status == 200, body
    return json.loads(body)


def told(server, thing):
    return [(each["kind"], each.get("reason")) for each in events(server, thing)["events"]]


def in_database(server, thing):
    """Kinds of rows, looked up without asking the server: it writes by itself."""
    with sqlite3.connect(f"file:{server.data}/adit.db?mode=ro", uri=True) as database:
        rows = database.execute("SELECT kind FROM thing_event e JOIN thing t ON t.seq = e.thing WHERE t.name = ? ORDER BY e.seq", (thing,))
        return [kind for (kind,) in rows]


def test_mosquitto_comes_goes_and_is_refused_over_a_killed_server(server, tmp_path):
    name = fresh("lamp")
    own = document(("Allow", ["iot:Connect", "iot:Subscribe", "iot:Receive"], "*"), ("Allow", "iot:Publish", f"arn:aws:iot:*:*:topic/{name}/*"))
    device = Device(server, tmp_path / "devices", name, policy=own)
    mosquitto = Mosquitto(device)
    mosquitto.pub("-i", name, "-t", f"{name}/state", "-m", "on", "-q", 1)
    wait_for(lambda: len(told(server, name)) == 2, lambda: told(server, name))
    assert told(server, name) == [("DISCONNECTED", "CLIENT_INITIATED_DISCONNECT"), ("CONNECTED", None)]
    first = events(server, name)["events"][1]
    assert (first["clientId"], first["certificateId"], first["count"]) == (name, device.id, 1)

    subscriber = mosquitto.sub(tmp_path / "sub", "-i", name, "-t", f"{name}/#")
    wait_for(lambda: in_database(server, name) == ["CONNECTED", "DISCONNECTED", "CONNECTED"], lambda: in_database(server, name))
    server.kill()
    subscriber.stop()
    server.restart()
    # The end of that connection was nobody's to tell.
    assert told(server, name) == [("CONNECTED", None), ("DISCONNECTED", "CLIENT_INITIATED_DISCONNECT"), ("CONNECTED", None)]

    for _ in range(3):
        mosquitto.pub("-i", name, "-t", "elsewhere", "-m", "on", "-q", 1, ok=False)
    wait_for(lambda: sum(kind == "DISCONNECTED" for kind, _ in told(server, name)) == 4, lambda: told(server, name))
    (refused,) = [each for each in events(server, name)["events"] if each["kind"] == "REFUSED"]
    assert (refused["stage"], refused["detail"], refused["count"]) == ("publish", "publish to elsewhere", 3)
    assert "no statement allows iot:Publish" in refused["reason"] and refused["firstAt"] < refused["at"]

    device.status("INACTIVE")
    assert mosquitto.pub("-i", name, "-t", f"{name}/state", "-m", "on", ok=False).returncode != 0
    last = events(server, name)["events"][0]
    assert (last["kind"], last["reason"]) == ("REFUSED", "the certificate is INACTIVE, not ACTIVE")
    whole = told(server, name)
    server.stop()
    server.restart()
    assert told(server, name) == whole
    page = events(server, name, "?maxResults=2")
    assert page["events"] + events(server, name, f"?nextToken={page['nextToken']}")["events"] == events(server, name)["events"]

    device.iot.detach_thing_principal(thingName=name, principal=device.arn)
    device.iot.delete_thing(thingName=name)
    device.iot.create_thing(thingName=name)
    assert told(server, name) == []


def test_a_connect_that_no_policy_allows_is_told_and_shown_by_adit(server, tmp_path):
    device = Device(server, tmp_path / "devices", fresh("lamp"), policy=document(("Deny", "iot:Connect", "*")))
    adit = cli.of(server, tmp_path / "home")
    for version in ("mqttv311", "mqttv5"):
        assert Mosquitto(device, version).pub("-i", device.name, "-t", "a", "-m", "x", ok=False).returncode != 0
    (row,) = adit.json("thing", "events", device.name)
    assert (row["kind"], row["stage"], row["count"], row["detail"]) == ("REFUSED", "connect", 2, f"connect as {device.name}")
    assert adit("thing", "events", device.name, "-o", "id").out.split() == [str(row["sequence"])]
    shown = adit("thing", "events", device.name, "-o", "wide").out
    assert "explicit deny by policy" in shown and device.id in shown
    assert adit.lines("thing", "events", device.name, "--watch", "--timeout", "1")[0]["row"] == row
    assert "adit thing list" in adit("thing", "events", fresh("gone"), code=4).err
    aws = {"AWS_ENDPOINT_URL": "", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "x"}
    assert "only a server of adit does" in adit("thing", "events", device.name, code=2, env=aws).err
