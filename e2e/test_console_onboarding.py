"""The console's pages of onboarding and of identities, with devices that come in and devices that do not."""

import csv
import io
import json
import os
import re
import subprocess

import devices
import pytest
from browser import NARROW, NETWORK, WIDE, chrome, console, denied_console, open_console  # noqa: F401
from factory import EVERYTHING, Factory, role, template
from harness import clean_environment, wait_for
from looks import Looks
from playwright.sync_api import expect


def connects(device, ok=False):
    devices.Mosquitto(device, version="mqttv311").pub("-i", device.name, "-t", "x", "-m", "y", ok=ok)


# CAs.


def test_a_ca_is_registered_with_the_commands_that_are_shown(broker, console, tmp_path):
    """The code, the openssl commands as they are shown, the files as they are written, and the funnel of the first device."""
    made, name = Factory(broker, tmp_path / "factory", ec=True), devices.fresh("jitp")
    broker.boto("iot").create_provisioning_template(
        templateName=name, templateBody=json.dumps(template(EVERYTHING)), enabled=True, provisioningRoleArn=role(broker), type="JITP",
    )
    page = console.page
    console.open("#/onboarding")
    page.get_by_role("link", name="Register CA").first.click()
    console.heading("Register CA")
    expect(page.get_by_text(made.iot.get_registration_code()["registrationCode"], exact=True)).to_be_visible()
    page.get_by_role("button", name="Register CA").click()
    expect(page.get_by_text("Paste a certificate in PEM").first).to_be_visible()
    page.get_by_role("button", name="Copy: With openssl").click()
    commands = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(["sh", "-ec", commands], cwd=made.folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    page.locator("input[type=file]").nth(0).set_input_files(str(made.root))
    page.locator("input[type=file]").nth(1).set_input_files(str(made.folder / "verificationCert.crt"))
    expect(page.get_by_role("textbox", name="Verification certificate")).to_have_value(re.compile("BEGIN CERTIFICATE"))
    page.get_by_role("radio", name="By a provisioning template").check()
    page.get_by_role("button", name=re.compile("^Choose a template")).click()
    page.get_by_role("option", name=name).click()
    expect(page.get_by_text(f"--template-name {name}")).to_be_visible()
    console.shot("register-ca")
    page.get_by_role("button", name="Register CA").click()
    page.wait_for_url(re.compile("#/onboarding/[0-9a-f]{64}"))
    made.id = page.url.rsplit("/", 1)[1]
    described = made.iot.describe_ca_certificate(certificateId=made.id)
    assert described["registrationConfig"] == {"templateName": name}
    assert described["certificateDescription"]["autoRegistrationStatus"] == "ENABLE"
    assert console.downloaded(lambda: console.button("Download certificate").click()).decode() == made.root.read_text()
    expect(console.fact("Status").first).to_contain_text("Active")
    expect(page.get_by_text("No device of this CA has connected yet")).to_be_visible()
    device = made.device()
    connects(device)
    expect(page.get_by_role("row", name=re.compile(device.id[:16]))).to_contain_text("Active", timeout=20_000)
    expect(page.get_by_role("link", name=device.name, exact=True)).to_be_visible()
    console.action("Deactivate")
    console.button("Deactivate").click()
    expect(console.fact("Status").first).to_contain_text("Inactive")
    console.action("Delete")
    expect(page.get_by_text("delete-ca-certificate")).to_have_count(1)
    console.button("Delete").click()
    expect(page.get_by_text("The CA is deleted.").first).to_be_visible()
    with pytest.raises(made.iot.exceptions.ResourceNotFoundException):
        made.iot.describe_ca_certificate(certificateId=made.id)


def test_a_ca_without_proof_and_with_a_template_of_its_own(broker, console, tmp_path):
    made = Factory(broker, tmp_path / "factory", ec=True)
    page = console.page
    console.open("#/onboarding/register")
    page.get_by_role("radio", name=re.compile("SNI_ONLY")).check()
    expect(page.get_by_text("Registration code")).to_have_count(0)
    page.get_by_role("textbox", name="CA certificate").fill(made.root.read_text())
    page.get_by_role("radio", name="By a template of its own").check()
    page.get_by_role("textbox", name="Template", exact=True).fill("{")
    page.get_by_role("button", name="Register CA").click()
    expect(page.get_by_text("The template is not JSON.")).to_be_visible()
    expect(page.get_by_text("Give the ARN of a role")).to_be_visible()
    page.get_by_role("textbox", name="Template", exact=True).fill(json.dumps(template(EVERYTHING)))
    page.get_by_role("textbox", name="Role ARN").fill(role(broker))
    page.get_by_role("checkbox", name="Activate the CA at once").uncheck()
    expect(page.get_by_text("--inactive --sni-only")).to_be_visible()
    page.get_by_role("button", name="Register CA").click()
    page.wait_for_url(re.compile("#/onboarding/[0-9a-f]{64}"))
    described = made.iot.describe_ca_certificate(certificateId=page.url.rsplit("/", 1)[1])
    shown = described["certificateDescription"]
    assert (shown["certificateMode"], shown["status"]) == ("SNI_ONLY", "INACTIVE")
    assert json.loads(described["registrationConfig"]["templateBody"]) == template(EVERYTHING)
    expect(page.get_by_text("JITPRole")).to_be_visible()
    expect(page.locator("pre")).to_contain_text("AWS::IoT::Thing")


def test_what_is_registered_of_a_ca_is_changed(broker, console, tmp_path):
    """A template is named, given, and taken away; devices come in, or do not, as it says."""
    name, page = devices.fresh("jitp"), console.page
    made = Factory(broker, tmp_path / "factory", ec=True).register()
    made.iot.create_provisioning_template(
        templateName=name, templateBody=json.dumps(template(EVERYTHING)), enabled=True, provisioningRoleArn=role(broker), type="JITP",
    )

    def described():
        found = made.iot.describe_ca_certificate(certificateId=made.id)
        ca = found["certificateDescription"]
        return ca["status"], ca["autoRegistrationStatus"], found.get("registrationConfig", {})

    def edit():
        console.button("Edit settings").click()
        return page.get_by_role("dialog")

    def save(command):
        expect(page.get_by_role("dialog").get_by_text(command)).to_have_count(1)
        console.button("Save").click()
        expect(page.get_by_role("dialog")).to_have_count(0)

    console.open(f"#/onboarding/{made.id}")
    dialog = edit()
    expect(dialog.get_by_text("# Nothing is changed")).to_have_count(1)
    dialog.get_by_role("radio", name="By a provisioning template").check()
    console.button("Save").click()
    expect(dialog.get_by_text("Choose a template.", exact=True)).to_be_visible()
    dialog.get_by_role("button", name=re.compile("^Choose a template")).click()
    page.get_by_role("option", name=name).click()
    save(f"templateName\":\"{name}")
    assert described() == ("ACTIVE", "ENABLE", {"templateName": name})
    expect(page.get_by_role("link", name=name)).to_be_visible()
    device = made.device()
    connects(device)
    wait_for(lambda: device.status() == "ACTIVE", "the device to come in")

    dialog = edit()
    dialog.get_by_role("radio", name="By a template of its own").check()
    dialog.get_by_role("textbox", name="Template", exact=True).fill(json.dumps(template(EVERYTHING)))
    dialog.get_by_role("textbox", name="Role ARN").fill(role(broker))
    dialog.get_by_role("checkbox", name="Active", exact=True).uncheck()
    console.shot("ca-edit")
    save("--new-status INACTIVE --registration-config")
    status, auto, config = described()
    assert (status, auto, json.loads(config["templateBody"])) == ("INACTIVE", "ENABLE", template(EVERYTHING))
    expect(console.fact("Status").first).to_contain_text("Inactive")

    dialog = edit()
    dialog.get_by_role("radio", name="Nothing more").check()
    dialog.get_by_role("checkbox", name="Active", exact=True).check()
    save("--remove-auto-registration")
    # Taking the template away alone would switch auto registration off.
    assert described() == ("ACTIVE", "ENABLE", {})
    waiting = made.device()
    connects(waiting)
    wait_for(lambda: waiting.status() == "PENDING_ACTIVATION", "the device to wait")

    # Deleted while it is active: deactivated first, and said so.
    console.action("Delete")
    expect(page.get_by_text("The CA is deactivated first")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_text("--new-status INACTIVE")).to_have_count(1)
    console.button("Delete").click()
    expect(page.get_by_text("The CA is deleted.").first).to_be_visible()
    with pytest.raises(made.iot.exceptions.ResourceNotFoundException):
        made.iot.describe_ca_certificate(certificateId=made.id)


def test_the_funnel_of_one_ca_and_trying_again(broker, console, tmp_path):
    policy = devices.fresh("policy")
    made = Factory(broker, tmp_path / "factory", ec=True).register(template(name=policy))
    other = Factory(broker, tmp_path / "other", ec=True).register(template(EVERYTHING))
    failing, stranger = made.device(), other.device()
    connects(failing)
    connects(stranger)
    page = console.page
    console.open(f"#/onboarding/{made.id}")
    row = page.get_by_role("row", name=re.compile(failing.id[:16]))
    expect(row).to_contain_text("policy: Policy default version not found", timeout=20_000)
    expect(page.get_by_role("row", name=re.compile(stranger.id[:16]))).to_have_count(0)
    for label, count in (("Seen", "1"), ("Active", "0"), ("Failed", "1"), ("Pending", "0")):
        expect(console.fact(label)).to_have_text(count)
    console.shot("ca")
    page.get_by_role("button", name=re.compile("^State")).click()
    page.get_by_role("option", name="Active (0)").click()
    expect(page.get_by_text("None in this state")).to_be_visible()
    assert "show=active" in page.url
    console.open(f"#/onboarding/{made.id}?show=failed")
    broker.boto("iot").create_policy(policyName=policy, policyDocument=json.dumps(EVERYTHING))

    def again():
        # At most one try a second per certificate.
        button = page.get_by_role("button", name=f"Try again: {failing.id[:16]}")
        if button.count():
            button.click()
        return failing.status() == "ACTIVE"

    wait_for(again, "the second try", timeout=20, pause=1)
    expect(console.fact("Active")).to_have_text("1", timeout=20_000)
    expect(page.get_by_text("None in this state")).to_be_visible()
    connects(failing, ok=True)
    console.forgive(NETWORK)


# Templates.


def test_a_template_its_versions_what_differs_and_a_dry_run(broker, console):
    name, thing = devices.fresh("template"), devices.fresh("lamp")
    iot, page = broker.boto("iot"), console.page
    console.open("#/templates")
    console.button("Create template").click()
    dialog = page.get_by_role("dialog")
    console.button("Create").click()
    expect(page.get_by_text("A name is 1 to 36")).to_be_visible()
    expect(page.get_by_text("Give the ARN of a role")).to_be_visible()
    dialog.get_by_label("Name", exact=False).first.fill(name)
    dialog.get_by_role("textbox", name="Role ARN").fill(role(broker))
    dialog.get_by_role("textbox", name="Description").fill("lamps")
    console.shot("template-create")
    console.button("Create").click()
    page.wait_for_url(re.compile(f"#/templates/{name}"))
    made = iot.describe_provisioning_template(templateName=name)
    assert (made["type"], made["description"], made["enabled"]) == ("JITP", "lamps", True)

    # The dry run: what is missing, what would fail, and that nothing is made.
    console.button("Run").click()
    expect(page.get_by_text("it stops at parameters")).to_be_visible()
    expect(page.get_by_text("Cannot resolve reference value")).to_be_visible()
    page.get_by_label("AWS::IoT::Certificate::CommonName").fill(thing)
    page.get_by_label("AWS::IoT::Certificate::Id").fill("a" * 64)
    console.button("Run").click()
    expect(page.get_by_text("The device would be provisioned")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("CreateThing"))).to_contain_text(f"thing/{thing}")
    console.shot("dry-run")
    assert thing not in [each["thingName"] for each in iot.list_things()["things"]]

    # A second version, tried before it is made, and what differs.
    changed = json.loads(made["templateBody"])
    changed["Resources"]["thing"]["Properties"]["ThingGroups"] = ["nowhere"]
    console.button("Create version").click()
    dialog.get_by_role("textbox", name="Template", exact=True).fill(json.dumps(changed))
    dialog.get_by_role("checkbox", name="Use it at once").uncheck()
    dialog.get_by_role("button", name="Dry run").click()
    dialog.get_by_label("AWS::IoT::Certificate::CommonName").fill(thing)
    dialog.get_by_label("AWS::IoT::Certificate::Id").fill("a" * 64)
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(dialog.get_by_text("it stops at thing-groups")).to_be_visible()
    dialog.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_text("Version 2 is created.").first).to_be_visible()
    console.heading("Version 2")
    assert iot.describe_provisioning_template(templateName=name)["defaultVersionId"] == 1
    console.button("Compare with the one in use: 2").click()
    console.heading("From version 2 to version 1")
    expect(page.locator("pre del", has_text="ThingGroups")).to_have_count(1)
    expect(page.locator("pre ins", has_text="ThingGroups")).to_have_count(0)
    console.shot("template-diff")
    console.button("Use this version: 2").click()
    expect(page.get_by_text("Version 2 is in use.").first).to_be_visible()
    console.heading("Version 2 (in use)")
    console.button("Delete this version: 1").click()
    expect(page.get_by_text("Version 1 is deleted.").first).to_be_visible()
    versions = iot.list_provisioning_template_versions(templateName=name)["versions"]
    assert [(each["versionId"], each["isDefaultVersion"]) for each in versions] == [(2, True)]

    console.button("Edit settings").click()
    dialog.get_by_role("textbox", name="Description").fill("more lamps")
    dialog.get_by_role("checkbox", name=re.compile("^Enabled")).uncheck()
    console.button("Save").click()
    expect(console.fact("Description")).to_contain_text("more lamps")
    expect(console.fact("Enabled")).to_have_text("No")
    console.button("Delete").click()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text(f"{name} is deleted.").first).to_be_visible()
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_provisioning_template(templateName=name)


def test_a_template_is_deleted_with_what_names_it(broker, console, tmp_path):
    name, page = devices.fresh("template"), console.page
    iot = broker.boto("iot")
    iot.create_provisioning_template(
        templateName=name, templateBody=json.dumps(template()), enabled=True, provisioningRoleArn=role(broker), type="JITP",
    )
    made = Factory(broker, tmp_path / "factory", ec=True).register(named=name)
    console.open(f"#/templates/{name}")
    console.button("Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("link", name=made.id)).to_be_visible()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(dialog.get_by_text("Until then it cannot be deleted.")).to_be_visible()
    dialog.get_by_role("checkbox", name=re.compile("^Take it away from these CAs first")).check()
    console.shot("template-delete")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text(f"{name} is deleted.").first).to_be_visible()
    found = iot.describe_ca_certificate(certificateId=made.id)
    assert (found.get("registrationConfig", {}), found["certificateDescription"]["autoRegistrationStatus"]) == ({}, "DISABLE")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_provisioning_template(templateName=name)


# Users.


def test_a_user_with_a_key_that_works_as_shown(broker, console, tmp_path):
    """A user is made with a policy and a key; the commands that are shown make a profile that `aws` works with."""
    name, page = devices.fresh("ana"), console.page
    iam = broker.boto("iam")
    console.open("#/users")
    console.button("Create user").click()
    console.button("Create").click()
    expect(page.get_by_text("A name is 1 to 64")).to_be_visible()
    page.get_by_role("dialog").get_by_role("textbox").fill(name)
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Attach the policy")).click()
    page.get_by_role("option", name="AWSIoTConfigReadOnlyAccess").click()
    expect(page.get_by_role("dialog").get_by_text("attach-user-policy")).to_have_count(1)
    console.button("Create").click()
    page.wait_for_url(re.compile(f"#/users/{name}"))
    expect(page.get_by_text("No access key: nobody can sign in as this user.")).to_be_visible()
    console.button("Create access key").click()
    console.button("Create").click()
    console.heading("Save the access key now")
    page.keyboard.press("Escape")
    console.heading("Save the access key now")
    console.shot("access-key")
    saved = console.downloaded(lambda: console.button("Download .csv file").click()).decode()
    (row,) = csv.DictReader(io.StringIO(saved))
    (key,) = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    assert (row["User Name"], row["Access key ID"]) == (name, key["AccessKeyId"])
    page.get_by_role("button", name="Copy: Use it with aws").click()
    commands = page.evaluate("navigator.clipboard.readText()")
    assert row["Secret access key"] not in commands
    home = tmp_path / "home"
    home.mkdir()
    (home / f"{name}_accessKeys.csv").write_text(saved)
    (home / "ca.pem").write_bytes(console.downloaded(lambda: page.get_by_role("link", name="Download ca.pem").click()))
    env = clean_environment(PATH=os.environ["PATH"], HOME=str(home))
    done = subprocess.run(["sh", "-ec", commands], cwd=home, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert f"user/{name}" in done.stdout
    console.button("Done").click()
    storage = page.evaluate("JSON.stringify(sessionStorage) + JSON.stringify(localStorage) + document.body.innerHTML")
    assert row["Secret access key"] not in storage

    expect(page.get_by_role("row", name=re.compile(key["AccessKeyId"]))).to_contain_text("Active")
    console.button(f"Deactivate {key['AccessKeyId']}").click()
    console.button("Deactivate").click()
    expect(page.get_by_role("row", name=re.compile(key["AccessKeyId"]))).to_contain_text("Inactive")
    refused = subprocess.run(["aws", "sts", "get-caller-identity", "--profile", name], cwd=home, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode != 0
    console.button(f"Activate {key['AccessKeyId']}").click()
    expect(page.get_by_text(f"{key['AccessKeyId']} is active now.").first).to_be_visible()
    console.button(f"Delete {key['AccessKeyId']}").click()
    console.button("Delete").last.click()
    expect(page.get_by_text(f"{key['AccessKeyId']} is deleted.").first).to_be_visible()
    assert iam.list_access_keys(UserName=name)["AccessKeyMetadata"] == []


def test_what_a_user_may_do_and_why(broker, console):
    name, group, page = devices.fresh("ben"), devices.fresh("crew"), console.page
    iam = broker.boto("iam")
    iam.create_user(UserName=name)
    iam.create_group(GroupName=group)
    iam.add_user_to_group(UserName=name, GroupName=group)
    iam.attach_group_policy(GroupName=group, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    iam.put_user_policy(UserName=name, PolicyName="site-7", PolicyDocument=devices.document(("Allow", "iot:OpenTunnel", "*")))
    console.open("#/users")
    page.get_by_role("link", name=name).click()
    policies = page.get_by_role("table", name="Policies")
    expect(policies.get_by_role("row", name=re.compile("IAMReadOnlyAccess"))).to_contain_text(f"Through group {group}")
    expect(policies.get_by_role("row", name=re.compile("site-7"))).to_contain_text("Part of the user")
    expect(page.get_by_role("table", name="Groups")).to_contain_text(group)
    page.get_by_role("button", name="Show site-7").click()
    expect(page.get_by_role("dialog").locator("pre")).to_contain_text("iot:OpenTunnel")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show IAMReadOnlyAccess").click()
    expect(page.get_by_role("dialog").locator("pre")).to_contain_text("iam:List*")
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^Policy to attach")).click()
    page.get_by_role("option", name="AWSIoTDataAccess").click()
    console.button("Attach").click()
    expect(page.get_by_text("AWSIoTDataAccess is attached.").first).to_be_visible()
    expect(policies.get_by_role("row", name=re.compile("AWSIoTDataAccess"))).to_contain_text("Attached")
    console.shot("user")
    page.get_by_role("button", name="Detach AWSIoTDataAccess").click()
    page.get_by_role("dialog").get_by_role("button", name="Detach AWSIoTDataAccess").click()
    expect(page.get_by_text("AWSIoTDataAccess is detached.").first).to_be_visible()
    assert iam.list_attached_user_policies(UserName=name)["AttachedPolicies"] == []
    page.get_by_role("button", name="Delete site-7").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete site-7").click()
    expect(page.get_by_text("site-7 is deleted.").first).to_be_visible()
    assert iam.list_user_policies(UserName=name)["PolicyNames"] == []


def test_a_user_is_deleted_with_what_keeps_it(broker, console):
    name, group, page = devices.fresh("cleo"), devices.fresh("crew"), console.page
    iam = broker.boto("iam")
    iam.create_user(UserName=name)
    iam.create_group(GroupName=group)
    iam.add_user_to_group(UserName=name, GroupName=group)
    key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
    iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    iam.put_user_policy(UserName=name, PolicyName="site-7", PolicyDocument=devices.document(("Allow", "iot:OpenTunnel", "*")))
    console.open(f"#/users/{name}")
    console.button("Delete").click()
    dialog = page.get_by_role("dialog")
    for kept in (key, group, "IAMReadOnlyAccess", "site-7"):
        expect(dialog.get_by_text(kept, exact=True)).to_be_visible()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(dialog.get_by_text("Until then it cannot be deleted.")).to_be_visible()
    dialog.get_by_role("checkbox", name=re.compile("first$")).check()
    for operation in ("delete-access-key", "detach-user-policy", "delete-user-policy", "remove-user-from-group", "delete-user "):
        expect(dialog.get_by_text(f"aws iam {operation}")).to_have_count(1)
    console.shot("user-delete")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text(f"{name} is deleted.").first).to_be_visible()
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_user(UserName=name)
    assert iam.get_group(GroupName=group)["Users"] == []


def test_a_policy_that_is_part_of_a_user_is_written_and_counts(broker, console):
    name, page = devices.fresh("dora"), console.page
    iam = broker.boto("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    dora = broker.boto(key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    with pytest.raises(dora.exceptions.ClientError):
        dora.list_tunnels()
    console.open(f"#/users/{name}")
    console.button("Write policy").click()
    dialog = page.get_by_role("dialog")
    document = dialog.get_by_role("textbox", name="Document")
    expect(document).to_have_value(re.compile("thinggroup/site-7"))
    document.fill('{"Statement": }')
    console.button("Save").click()
    expect(dialog.get_by_text("A name is 1 to 128 letters")).to_be_visible()
    expect(dialog.get_by_text("The document is not JSON. Line 1, column 15: expected is a value.")).to_be_visible()
    dialog.get_by_role("textbox", name="Name").fill("look")
    document.fill(devices.document(("Perhaps", "iot:ListTunnels", "*")))
    console.button("Save").click()
    expect(document).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("That did not work")).to_have_count(0)
    dialog.get_by_role("button", name=re.compile("^Start from")).click()
    page.get_by_role("option", name="Looking at tunnels and things").click()
    console.shot("user-write-policy")
    console.button("Save").click()
    expect(page.get_by_text("look is saved and counts from now on.").first).to_be_visible()
    assert "tunnelSummaries" in dora.list_tunnels()
    page.get_by_role("button", name="Show look").click()
    console.button("Edit").click()
    expect(dialog.get_by_text("Nothing yet")).to_be_visible()
    document.fill(devices.document(("Allow", "iot:DescribeTunnel", "*")))
    expect(dialog.get_by_text("against what counts now")).to_be_visible()
    console.button("Save").click()
    expect(dialog).to_have_count(0)
    with pytest.raises(dora.exceptions.ClientError):
        dora.list_tunnels()
    console.forgive(NETWORK)


# Who may not, looks, keyboard.


def test_who_may_not_is_told_so(broker, open_console):
    template_name = devices.fresh("template")
    broker.boto("iot").create_provisioning_template(
        templateName=template_name, templateBody=json.dumps(template()), enabled=True, provisioningRoleArn=role(broker), type="JITP",
    )
    console = denied_console(open_console, broker, "iot:DescribeProvisioningTemplate*", "iam:ListUsers", "iam:GetUser")
    page = console.page
    for path, action in [
        ("#/onboarding/register", "iot:GetRegistrationCode"),
        (f"#/onboarding/{'a' * 64}", "iot:DescribeCACertificate"),
        ("#/templates", "iot:ListProvisioningTemplates"),
    ]:
        console.open(path)
        expect(page.get_by_text("You may not do this").first).to_be_visible()
        expect(page.get_by_text(f"is not authorized to perform: {action}").first).to_be_visible()
    console.open(f"#/templates/{template_name}")
    expect(page.get_by_text("is not authorized to perform: iot:ListProvisioningTemplateVersions")).to_be_visible()
    console.button("Run").click()
    expect(page.get_by_text("is not authorized to perform: iot:PlanProvisioning")).to_be_visible()
    console.open("#/users")
    page.get_by_role("link", name=re.compile("looker")).last.click()
    expect(page.get_by_text("is not authorized to perform: iam:ListAccessKeys")).to_be_visible()
    expect(page.get_by_text("is not authorized to perform: iam:ListGroupsForUser").first).to_be_visible()
    expect(page.get_by_text("That did not work")).to_have_count(0)
    console.shot("denied-user")
    console.forgive(NETWORK)


def test_a_user_is_made_with_the_keyboard_alone(broker, open_console):
    name = devices.fresh("kim")
    console = open_console().sign_in()
    page = console.page
    console.open("#/users")
    console.button("Create user").focus()
    page.keyboard.press("Enter")
    name_field = page.get_by_role("dialog").get_by_role("textbox")
    for _ in range(3):
        page.keyboard.press("Tab")
        if name_field.evaluate("field => field === document.activeElement"):
            break
    page.keyboard.type(name)
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == "Create":
            break
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"#/users/{name}"))
    assert broker.boto("iam").get_user(UserName=name)["User"]["UserName"] == name


@pytest.fixture(scope="module")
def furnished(broker, tmp_path_factory):
    """A CA with a device that came in and one that failed, a template with two versions, and a user with a key."""
    folder = tmp_path_factory.mktemp("furnished")
    iot, iam = broker.boto("iot"), broker.boto("iam")
    arn = role(broker)
    iot.create_provisioning_template(
        templateName="Lamps", description="lamps of the hall", templateBody=json.dumps(template(EVERYTHING)), enabled=True,
        provisioningRoleArn=arn, type="JITP",
    )
    second = json.dumps(template(EVERYTHING, attributes={"site": "hall"}))
    iot.create_provisioning_template_version(templateName="Lamps", templateBody=second, setAsDefault=True)
    made = Factory(broker, folder / "factory", ec=True).register(named="Lamps")
    good, bad = made.device("lamp-1"), made.device("lamp-2", "/CN=lamp-2")
    connects(good)
    connects(bad)
    wait_for(lambda: good.status() == "ACTIVE" and bad.status() == "PENDING_ACTIVATION", "both to be seen")
    iam.create_user(UserName="ana")
    iam.attach_user_policy(UserName="ana", PolicyArn="arn:aws:iam::aws:policy/AWSIoTFullAccess")
    iam.create_access_key(UserName="ana")
    return {
        "onboarding": "#/onboarding", "register": "#/onboarding/register", "ca": f"#/onboarding/{made.id}",
        "templates": "#/templates", "template": "#/templates/Lamps", "users": "#/users", "user": "#/users/ana",
    }


DIALOGS = (
    "Create template", "Create version", "Edit settings", "Create user", "Create access key", "Write policy", "Delete", "Actions: Delete",
)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280", "400"])
def test_every_page_is_accessible_and_fits(open_console, furnished, size, dark):
    console = open_console(size=size, dark=dark).sign_in()
    looks, page = Looks(console, "onboarding", size, dark), console.page
    for name, path in furnished.items():
        looks.open(path)
        if name == "template":
            console.button("Compare with the one in use: 1").click()
            page.get_by_label("AWS::IoT::Certificate::CommonName").fill("lamp-9")
            page.get_by_label("AWS::IoT::Certificate::Id").fill("a" * 64)
            page.get_by_label("AWS::IoT::Certificate::Country").fill("DE")
            console.button("Run").click()
            expect(page.get_by_text("The device would be provisioned")).to_be_visible()
        looks.look(name)
        looks.dialogs(name, *DIALOGS)
    looks.end()
