"""Who may call what, as boto3 and paho meet it: users with few rights, sessions of roles, refusals.

spec: issue 4, point 6; docs/compat/authorization.md
"""

import contextlib
import json

import pytest
from botocore.exceptions import ClientError
from devices import Paho
from test_api import ACCOUNT
from test_mqtt_clients import signed_path

IOT = f"arn:aws:iot:us-east-1:{ACCOUNT}:"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **condition):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def client(server, service, credentials):
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        service,
        region_name=server.env["AWS_REGION"],
        endpoint_url=server.env["AWS_ENDPOINT_URL"],
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials.get("SessionToken"),
        verify=server.env["AWS_CA_BUNDLE"],
        config=Config(retries={"max_attempts": 0}),
    )


@contextlib.contextmanager
def denied(code="AccessDeniedException", status=403, says=""):
    with pytest.raises(ClientError) as caught:
        yield
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status), answer
    assert says in answer["Error"]["Message"], answer


@pytest.fixture
def iam(server):
    return server.boto("iam")


@pytest.fixture
def ana(iam):
    """A user with a key; gives its credentials and a function that replaces its policy."""
    iam.create_user(UserName="ana")
    key = iam.create_access_key(UserName="ana")["AccessKey"]
    yield key, lambda *statements: iam.put_user_policy(UserName="ana", PolicyName="own", PolicyDocument=document(*statements))
    for name in iam.list_user_policies(UserName="ana")["PolicyNames"]:
        iam.delete_user_policy(UserName="ana", PolicyName=name)
    iam.delete_access_key(UserName="ana", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="ana")


def test_a_user_does_what_its_policies_allow_and_is_told_what_they_do_not(server, ana):
    key, give = ana
    iot, tunnels, data = (client(server, name, key) for name in ("iot", "iotsecuretunneling", "iot-data"))
    assert client(server, "sts", key).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ana"
    who = f"User: arn:aws:iam::{ACCOUNT}:user/ana is not authorized to perform: "
    with denied(says=f"{who}iot:ListThings on resource: * because no identity-based policy allows the iot:ListThings action"):
        iot.list_things()
    give(allow(["iot:CreateThing", "iot:DeleteThing"], IOT + "thing/${aws:username}-*"), allow("iot:OpenTunnel", [IOT + "tunnel/*", IOT + "thing/ana-1"]))
    iot.create_thing(thingName="ana-1")
    with denied(says=f"{who}iot:CreateThing on resource: {IOT}thing/bob-1 "):
        iot.create_thing(thingName="bob-1")
    tunnels.open_tunnel(destinationConfig={"thingName": "ana-1", "services": ["SSH"]})
    with denied(status=400, says=f"{who}iot:OpenTunnel on resource: {IOT}thing/ana-2 "):
        tunnels.open_tunnel(destinationConfig={"thingName": "ana-2", "services": ["SSH"]})
    with denied("ForbiddenException", says="Forbidden"):
        data.get_thing_shadow(thingName="ana-1")
    with denied("AccessDenied", says=f"iam:ListUsers on resource: arn:aws:iam::{ACCOUNT}:user/ "):
        client(server, "iam", key).list_users()
    give(allow("iot:*"), {"Effect": "Deny", "Action": "iot:Delete*", "Resource": "*"})
    with denied(says=f"{who}iot:DeleteThing on resource: {IOT}thing/ana-1 with an explicit deny in an identity-based policy"):
        iot.delete_thing(thingName="ana-1")
    seen = server.adit("why")
    assert f"iot:DeleteThing on {IOT}thing/ana-1 refused: explicit deny by policy inline policy own of user/ana statement 2" in seen
    assert f"arn:aws:iam::{ACCOUNT}:user/ana" in seen
    give(allow("iot:DeleteThing"))
    iot.delete_thing(thingName="ana-1")


def test_a_session_of_a_role_is_held_to_its_own_policy(server, iam, ana):
    key, give = ana
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    trust["Condition"] = {"StringEquals": {"sts:ExternalId": "e1"}}
    role = iam.create_role(RoleName="readers", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="readers", PolicyName="own", PolicyDocument=document(allow(["iot:Describe*", "iot:List*"])))
    sts = client(server, "sts", key)
    wish = {"RoleArn": role, "RoleSessionName": "s1", "ExternalId": "e1"}
    says = f"User: arn:aws:iam::{ACCOUNT}:user/ana is not authorized to perform: sts:AssumeRole on resource: {role}"
    with denied("AccessDenied", says=says):
        sts.assume_role(**wish)
    give(allow("sts:AssumeRole", role))
    with denied("AccessDenied", says=says):
        sts.assume_role(**{**wish, "ExternalId": "e2"})
    whole = client(server, "iot", sts.assume_role(**wish)["Credentials"])
    limited = sts.assume_role(**wish, Policy=document(allow("iot:ListThings"), allow("iot:CreateThing")))["Credentials"]
    limited = client(server, "iot", limited)
    whole.list_things()
    whole.list_policies()
    limited.list_things()
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/readers/s1"
    with denied(says=f"User: {session} is not authorized to perform: iot:ListPolicies on resource: * because no session policy allows"):
        limited.list_policies()
    with denied(says="because no identity-based policy allows the iot:CreateThing action"):
        limited.create_thing(thingName="x")
    # The next call is judged by the new policy.
    iam.put_role_policy(RoleName="readers", PolicyName="own", PolicyDocument=document(allow("iot:ListPolicies")))
    whole.list_policies()
    with denied():
        whole.list_things()
    iam.delete_role_policy(RoleName="readers", PolicyName="own")
    iam.delete_role(RoleName="readers")
    with denied():
        whole.list_policies()


def test_a_managed_policy_of_aws_is_enough_for_its_purpose(server, iam, ana):
    key, _ = ana
    arn = "arn:aws:iam::aws:policy/AWSIoTConfigReadOnlyAccess"
    iam.attach_user_policy(UserName="ana", PolicyArn=arn)
    iot = client(server, "iot", key)
    iot.list_things()
    iot.describe_endpoint(endpointType="iot:Data-ATS")
    with denied():
        iot.create_thing(thingName="x")
    iam.detach_user_policy(UserName="ana", PolicyArn=arn)


def test_a_role_is_given_to_templates_only_by_who_may_pass_it(server, iam, ana):
    key, give = ana
    trust = {"Effect": "Allow", "Principal": {"Service": "iot.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="templates", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    iot = client(server, "iot", key)
    wish = {"certificateId": "a" * 64, "registrationConfig": {"templateBody": "{}", "roleArn": role}}
    give(allow("iot:UpdateCACertificate"))
    with denied(says=f"iam:PassRole on resource: {role} "):
        iot.update_ca_certificate(**wish)
    give(allow("iot:UpdateCACertificate"), allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "iot.amazonaws.com"}))
    with pytest.raises(ClientError) as caught:
        iot.update_ca_certificate(**wish)
    assert caught.value.response["Error"]["Code"] != "AccessDeniedException"
    iam.delete_role(RoleName="templates")


def test_a_session_over_mqtt_does_what_its_policies_allow_while_they_allow_it(broker, device):
    iam = broker.boto("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="watchers", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]

    def give(*statements):
        iam.put_role_policy(RoleName="watchers", PolicyName="own", PolicyDocument=document(*statements))

    give(allow("iot:*"))
    limits = document(allow("iot:Connect", IOT + "client/watcher"), allow(["iot:Publish", "iot:Receive"], IOT + "topic/w/*"), allow("iot:Subscribe", IOT + "topicfilter/w/*"))
    made = broker.boto("sts").assume_role(RoleArn=role, RoleSessionName="s1", Policy=limits)["Credentials"]
    keys = {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"], "token": made["SessionToken"]}
    owner = device()
    assert Paho(owner, client_id="other", websocket=signed_path(broker, **keys)).refused() == 0x87
    one = Paho(owner, client_id="watcher", websocket=signed_path(broker, **keys)).connect()
    assert one.subscribe("w/#") == [1]
    assert one.subscribe("#") == [0x87]
    assert one.publish("x/1") == 0x87
    assert one.publish("w/1", "here") == 0
    assert one.payload() == "here"
    give(allow("iot:Connect"))
    assert one.publish("w/1") == 0x87
    assert f"arn:aws:sts::{ACCOUNT}:assumed-role/watchers/s1" in broker.adit("why", "--client-id", "watcher")
    one.disconnect()
