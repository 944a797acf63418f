"""Policies and their versions as `aws` and boto3 see them.

spec: control-plane §8.3, §13; policies §8
"""

import json

import pytest
from test_api import ACCOUNT, fault

PREFIX = f"arn:aws:iot:us-east-1:{ACCOUNT}:"
ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}, indent=3)


@pytest.fixture
def iot(new_server):
    return new_server().boto("iot")


def test_a_policy_from_a_file(server, tmp_path):
    (tmp_path / "policy.json").write_text(ALL + "\n")
    made = server.aws("iot", "create-policy", "--policy-name", "a=,.@+-_", "--policy-document", f"file://{tmp_path}/policy.json")
    assert made == {
        "policyName": "a=,.@+-_",
        "policyArn": f"{PREFIX}policy/a=,.@+-_",
        "policyDocument": ALL + "\n",
        "policyVersionId": "1",
    }
    shown = server.aws("iot", "get-policy", "--policy-name", "a=,.@+-_")
    assert (shown["policyDocument"], shown["defaultVersionId"]) == (ALL + "\n", "1")


def test_versions(iot):
    iot.create_policy(policyName="p", policyDocument=ALL)
    for number in range(2, 6):
        made = iot.create_policy_version(policyName="p", policyDocument=ALL, setAsDefault=number == 4)
        assert (made["policyVersionId"], made["isDefaultVersion"]) == (str(number), number == 4)
    text = "The policy p already has the maximum number of versions (5)"
    assert fault(iot.create_policy_version, policyName="p", policyDocument=ALL) == ("VersionsLimitExceededException", text, 409)
    versions = iot.list_policy_versions(policyName="p")["policyVersions"]
    assert [(v["versionId"], v["isDefaultVersion"]) for v in versions] == [(str(n), n == 4) for n in (5, 4, 3, 2, 1)]
    code, message, status = fault(iot.delete_policy_version, policyName="p", policyVersionId="4")
    assert (code, status) == ("DeleteConflictException", 409)
    assert message.startswith("Cannot delete a default policy version (name=p, versionId=4)")
    iot.delete_policy_version(policyName="p", policyVersionId="5")
    assert iot.create_policy_version(policyName="p", policyDocument=ALL)["policyVersionId"] == "6"
    iot.set_default_policy_version(policyName="p", policyVersionId="6")
    assert iot.get_policy(policyName="p")["defaultVersionId"] == "6"
    assert iot.get_policy_version(policyName="p", policyVersionId="6")["isDefaultVersion"] is True
    assert fault(iot.get_policy_version, policyName="p", policyVersionId="5") == (
        "ResourceNotFoundException",
        "Policy version does not exist (name=p, versionId=5)",
        404,
    )
    assert fault(iot.delete_policy, policyName="p")[::2] == ("DeleteConflictException", 409)


@pytest.mark.parametrize(
    "document",
    ["{}", "doc", '{"Statement": []}', ALL.replace("Allow", "allow"), ALL.replace('"*"', '"my-topic"'), ALL + " " * 2000 + '"' * 2049],
)
def test_documents_that_say_nothing(iot, document):
    code, message, status = fault(iot.create_policy, policyName="p", policyDocument=document)
    assert (code, status) == ("MalformedPolicyException", 400)
    assert message.startswith("Policy document is Malformed")
    assert iot.list_policies()["policies"] == []


def test_names_are_taken_once(iot):
    iot.create_policy(policyName="p", policyDocument=ALL)
    text = "Policy cannot be created - name already exists (name=p)"
    assert fault(iot.create_policy, policyName="p", policyDocument=ALL) == ("ResourceAlreadyExistsException", text, 409)
    iot.delete_policy(policyName="p")
    assert fault(iot.get_policy, policyName="p") == ("ResourceNotFoundException", "Policy default version not found", 404)
    assert fault(iot.list_targets_for_policy, policyName="p") == ("ResourceNotFoundException", "Policy not found", 404)
    code, message, _ = fault(iot.create_policy, policyName="a b", policyDocument=ALL)
    assert code == "InvalidRequestException" and "policyName" in message


def test_policies_are_paged_by_the_sdk(iot):
    names = [f"p{n}" for n in range(30)]
    for name in names:
        iot.create_policy(policyName=name, policyDocument=ALL)
    pages = list(iot.get_paginator("list_policies").paginate())
    assert [len(page["policies"]) for page in pages] == [25, 5] and "nextMarker" not in pages[-1]
    assert [p["policyName"] for page in pages for p in page["policies"]] == names[::-1]
