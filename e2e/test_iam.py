"""Users, keys, groups, policies and roles, as AWS's tutorials and terraform's provider ask for them.

spec: issue 4, point 6; docs/identities.md
"""

import json
import sqlite3
import urllib.parse

import pytest
from test_api import ACCOUNT, fault

ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "iot.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
THINGS = "arn:aws:iam::aws:policy/service-role/AWSIoTThingsRegistration"


def trusting(arn, **condition):
    statement = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole", **condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def iam(server):
    return server.boto("iam")


@pytest.fixture
def user(iam):
    """Makes users that are gone after the test, with a key."""
    made = []

    def make(name, *arns):
        iam.create_user(UserName=name)
        made.append((name, arns))
        for arn in arns:
            iam.attach_user_policy(UserName=name, PolicyArn=arn)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    yield make
    for name, arns in made:
        for arn in arns:
            iam.detach_user_policy(UserName=name, PolicyArn=arn)
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.delete_user(UserName=name)


def session(server, service, credentials):
    """A client with temporary credentials."""
    import boto3

    return boto3.session.Session().client(
        service,
        region_name=server.env["AWS_REGION"],
        endpoint_url=server.env["AWS_ENDPOINT_URL"],
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        verify=server.env["AWS_CA_BUNDLE"],
    )


# The commands of AWS's IoT tutorials


def test_the_provisioning_role_of_the_walkthrough(server, tmp_path):
    trust = tmp_path / "trust.json"
    trust.write_text(TRUST)
    made = server.aws("iam", "create-role", "--role-name", "JITPRole", "--assume-role-policy-document", f"file://{trust}")["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/JITPRole"
    assert made["AssumeRolePolicyDocument"] == json.loads(TRUST)
    names = ["AWSIoTLogging", "AWSIoTRuleActions", "AWSIoTThingsRegistration"]
    for name in names:
        server.aws("iam", "attach-role-policy", "--role-name", "JITPRole", "--policy-arn", f"arn:aws:iam::aws:policy/service-role/{name}")
    attached = server.aws("iam", "list-attached-role-policies", "--role-name", "JITPRole")["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == names
    shown = server.aws("iam", "get-role", "--role-name", "JITPRole")["Role"]
    assert shown == {**made, "MaxSessionDuration": 3600}
    for name in names:
        server.aws("iam", "detach-role-policy", "--role-name", "JITPRole", "--policy-arn", f"arn:aws:iam::aws:policy/service-role/{name}")
    server.aws("iam", "delete-role", "--role-name", "JITPRole")
    gone = server.aws("iam", "get-role", "--role-name", "JITPRole", ok=False)
    assert gone.code != 0 and "(NoSuchEntity) when calling the GetRole operation: The role with name JITPRole cannot be found." in gone.err


def test_a_user_with_a_policy_by_command_line(server):
    server.aws("iam", "create-user", "--user-name", "cli", "--path", "/eng/", "--tags", "Key=team,Value=door opener")
    arn = server.aws("iam", "create-policy", "--policy-name", "cli", "--policy-document", ALLOW)["Policy"]["Arn"]
    server.aws("iam", "attach-user-policy", "--user-name", "cli", "--policy-arn", arn)
    server.aws("iam", "create-group", "--group-name", "cli")
    server.aws("iam", "add-user-to-group", "--group-name", "cli", "--user-name", "cli")
    server.aws("iam", "put-group-policy", "--group-name", "cli", "--policy-name", "inline", "--policy-document", ALLOW)
    key = server.aws("iam", "create-access-key", "--user-name", "cli")["AccessKey"]
    env = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    assert server.aws("sts", "get-caller-identity", env=env)["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/eng/cli"
    server.aws("iot", "create-thing", "--thing-name", "of-cli", env=env)
    assert server.aws("iam", "get-group", "--group-name", "cli")["Users"][0]["UserName"] == "cli"
    assert server.aws("iam", "get-group-policy", "--group-name", "cli", "--policy-name", "inline")["PolicyDocument"] == json.loads(ALLOW)
    assert server.aws("iam", "get-policy-version", "--policy-arn", arn, "--version-id", "v1")["PolicyVersion"]["Document"] == json.loads(ALLOW)
    assert server.aws("iam", "list-user-tags", "--user-name", "cli")["Tags"] == [{"Key": "team", "Value": "door opener"}]
    server.aws("iam", "update-access-key", "--user-name", "cli", "--access-key-id", key["AccessKeyId"], "--status", "Inactive")
    off = server.aws("sts", "get-caller-identity", env=env, ok=False)
    assert off.code != 0 and "InvalidClientTokenId" in off.err


def test_listings_are_followed_page_by_page(iam):
    names = [f"page-{number:02}" for number in range(7)]
    for name in names:
        iam.create_user(UserName=name, Path="/pages/")
    pages = iam.get_paginator("list_users").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 3})
    assert [user["UserName"] for page in pages for user in page["Users"]] == names
    pages = iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 4})
    found = [policy["PolicyName"] for page in pages for policy in page["Policies"]]
    assert {"AWSIoTFullAccess", "AWSIoTDataAccess", "AdministratorAccess"} <= set(found) and len(found) == len(set(found))
    for name in names:
        iam.delete_user(UserName=name)


def test_faults_are_the_models_own(iam):
    for call, given, code in [
        (iam.get_user, {"UserName": "nobody"}, "NoSuchEntity"),
        (iam.create_role, {"RoleName": "x", "AssumeRolePolicyDocument": "{}"}, "MalformedPolicyDocument"),
        (iam.create_user, {"UserName": "a b"}, "ValidationError"),
        (iam.attach_role_policy, {"RoleName": "x", "PolicyArn": "this-is-not-an-arn-at-all"}, "InvalidInput"),
        (iam.create_open_id_connect_provider, {"Url": "https://example.com"}, "NotImplemented"),
    ]:
        assert fault(call, **given)[0] == code
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="nobody")


# Terraform's resources, in its order


def test_aws_iam_role_and_its_policies(iam):
    made = iam.create_role(RoleName="tf", Path="/", AssumeRolePolicyDocument=TRUST, MaxSessionDuration=3600, Tags=[{"Key": "env", "Value": "t"}])["Role"]
    shown = iam.get_role(RoleName="tf")["Role"]
    assert shown["Arn"] == made["Arn"] and shown["Tags"] == [{"Key": "env", "Value": "t"}] and len(shown["RoleId"]) == 21
    assert iam.list_role_policies(RoleName="tf")["PolicyNames"] == []
    iam.put_role_policy(RoleName="tf", PolicyName="inline", PolicyDocument=ALLOW)
    assert iam.get_role_policy(RoleName="tf", PolicyName="inline")["PolicyDocument"] == json.loads(ALLOW)
    iam.attach_role_policy(RoleName="tf", PolicyArn=THINGS)
    assert iam.list_attached_role_policies(RoleName="tf")["AttachedPolicies"][0]["PolicyArn"] == THINGS
    iam.update_assume_role_policy(RoleName="tf", PolicyDocument=trusting(ROOT))
    iam.update_role(RoleName="tf", Description="changed", MaxSessionDuration=7200)
    iam.tag_role(RoleName="tf", Tags=[{"Key": "env", "Value": "u"}])
    iam.untag_role(RoleName="tf", TagKeys=["other"])
    shown = iam.get_role(RoleName="tf")["Role"]
    assert (shown["Description"], shown["MaxSessionDuration"], shown["Tags"]) == ("changed", 7200, [{"Key": "env", "Value": "u"}])
    assert fault(iam.delete_role, RoleName="tf")[0] == "DeleteConflict"
    assert iam.list_instance_profiles_for_role(RoleName="tf")["InstanceProfiles"] == []
    iam.detach_role_policy(RoleName="tf", PolicyArn=THINGS)
    iam.delete_role_policy(RoleName="tf", PolicyName="inline")
    iam.delete_role(RoleName="tf")
    assert fault(iam.get_role, RoleName="tf")[0] == "NoSuchEntity"


def test_aws_iam_policy(iam):
    arn = iam.create_policy(PolicyName="tf", Path="/", PolicyDocument=ALLOW, Description="d", Tags=[{"Key": "a", "Value": "b"}])["Policy"]["Arn"]
    shown = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (shown["DefaultVersionId"], shown["AttachmentCount"], shown["Tags"]) == ("v1", 0, [{"Key": "a", "Value": "b"}])
    for number in range(7):
        document = ALLOW.replace("iot:*", f"iot:Get{'*' * number}")
        versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
        if len(versions) == 5:
            oldest = min((v for v in versions if not v["IsDefaultVersion"]), key=lambda v: v["CreateDate"])
            iam.delete_policy_version(PolicyArn=arn, VersionId=oldest["VersionId"])
        made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)["PolicyVersion"]
        kept = iam.get_policy_version(PolicyArn=arn, VersionId=made["VersionId"])["PolicyVersion"]
        assert kept["Document"] == json.loads(document) and kept["IsDefaultVersion"]
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert (entities["PolicyUsers"], entities["PolicyGroups"], entities["PolicyRoles"]) == ([], [], [])
    for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)


def test_aws_iam_user_with_force_destroy(iam):
    iam.create_user(UserName="tf", Path="/")
    iam.create_access_key(UserName="tf")
    iam.update_user(UserName="tf", NewUserName="tf2", NewPath="/ops/")
    assert iam.get_user(UserName="tf2")["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ops/tf2"
    assert iam.list_groups_for_user(UserName="tf2")["Groups"] == []
    for key in iam.list_access_keys(UserName="tf2")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="tf2", AccessKeyId=key["AccessKeyId"])
    assert iam.list_ssh_public_keys(UserName="tf2")["SSHPublicKeys"] == []
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    assert iam.list_mfa_devices(UserName="tf2")["MFADevices"] == []
    assert fault(iam.delete_login_profile, UserName="tf2")[0] == "NoSuchEntity"
    assert iam.list_signing_certificates(UserName="tf2")["Certificates"] == []
    assert iam.list_service_specific_credentials(UserName="tf2")["ServiceSpecificCredentials"] == []
    iam.delete_user(UserName="tf2")


def test_aws_iam_group_and_membership(iam, user):
    user("member")
    iam.create_group(GroupName="tf", Path="/")
    assert iam.get_group(GroupName="tf")["Group"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:group/tf"
    iam.add_user_to_group(GroupName="tf", UserName="member")
    iam.attach_group_policy(GroupName="tf", PolicyArn=THINGS)
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName="member")["Groups"]] == ["tf"]
    assert iam.list_attached_group_policies(GroupName="tf")["AttachedPolicies"][0]["PolicyArn"] == THINGS
    iam.detach_group_policy(GroupName="tf", PolicyArn=THINGS)
    iam.remove_user_from_group(GroupName="tf", UserName="member")
    iam.delete_group(GroupName="tf")


def test_a_document_is_kept_byte_for_byte(server, iam):
    """botocore decodes documents; what is on the wire is percent-encoded."""
    odd = '{ "Version" : "2012-10-17",\n\t"Statement": [ {"Effect":"Allow","Action":["iot:Get*"],"Resource":"*"} ] }'
    arn = iam.create_policy(PolicyName="odd", PolicyDocument=odd)["Policy"]["Arn"]
    seen = []
    iam.meta.events.register_first("after-call.iam.GetPolicyVersion", lambda http_response, **_: seen.append(http_response.text))
    iam.get_policy_version(PolicyArn=arn, VersionId="v1")
    document = seen[0].split("<Document>")[1].split("</Document>")[0]
    assert urllib.parse.unquote(document) == odd
    iam.delete_policy(PolicyArn=arn)


# Sessions


def test_an_assumed_role_works_until_it_expires(new_server):
    server = new_server()
    iam, sts = server.boto("iam"), server.boto("sts")
    arn = iam.create_role(RoleName="door", AssumeRolePolicyDocument=trusting(ROOT))["Role"]["Arn"]
    iam.attach_role_policy(RoleName="door", PolicyArn="arn:aws:iam::aws:policy/AWSIoTFullAccess")
    got = sts.assume_role(RoleArn=arn, RoleSessionName="shift", DurationSeconds=900)
    assert got["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/door/shift"
    credentials = got["Credentials"]
    assert session(server, "sts", credentials).get_caller_identity()["Arn"] == got["AssumedRoleUser"]["Arn"]
    iot = session(server, "iot", credentials)
    iot.create_thing(thingName="of-a-session")
    assert iot.describe_thing(thingName="of-a-session")["thingName"] == "of-a-session"
    # A token that is not this key's, and none at all.
    other = sts.assume_role(RoleArn=arn, RoleSessionName="other")["Credentials"]
    for token in (other["SessionToken"], "A" * 100):
        mixed = session(server, "iot", {**credentials, "SessionToken": token})
        assert fault(mixed.list_things)[0] == "UnrecognizedClientException"
    without = server.boto("iot", key=credentials["AccessKeyId"], secret=credentials["SecretAccessKey"])
    assert fault(without.list_things)[0] == "UnrecognizedClientException"
    # The server keeps nothing of it, not even the key's id, and knows it after a restart.
    found = server.database_text()
    assert credentials["AccessKeyId"].encode() not in found and credentials["SecretAccessKey"].encode() not in found
    server.stop()
    server.restart()
    assert session(server, "sts", credentials).get_caller_identity()["Account"] == ACCOUNT


def test_a_profile_that_assumes_a_role(server, iam, user, tmp_path):
    """`role_arn` and `source_profile` in AWS's configuration, as people have them."""
    key, secret = user("zoe")
    arn = iam.create_role(RoleName="profile", AssumeRolePolicyDocument=trusting(f"arn:aws:iam::{ACCOUNT}:user/zoe"))["Role"]["Arn"]
    config = tmp_path / "config"
    config.write_text(
        f"[profile zoe]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
        f"[profile door]\nrole_arn = {arn}\nsource_profile = zoe\nrole_session_name = shift\n"
    )
    env = {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "door", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": str(tmp_path)}
    answer = server.aws("sts", "get-caller-identity", env=env)
    assert answer["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/profile/shift"
    iam.delete_role(RoleName="profile")


def test_an_external_id(server, iam, user):
    key, secret = user("eve")
    condition = {"Condition": {"StringEquals": {"sts:ExternalId": "42"}}}
    arn = iam.create_role(RoleName="external", AssumeRolePolicyDocument=trusting(f"arn:aws:iam::{ACCOUNT}:user/eve", **condition))["Role"]["Arn"]
    sts = server.boto("sts", key=key, secret=secret)
    wish = {"RoleArn": arn, "RoleSessionName": "shift"}
    assert fault(sts.assume_role, **wish)[0] == "AccessDenied"
    assert fault(sts.assume_role, **wish, ExternalId="41")[0] == "AccessDenied"
    assert sts.assume_role(**wish, ExternalId="42")["Credentials"]["AccessKeyId"].startswith("ASIA")
    iam.delete_role(RoleName="external")


def test_a_session_of_a_user(server, user):
    key, secret = user("tim")
    credentials = server.boto("sts", key=key, secret=secret).get_session_token(DurationSeconds=900)["Credentials"]
    assert session(server, "sts", credentials).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/tim"
    assert fault(session(server, "sts", credentials).get_session_token)[0] == "AccessDenied"


def test_no_secret_in_logs_database_or_audit(new_server):
    server = new_server()
    iam = server.boto("iam")
    iam.create_user(UserName="ana")
    secret = iam.create_access_key(UserName="ana")["AccessKey"]["SecretAccessKey"]
    arn = iam.create_role(RoleName="door", AssumeRolePolicyDocument=trusting(ROOT))["Role"]["Arn"]
    got = server.boto("sts").assume_role(RoleArn=arn, RoleSessionName="shift")["Credentials"]
    found = server.database_text() + server.logs().encode()
    for hidden in (secret, got["SecretAccessKey"], got["SessionToken"]):
        assert hidden.encode() not in found


def test_a_lost_root_key_is_replaced(new_server):
    """docs/operating.md"""
    server = new_server()
    old = server.env["AWS_ACCESS_KEY_ID"]
    server.boto("iam").delete_access_key(AccessKeyId=old)
    assert fault(server.boto("sts").get_caller_identity)[0] == "InvalidClientTokenId"
    server.stop()
    server.restart()
    assert fault(server.boto("sts").get_caller_identity)[0] == "InvalidClientTokenId"
    server.stop()
    with sqlite3.connect(server.data / "adit.db") as database:
        database.execute("DELETE FROM setting WHERE name = 'root-access-key'")
    database.close()
    server.restart()
    server._client_env = None
    assert server.env["AWS_ACCESS_KEY_ID"] != old
    assert server.boto("sts").get_caller_identity()["Arn"] == ROOT
