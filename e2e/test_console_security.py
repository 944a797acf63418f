"""The console's pages of certificates and policies, and the simulator."""

import json
import re
import subprocess
from types import SimpleNamespace

import devices
import pytest
from browser import NARROW, NETWORK, WIDE, chrome, console, denied_console, open_console  # noqa: F401
from factory import Factory, openssl
from looks import Looks
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
    expect(page.get_by_role("table", name="Things").get_by_role("link", name=name)).to_be_visible()
    expect(page.get_by_role("table", name="Policies").get_by_role("link", name=policy)).to_be_visible()
    console.shot("certificate")
    console.action("Revoke")
    expect(page.get_by_text("A revoked certificate stays revoked.")).to_be_visible()
    console.button("Revoke").click()
    expect(console.fact("Status")).to_contain_text("Revoked")
    mqtt.ended()
    console.button(f"Detach {policy}").click()
    expect(page.get_by_text(f"{policy} is detached.").first).to_be_visible()
    assert broker.boto("iot").list_attached_policies(target=principal)["policies"] == []


def choose(page, label, value):
    """Takes an option of a choice in the dialog."""
    page.get_by_role("dialog").get_by_label(label).click()
    page.get_by_role("option", name=value).click()


def test_a_certificate_that_there_is_already_is_registered_and_connects(broker, console, tmp_path):
    """Of a CA that is registered; what is wrong with others stands beside the field, with the way out."""
    policy, page = devices.fresh("policy"), console.page
    iot = broker.boto("iot")
    iot.create_policy(policyName=policy, policyDocument=devices.ALLOW_ALL)
    made, stranger = Factory(broker, tmp_path / "factory", ec=True).register(), Factory(broker, tmp_path / "other", ec=True)
    lamp = made.device()
    iot.create_thing(thingName=lamp.name)
    console.open("#/certificates")
    console.button("Register certificate").click()
    dialog = page.get_by_role("dialog")
    pem = dialog.get_by_role("textbox", name="Certificate", exact=True)
    pem.fill("hello")
    console.button("Register").click()
    expect(dialog.get_by_text("Paste a certificate in PEM")).to_be_visible()
    pem.fill(stranger.device().cert.read_text())
    console.button("Register").click()
    expect(dialog.get_by_text("No registered CA certificate issued this certificate.")).to_be_visible()
    expect(dialog.get_by_role("link", name="Register CA")).to_be_visible()
    expect(pem).to_have_attribute("aria-invalid", "true")
    console.shot("certificate-register-refused")
    dialog.get_by_role("button", name=re.compile("^Which CA")).click()
    dialog.get_by_role("textbox", name="CA certificate").fill(stranger.root.read_text())
    expect(dialog.get_by_text("No registered CA certificate issued this certificate.")).to_have_count(0)
    console.button("Register").click()
    expect(dialog.get_by_text("No CA certificate exists for the given certificate")).to_be_visible()
    dialog.get_by_role("textbox", name="CA certificate").fill("")
    dialog.locator("input[type=file]").first.set_input_files(str(lamp.cert))
    choose(page, "Attach to the thing", lamp.name)
    choose(page, "Attach the policy", policy)
    console.shot("certificate-register")
    console.button("Register").click()
    page.wait_for_url(re.compile(f"#/certificates/{lamp.id}"))
    expect(console.fact("Status")).to_contain_text("Active")
    expect(page.get_by_role("link", name=made.id)).to_be_visible()
    assert console.downloaded(lambda: console.button("Download certificate").click()).decode() == lamp.cert.read_text()
    assert [lamp.status(), lamp.policies(), iot.list_thing_principals(thingName=lamp.name)["principals"]] == ["ACTIVE", [policy], [lamp.arn]]
    devices.Mosquitto(lamp).pub("-i", lamp.name, "-t", "x", "-m", "y", "-q", "1")
    # The same one again leads to the one that is there.
    console.open("#/certificates")
    console.button("Register certificate").click()
    pem.fill(lamp.cert.read_text())
    console.button("Register").click()
    expect(dialog.get_by_text("already provisioned or registered")).to_be_visible()
    dialog.get_by_role("link", name="Open it").click()
    page.wait_for_url(re.compile(f"#/certificates/{lamp.id}"))
    console.forgive(NETWORK)


def test_a_certificate_of_nobody_is_registered_and_connects(broker, console, tmp_path):
    page, name = console.page, devices.fresh("own")
    openssl(tmp_path, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "own.key", "-out", "own.pem", "-subj", f"/CN={name}")
    lamp = SimpleNamespace(server=broker, cert=tmp_path / "own.pem", key=tmp_path / "own.key", name=name)
    policy = devices.fresh("policy")
    broker.boto("iot").create_policy(policyName=policy, policyDocument=devices.ALLOW_ALL)
    console.open("#/certificates")
    console.button("Register certificate").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Certificate", exact=True).fill(lamp.cert.read_text())
    dialog.get_by_role("radio", name="Nobody").check()
    expect(dialog.get_by_text("register-certificate-without-ca")).to_have_count(1)
    choose(page, "Attach the policy", policy)
    dialog.get_by_role("checkbox", name="Activate it at once").uncheck()
    console.button("Register").click()
    page.wait_for_url(re.compile("#/certificates/[0-9a-f]{64}"))
    expect(console.fact("Status")).to_contain_text("Inactive")
    expect(console.fact("Mode")).to_have_text("SNI_ONLY")
    devices.Mosquitto(lamp).pub("-i", name, "-t", "x", "-m", "y", ok=False)
    console.button("Actions").click()
    page.get_by_role("menuitem", name="Activate", exact=True).click()
    console.button("Activate").click()
    expect(console.fact("Status")).to_contain_text("Active")
    devices.Mosquitto(lamp).pub("-i", name, "-t", "x", "-m", "y", "-q", "1")


def test_a_certificate_for_a_key_that_stays_where_it_is(broker, console, tmp_path):
    """With the command that is shown for the request, run as it is shown."""
    policy, page = devices.fresh("policy"), console.page
    broker.boto("iot").create_policy(policyName=policy, policyDocument=devices.ALLOW_ALL)
    console.open("#/certificates")
    page.get_by_role("button", name="Create certificate").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="Use one that there is").check()
    dialog.get_by_role("button", name="Copy: Makes a key and a request for it").click()
    command = page.evaluate("navigator.clipboard.readText()")
    subprocess.run(["sh", "-ec", command], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    console.button("Create").click()
    expect(dialog.get_by_text("Paste a request in PEM")).to_be_visible()
    request = dialog.get_by_role("textbox", name="Certificate signing request")
    request.fill("-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----")
    console.button("Create").click()
    expect(request).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("That did not work")).to_have_count(0)
    dialog.locator("input[type=file]").set_input_files(str(tmp_path / "device.csr"))
    choose(page, "Attach the policy", policy)
    console.shot("certificate-from-csr")
    console.button("Create").click()
    console.heading("The certificate is created")
    expect(dialog.get_by_role("button", name="Private key")).to_have_count(0)
    lamp = SimpleNamespace(server=broker, cert=tmp_path / "device.pem", key=tmp_path / "device.key")
    lamp.cert.write_bytes(console.downloaded(lambda: dialog.get_by_role("button", name="Certificate", exact=True).click()))
    console.button("Done").click()
    devices.Mosquitto(lamp).pub("-i", "any", "-t", "x", "-m", "y", "-q", "1")
    console.forgive(NETWORK)


def test_what_goes_with_a_certificate_and_deleting_it_with_what_keeps_it(broker, console, device, client):
    lamp, group, policy = device(policy=None), devices.fresh("group"), devices.fresh("policy")
    iot, page = broker.boto("iot"), console.page
    iot.create_policy(policyName=policy, policyDocument=devices.document(("Allow", "iot:Connect", "*")))
    made = iot.create_thing_group(thingGroupName=group)
    iot.attach_policy(policyName=policy, target=made["thingGroupArn"])
    own = lamp.attach(devices.document(("Allow", "iot:Publish", "arn:aws:iot:*:*:topic/allowed")))
    console.open(f"#/certificates/{lamp.id}")
    effective = page.get_by_role("button", name=policy)
    expect(page.get_by_text("through the certificate")).to_be_visible()
    expect(effective).to_have_count(0)
    iot.add_thing_to_thing_group(thingName=lamp.name, thingGroupName=group)
    expect(effective).to_be_visible()
    expect(page.get_by_text(f"through the groups of {lamp.name}")).to_be_visible()
    effective.click()
    expect(page.locator("pre", has_text="iot:Connect")).to_be_visible()
    expect(page.get_by_role("link", name=f"Open {policy}")).to_be_visible()

    expect(page.get_by_text("Nobody is connected with it.")).to_be_visible()
    mqtt = client(lamp).connect()
    mqtt.send("not/allowed", b"x", qos=1)
    expect(page.get_by_role("table", name="Refused lately")).to_contain_text("not/allowed")
    again = client(lamp).connect()
    expect(page.get_by_role("table", name="Connected clients")).to_contain_text(lamp.name)
    console.shot("certificate")
    # What was refused can be asked again.
    page.get_by_role("table", name="Refused lately").get_by_role("link", name="Simulate").first.click()
    console.button("Test").click()
    expect(page.locator("[data-answer]")).to_contain_text("Denied: no statement allows it")
    expect(page.locator("[data-answer]")).to_contain_text("topic/not/allowed")
    console.open(f"#/certificates/{lamp.id}")
    page.get_by_role("link", name="All refusals").click()
    expect(page.get_by_text("not/allowed").first).to_be_visible()
    assert f"certificateId={lamp.id}" in page.url
    console.open(f"#/certificates/{lamp.id}")

    # One more thing, and one less.
    other = devices.fresh("other")
    iot.create_thing(thingName=other)
    page.reload()
    page.get_by_role("button", name=re.compile("^Thing to attach")).click()
    page.get_by_role("option", name=other).click()
    page.get_by_role("button", name="Attach", exact=True).last.click()
    expect(page.get_by_text(f"{other} is attached.").first).to_be_visible()
    console.button(f"Detach {other}").click()
    expect(page.get_by_text(f"{other} is detached.").first).to_be_visible()
    assert iot.list_principal_things(principal=lamp.arn)["things"] == [lamp.name]

    console.action("Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(lamp.name)).to_be_visible()
    expect(dialog.get_by_text(own)).to_be_visible()
    console.button("Delete").click()
    expect(dialog.get_by_text("Until then it cannot be deleted.")).to_be_visible()
    dialog.get_by_role("checkbox", name="Deactivate it and detach it first").check()
    expect(dialog.get_by_text("--force-delete")).to_have_count(1)
    console.shot("certificate-delete")
    console.button("Delete").click()
    page.wait_for_url(re.compile("#/certificates$"))
    again.ended()
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_certificate(certificateId=lamp.id)
    assert iot.describe_thing(thingName=lamp.name)["thingName"] == lamp.name
    console.forgive(NETWORK)


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


def test_room_for_versions_is_what_this_server_has(new_server, open_console):
    server = new_server(**{"registry.policy-versions": 3})
    iot, name = server.boto("iot"), devices.fresh("three")
    iot.create_policy(policyName=name, policyDocument=CONNECT)
    iot.create_policy_version(policyName=name, policyDocument=CONNECT)
    console = open_console(server).sign_in()
    page, said = console.page, console.page.get_by_text("There are 3 versions already")
    console.open(f"#/policies/{name}")
    for times in (0, 1):
        console.button("Edit as a new version").click()
        expect(page.get_by_role("dialog").get_by_role("textbox", name="Document")).to_be_visible()
        page.wait_for_load_state("networkidle")
        expect(said).to_have_count(times)
        console.button("Save and use").click()
        console.heading(f"Version {times + 3} (in use)")
    assert versions(server, name) == (["4", "3", "2"], "4")
    console.forgive(NETWORK)
    # Who may not look at the limits is told when there is no room, and asked then.
    console = denied_console(lambda: open_console(server), server, "iot:*Polic*")
    page, said = console.page, console.page.get_by_text("There are 3 versions already")
    console.open(f"#/policies/{name}")
    console.button("Edit as a new version").click()
    console.button("Save and use").click()
    expect(said).to_be_visible()
    assert versions(server, name) == (["4", "3", "2"], "4")
    console.button("Save and use").click()
    console.heading("Version 5 (in use)")
    assert versions(server, name) == (["5", "4", "3"], "5")
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
    expect(dialog.get_by_text("Until then it cannot be deleted.")).to_be_visible()
    assert iot.get_policy(policyName=name)["defaultVersionId"] == "2"
    dialog.get_by_role("checkbox", name="Detach it from this and delete its other version first").check()
    console.shot("policy-delete")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text(f"{name} is deleted.").first).to_be_visible()
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.get_policy(policyName=name)
    assert iot.list_attached_policies(target=lamp.arn)["policies"] == []


# The simulator.

RULES = json.dumps({
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:*", "Resource": "*"},
        {"Sid": "NoSecrets", "Effect": "Deny", "Action": "iot:Publish", "Resource": "arn:aws:iot:*:*:topic/secret/*"},
    ],
})


def ask(console, at, action, what):
    """Writes a question of the simulator."""
    page = console.page
    page.get_by_role("button", name=re.compile("^Action")).nth(at).click()
    page.get_by_role("option", name=action).click()
    page.get_by_role("textbox", name="Topic, topic filter or client ID").nth(at).fill(what)


def test_the_simulator_says_which_statement_decides(broker, console, device):
    lamp, name, page = device(policy=None), devices.fresh("rules"), console.page
    iot = broker.boto("iot")
    iot.create_policy(policyName=name, policyDocument=RULES)
    # A policy is tried before anybody has it.
    console.open(f"#/policies/{name}")
    page.get_by_role("link", name="Simulate").click()
    console.heading("Simulator")
    expect(page.get_by_role("button", name=re.compile("^Policy to try"))).to_contain_text(name)
    page.get_by_role("button", name=re.compile("^Certificate")).click()
    page.get_by_role("option", name=lamp.id).click()
    page.get_by_label("Client ID", exact=True).fill(lamp.name)
    for at, (action, what) in enumerate([("iot:Connect", ""), ("iot:Publish", "secret/door"), ("iot:Subscribe", "lamps/#")]):
        if at:
            console.button("Add question").click()
        ask(console, at, action, what)
    console.button("Test").click()
    answers = page.get_by_role("status").locator("[data-answer]")
    expect(answers).to_have_count(3)
    expect(answers.nth(0)).to_contain_text("Allowed")
    expect(answers.nth(0)).to_contain_text(f"client/{lamp.name}")
    expect(answers.nth(0)).to_contain_text(f"Statement 1 of {name}")
    expect(answers.nth(0).get_by_role("link", name=lamp.name)).to_be_visible()
    expect(answers.nth(1)).to_contain_text("Denied: a statement says so")
    expect(answers.nth(1)).to_contain_text(f"Statement 2 (NoSecrets) of {name}")
    expect(answers.nth(1).locator("pre")).to_contain_text("arn:aws:iot:*:*:topic/secret/*")
    expect(answers.nth(1).get_by_role("link", name=name).first).to_be_visible()
    expect(answers.nth(2)).to_contain_text("Allowed")
    console.shot("simulator")

    # The questions are in the address; without the policy nothing is allowed.
    page.reload()
    expect(page.get_by_role("textbox", name="Topic, topic filter or client ID").nth(2)).to_have_value("lamps/#")
    page.get_by_role("button", name="Remove iot:Publish secret/door").click()
    page.get_by_role("button", name=re.compile("^Policy to try")).click()
    page.get_by_role("option", name="None").click()
    console.button("Test").click()
    expect(answers).to_have_count(2)
    expect(answers.nth(0)).to_contain_text("Denied: no statement allows it")
    expect(answers.nth(0)).to_contain_text("No policy counts.")
    iot.attach_policy(policyName=name, target=lamp.arn)
    console.button("Test").click()
    expect(answers.nth(1)).to_contain_text(f"Statement 1 of {name}")
    page.get_by_role("button", name="The same on a command line").click()
    page.get_by_role("button", name="Copy: The same on a command line").click()
    command = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(["sh", "-ec", command], env=broker.env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert [each["authDecision"] for each in json.loads(done.stdout)["authResults"]] == ["ALLOWED", "ALLOWED"]


def test_who_may_not_is_told_so(broker, open_console, device):
    lamp = device(policy=None)
    console = denied_console(open_console, broker, "iot:DescribeCertificate", "iot:ListPolicyVersions")
    page = console.page
    console.open(f"#/simulator?certificate={lamp.id}&client=x&ask=PUBLISH%20a%2Fb")
    expect(page.get_by_text("is not authorized to perform: iot:ListCertificates").first).to_be_visible()
    console.button("Test").click()
    expect(page.get_by_text("is not authorized to perform: iot:ExplainAuthorization")).to_be_visible()
    console.open(f"#/certificates/{lamp.id}")
    for action in ("ListAttachedPolicies", "ListPrincipalThings", "ListConnections", "ListRefusals"):
        expect(page.get_by_text(f"is not authorized to perform: iot:{action}").first).to_be_visible()
    expect(page.get_by_text("That did not work")).to_have_count(0)
    console.shot("denied-certificate")
    console.forgive(NETWORK)


# Looks.


@pytest.fixture(scope="module")
def furnished(broker, tmp_path_factory):
    """A device with what goes with its certificate, and a policy with two versions."""
    lamp = devices.Device(broker, tmp_path_factory.mktemp("furnished"), policy=RULES)
    devices.Mosquitto(lamp).pub("-i", lamp.name, "-t", "secret/door", "-m", "y", "-q", "1", ok=False)
    iot = broker.boto("iot")
    (policy,) = (each["policyName"] for each in iot.list_attached_policies(target=lamp.arn)["policies"])
    iot.create_policy_version(policyName=policy, policyDocument=CONNECT)
    asked = f"#/simulator?certificate={lamp.id}&client={lamp.name}&ask=PUBLISH%20secret%2Fdoor%0ASUBSCRIBE%20a%2F%23"
    return {
        "certificates": "#/certificates", "certificate": f"#/certificates/{lamp.id}", "policies": "#/policies",
        "policy": f"#/policies/{policy}", "policy-diff": f"#/policies/{policy}?version=1&other=2", "simulator": asked,
    }


DIALOGS = (
    "Create certificate", "Register certificate", "Create policy", "Edit as a new version", "Delete", "Actions: Revoke", "Actions: Delete",
)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280", "400"])
def test_every_page_is_accessible_and_fits(open_console, furnished, size, dark):
    console = open_console(size=size, dark=dark).sign_in()
    looks, page = Looks(console, "security", size, dark), console.page
    for name, path in furnished.items():
        looks.open(path)
        if name == "certificate":
            expect(page.get_by_role("table", name="Refused lately")).to_contain_text("NoSecrets")
        if name == "simulator":
            console.button("Test").click()
            expect(page.locator("[data-answer]")).to_have_count(2)
        looks.look(name)
        looks.dialogs(name, *DIALOGS)
    looks.end()
