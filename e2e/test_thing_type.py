"""Thing types with boto3 and the `aws` program: what terraform and a person do with them.

spec: control-plane §7, §9.1, §13
"""

import time

import pytest
from devices import fresh
from test_api import fault


@pytest.fixture(scope="module")
def iot(server):
    return server.boto("iot")


def test_a_type_with_the_aws_program(server):
    name = fresh("type")
    made = server.aws(
        "iot", "create-thing-type", "--thing-type-name", name, "--thing-type-properties",
        "thingTypeDescription=lamps,searchableAttributes=site,model", "--tags", "Key=team,Value=light",
    )
    assert made["thingTypeArn"] == f"arn:aws:iot:{server.env['AWS_REGION']}:123456789012:thingtype/{name}"
    shown = server.aws("iot", "describe-thing-type", "--thing-type-name", name)
    assert shown["thingTypeId"] == made["thingTypeId"]
    assert shown["thingTypeProperties"] == {"thingTypeDescription": "lamps", "searchableAttributes": ["site", "model"]}
    assert shown["thingTypeMetadata"]["deprecated"] is False
    listed = server.aws("iot", "list-tags-for-resource", "--resource-arn", made["thingTypeArn"])
    assert listed["tags"] == [{"Key": "team", "Value": "light"}]
    server.aws("iot", "deprecate-thing-type", "--thing-type-name", name)
    refused = server.aws("iot", "delete-thing-type", "--thing-type-name", name, ok=False)
    assert refused.code != 0
    assert "Please wait for 5 minutes after deprecation and then retry" in refused.err


def test_a_type_is_created_again_only_the_same(iot):
    name = fresh("type")
    first = iot.create_thing_type(thingTypeName=name)
    again = iot.create_thing_type(thingTypeName=name, thingTypeProperties={"searchableAttributes": []})
    assert first["thingTypeId"] == again["thingTypeId"]
    other = {"thingTypeDescription": "other"}
    assert fault(iot.create_thing_type, thingTypeName=name, thingTypeProperties=other)[::2] == ("ResourceAlreadyExistsException", 409)


def test_things_with_a_type(iot):
    name, thing = fresh("type"), fresh("thing")
    assert fault(iot.create_thing, thingName=thing, thingTypeName=name)[::2] == ("ResourceNotFoundException", 404)
    iot.create_thing_type(thingTypeName=name)
    many = {f"a{n}": "x" for n in range(50)}
    iot.create_thing(thingName=thing, thingTypeName=name, attributePayload={"attributes": many})
    assert [each["thingName"] for each in iot.list_things(thingTypeName=name)["things"]] == [thing]
    both = iot.list_things(thingTypeName=name, attributeName="a7", attributeValue="x")["things"]
    assert [each["thingName"] for each in both] == [thing]
    begins = iot.list_things(thingTypeName=name, attributeName="a7", attributeValue="", usePrefixAttributeValue=True)["things"]
    assert len(begins) == 1
    assert fault(iot.update_thing, thingName=thing, removeThingType=True)[::2] == ("InvalidRequestException", 400)
    iot.update_thing(thingName=thing, removeThingType=True, attributePayload={"attributes": {"a": "1"}})
    assert "thingTypeName" not in iot.describe_thing(thingName=thing)
    iot.deprecate_thing_type(thingTypeName=name)
    for call, more in [(iot.create_thing, {"thingName": fresh("thing")}), (iot.update_thing, {"thingName": thing})]:
        code, message, status = fault(call, thingTypeName=name, **more)
        assert (code, status) == ("InvalidRequestException", 400) and "deprecated" in message
    iot.deprecate_thing_type(thingTypeName=name, undoDeprecate=True)
    iot.update_thing(thingName=thing, thingTypeName=name)
    assert iot.describe_thing(thingName=thing)["thingTypeName"] == name


def test_types_by_pages(server):
    iot = server.boto("iot", region="us-west-1")
    names = [f"kind{n}" for n in range(1, 61)]
    for name in names:
        iot.create_thing_type(thingTypeName=name)
    first = iot.list_thing_types()
    assert len(first["thingTypes"]) == 50
    pages = iot.get_paginator("list_thing_types").paginate(PaginationConfig={"PageSize": 7})
    assert [each["thingTypeName"] for page in pages for each in page["thingTypes"]] == names


def test_the_wait_before_deletion_is_a_setting(new_server):
    server = new_server(**{"registry.thing-type-delete-wait": "1s"})
    iot = server.boto("iot")
    iot.create_thing_type(thingTypeName="lamp")
    assert fault(iot.delete_thing_type, thingTypeName="lamp")[::2] == ("InvalidRequestException", 400)
    iot.deprecate_thing_type(thingTypeName="lamp")
    assert "retry" in fault(iot.delete_thing_type, thingTypeName="lamp")[1]
    time.sleep(1.1)
    iot.delete_thing_type(thingTypeName="lamp")
    assert fault(iot.describe_thing_type, thingTypeName="lamp")[::2] == ("ResourceNotFoundException", 404)
