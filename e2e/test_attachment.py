"""Who has which policy, which certificate speaks for which thing, and what follows from it.

spec: control-plane §8.4, §8.5, §13
"""

import json

import pytest
from test_api import ACCOUNT, fault

PREFIX = f"arn:aws:iot:us-east-1:{ACCOUNT}:"
COGNITO = "us-east-1:6ba7b810-9dad-11d1-80b4-00c04fd430c8"


def document(*statements):
    lines = [{"Effect": effect, "Action": action, "Resource": resource} for effect, action, resource in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": lines})


ALL = document(("Allow", "iot:*", "*"))


@pytest.fixture
def iot(new_server):
    return new_server().boto("iot")


def certificate(iot):
    return iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]


def names(policies):
    return [p["policyName"] for p in policies]


def test_the_commands_of_the_guide(server):
    """Attach a policy and a thing to a certificate, look, and take it all apart again."""
    aws = lambda *args: server.aws("iot", *args)  # noqa: E731
    arn = aws("create-keys-and-certificate", "--set-as-active")["certificateArn"]
    aws("create-policy", "--policy-name", "p", "--policy-document", ALL)
    aws("create-thing", "--thing-name", "lamp")
    aws("attach-policy", "--policy-name", "p", "--target", arn)
    aws("attach-thing-principal", "--thing-name", "lamp", "--principal", arn)
    assert names(aws("list-attached-policies", "--target", arn)["policies"]) == ["p"]
    assert aws("list-targets-for-policy", "--policy-name", "p")["targets"] == [arn]
    assert aws("list-thing-principals", "--thing-name", "lamp")["principals"] == [arn]
    assert aws("list-principal-things", "--principal", arn)["things"] == ["lamp"]
    refused = server.aws("iot", "delete-thing", "--thing-name", "lamp", ok=False)
    assert "Cannot delete. Thing lamp is still attached to one or more principals" in refused.err
    id = arn.split("/")[1]
    aws("update-certificate", "--certificate-id", id, "--new-status", "INACTIVE")
    refused = server.aws("iot", "delete-certificate", "--certificate-id", id, ok=False)
    assert f"Things must be detached before deletion (arn: {arn})" in refused.err
    aws("detach-thing-principal", "--thing-name", "lamp", "--principal", arn)
    refused = server.aws("iot", "delete-certificate", "--certificate-id", id, ok=False)
    assert f"Certificate policies must be detached before deletion (arn: {arn})" in refused.err
    aws("detach-policy", "--policy-name", "p", "--target", arn)
    aws("delete-certificate", "--certificate-id", id)
    aws("delete-policy", "--policy-name", "p")
    aws("delete-thing", "--thing-name", "lamp")


def test_targets(iot):
    iot.create_policy(policyName="p", policyDocument=ALL)
    arn = certificate(iot)
    iot.create_thing_group(thingGroupName="g")
    group = f"{PREFIX}thinggroup/g"
    for target in (arn, group, COGNITO, arn):
        iot.attach_policy(policyName="p", target=target)
    assert iot.list_targets_for_policy(policyName="p")["targets"] == [COGNITO, group, arn]
    for target in (arn, group, COGNITO):
        assert names(iot.list_attached_policies(target=target)["policies"]) == ["p"]
        iot.detach_policy(policyName="p", target=target)
        assert iot.list_attached_policies(target=target)["policies"] == []
        assert fault(iot.detach_policy, policyName="p", target=target)[::2] == ("ResourceNotFoundException", 404)
    iot.detach_policy(policyName="unknown", target=arn)
    invalid, missing = "InvalidRequestException", "ResourceNotFoundException"
    assert fault(iot.attach_policy, policyName="p", target="nobody") == (invalid, "Invalid Target", 400)
    thing = f"{PREFIX}thing/lamp"
    assert fault(iot.attach_policy, policyName="p", target=thing) == (invalid, f"Invalid Target: {thing}", 400)
    unknown = f"{PREFIX}cert/{'0' * 64}"
    text = "The certificate given in the principal does not exist."
    assert fault(iot.attach_policy, policyName="p", target=unknown) == (missing, text, 404)
    assert fault(iot.attach_policy, policyName="x", target=arn) == (missing, "Policy not found", 404)
    code, message, status = fault(iot.attach_policy, policyName="p", target=f"{PREFIX}thinggroup/none")
    assert (code, status) == (missing, 404) and f"{PREFIX}thinggroup/none" in message
    foreign = f"arn:aws:iot:us-east-1:999999999999:cert/{'0' * 64}"
    assert fault(iot.attach_policy, policyName="p", target=foreign)[::2] == ("AccessDeniedException", 403)


def test_the_deprecated_calls(iot):
    iot.create_policy(policyName="p", policyDocument=ALL)
    arn = certificate(iot)
    iot.attach_principal_policy(policyName="p", principal=arn)
    assert names(iot.list_attached_policies(target=arn)["policies"]) == ["p"]
    assert names(iot.list_principal_policies(principal=arn)["policies"]) == ["p"]
    assert iot.list_policy_principals(policyName="p")["principals"] == [arn]
    iot.detach_principal_policy(policyName="p", principal=arn)
    assert iot.list_principal_policies(principal=arn)["policies"] == []
    assert fault(iot.detach_principal_policy, policyName="x", principal=arn)[::2] == ("ResourceNotFoundException", 404)


def test_things_and_their_principals(iot):
    first, second = certificate(iot), certificate(iot)
    for thing in ("a", "b"):
        iot.create_thing(thingName=thing)
        iot.attach_thing_principal(thingName=thing, principal=first)
    iot.attach_thing_principal(thingName="a", principal=second, thingPrincipalType="EXCLUSIVE_THING")
    objects = iot.list_thing_principals_v2(thingName="a")["thingPrincipalObjects"]
    assert [(o["principal"], o["thingPrincipalType"]) for o in objects] == [
        (first, "NON_EXCLUSIVE_THING"),
        (second, "EXCLUSIVE_THING"),
    ]
    assert fault(iot.attach_thing_principal, thingName="b", principal=second)[::2] == ("InvalidRequestException", 400)
    assert iot.list_principal_things_v2(principal=second)["principalThingObjects"] == [
        {"thingName": "a", "thingPrincipalType": "EXCLUSIVE_THING"}
    ]
    pages = iot.get_paginator("list_principal_things").paginate(principal=first, PaginationConfig={"PageSize": 1})
    assert [page["things"] for page in pages] == [["a"], ["b"]]
    unknown = f"{PREFIX}cert/{'0' * 64}"
    text = f"Can't attach the principal {unknown} to thing a because the principal does not exist in your account"
    assert fault(iot.attach_thing_principal, thingName="a", principal=unknown) == ("ResourceNotFoundException", text, 404)
    text = "Failed to list principals for thing x because the thing does not exist in your account"
    assert fault(iot.list_thing_principals, thingName="x") == ("ResourceNotFoundException", text, 404)
    assert fault(iot.list_principal_things, principal=unknown)[::2] == ("ResourceNotFoundException", 404)


def test_what_counts_for_a_device_and_what_it_would_decide(iot):
    arn = certificate(iot)
    own = document(("Allow", "iot:Connect", PREFIX + "client/${iot:Connection.Thing.ThingName}"))
    topics = document(("Allow", "iot:Publish", PREFIX + "topic/*"), ("Deny", "iot:Publish", PREFIX + "topic/secret/*"))
    iot.create_policy(policyName="own", policyDocument=own)
    iot.create_policy(policyName="topics", policyDocument=topics)
    iot.create_thing(thingName="lamp")
    iot.create_thing_group(thingGroupName="all")
    iot.create_thing_group(thingGroupName="lamps", parentGroupName="all")
    iot.add_thing_to_thing_group(thingName="lamp", thingGroupName="lamps")
    iot.attach_thing_principal(thingName="lamp", principal=arn)
    iot.attach_policy(policyName="own", target=arn)
    iot.attach_policy(policyName="topics", target=f"{PREFIX}thinggroup/all")
    recursive = iot.list_attached_policies(target=f"{PREFIX}thinggroup/lamps", recursive=True)
    assert names(recursive["policies"]) == ["topics"]
    effective = iot.get_effective_policies(principal=arn, thingName="lamp")["effectivePolicies"]
    assert [(p["policyName"], p["policyDocument"]) for p in effective] == [("own", own), ("topics", topics)]

    def ask(client, *questions):
        infos = [{"actionType": action, "resources": [PREFIX + tail]} for action, tail in questions]
        return iot.test_authorization(principal=arn, clientId=client, authInfos=infos)["authResults"]

    connect, allowed, denied, none = ask(
        "lamp", ("CONNECT", "client/lamp"), ("PUBLISH", "topic/a"), ("PUBLISH", "topic/secret/a"), ("RECEIVE", "topic/a")
    )
    assert (connect["authDecision"], names(connect["allowed"]["policies"])) == ("ALLOWED", ["own"])
    assert (allowed["authDecision"], names(allowed["allowed"]["policies"])) == ("ALLOWED", ["topics"])
    assert (denied["authDecision"], names(denied["denied"]["explicitDeny"]["policies"])) == ("EXPLICIT_DENY", ["topics"])
    assert (none["authDecision"], names(none["denied"]["implicitDeny"]["policies"])) == ("IMPLICIT_DENY", ["own", "topics"])
    (other,) = ask("other", ("CONNECT", "client/other"))
    assert (other["authDecision"], other["missingContextValues"]) == ("IMPLICIT_DENY", ["iot:Connection.Thing.ThingName"])


def test_endpoints(new_server):
    server = new_server(**{"endpoint.domain": "iot.test"})
    address = lambda **more: server.boto("iot").describe_endpoint(**more)["endpointAddress"]  # noqa: E731
    plain = address()
    prefix, rest = plain.split(".", 1)
    assert len(prefix) == 14 and rest == "iot.us-east-1.iot.test"
    assert address(endpointType="iot:Data") == plain
    assert address(endpointType="iot:Data-ATS") == f"{prefix}-ats.iot.us-east-1.iot.test"
    assert address(endpointType="iot:CredentialProvider") == f"{prefix}.credentials.iot.us-east-1.iot.test"
    assert address(endpointType="iot:Jobs") == f"{prefix}.jobs.iot.us-east-1.iot.test"
    assert fault(server.boto("iot").describe_endpoint, endpointType="iot:Else")[::2] == ("InvalidRequestException", 400)
    fixed = new_server(**{"endpoint.host": "gateway.example"})
    assert fixed.aws("iot", "describe-endpoint", "--endpoint-type", "iot:Data-ATS") == {"endpointAddress": "gateway.example"}
