"""A thing's page in the browser: what it is, what it may do, what happened to it, and the ways to it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import devices
import pytest
from browser import NARROW, NETWORK, WIDE, chrome, console, open_console, tunnel_id  # noqa: F401
from harness import Process, bin_dir, clean_environment, wait_for
from looks import Looks
from playwright.sync_api import expect


def open_thing(console, name, tab=None):
    console.open(f"#/things/{name}" + (f"?tab={tab}" if tab else ""))
    console.heading(name)


def dialog_of(console):
    return console.page.get_by_role("dialog")


def said(console, text):
    expect(console.page.get_by_text(text).first).to_be_visible()


# What it is.


def test_a_thing_is_made_with_type_group_and_attributes_and_changed(broker, console):
    iot = broker.boto("iot")
    name, kind, group = (devices.fresh(word) for word in ("lamp", "Lamp", "hall"))
    iot.create_thing_group(thingGroupName=group)
    page = console.page
    console.open("#/things")
    page.get_by_role("button", name="Create thing").first.click()
    dialog = dialog_of(console)
    dialog.get_by_label("Name", exact=True).fill(name)
    # A type that is not there is made; a group that is there is taken.
    dialog.get_by_role("combobox", name=re.compile("^Type")).fill(kind)
    page.keyboard.press("Escape")
    dialog.get_by_role("combobox", name=re.compile("^Group")).fill(group)
    page.keyboard.press("Escape")
    for at, (key, value) in enumerate((("country", "IN"), ("site", ""), ("floor", "2"), ("room", "12"))):
        console.button("Add attribute").click()
        dialog.get_by_role("textbox", name="Attribute").nth(at).fill(key)
        dialog.get_by_role("textbox", name="Value").nth(at).fill(value)
    console.button("Create").click()
    said(console, "Each attribute needs a name and a value")
    dialog.get_by_role("textbox", name="Value").nth(1).fill("hall")
    commands = dialog.locator(".command").inner_text()
    assert f"aws iot create-thing-type --thing-type-name {kind}\n" in commands and "create-thing-group" not in commands
    console.shot("thing-create")
    console.button("Create").click()
    said(console, f"{name} is created.")
    made = iot.describe_thing(thingName=name)
    assert made["thingTypeName"] == kind
    assert made["attributes"] == {"country": "IN", "site": "hall", "floor": "2", "room": "12"}
    assert [each["groupName"] for each in iot.list_thing_groups_for_thing(thingName=name)["thingGroups"]] == [group]

    open_thing(console, name)
    expect(console.fact("Type")).to_have_text(kind)
    console.button("Change").click()
    dialog = dialog_of(console)
    dialog.get_by_role("textbox", name="Value").first.fill("DE")
    dialog.get_by_role("button", name="Remove site").click()
    expect(dialog.get_by_text("--expected-version 1")).to_be_attached()
    console.button("Save").click()
    said(console, f"{name} is changed.")
    expect(console.fact("Attributes")).to_contain_text("country=DE")
    changed = iot.describe_thing(thingName=name)
    assert changed["attributes"] == {"country": "DE", "floor": "2", "room": "12"}
    assert (changed["version"], changed["thingTypeName"]) == (2, kind)


def test_a_change_that_somebody_else_made_meanwhile_is_not_lost(broker, console):
    iot, name = broker.boto("iot"), devices.fresh("lamp")
    iot.create_thing(thingName=name, attributePayload={"attributes": {"a": "1"}})
    open_thing(console, name)
    console.button("Change").click()
    dialog_of(console).get_by_role("textbox", name="Value").fill("2")
    iot.update_thing(thingName=name, attributePayload={"attributes": {"b": "9"}, "merge": True})
    console.button("Save").click()
    expect(dialog_of(console).get_by_text("does not match the expected version")).to_be_visible()
    assert iot.describe_thing(thingName=name)["attributes"] == {"a": "1", "b": "9"}
    console.forgive("409")


def test_the_type_is_taken_away(broker, console):
    iot, name, kind = broker.boto("iot"), devices.fresh("lamp"), devices.fresh("Lamp")
    iot.create_thing_type(thingTypeName=kind)
    iot.create_thing(thingName=name, thingTypeName=kind, attributePayload={"attributes": dict.fromkeys("abcd", "1")})
    open_thing(console, name)
    console.button("Change").click()
    dialog = dialog_of(console)
    dialog.get_by_role("combobox", name=re.compile("^Type")).fill("")
    console.page.keyboard.press("Escape")
    console.button("Save").click()
    said(console, "At most 3 attributes are allowed.")
    dialog.get_by_role("button", name="Remove d").click()
    console.button("Save").click()
    said(console, f"{name} is changed.")
    changed = iot.describe_thing(thingName=name)
    assert "thingTypeName" not in changed and changed["attributes"] == dict.fromkeys("abc", "1")


def test_groups_of_a_thing(broker, console):
    iot, name, group = broker.boto("iot"), devices.fresh("lamp"), devices.fresh("hall")
    iot.create_thing(thingName=name)
    open_thing(console, name, "groups")
    said(console, "The thing is in no group")
    console.button("Add to group").click()
    dialog = dialog_of(console)
    dialog.get_by_role("combobox", name="Group").fill(group)
    console.page.keyboard.press("Escape")
    expect(dialog.get_by_text(f"aws iot create-thing-group --thing-group-name {group}")).to_be_attached()
    dialog.get_by_role("button", name="Add to group").click()
    said(console, f"It is in {group} now.")
    expect(console.page.get_by_role("row", name=re.compile(group))).to_be_visible()
    assert [each["groupName"] for each in iot.list_thing_groups_for_thing(thingName=name)["thingGroups"]] == [group]
    console.button(f"Remove from {group}").click()
    said(console, "Policies of the group do not hold for the thing any more.")
    console.button("Remove").click()
    said(console, f"It is not in {group} any more.")
    assert iot.list_thing_groups_for_thing(thingName=name)["thingGroups"] == []


# What it may do.


def test_certificates_and_effective_policies(broker, console, device):
    iot = broker.boto("iot")
    lamp, group, of_group = device(), devices.fresh("hall"), devices.fresh("of-group")
    other = iot.create_keys_and_certificate(setAsActive=False)
    iot.create_policy(policyName=of_group, policyDocument=devices.document(("Deny", "iot:Publish", "arn:aws:iot:*:*:topic/secret")))
    iot.create_thing_group(thingGroupName=group)
    iot.attach_policy(policyName=of_group, target=f"arn:aws:iot:us-east-1:123456789012:thinggroup/{group}")
    iot.add_thing_to_thing_group(thingName=lamp.name, thingGroupName=group)
    (of_certificate,) = [each["policyName"] for each in iot.list_attached_policies(target=lamp.arn)["policies"]]
    page = console.page
    open_thing(console, lamp.name, "policies")
    for name, through, text in ((of_certificate, lamp.id[:16], '"iot:*"'), (of_group, "its groups", '"arn:aws:iot:*:*:topic/secret"')):
        page.get_by_role("button", name=name).click()
        expect(page.get_by_text(f"through {through}")).to_be_visible()
        expect(page.locator("pre", has_text=text)).to_be_visible()
    console.shot("thing-policies")
    page.get_by_role("link", name=f"Open {of_group}").click()
    console.heading(of_group)

    open_thing(console, lamp.name, "certificates")
    expect(page.get_by_role("row", name=re.compile(lamp.id))).to_contain_text("Active")
    page.get_by_role("button", name=re.compile("Certificate to attach")).click()
    page.get_by_role("option", name=re.compile(other["certificateId"][:16])).click()
    expect(page.get_by_text(f"attach-thing-principal --thing-name {lamp.name} --principal {other['certificateArn']}")).to_be_attached()
    console.button("Attach").click()
    said(console, f"{other['certificateId'][:16]}… is attached.")
    expect(page.get_by_role("row", name=re.compile(other["certificateId"]))).to_contain_text("Inactive")
    assert sorted(iot.list_thing_principals(thingName=lamp.name)["principals"]) == sorted([lamp.arn, other["certificateArn"]])
    console.shot("thing-certificates")
    console.button(f"Detach {lamp.id[:16]}…").click()
    console.button("Detach").click()
    said(console, f"{lamp.id[:16]}… is detached.")
    assert iot.list_thing_principals(thingName=lamp.name)["principals"] == [other["certificateArn"]]


def test_who_may_look_at_a_thing_only_is_told_what_is_missing(broker, open_console, device):
    lamp, iam, name = device(), broker.boto("iam"), devices.fresh("looker")
    iam.create_user(UserName=name)
    allowed = {"Effect": "Allow", "Action": ["iot:DescribeThing", "iot:ListThingPrincipals"], "Resource": "*"}
    iam.put_user_policy(UserName=name, PolicyName="look", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    console = open_console()
    console.sign_in_with(key["AccessKeyId"], key["SecretAccessKey"])
    expect(console.button(f"user/{name}")).to_be_visible()
    open_thing(console, lamp.name, "timeline")
    expect(console.fact("Version")).to_have_text("1")
    said(console, f"user/{name} is not authorized to perform: iot:ListThingEvents")
    console.page.get_by_role("tab", name="Groups").click()
    said(console, "is not authorized to perform: iot:ListThingGroupsForThing")
    console.page.get_by_role("tab", name="Certificates").click()
    expect(console.page.get_by_role("link", name=lamp.id)).to_be_visible()
    console.shot("thing-denied")
    console.forgive(NETWORK)


# What happened to it.


def test_connection_and_timeline(broker, console, device, client):
    lamp = device(policy=devices.document(("Allow", "iot:Connect", "*")))
    page = console.page
    open_thing(console, lamp.name, "timeline")
    said(console, "Nothing has happened yet")
    expect(console.fact("Connection")).to_contain_text("Not known")
    mqtt = client(lamp).connect()
    expect(console.fact("Connection")).to_contain_text("Connected")
    expect(console.fact("Address")).to_contain_text("127.0.0.1, port ")
    expect(console.fact("Client ID")).to_have_text(lamp.name)
    expect(page.get_by_role("row", name=re.compile("Connected"))).to_contain_text("127.0.0.1")
    mqtt.send("not/allowed", b"x", qos=1)
    expect(page.get_by_role("row", name=re.compile("Refused.*allowed"))).to_be_visible()
    mqtt.close()
    expect(console.fact("Connection")).to_contain_text("Not connected")
    expect(console.fact("Why it ended")).not_to_be_empty()
    gone = page.get_by_role("row", name=re.compile("Disconnected"))
    expect(gone).to_contain_text(lamp.id[:16])
    console.shot("thing-timeline")
    # The newest first.
    rows = page.get_by_role("row").all_inner_texts()
    assert [word for row in rows for word in re.findall(r"\b(Connected|Refused|Disconnected)\b", row)] == ["Disconnected", "Refused", "Connected"]


# The ways to it.


def test_from_a_thing_to_its_terminal(broker, console, agent, sshd):
    """Walkthrough D.2: a new tunnel, the existing one, and Connect, which finds one by itself."""
    lamp = agent(sshd.port)
    name = lamp.device.name
    open_thing(console, name)
    said(console, "No tunnels to this thing")
    console.button("Create secure tunnel").click()
    expect(console.page.get_by_role("radio", name="Use existing tunnel")).to_be_disabled()
    console.button("Next").click()
    expect(console.page.get_by_role("combobox", name="Thing")).to_have_value(name)
    console.button("Next").click()
    console.button("Confirm and create").click()
    first = tunnel_id(console)
    console.log_in(sshd.user, key=sshd.key)
    console.trust()
    console.type("echo new-$((40+2))")
    console.wait_terminal("new-42")
    console.button("Disconnect").click()

    open_thing(console, name)
    expect(console.page.get_by_role("link", name=first)).to_be_visible()
    console.button("Create secure tunnel").click()
    console.page.get_by_role("radio", name="Use existing tunnel").check()
    expect(console.page.get_by_text(f"--tunnel-id {first} --client-mode ALL")).to_be_attached()
    console.button("Next").click()
    assert tunnel_id(console) == first
    console.log_in(sshd.user, key=sshd.key)
    console.type("echo existing-$((40+2))")
    console.wait_terminal("existing-42")

    # Somebody works in that one: Connect opens another, and takes it again while nobody uses it.
    found = []
    for _ in range(2):
        other = console.context.new_page()
        other.goto(console.link())
        expect(other.get_by_role("heading", name=re.compile("^Tunnels"))).to_be_visible()
        other.goto(f"{broker.url}/#/things/{name}")
        other.get_by_role("button", name="Connect", exact=True).click()
        other.wait_for_url(re.compile(r"#/tunnels/[0-9a-f-]{36}"))
        found.append(re.search(r"#/tunnels/([0-9a-f-]{36})", other.url)[1])
        expect(other.get_by_label("User name")).to_be_visible()
        other.close()
    assert found[0] == found[1] != first
    assert len(broker.api.list_tunnels(thingName=name)["tunnelSummaries"]) == 2
    console.type("echo still-$((40+2))")
    console.wait_terminal("still-42")
    console.button("Disconnect").click()


# The first one.


@pytest.mark.parametrize("register, program", [("adit", "adit agent"), ("aws", "mosquitto")])
def test_the_help_for_the_first_device_is_true(new_server, open_console, tmp_path, register, program):
    """Its commands, as they are shown, bring a device in."""
    server = new_server(start=False).with_mqtt().start()
    console = open_console(server).sign_in()
    page = console.page
    console.open("#/things")
    said(console, "No things yet")
    for name in (register, program):
        page.get_by_role("button", name=name, exact=True).click()
    expect(page.locator(".command").last).to_contain_text(str(server.mqtt_port))
    console.shot(f"first-device-{register}")
    on_laptop, on_device = page.locator(".command").all_inner_texts()
    (tmp_path / "ca.pem").write_bytes(server.ca.read_bytes())
    tools = f"{bin_dir()}:{Path(sys.executable).parent}:{server.env['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", on_laptop], cwd=tmp_path, env={**server.env, "PATH": tools}, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{on_laptop}\n{done.stdout}{done.stderr}"
    *before, last = on_device.strip().splitlines()
    device = Process(["bash", "-ec", "\n".join([*before, f"exec {last}"])], tmp_path / "log", "device", env=clean_environment(PATH=tools), cwd=tmp_path)
    try:
        wait_for(lambda: [one["client-id"] for one in server.clients()] == ["lamp1"], device.describe, 40)
        expect(page.get_by_role("row", name=re.compile("lamp1"))).to_contain_text("Connected")
    finally:
        device.stop()


# Looks.


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280", "400"])
def test_sections_and_dialogs_are_accessible_and_fit(broker, open_console, device, client, size, dark):
    iot, lamp = broker.boto("iot"), device()
    group = devices.fresh("hall")
    iot.create_thing_group(thingGroupName=group)
    iot.add_thing_to_thing_group(thingName=lamp.name, thingGroupName=group)
    client(lamp).connect()
    broker.boto("iot-data").update_thing_shadow(thingName=lamp.name, payload=json.dumps({"state": {"desired": {"on": True}}}))
    console = open_console(size=size, dark=dark).sign_in()
    looks = Looks(console, "thing", size, dark)
    for tab in ("tunnels", "timeline", "certificates", "policies", "groups", "shadows"):
        looks.open(f"#/things/{lamp.name}?tab={tab}")
        looks.look(tab)
        if tab == "groups":
            looks.dialogs(tab, "Change", "Create secure tunnel", "Delete", "Add to group", f"Remove from {group}")
    looks.open("#/things")
    looks.dialogs("list", "Create thing")
    looks.end()
