"""`adit thing`, `cert`, `policy`, `ca` and `template` beside the real `aws`."""

import json
import stat

import cli
import pytest
from devices import fresh
from factory import Factory, role, template
from test_certificate import openssl


@pytest.fixture
def adit(server, tmp_path):
    return cli.of(server, tmp_path / "home")


def document(folder, *statements):
    path = folder / f"{fresh('policy')}.json"
    path.write_text(json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in statements]}))
    return path


def test_a_thing_from_its_making_to_its_end(server, adit):
    name, kind = fresh("thing"), fresh("kind")
    adit("thing", "type", "create", kind, "--description", "a lamp", "--searchable", "room")
    assert adit.json("thing", "type", "get", kind)["thingTypeProperties"] == {"thingTypeDescription": "a lamp", "searchableAttributes": ["room"]}
    assert kind in adit("thing", "type", "list", "-o", "id").out.split()
    adit("thing", "create", name, "--type", kind, "--attribute", "room=hall", "--attribute", "floor=2")
    assert adit("thing", "list", "--type", kind, "-o", "id").out.split() == [name]
    describe = lambda: server.aws("iot", "describe-thing", "--thing-name", name)  # noqa: E731
    assert describe()["attributes"] == {"room": "hall", "floor": "2"}
    adit("thing", "update", name, "--attribute", "room=attic")
    assert describe()["attributes"] == {"room": "attic", "floor": "2"}
    adit("thing", "update", name, "--attribute", "room=attic", "--replace", "--no-type")
    assert describe()["attributes"] == {"room": "attic"} and "thingTypeName" not in describe()
    adit("thing", "type", "deprecate", kind)
    assert adit.json("thing", "type", "get", kind)["thingTypeMetadata"]["deprecated"] is True
    adit("thing", "type", "deprecate", kind, "--undo")
    adit("thing", "type", "delete", kind, "--yes", code=1)
    adit("thing", "delete", name, "--yes")
    adit("thing", "delete", name, "--yes", code=4)


def test_groups_hold_things(server, adit):
    group, below, name = fresh("group"), fresh("below"), fresh("thing")
    adit("thing", "group", "create", group, "--description", "all of them")
    adit("thing", "group", "create", below, "--parent", group)
    assert adit.json("thing", "group", "get", group)["thingGroupProperties"]["thingGroupDescription"] == "all of them"
    assert adit("thing", "group", "list", "--parent", group, "-o", "id").out.split() == [below]
    adit("thing", "create", name)
    adit("thing", "group", "add", below, name)
    assert adit("thing", "group", "list", "--of", name, "-o", "id").out.split() == [below]
    assert adit("thing", "list", "--group", below, "-o", "id").out.split() == [name]
    adit("thing", "group", "remove", below, name)
    assert adit("thing", "list", "--group", below, "-o", "id").out == ""
    adit("thing", "group", "delete", below, "--yes")
    adit("thing", "group", "get", below, code=4)


def test_shadows(server, adit):
    name = fresh("thing")
    adit("thing", "create", name)
    adit("thing", "shadow", "update", name, '{"state":{"desired":{"on":true}}}')
    (adit.folder / "named.json").write_text('{"state":{"reported":{"volume":3}}}')
    adit("thing", "shadow", "update", name, "--name", "sound", "--file", "named.json")
    assert adit.json("thing", "shadow", "get", name)["state"]["delta"] == {"on": True}
    assert adit.json("thing", "shadow", "get", name, "--name", "sound")["state"] == {"reported": {"volume": 3}}
    assert adit("thing", "shadow", "list", name, "-o", "id").out.split() == ["sound"]
    assert adit.lines("thing", "shadow", "get", name, "--watch", "--timeout", "1")[0]["row"]["version"] == 1
    adit("thing", "shadow", "update", name, "no json", code=2)
    adit("thing", "shadow", "delete", name, "--name", "sound", "--yes")
    adit("thing", "shadow", "get", name, "--name", "sound", code=4)


def test_a_connection(broker, client, tmp_path):
    adit = cli.of(broker, tmp_path / "home")
    one = client().connect()
    assert adit.json("thing", "connection", one.client_id)["connected"] is True
    assert adit.json("thing", "connection", "anything", "--client-id", one.client_id)["clientId"] == one.client_id
    assert "adit why" in adit("thing", "connection", fresh("gone"), code=4).err


def test_a_certificate_from_its_making_to_its_end(server, adit):
    thing, policy = fresh("thing"), fresh("policy")
    adit("thing", "create", thing)
    adit("policy", "create", policy, document(adit.folder, ("iot:*", "*")))
    made = adit.json("cert", "create", "lamp", "--dir", ".", "--policy", policy, "--thing", thing)
    id, pem, key = made["certificateId"], adit.folder / "lamp.pem", adit.folder / "lamp.key"
    assert (stat.S_IMODE(key.stat().st_mode), stat.S_IMODE(pem.stat().st_mode)) == (0o600, 0o644)
    assert openssl("x509", "-in", pem, "-pubkey", "-noout") == openssl("pkey", "-in", key, "-pubout")
    assert adit("cert", "get", id, "--pem").out == pem.read_text()
    status = lambda: server.aws("iot", "describe-certificate", "--certificate-id", id)["certificateDescription"]["status"]  # noqa: E731
    assert status() == "ACTIVE" and id in adit("cert", "list", "-o", "id").out.split()
    assert adit("cert", "policies", id, "-o", "id").out.split() == [policy] and adit("cert", "things", id, "-o", "id").out.split() == [thing]
    assert "exists already" in adit("cert", "create", "lamp", code=5).err
    adit("cert", "deactivate", id)
    assert status() == "INACTIVE"
    adit("cert", "activate", id)
    assert status() == "ACTIVE"
    adit("cert", "detach", id, "--policy", policy, "--thing", thing)
    assert adit("thing", "principals", thing, "-o", "id").out == ""
    adit("cert", "attach", id, "--policy", policy)
    adit("thing", "attach", thing, id, "--exclusive")
    assert adit.json("thing", "principals", thing)[0]["thingPrincipalType"] == "EXCLUSIVE_THING"
    adit("thing", "detach", thing, id)
    adit("cert", "attach", id, "--thing", thing)
    asked = adit("cert", "delete", id, code=2).err
    assert thing in asked and policy in asked and status() == "ACTIVE"
    adit("cert", "delete", id, "--yes")
    adit("cert", "get", id, code=4)
    adit("policy", "delete", policy, "--yes")


def test_certificates_of_others(server, adit):
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-keyout", adit.folder / "x.key", "-out", adit.folder / "x.csr")
    made = adit.json("cert", "create", "x", "--csr", "x.csr", "--inactive", "--dir", ".")
    assert made["status"] == "INACTIVE" and "privateKeyFile" not in made
    assert openssl("x509", "-in", adit.folder / "x.pem", "-pubkey", "-noout") == openssl("pkey", "-in", adit.folder / "x.key", "-pubout")
    adit("cert", "revoke", made["certificateId"], code=2)
    adit("cert", "revoke", made["certificateId"], "--yes")
    assert adit.json("cert", "get", made["certificateId"])["status"] == "REVOKED"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=own", "-days", "9", "-keyout", adit.folder / "own.key", "-out", adit.folder / "own.pem")
    own = adit.json("cert", "register", "own.pem", "--inactive")
    assert own["status"] == adit.json("cert", "get", own["certificateArn"])["status"] == "INACTIVE"


def test_cas_that_the_server_knows(server, adit, tmp_path):
    name = fresh("JITP")
    body = tmp_path / "body.json"
    body.write_text(json.dumps(template()))
    factory = Factory(server, tmp_path / "factory", ec=True)
    factory.register()
    id = factory.id
    assert id in adit("ca", "list", "-o", "id").out.split()
    assert adit("ca", "get", id, "--pem").out == factory.root.read_text()
    device = factory.device()
    made = adit.json("cert", "register", device.cert, "--ca", factory.root)
    assert adit("cert", "list", "--ca", id, "-o", "id").out.split() == [made["certificateId"]]
    adit("template", "create", name, body, "--role-arn", role(server), "--type", "jitp")
    adit("ca", "update", id, "--auto-registration", "enable", "--template-name", name)
    found = adit.json("ca", "get", id)
    assert found["autoRegistrationStatus"] == "ENABLE" and found["registrationConfig"]["templateName"] == name
    assert adit("ca", "list", "--template", name, "-o", "id").out.split() == [id]
    assert "--status inactive" in adit("ca", "delete", id, "--yes", code=5).err
    adit("ca", "update", id, "--status", "inactive")
    adit("ca", "delete", id, "--yes")
    adit("ca", "get", id, code=4)


def test_policies_and_their_versions(server, adit):
    policy = fresh("policy")
    one, two = document(adit.folder, ("iot:*", "*")), document(adit.folder, ("iot:Connect", "*"))
    adit("policy", "create", policy, one)
    assert "adit policy update" in adit("policy", "create", policy, one, code=5).err
    adit("policy", "update", policy, "-", "--no-default", text=two.read_text())
    assert [row["isDefaultVersion"] for row in adit.json("policy", "versions", policy)] == [False, True]
    assert adit("policy", "get", policy, "--document").out.strip() == one.read_text()
    assert adit.json("policy", "get", policy, "--version", "2")["policyDocument"] == two.read_text()
    changed = adit("policy", "diff", policy, "--from", "1", "--to", "2").out
    assert '-      "Action": "iot:*"' in changed and '+      "Action": "iot:Connect"' in changed
    assert adit("policy", "diff", policy, "--file", one).out == ""
    adit("policy", "set-default", policy, "2")
    assert adit("policy", "get", policy, "--document").out.strip() == two.read_text()
    for _ in range(3):
        adit("policy", "update", policy, one)
    assert "adit policy delete" in adit("policy", "update", policy, one, code=5).err
    adit("policy", "delete", policy, "--version", "1", "--yes")
    id = adit.json("cert", "create", fresh("c"))["certificateId"]
    adit("policy", "attach", policy, id)
    assert adit("policy", "targets", policy, "-o", "id").out.strip().endswith(id)
    assert policy in adit("policy", "delete", policy, "--yes", code=5).err
    adit("policy", "detach", policy, id)
    adit("policy", "delete", policy, "--yes")
    adit("policy", "get", policy, code=4)
    adit("policy", "create", policy, "/no/such/file", code=2)


def test_a_policy_is_tried(server, adit):
    one, other = fresh("one"), fresh("other")
    account, region = server.aws("sts", "get-caller-identity")["Account"], server.env["AWS_REGION"]
    here = f"arn:aws:iot:{region}:{account}:topic"
    adit("policy", "create", one, document(adit.folder, ("iot:Publish", f"{here}/a"), ("iot:Publish", here + "/${iot:ClientId}")))
    adit("policy", "create", other, document(adit.folder, ("iot:Publish", f"{here}/b")))
    id = adit.json("cert", "create", fresh("c"), "--policy", one)["certificateId"]
    assert [row["authDecision"] for row in adit.json("policy", "test", id, "publish", "topic/a")] == ["ALLOWED"]
    assert "IMPLICIT_DENY" in adit("policy", "test", id, "publish", "topic/b", code=3).out
    adit("policy", "test", id, "publish", "topic/b", "--add", other)
    adit("policy", "test", id, "publish", "topic/a", "--skip", one, code=3)
    adit("policy", "test", id, "publish", "topic/me", "--client-id", "me")
    adit("policy", "test", id, "subscribe", "topicfilter/a", code=3)


def test_templates(server, adit, tmp_path):
    name, body = fresh("T"), tmp_path / "body.json"
    body.write_text(json.dumps(template()))
    arn = role(server)
    adit("template", "create", name, body, "--role-arn", arn, "--description", "first", "--disabled")
    assert name in adit("template", "list", "-o", "id").out.split()
    found = adit.json("template", "get", name)
    assert (found["enabled"], found["description"], found["type"]) == (False, "first", "FLEET_PROVISIONING")
    assert adit("template", "get", name, "--body").out.strip() == body.read_text()
    adit("template", "update", name, "--enable", "--description", "second", "--role-arn", arn)
    adit("template", "update", name, "--body", body)
    found = adit.json("template", "get", name)
    assert (found["enabled"], found["description"], found["defaultVersionId"]) == (True, "second", 2)
    assert adit.json("template", "get", name, "--version", "1")["isDefaultVersion"] is False
    adit("template", "update", name, "--default-version", "1", "--disable")
    assert [(row["versionId"], row["isDefaultVersion"]) for row in sorted(adit.json("template", "versions", name), key=lambda row: row["versionId"])] == [(1, True), (2, False)]
    adit("template", "update", name, code=2)
    adit("template", "delete", name, "--version", "2", "--yes")
    adit("template", "update", name, "--enable")
    claim = adit.json("template", "claim", name, "--out", "mine")
    assert stat.S_IMODE((adit.folder / "mine.key").stat().st_mode) == 0o600 and claim["expiration"] > 0
    assert openssl("x509", "-in", adit.folder / "mine.pem", "-pubkey", "-noout") == openssl("pkey", "-in", adit.folder / "mine.key", "-pubout")
    adit("template", "delete", name, "--yes")
    adit("template", "get", name, code=4)


def test_a_thing_is_made_by_a_template(server, adit, tmp_path):
    body, thing = tmp_path / "body.json", fresh("thing")
    body.write_text(json.dumps({"Parameters": {"Name": {"Type": "String"}}, "Resources": {"thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "Name"}}}}}))
    made = adit.json("template", "register", body, "--parameter", f"Name={thing}")
    assert made["resourceArns"]["thing"].endswith(thing)
    adit("thing", "get", thing)
