"""The console's pages of certificates and policies, and the simulator."""

import json
import re

import devices
import pytest
from browser import NARROW, NETWORK, WIDE, chrome, console, open_console  # noqa: F401
from playwright.sync_api import expect

# Certificates.


def test_a_certificate_is_made_used_and_revoked(broker, console, client, tmp_path):
    name, policy = devices.fresh("lamp"), devices.fresh("policy")
    broker.boto("iot").create_thing(thingName=name)
    broker.boto("iot").create_policy(policyName=policy, policyDocument=devices.ALLOW_ALL)
    page = console.page
    console.open("#/certificates")
    page.get_by_role("button", name="Create certificate").first.click()
    for label, value in (("Attach to the thing", name), ("Attach the policy", policy)):
        page.get_by_role("dialog").get_by_label(label).click()
        page.get_by_role("option", name=value).click()
    console.button("Create").click()
    console.heading("Download the files now")
    console.shot("certificate-made")
    lamp = devices.Device.__new__(devices.Device)
    lamp.server, lamp.name = broker, name
    lamp.cert, lamp.key = tmp_path / "lamp.pem", tmp_path / "lamp.key"
    dialog = page.get_by_role("dialog")
    lamp.cert.write_bytes(console.downloaded(lambda: dialog.get_by_role("button", name="Certificate", exact=True).click()))
    lamp.key.write_bytes(console.downloaded(lambda: dialog.get_by_role("button", name="Private key").click()))
    console.button("Done").click()
    mqtt = client(lamp).connect()
    (principal,) = broker.boto("iot").list_thing_principals(thingName=name)["principals"]
    console.open(f"#/certificates/{principal.split('/')[-1]}")
    expect(console.fact("Status")).to_contain_text("Active")
    expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=policy)).to_be_visible()
    console.shot("certificate")
    console.action("Revoke")
    expect(page.get_by_text("A revoked certificate stays revoked.")).to_be_visible()
    console.button("Revoke").click()
    expect(console.fact("Status")).to_contain_text("Revoked")
    mqtt.ended()
    console.button(f"Detach {policy}").click()
    expect(page.get_by_text(f"{policy} is detached.").first).to_be_visible()
    assert broker.boto("iot").list_attached_policies(target=principal)["policies"] == []


# Policies.

CONNECT = devices.document(("Allow", "iot:Connect", "*"))


def versions(broker, name):
    """Its versions with the one in use, the newest first."""
    found = broker.boto("iot").list_policy_versions(policyName=name)["policyVersions"]
    return [each["versionId"] for each in found], next(each["versionId"] for each in found if each["isDefaultVersion"])


def test_a_policy_is_written_and_what_is_wrong_with_it_stands_beside_it(broker, console):
    name, page = devices.fresh("made"), console.page
    console.open("#/policies")
    page.get_by_role("button", name="Create policy").first.click()
    dialog = page.get_by_role("dialog")
    document = dialog.get_by_role("textbox", name="Document")
    dialog.get_by_label("Name").fill(name)
    document.fill('{\n  "Version": "2012-10-17"\n  "Statement": []\n}')
    console.button("Create").click()
    expect(dialog.get_by_text("The document is not JSON. Line 3, column 3: expected is a comma or a closing bracket.")).to_be_visible()
    document.fill(devices.document(("Maybe", "iot:Connect", "*")))
    console.button("Create").click()
    # The server's own words, beside the document and nowhere else.
    expect(dialog.get_by_text('Statement 1 must have the Effect "Allow" or "Deny".')).to_be_visible()
    expect(document).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("That did not work")).to_have_count(0)
    console.shot("policy-refused")
    document.fill(CONNECT)
    console.button("Create").click()
    expect(page.get_by_text(f"{name} is created.").first).to_be_visible()

    console.open(f"#/policies/{name}")
    console.button("Edit as a new version").click()
    document.fill(devices.document(("Allow", "iot:*", "*"), ("Deny", "iot:Publish", "arn:aws:iot:*:*:topic/secret/*")))
    dialog.get_by_role("button", name="What changes").click()
    expect(dialog.locator("pre del")).to_contain_text("iot:Connect")
    expect(dialog.locator("pre ins").filter(has_text="topic/secret")).to_have_count(1)
    console.shot("policy-changes")
    console.button("Save and use").click()
    console.heading("Version 2 (in use)")
    page.get_by_role("button", name="Show version 1").click()
    console.heading("Version 1")
    expect(page.locator("pre").first).not_to_contain_text("Deny")
    console.button("Use this version: 1").click()
    console.heading("Version 1 (in use)")
    assert versions(broker, name) == (["2", "1"], "1")
    console.forgive(NETWORK)


def test_versions_of_a_policy_are_compared_and_there_is_room_for_one_more(broker, console):
    name, page = devices.fresh("made"), console.page
    iot = broker.boto("iot")
    iot.create_policy(policyName=name, policyDocument=CONNECT)
    for topic in ("two", "three", "four", "five"):
        document = devices.document(("Allow", "iot:Publish", f"arn:aws:iot:*:*:topic/{topic}"))
        iot.create_policy_version(policyName=name, policyDocument=document, setAsDefault=topic == "three")
    console.open(f"#/policies/{name}")
    console.button("Compare with the one in use: 2").click()
    console.heading("From version 2 to version 3")
    page.get_by_role("button", name=re.compile("^To")).click()
    page.get_by_role("option", name="Version 5").click()
    console.heading("From version 2 to version 5")
    expect(page.locator("pre del")).to_contain_text("topic/two")
    expect(page.locator("pre ins")).to_contain_text("topic/five")
    console.shot("policy-diff")
    page.reload()
    console.heading("From version 2 to version 5")
    console.button("End the comparison").click()
    console.heading("Version 2")

    console.button("Edit as a new version").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("There are 5 versions already")).to_be_visible()
    dialog.get_by_role("button", name=re.compile("^No more fit")).click()
    page.get_by_role("option", name="Version 4").click()
    expect(dialog.get_by_text("delete-policy-version")).to_have_count(1)
    document = dialog.get_by_role("textbox", name="Document")
    document.fill("[]")
    console.button("Save and use").click()
    expect(document).to_have_attribute("aria-invalid", "true")
    assert versions(broker, name) == (["5", "4", "3", "2", "1"], "3"), "a refused document costs no version"
    document.fill(CONNECT)
    console.shot("policy-full")
    console.button("Save and use").click()
    console.heading("Version 6 (in use)")
    assert versions(broker, name) == (["6", "5", "3", "2", "1"], "6")
    console.button("Delete this version: 1").click()
    expect(page.get_by_text("Version 1 is deleted.").first).to_be_visible()
    assert versions(broker, name) == (["6", "5", "3", "2"], "6")
    console.forgive(NETWORK)


def test_a_policy_is_deleted_with_what_keeps_it(broker, console, device):
    lamp, name, page = device(policy=None), devices.fresh("made"), console.page
    iot = broker.boto("iot")
    iot.create_policy(policyName=name, policyDocument=CONNECT)
    iot.create_policy_version(policyName=name, policyDocument=devices.ALLOW_ALL, setAsDefault=True)
    iot.attach_policy(policyName=name, target=lamp.arn)
    console.open(f"#/policies/{name}")
    expect(page.get_by_role("table", name="Attached to").get_by_role("link", name=lamp.arn)).to_be_visible()
    console.button("Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("link", name=lamp.arn)).to_be_visible()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(dialog.get_by_text("it cannot be deleted")).to_be_visible()
    assert iot.get_policy(policyName=name)["defaultVersionId"] == "2"
    dialog.get_by_role("checkbox", name="Detach it from this and delete its other version first").check()
    console.shot("policy-delete")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text(f"{name} is deleted.").first).to_be_visible()
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.get_policy(policyName=name)
    assert iot.list_attached_policies(target=lamp.arn)["policies"] == []
