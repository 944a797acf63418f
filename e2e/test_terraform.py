"""The calls of terraform's AWS provider, in its order and with its expectations.

spec: control-plane §13, §14
"""

import json

import pytest
from test_api import ACCOUNT, fault

PREFIX = f"arn:aws:iot:us-east-1:{ACCOUNT}:"
# Terraform writes documents like this; they must come back byte for byte or it plans a change for ever.
DOCUMENT = '{"Statement":[{"Action":["iot:*"],"Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}'


@pytest.fixture
def iot(server):
    return server.boto("iot")


def test_caller_identity_comes_first(server):
    assert server.boto("sts").get_caller_identity()["Account"] == ACCOUNT


def test_aws_iot_certificate(iot):
    made = iot.create_keys_and_certificate(setAsActive=True)
    shown = iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
    assert (shown["certificateArn"], shown["status"]) == (made["certificateArn"], "ACTIVE")
    assert {"customerVersion", "generationId", "validity", "certificateMode"} <= set(shown)
    iot.update_certificate(certificateId=made["certificateId"], newStatus="INACTIVE")
    iot.delete_certificate(certificateId=made["certificateId"])
    assert fault(iot.describe_certificate, certificateId=made["certificateId"])[0] == "ResourceNotFoundException"


def test_aws_iot_policy(iot):
    made = iot.create_policy(policyName="tf", policyDocument=DOCUMENT, tags=[{"Key": "env", "Value": "test"}])
    shown = iot.get_policy(policyName="tf")
    assert (shown["policyDocument"], shown["policyArn"]) == (DOCUMENT, made["policyArn"])
    assert iot.list_tags_for_resource(resourceArn=made["policyArn"])["tags"] == [{"Key": "env", "Value": "test"}]
    for number in range(7):
        document = DOCUMENT.replace("iot:*", f"iot:Publish{'*' * number}")
        try:
            iot.create_policy_version(policyName="tf", policyDocument=document, setAsDefault=True)
        except iot.exceptions.VersionsLimitExceededException:
            versions = iot.list_policy_versions(policyName="tf")["policyVersions"]
            oldest = min((v for v in versions if not v["isDefaultVersion"]), key=lambda v: int(v["versionId"]))
            iot.delete_policy_version(policyName="tf", policyVersionId=oldest["versionId"])
            iot.create_policy_version(policyName="tf", policyDocument=document, setAsDefault=True)
        assert iot.get_policy(policyName="tf")["policyDocument"] == document
    for version in iot.list_policy_versions(policyName="tf")["policyVersions"]:
        if not version["isDefaultVersion"]:
            iot.delete_policy_version(policyName="tf", policyVersionId=version["versionId"])
    iot.delete_policy(policyName="tf")
    assert fault(iot.get_policy, policyName="tf")[0] == "ResourceNotFoundException"


def test_aws_iot_policy_attachment(iot):
    arn = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    iot.create_policy(policyName="attached", policyDocument=DOCUMENT)
    iot.attach_policy(policyName="attached", target=arn)
    listed = iot.list_attached_policies(target=arn, pageSize=250, recursive=False)
    assert [p["policyName"] for p in listed["policies"]] == ["attached"] and "nextMarker" not in listed
    assert fault(iot.delete_policy, policyName="attached")[0] == "DeleteConflictException"
    iot.detach_policy(policyName="attached", target=arn)
    iot.delete_policy(policyName="attached")


@pytest.mark.parametrize("kind", [None, "EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"])
def test_aws_iot_thing_principal_attachment(iot, kind):
    arn = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    iot.create_thing(thingName=f"tf-{kind}")
    iot.attach_thing_principal(thingName=f"tf-{kind}", principal=arn, **({"thingPrincipalType": kind} if kind else {}))
    objects = iot.list_thing_principals_v2(thingName=f"tf-{kind}")["thingPrincipalObjects"]
    assert objects == [{"principal": arn, "thingPrincipalType": kind or "NON_EXCLUSIVE_THING"}]
    iot.detach_thing_principal(thingName=f"tf-{kind}", principal=arn)
    assert iot.list_thing_principals_v2(thingName=f"tf-{kind}")["thingPrincipalObjects"] == []
    iot.delete_thing(thingName=f"tf-{kind}")


def test_data_aws_iot_endpoint(iot):
    for kind in (None, "iot:Data", "iot:Data-ATS", "iot:CredentialProvider", "iot:Jobs"):
        assert iot.describe_endpoint(**({"endpointType": kind} if kind else {}))["endpointAddress"]


def test_audit_rows_name_what_was_changed(new_server):
    server = new_server()
    iot = server.boto("iot")
    arn = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    iot.create_policy(policyName="p", policyDocument=DOCUMENT)
    iot.attach_policy(policyName="p", target=arn)
    iot.create_thing(thingName="t")
    iot.attach_thing_principal(thingName="t", principal=arn)
    rows = dict(server.query("SELECT action, resource FROM audit"))
    assert rows["CreateKeysAndCertificate"] == arn
    assert rows["CreatePolicy"] == rows["AttachPolicy"] == f"{PREFIX}policy/p"
    assert rows["AttachThingPrincipal"] == f"{PREFIX}thing/t"
    assert json.dumps(rows).count("PRIVATE KEY") == 0
