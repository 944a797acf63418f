"""Provisioning templates and RegisterThing through boto3 and `aws`, in the sequences that terraform makes.

spec: control-plane §8.6, §14; provisioning §5
"""

import json

import pytest
from devices import ALLOW_ALL, fresh
from factory import Factory, openssl
from test_fleet import ARN, Owner, body


@pytest.fixture(scope="module")
def iot(server):
    return server.boto("iot")


@pytest.fixture(scope="module")
def role(server):
    return Factory.role(Owner(server), "TemplateRole")


def test_aws_iot_provisioning_template(iot, role):
    """terraform's resource: create with tags, read, versions on a changed body, update, delete."""
    name, hash_of = fresh("tf"), lambda text: json.loads(text)
    made = iot.create_provisioning_template(
        templateName=name, description="d", templateBody=body(), enabled=False, provisioningRoleArn=role,
        tags=[{"Key": "a", "Value": "b"}], type="FLEET_PROVISIONING",
    )
    assert (made["templateArn"], made["defaultVersionId"]) == (f"{ARN}:provisioningtemplate/{name}", 1)
    read = iot.describe_provisioning_template(templateName=name)
    assert (read["description"], read["enabled"], read["type"]) == ("d", False, "FLEET_PROVISIONING")
    assert hash_of(read["templateBody"]) == hash_of(body())
    assert iot.list_tags_for_resource(resourceArn=made["templateArn"])["tags"] == [{"Key": "a", "Value": "b"}]
    changed = body(DeviceConfiguration={"url": "other"})
    version = iot.create_provisioning_template_version(templateName=name, templateBody=changed, setAsDefault=True)
    assert (version["versionId"], version["isDefaultVersion"]) == (2, True)
    iot.delete_provisioning_template_version(templateName=name, versionId=1)
    iot.update_provisioning_template(templateName=name, enabled=True, description="")
    read = iot.describe_provisioning_template(templateName=name)
    assert (read.get("description"), read["enabled"], read["defaultVersionId"]) == (None, True, 2)
    assert hash_of(read["templateBody"]) == hash_of(changed)
    pages = iot.get_paginator("list_provisioning_templates").paginate(PaginationConfig={"PageSize": 1})
    assert name in [each["templateName"] for page in pages for each in page["templates"]]
    versions = iot.get_paginator("list_provisioning_template_versions").paginate(templateName=name)
    assert [each["versionId"] for page in versions for each in page["versions"]] == [2]
    iot.delete_provisioning_template(templateName=name)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_provisioning_template(templateName=name)


def test_the_aws_command(server, role, tmp_path):
    name = fresh("cli")
    (tmp_path / "body.json").write_text(body())
    made = server.aws(
        "iot", "create-provisioning-template", "--template-name", name, "--provisioning-role-arn", role,
        "--template-body", f"file://{tmp_path}/body.json", "--enabled",
    )
    assert made["templateName"] == name
    assert server.aws("iot", "describe-provisioning-template", "--template-name", name)["enabled"] is True
    claim = server.aws("iot", "create-provisioning-claim", "--template-name", name)
    assert set(claim) == {"certificateId", "certificatePem", "keyPair", "expiration"}
    refused = server.aws(
        "iot", "create-provisioning-template", "--template-name", "x", "--provisioning-role-arn", role,
        "--template-body", "{}", ok=False,
    )
    assert "The template body is invalid: Template must have certificate resource." in refused.err
    server.aws("iot", "delete-provisioning-template", "--template-name", name)


def test_register_thing(server, iot, tmp_path):
    serial = fresh("s")
    openssl(tmp_path, "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "device.key", "-out", "device.csr", "-subj", "/CN=x")
    template = json.loads(body())
    template["Parameters"]["Csr"] = {"Type": "String"}
    template["Resources"]["certificate"]["Properties"] = {"CertificateSigningRequest": {"Ref": "Csr"}, "Status": "ACTIVE"}
    parameters = {"SerialNumber": serial, "Csr": (tmp_path / "device.csr").read_text()}
    made = server.aws(
        "iot", "register-thing", "--template-body", json.dumps(template), "--parameters", json.dumps(parameters),
    )
    arns = made["resourceArns"]
    assert arns["thing"] == f"{ARN}:thing/sensor-{serial}"
    id = arns["certificate"].rsplit("/", 1)[1]
    shown = iot.describe_certificate(certificateId=id)["certificateDescription"]
    assert (shown["status"], shown["certificatePem"]) == ("ACTIVE", made["certificatePem"])
    policy = iot.get_policy(policyName=arns["policy"].rsplit("/", 1)[1])
    assert policy["policyDocument"] == ALLOW_ALL
    assert iot.list_thing_principals(thingName=f"sensor-{serial}")["principals"] == [arns["certificate"]]
    with pytest.raises(iot.exceptions.ResourceRegistrationFailureException, match="conflicts with AttributePayload"):
        iot.register_thing(templateBody=json.dumps(template), parameters={**parameters, "Site": "south"})
    with pytest.raises(iot.exceptions.InvalidRequestException, match="Cannot resolve reference value: SerialNumber"):
        iot.register_thing(templateBody=json.dumps(template), parameters={"Csr": parameters["Csr"]})
