"""Static thing groups with boto3 and the `aws` program, and what their policies give to devices.

spec: control-plane §9.2, policies §1
"""

import pytest
from devices import document, fresh
from harness import wait_for
from test_api import fault


@pytest.fixture(scope="module")
def iot(server):
    return server.boto("iot")


@pytest.fixture
def tree(iot):
    """Names of groups: top > left > leaf, top > right, and one beside them."""
    names = {each: fresh(each) for each in ("top", "left", "leaf", "right", "beside")}
    for each, parent in [("top", None), ("left", "top"), ("leaf", "left"), ("right", "top"), ("beside", None)]:
        iot.create_thing_group(thingGroupName=names[each], **({"parentGroupName": names[parent]} if parent else {}))
    return names


def listed(iot, **more):
    return {each["groupName"] for each in iot.list_thing_groups(maxResults=250, **more)["thingGroups"]}


def members(iot, group, **more):
    return iot.list_things_in_thing_group(thingGroupName=group, **more)["things"]


def test_groups_with_the_aws_program(server):
    top, below = fresh("top"), fresh("below")
    made = server.aws("iot", "create-thing-group", "--thing-group-name", top, "--tags", "Key=a,Value=b")
    server.aws(
        "iot", "create-thing-group", "--thing-group-name", below, "--parent-group-name", top,
        "--thing-group-properties", "thingGroupDescription=text,attributePayload={attributes={k=v}}",
    )
    shown = server.aws("iot", "describe-thing-group", "--thing-group-name", below)
    assert shown["thingGroupProperties"] == {"thingGroupDescription": "text", "attributePayload": {"attributes": {"k": "v"}}}
    assert shown["thingGroupMetadata"]["rootToParentThingGroups"] == [{"groupName": top, "groupArn": made["thingGroupArn"]}]
    got = server.aws("iot", "update-thing-group", "--thing-group-name", below, "--thing-group-properties", "attributePayload={attributes={}}")
    assert got["version"] == 2
    assert server.aws("iot", "list-tags-for-resource", "--resource-arn", made["thingGroupArn"])["tags"] == [{"Key": "a", "Value": "b"}]
    refused = server.aws("iot", "delete-thing-group", "--thing-group-name", top, ok=False)
    assert "still child groups" in refused.err
    server.aws("iot", "delete-thing-group", "--thing-group-name", below)
    server.aws("iot", "delete-thing-group", "--thing-group-name", top)


def test_listings_know_the_tree(iot, tree):
    assert set(tree.values()) <= listed(iot)
    roots = listed(iot, recursive=False)
    assert {tree["top"], tree["beside"]} <= roots and tree["left"] not in roots
    assert listed(iot, parentGroup=tree["top"]) == {tree["left"], tree["leaf"], tree["right"]}
    assert listed(iot, parentGroup=tree["top"], recursive=False) == {tree["left"], tree["right"]}
    assert listed(iot, parentGroup=tree["top"], namePrefixFilter="leaf-") == {tree["leaf"]}
    assert fault(iot.list_thing_groups, parentGroup="none")[::2] == ("ResourceNotFoundException", 404)
    pages = iot.get_paginator("list_thing_groups").paginate(parentGroup=tree["top"], PaginationConfig={"PageSize": 1})
    assert [each["groupName"] for page in pages for each in page["thingGroups"]] == [tree["left"], tree["leaf"], tree["right"]]


def test_things_join_and_leave(iot, tree):
    one, other = fresh("thing"), fresh("thing")
    arn = iot.create_thing(thingName=one)["thingArn"]
    iot.create_thing(thingName=other)
    for _ in range(2):
        iot.add_thing_to_thing_group(thingGroupName=tree["leaf"], thingArn=arn)
    iot.add_thing_to_thing_group(thingGroupName=tree["right"], thingName=other)
    assert members(iot, tree["top"]) == []
    assert members(iot, tree["top"], recursive=True) == [one, other]
    assert members(iot, tree["left"], recursive=True) == [one]
    code, message, status = fault(iot.add_thing_to_thing_group, thingGroupName=tree["right"], thingName=one)
    assert (code, status) == ("InvalidRequestException", 400) and "hierarchy" in message
    iot.update_thing_groups_for_thing(thingName=one, thingGroupsToRemove=[tree["leaf"]], thingGroupsToAdd=[tree["right"], tree["beside"]])
    of_one = iot.list_thing_groups_for_thing(thingName=one)["thingGroups"]
    assert [each["groupName"] for each in of_one] == [tree["right"], tree["beside"]]
    iot.remove_thing_from_thing_group(thingGroupName=tree["beside"], thingName=one)
    iot.delete_thing(thingName=other)
    assert members(iot, tree["top"], recursive=True) == [one]


def test_a_group_gives_its_policies_to_the_devices_below_it(broker, device, client):
    """A device may connect because of a policy on the group above its own, and no longer when it has left."""
    iot = broker.boto("iot")
    top, below, policy = fresh("top"), fresh("below"), fresh("policy")
    arn = iot.create_thing_group(thingGroupName=top)["thingGroupArn"]
    iot.create_thing_group(thingGroupName=below, parentGroupName=top)
    iot.create_policy(policyName=policy, policyDocument=document(("Allow", "iot:*", "*")))
    iot.attach_policy(policyName=policy, target=arn)
    owner = device(policy=None)
    assert client(owner).refused() is not None
    iot.add_thing_to_thing_group(thingGroupName=below, thingName=owner.name)
    one, topic = client(owner).connect(), fresh("topic")
    one.subscribe(topic)
    one.publish(topic, "hello")
    assert one.payload() == "hello"
    iot.remove_thing_from_thing_group(thingGroupName=below, thingName=owner.name)

    def cut():
        return one.publish(topic, "again") != 0 if one.running() else True

    wait_for(cut, "the device is refused after it has left the group")
