"""The AWS API as `aws` and boto3 see it.

spec: secure-tunneling §1, §11 points 15–16; control-plane §2, §3, §12
"""

import datetime
import json
import re
import ssl
import urllib.error
import urllib.request

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
ACCOUNT = "123456789012"


def fault(call, *args, **kwargs):
    """Code, message and status of the error a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["RequestId"]
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


# The shapes a person types


def test_open_tunnel_bare(server):
    got = server.aws("iotsecuretunneling", "open-tunnel")
    assert set(got) == {"tunnelId", "tunnelArn", "sourceAccessToken", "destinationAccessToken"}
    assert re.fullmatch(UUID, got["tunnelId"])
    assert got["tunnelArn"] == f"arn:aws:iot:us-east-1:{ACCOUNT}:tunnel/{got['tunnelId']}"


def test_open_tunnel_as_the_tutorial_spells_it(server):
    """`--endpoint` is an abbreviation the program accepts."""
    got = server.aws(
        "iotsecuretunneling", "open-tunnel", "--region", "eu-west-1", "--endpoint", server.url,
        env={"AWS_ENDPOINT_URL": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": ""},
    )
    assert got["tunnelArn"].startswith(f"arn:aws:iot:eu-west-1:{ACCOUNT}:tunnel/")


def test_open_tunnel_over_plain_http_on_the_loopback(server):
    got = server.aws("iotsecuretunneling", "open-tunnel", "--endpoint-url", f"http://127.0.0.1:{server.plain_port}")
    assert got["tunnelId"]


def test_open_tunnel_with_everything_then_describe_list_tag_rotate_close(server):
    aws = lambda *args, **more: server.aws("iotsecuretunneling", *args, **more)  # noqa: E731
    opened = aws(
        "open-tunnel", "--destination-config", "thingName=foo,services=SSH1,HTTP1",
        "--timeout-config", "maxLifetimeTimeoutMinutes=60", "--description", "x", "--tags", "key=a,value=b",
    )
    ident, arn = opened["tunnelId"], opened["tunnelArn"]
    tunnel = aws("describe-tunnel", "--tunnel-id", ident)["tunnel"]
    assert tunnel["createdAt"] and tunnel["lastUpdatedAt"]
    assert {k: v for k, v in tunnel.items() if not k.endswith("At")} == {
        "tunnelId": ident, "tunnelArn": arn, "status": "OPEN", "description": "x",
        "sourceConnectionState": {"status": "DISCONNECTED"}, "destinationConnectionState": {"status": "DISCONNECTED"},
        "destinationConfig": {"thingName": "foo", "services": ["SSH1", "HTTP1"]},
        "timeoutConfig": {"maxLifetimeTimeoutMinutes": 60}, "tags": [{"key": "a", "value": "b"}],
    }
    (summary,) = [t for t in aws("list-tunnels", "--thing-name", "foo")["tunnelSummaries"] if t["tunnelId"] == ident]
    assert set(summary) == {"tunnelId", "tunnelArn", "status", "description", "createdAt", "lastUpdatedAt"}

    assert aws("tag-resource", "--resource-arn", arn, "--tags", "key=a,value=c", "key=d,value=") == ""
    tags = aws("list-tags-for-resource", "--resource-arn", arn)["tags"]
    assert sorted((t["key"], t["value"]) for t in tags) == [("a", "c"), ("d", "")]
    assert aws("untag-resource", "--resource-arn", arn, "--tag-keys", "a", "nothing") == ""
    assert aws("list-tags-for-resource", "--resource-arn", arn)["tags"] == [{"key": "d", "value": ""}]

    got = aws("rotate-tunnel-access-token", "--tunnel-id", ident, "--client-mode", "SOURCE")
    assert set(got) == {"tunnelArn", "sourceAccessToken"}
    got = aws(
        "rotate-tunnel-access-token", "--tunnel-id", ident, "--client-mode", "DESTINATION",
        "--destination-config", "thingName=foo,services=SSH",
    )
    assert set(got) == {"tunnelArn", "destinationAccessToken"}
    got = aws("rotate-tunnel-access-token", "--tunnel-id", ident, "--client-mode", "ALL")
    assert set(got) == {"tunnelArn", "sourceAccessToken", "destinationAccessToken"}
    services = aws("describe-tunnel", "--tunnel-id", ident)["tunnel"]["destinationConfig"]["services"]
    assert services == ["SSH1", "HTTP1"], "rotation does not change the services"

    assert aws("close-tunnel", "--tunnel-id", ident) == ""
    assert aws("describe-tunnel", "--tunnel-id", ident)["tunnel"]["status"] == "CLOSED"
    assert aws("close-tunnel", "--tunnel-id", ident, "--delete") == ""
    refused = aws("describe-tunnel", "--tunnel-id", ident, ok=False)
    assert refused.code in (254, 255) and "ResourceNotFoundException" in refused.err


def test_list_tunnels_by_pages(server):
    aws = lambda *args: server.aws("iotsecuretunneling", "list-tunnels", "--thing-name", "paged", *args)  # noqa: E731
    made = [server.open("SSH", thing="paged").id for _ in range(5)][::-1]
    first = aws("--max-results", "3")
    second = aws("--max-results", "3", "--next-token", first["nextToken"])
    assert [t["tunnelId"] for page in (first, second) for t in page["tunnelSummaries"]] == made, "newest first"
    assert "nextToken" not in second


def test_delete_true_is_not_a_spelling_of_the_program(server):
    refused = server.aws("iotsecuretunneling", "close-tunnel", "--tunnel-id", "x", "--delete", "true", ok=False)
    assert refused.code != 0 and "Unknown options: true" in refused.err


# Defaults, order, pages


def test_a_bare_tunnel_shows_the_default_lifetime_and_nothing_unset(server):
    tunnel = server.describe(server.open())
    assert tunnel["timeoutConfig"] == {"maxLifetimeTimeoutMinutes": 720}
    assert {"description", "destinationConfig"}.isdisjoint(tunnel)
    assert tunnel.get("tags", []) == []
    assert isinstance(tunnel["createdAt"], datetime.datetime)


def test_services_without_a_thing(server):
    assert server.describe(server.open("SSH", "a:b"))["destinationConfig"] == {"services": ["SSH", "a:b"]}


def test_pages_do_not_repeat_or_lose_while_tunnels_are_opened(new_server):
    server = new_server()
    made = [server.open().id for _ in range(7)]
    page = server.api.list_tunnels(maxResults=2)
    seen = [t["tunnelId"] for t in page["tunnelSummaries"]]
    while "nextToken" in page:
        assert re.fullmatch(r"[a-zA-Z0-9_=-]{1,4096}", page["nextToken"])
        server.open()
        page = server.api.list_tunnels(maxResults=2, nextToken=page["nextToken"])
        seen += [t["tunnelId"] for t in page["tunnelSummaries"]]
    assert seen == made[::-1]


def test_a_page_holds_100_unless_asked(new_server):
    server = new_server()
    made = [server.open().id for _ in range(102)]
    page = server.api.list_tunnels()
    assert len(page["tunnelSummaries"]) == 100 and page["tunnelSummaries"][0]["tunnelId"] == made[-1]
    rest = server.api.list_tunnels(nextToken=page["nextToken"])
    assert [t["tunnelId"] for t in rest["tunnelSummaries"]] == made[1::-1] and "nextToken" not in rest


@pytest.mark.parametrize("token", ["x", "bm90IG91cnM=", "A" * 4096, "AAAAAAAA"])
def test_foreign_next_token(server, token):
    assert fault(server.api.list_tunnels, nextToken=token)[0] == "ValidationException"


def test_closed_tunnels_are_listed_and_closing_again_changes_nothing(server):
    tunnel = server.open("SSH", thing="closed")
    server.api.close_tunnel(tunnelId=tunnel.id)
    first = server.describe(tunnel)
    server.api.close_tunnel(tunnelId=tunnel.id)
    assert server.describe(tunnel) == first
    assert first["lastUpdatedAt"] >= first["createdAt"]
    (listed,) = server.api.list_tunnels(thingName="closed")["tunnelSummaries"]
    assert listed["status"] == "CLOSED"
    assert fault(server.api.rotate_tunnel_access_token, tunnelId=tunnel.id, clientMode="ALL")[0] == "ResourceNotFoundException"


def test_delete_works_on_an_open_tunnel(server):
    tunnel = server.open()
    server.api.close_tunnel(tunnelId=tunnel.id, delete=True)
    assert fault(server.api.describe_tunnel, tunnelId=tunnel.id)[0] == "ResourceNotFoundException"
    assert fault(server.api.close_tunnel, tunnelId=tunnel.id)[0] == "ResourceNotFoundException"
    assert tunnel.id not in [t["tunnelId"] for t in server.api.list_tunnels()["tunnelSummaries"]]


def test_regions_are_apart(server):
    tunnel = server.open(region="ap-south-1")
    assert ":ap-south-1:" in tunnel.arn
    assert fault(server.api.describe_tunnel, tunnelId=tunnel.id)[0] == "ResourceNotFoundException"
    assert server.boto(region="ap-south-1").describe_tunnel(tunnelId=tunnel.id)["tunnel"]["status"] == "OPEN"


def test_partition_follows_the_region(server):
    assert server.open(region="cn-north-1").arn.startswith("arn:aws-cn:iot:cn-north-1:")


# What is refused, and in which words


LONG_TAGS = [{"key": f"k{i}", "value": "v"} for i in range(201)]
BAD_OPEN = {
    "lifetime 0": ({"timeoutConfig": {"maxLifetimeTimeoutMinutes": 0}}, "greater than or equal to 1"),
    "lifetime 721": ({"timeoutConfig": {"maxLifetimeTimeoutMinutes": 721}}, "less than or equal to 720"),
    "no services": ({"destinationConfig": {"thingName": "T"}}, "services"),
    "empty services": ({"destinationConfig": {"services": []}}, "services"),
    "service characters": ({"destinationConfig": {"services": ["S S H"]}}, "[a-zA-Z0-9:_-]+"),
    "empty service": ({"destinationConfig": {"services": [""]}}, "services"),
    "service of 129": ({"destinationConfig": {"services": ["x" * 129]}}, "128"),
    "same service twice": ({"destinationConfig": {"services": ["SSH", "SSH"]}}, "SSH"),
    "thing characters": ({"destinationConfig": {"thingName": "a/b", "services": ["SSH"]}}, "[a-zA-Z0-9:_-]+"),
    "thing of 129": ({"destinationConfig": {"thingName": "x" * 129, "services": ["SSH"]}}, "128"),
    "control character": ({"description": "a\tb"}, "description"),
    "empty description": ({"description": ""}, "description"),
    "description of 2049": ({"description": "x" * 2049}, "2048"),
    "201 tags": ({"tags": LONG_TAGS}, "200"),
    "tag without value": ({"tags": [{"key": "a"}]}, "value"),
    "tag characters": ({"tags": [{"key": "a%", "value": "b"}]}, "key"),
    "tag key of 129": ({"tags": [{"key": "x" * 129, "value": "b"}]}, "128"),
    "tag value of 257": ({"tags": [{"key": "a", "value": "x" * 257}]}, "256"),
    "aws tag": ({"tags": [{"key": "aws:a", "value": "b"}]}, "aws:"),
}


@pytest.mark.parametrize("case", BAD_OPEN)
def test_open_tunnel_refuses(server, case):
    wish, named = BAD_OPEN[case]
    code, message, status = fault(server.api.open_tunnel, **wish)
    assert (code, status) == ("ValidationException", 400)
    assert named in message, message


def test_several_mistakes_are_told_at_once(server):
    _, message, _ = fault(
        server.api.open_tunnel, description="x" * 2049, timeoutConfig={"maxLifetimeTimeoutMinutes": 9999}
    )
    assert message.startswith("2 validation errors detected: ")
    assert "description" in message and "timeoutConfig.maxLifetimeTimeoutMinutes" in message
    assert "9999" in message and "less than or equal to 720" in message


def test_limits_are_another_error(server):
    code, message, status = fault(server.api.open_tunnel, destinationConfig={"services": ["a", "b", "c", "d"]})
    assert (code, status) == ("LimitExceededException", 400) and "3" in message
    code, message, _ = fault(server.api.open_tunnel, tags=LONG_TAGS[:51])
    assert code == "LimitExceededException" and "50" in message


def test_largest_allowed_values(server):
    tunnel = server.api.open_tunnel(
        description="ä" * 2048,
        tags=[{"key": "ключ" + "x" * (124 - len(str(i))) + str(i), "value": "y" * 256} for i in range(50)],
        destinationConfig={"thingName": "x" * 128, "services": ["a" * 128, "b:_-9", "c"]},
        timeoutConfig={"maxLifetimeTimeoutMinutes": 720},
    )
    got = server.describe(tunnel["tunnelId"])
    assert got["description"] == "ä" * 2048 and len(got["tags"]) == 50
    code, _, _ = fault(server.api.tag_resource, resourceArn=tunnel["tunnelArn"], tags=[{"key": "more", "value": ""}])
    assert code in ("LimitExceededException", "ValidationException")
    server.api.tag_resource(resourceArn=tunnel["tunnelArn"], tags=[got["tags"][0] | {"value": "new"}])


def test_quota_of_open_tunnels(new_server):
    server = new_server(**{"tunnel.max-open-tunnels": 2})
    first = server.open()
    server.open()
    code, message, _ = fault(server.api.open_tunnel)
    assert code == "LimitExceededException" and "2" in message
    server.api.close_tunnel(tunnelId=first.id)
    server.open()


@pytest.mark.parametrize("operation", ["describe_tunnel", "close_tunnel", "rotate_tunnel_access_token"])
def test_bad_tunnel_ids(server, operation):
    more = {"clientMode": "ALL"} if operation.startswith("rotate") else {}
    call = getattr(server.api, operation)
    assert fault(call, tunnelId="no-such-tunnel", **more)[::2] == ("ResourceNotFoundException", 400)
    assert fault(call, tunnelId="a/b", **more)[0] == "ValidationException"
    assert fault(call, tunnelId="x" * 129, **more)[0] == "ValidationException"
    assert fault(call, **more)[0] == "ValidationException"


def test_bad_client_mode(server):
    tunnel = server.open()
    code, message, _ = fault(server.api.rotate_tunnel_access_token, tunnelId=tunnel.id, clientMode="BOTH")
    assert code == "ValidationException" and "ALL" in message and "DESTINATION" in message


@pytest.mark.parametrize("size", [0, 101, -1])
def test_bad_page_size(server, size):
    assert fault(server.api.list_tunnels, maxResults=size)[0] == "ValidationException"


@pytest.mark.parametrize("arn", [
    "arn:aws:iot:us-east-1:123456789012:tunnel/none",
    "arn:aws:iot:us-east-1:123456789012:thing/x",
    "arn:aws:iot:us-east-1:210987654321:tunnel/none",
    "nonsense",
])
def test_tags_of_something_else(server, arn):
    for call, more in (("list_tags_for_resource", {}), ("tag_resource", {"tags": [{"key": "a", "value": "b"}]}), ("untag_resource", {"tagKeys": ["a"]})):
        assert fault(getattr(server.api, call), resourceArn=arn, **more)[0] in ("ResourceNotFoundException", "ValidationException")


# Signatures: 400 where the protocol is JSON 1.1, 403 where it is REST or query


def test_wrong_secret(server):
    assert fault(server.boto(secret="wrong" * 8).open_tunnel)[::2] == ("InvalidSignatureException", 400)
    assert fault(server.boto("iot", secret="wrong" * 8).list_things)[::2] == ("InvalidSignatureException", 403)


def test_unknown_key(server):
    code, message, status = fault(server.boto(key="AKIAUNKNOWNUNKNOWN00").open_tunnel)
    assert (code, status) == ("UnrecognizedClientException", 400)
    assert fault(server.boto("iot", key="AKIAUNKNOWNUNKNOWN00").list_things) == (code, message, 403)
    assert message == "The security token included in the request is invalid."


def test_wrong_secret_with_the_real_program(server):
    refused = server.aws("iotsecuretunneling", "list-tunnels", ok=False, env={"AWS_SECRET_ACCESS_KEY": "wrong" * 8})
    assert refused.code in (254, 255) and "InvalidSignatureException" in refused.err


def test_unsigned_with_the_real_program(server):
    refused = server.aws("iotsecuretunneling", "list-tunnels", "--no-sign-request", ok=False)
    assert refused.code in (254, 255) and "MissingAuthenticationTokenException" in refused.err


BODY = b"{}"


def signed(server, operation="ListTunnels", body=BODY, service="IoTSecuredTunneling", region="us-east-1", presign=False, when=None,
           method="POST", path="/", headers=None, auth=None):
    """A request signed by botocore, for changing it afterwards."""
    import botocore.auth

    base = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"IoTSecuredTunneling.{operation}"} if headers is None else headers
    request = AWSRequest(method, server.url + path, headers=dict(base), data=body)
    credentials = auth or Credentials(server.env["AWS_ACCESS_KEY_ID"], server.env["AWS_SECRET_ACCESS_KEY"])
    signer = SigV4QueryAuth(credentials, service, region, expires=60) if presign else SigV4Auth(credentials, service, region)
    if when is None:
        signer.add_auth(request)
    else:
        original = botocore.auth.get_current_datetime
        botocore.auth.get_current_datetime = lambda remove_tzinfo=True: when
        try:
            signer.add_auth(request)
        finally:
            botocore.auth.get_current_datetime = original
    return request


def send(server, request):
    """Status, headers and body, whatever the status."""
    context = ssl.create_default_context(cafile=str(server.ca))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    plain = urllib.request.Request(request.url, data=request.data or None, headers=dict(request.headers.items()), method=request.method)
    try:
        with opener.open(plain, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def code_of(server, request):
    status, headers, body = send(server, request)
    assert headers["x-amzn-RequestId"]
    if status == 200:
        return 200
    got = json.loads(body)
    assert headers["x-amzn-ErrorType"].split(":")[0] == got["__type"]
    assert got["message"]
    return status, got["__type"]


def now(**shift):
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(**shift)


def test_signed_by_hand(server):
    status, headers, body = send(server, signed(server))
    assert status == 200 and headers["Content-Type"] == "application/x-amz-json-1.1"
    assert re.fullmatch(UUID, headers["x-amzn-RequestId"])
    assert "tunnelSummaries" in json.loads(body)


@pytest.mark.parametrize("minutes", [-14, 14])
def test_clock_within_a_quarter_of_an_hour(server, minutes):
    assert code_of(server, signed(server, when=now(minutes=minutes))) == 200


@pytest.mark.parametrize("minutes, text", [(-16, "Signature expired"), (16, "Signature not yet current")])
def test_clock_skew(server, minutes, text):
    status, headers, body = send(server, signed(server, when=now(minutes=minutes)))
    assert status == 400 and text in json.loads(body)["message"]
    assert headers["x-amzn-ErrorType"].startswith("InvalidSignatureException")
    assert headers["Date"], "clients correct their clock by it"


def test_presigned(server):
    assert code_of(server, signed(server, presign=True)) == 200


def test_presigned_and_expired(server):
    status, kind = code_of(server, signed(server, presign=True, when=now(seconds=-90)))
    assert status == 400 and kind in ("InvalidSignatureException", "ExpiredTokenException")


def test_changed_body(server):
    request = signed(server)
    request.data = b'{"maxResults":1}'
    assert code_of(server, request) == (400, "InvalidSignatureException")


def test_changed_header(server):
    request = signed(server)
    request.headers.replace_header("X-Amz-Target", "IoTSecuredTunneling.OpenTunnel")
    assert code_of(server, request) == (400, "InvalidSignatureException")


def test_scope_of_another_service(server):
    assert code_of(server, signed(server, service="iot"))[0] in (400, 403)


def test_scope_is_case_sensitive(server):
    assert code_of(server, signed(server, service="iotsecuredtunneling"))[0] == 400


def test_unsigned(server):
    request = signed(server)
    del request.headers["Authorization"]
    assert code_of(server, request) == (400, "MissingAuthenticationTokenException")


@pytest.mark.parametrize("value", ["AWS4-HMAC-SHA256 nonsense", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=00"])
def test_malformed_authorization(server, value):
    request = signed(server)
    request.headers.replace_header("Authorization", value)
    status, kind = code_of(server, request)
    assert status in (400, 403) and kind == "IncompleteSignatureException"


def test_session_token_of_nobody(server):
    env = server.env
    auth = Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], "nonsense")
    assert code_of(server, signed(server, auth=auth)) == (400, "UnrecognizedClientException")


# Malformed requests


@pytest.mark.parametrize("body, kind", [
    (b"{", "SerializationException"), (b"[]", "SerializationException"), (b"\xff", "SerializationException"),
    (b'{"maxResults":"5"}', "SerializationException"), (b'{"thingName":5}', "SerializationException"),
])
def test_body_that_does_not_fit(server, body, kind):
    assert code_of(server, signed(server, body=body)) == (400, kind)


def test_unknown_members_and_nulls_are_ignored(server):
    assert code_of(server, signed(server, body=b'{"colour":"blue","thingName":null}')) == 200


def test_unknown_operation(server):
    assert code_of(server, signed(server, operation="DigTunnel")) == (400, "UnknownOperationException")


def test_no_target_and_no_known_path(server):
    status, kind = code_of(server, signed(server, headers={"Content-Type": "application/x-amz-json-1.1"}))
    assert status in (400, 403, 404) and kind


def test_body_over_the_limit(server):
    request = signed(server, body=b'{"description":"' + b"x" * (2 << 20) + b'"}')
    try:
        status, _, _ = send(server, request)
    except urllib.error.URLError:
        return
    assert status in (400, 413)


# sts, things, and what is not offered


def test_get_caller_identity(server):
    assert server.aws("sts", "get-caller-identity") == {
        "UserId": ACCOUNT, "Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root",
    }


def test_get_caller_identity_refused(server):
    assert fault(server.boto("sts", secret="wrong" * 8).get_caller_identity)[::2] == ("SignatureDoesNotMatch", 403)
    assert fault(server.boto("sts", key="AKIAUNKNOWNUNKNOWN00").get_caller_identity)[::2] == ("InvalidClientTokenId", 403)


def test_things_around_a_tunnel(server):
    made = server.aws("iot", "create-thing", "--thing-name", "RemoteThing1")
    assert made["thingArn"] == f"arn:aws:iot:us-east-1:{ACCOUNT}:thing/RemoteThing1"
    assert made["thingName"] == "RemoteThing1" and re.fullmatch(UUID, made["thingId"])
    server.aws("iotsecuretunneling", "open-tunnel", "--destination-config", "thingName=RemoteThing1,services=SSH")
    assert server.aws("iot", "describe-thing", "--thing-name", "RemoteThing1")["version"] == 1
    assert [t["thingName"] for t in server.aws("iot", "list-things")["things"]] == ["RemoteThing1"]
    server.aws("iot", "delete-thing", "--thing-name", "RemoteThing1")
    refused = server.aws("iot", "describe-thing", "--thing-name", "RemoteThing1", ok=False)
    assert f"Thing {ACCOUNT}:RemoteThing1 not found." in refused.err and "ResourceNotFoundException" in refused.err


def test_things(server):
    iot = server.boto("iot", region="eu-central-1")
    made = iot.create_thing(thingName="a:b", attributePayload={"attributes": {"colour": "red"}})
    assert iot.create_thing(thingName="a:b", attributePayload={"attributes": {"colour": "red"}})["thingId"] == made["thingId"]
    code, _, status = fault(iot.create_thing, thingName="a:b", attributePayload={"attributes": {"colour": "blue"}})
    assert (code, status) == ("ResourceAlreadyExistsException", 409)
    iot.update_thing(thingName="a:b", attributePayload={"attributes": {"size": "2"}, "merge": True}, expectedVersion=1)
    got = iot.describe_thing(thingName="a:b")
    assert (got["attributes"], got["version"]) == ({"colour": "red", "size": "2"}, 2)
    assert fault(iot.update_thing, thingName="a:b", expectedVersion=1)[::2] == ("VersionConflictException", 409)
    assert fault(iot.delete_thing, thingName="a:b", expectedVersion=7)[::2] == ("VersionConflictException", 409)
    assert fault(iot.describe_thing, thingName="none")[::2] == ("ResourceNotFoundException", 404)
    assert fault(iot.create_thing, thingName="a b")[::2] == ("InvalidRequestException", 400)
    iot.delete_thing(thingName="a:b", expectedVersion=2)
    iot.delete_thing(thingName="a:b")


def test_list_things_by_pages(server):
    iot = server.boto("iot", region="us-west-2")
    names = [f"lamp{i}" for i in range(7)]
    for name in names:
        iot.create_thing(thingName=name, attributePayload={"attributes": {"floor": "1" if name < "lamp3" else "2"}})
    pages = iot.get_paginator("list_things").paginate(PaginationConfig={"PageSize": 3})
    assert [t["thingName"] for page in pages for t in page["things"]] == names
    chosen = iot.list_things(attributeName="floor", attributeValue="1")["things"]
    assert [t["thingName"] for t in chosen] == names[:3]


@pytest.mark.parametrize("service, operation, more", [
    ("iot", "list_billing_groups", {}),
    ("iot-jobs-data", "get_pending_job_executions", {"thingName": "x"}),
    ("iot", "search_index", {"queryString": "*"}),
])
def test_what_is_not_offered_says_so_by_name(server, service, operation, more):
    code, message, status = fault(getattr(server.boto(service), operation), **more)
    name = "".join(part.title() for part in operation.split("_"))
    assert name in message and "does not offer" in message, (code, message, status)
    assert 400 <= status <= 501


def test_any_account_switch(new_server, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("one secret for all\n")
    server = new_server(**{"test.any-account-secret-file": str(secret)})
    clients = {a: server.boto(key=a, secret="one secret for all") for a in ("111111111111", "222222222222")}
    made = {a: c.open_tunnel()["tunnelArn"] for a, c in clients.items()}
    for account, client in clients.items():
        assert f":{account}:" in made[account]
        assert [t["tunnelArn"] for t in client.list_tunnels()["tunnelSummaries"]] == [made[account]]
    assert fault(server.boto(key="333333333333", secret="other").open_tunnel)[0] == "InvalidSignatureException"
    assert server.boto("sts", key="111111111111", secret="one secret for all").get_caller_identity()["Account"] == "111111111111"


def test_any_account_switch_is_off(server):
    assert fault(server.boto(key="111111111111", secret="test").open_tunnel)[0] == "UnrecognizedClientException"
