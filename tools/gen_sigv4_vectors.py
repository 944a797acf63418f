#!/usr/bin/env python3
"""Writes crates/aws/tests/vectors/sigv4.json: requests signed by botocore at a fixed time.

    pip install -r tools/requirements.txt
    python tools/gen_sigv4_vectors.py

Two kinds. `suite`: requests of AWS's public Signature Version 4 test suite, rebuilt; where its signature is known by
heart it is compared with what botocore makes. `calls`: what botocore's clients put on the wire for an operation, with
the input that must come out again.
"""

import base64
import datetime
import itertools
import json
import pathlib
import uuid
from unittest import mock
from urllib.parse import urlsplit

import botocore.session
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

OUT = pathlib.Path(__file__).resolve().parent.parent / "crates/aws/tests/vectors/sigv4.json"
NOW = datetime.datetime(2015, 8, 30, 12, 36, tzinfo=datetime.timezone.utc)
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "AQoEXAMPLEH4aoAH0gNCAPy//token+with/all=kinds=="
UNSENT = {"user-agent", "connection", "accept-encoding", "content-length", "expect"}

# name, method, path and query, headers, body, the suite's signature where known
SUITE = [
    ("get-vanilla", "GET", "/", [], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("post-vanilla", "POST", "/", [], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ("get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", [], "",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    ("get-vanilla-query-order-value", "GET", "/?Param1=value2&Param1=value1", [], "",
     "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"),
    ("get-vanilla-query-unreserved", "GET", "/?-._~0123456789ABCXYZabcxyz=-._~0123456789ABCXYZabcxyz", [], "", None),
    ("get-vanilla-empty-query-key", "GET", "/?Param1=value1", [], "",
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
    ("get-query-empty-value", "GET", "/?Param1=&Param2", [], "", None),
    ("get-query-encoded", "GET", "/?a=%E1%88%B4&a=%20&b%2Fc=%2B%3D", [], "", None),
    ("get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", [], "",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
    ("get-utf8", "GET", "/\u1234", [], "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    ("get-header-key-duplicate", "GET", "/", [("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")],
     "", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
    ("get-header-value-order", "GET", "/", [("My-Header1", v) for v in ("value4", "value1", "value3", "value2")], "", None),
    ("get-header-value-trim", "GET", "/", [("My-Header1", " value1"), ("My-Header2", ' "a   b   c"')], "",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
    ("post-header-key-sort", "POST", "/", [("My-Header1", "value1")], "",
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"),
    ("post-x-www-form-urlencoded", "POST", "/", [("Content-Type", "application/x-www-form-urlencoded")], "Param1=value1",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
    ("date-header", "GET", "/?a=b", [("Date", "Sun, 30 Aug 2015 12:36:00 GMT")], "", None),
]

CERT = "arn:aws:iot:eu-central-1:123456789012:cert/" + "0123456789abcdef" * 4
TUNNEL = "arn:aws:iot:eu-central-1:123456789012:tunnel/01234567-89ab-4cde-8f01-23456789abcd"
CALLS = [
    ("iot", "CreateThing", {"thingName": "lamp:1_a-b", "attributePayload": {"attributes": {"Wattage": "9", "a/b": "c=d"}}}),
    ("iot", "DescribeThing", {"thingName": "lamp:1"}),
    ("iot", "UpdateThing", {"thingName": "lamp", "removeThingType": True, "attributePayload": {"merge": False}}),
    ("iot", "DeleteThing", {"thingName": "lamp", "expectedVersion": 3}),
    ("iot", "ListThings", {"attributeName": "a", "attributeValue": "x=y#[/@,:]", "usePrefixAttributeValue": True}),
    ("iot", "ListThings", {"nextToken": "ab+/cd==", "maxResults": 7}),
    ("iot", "AttachPolicy", {"policyName": "p", "target": CERT}),
    ("iot", "ListAttachedPolicies", {"target": CERT, "recursive": False, "pageSize": 5}),
    ("iot", "AttachThingPrincipal", {"thingName": "lamp", "principal": CERT}),
    ("iot", "AttachPrincipalPolicy", {"policyName": "p", "principal": "eu-central-1:0-1-2"}),
    ("iot", "CreatePolicy", {"policyName": "p", "policyDocument": '{"Version":"2012-10-17","Statement":[]}',
                             "tags": [{"Key": "où", "Value": "là"}]}),
    ("iot", "UpdateCertificate", {"certificateId": "ab" * 32, "newStatus": "INACTIVE"}),
    ("iot", "CreateTopicRule", {"ruleName": "r", "tags": "a=b&c=d", "topicRulePayload": {
        "sql": "SELECT * FROM 'a/b'",
        "actions": [{"republish": {"roleArn": "arn:aws:iam::123456789012:role/r", "topic": "c"}}]}}),
    ("iot", "ConfirmTopicRuleDestination", {"confirmationToken": "AYADeIcmtq-Z/x"}),
    ("iot", "ListTagsForResource", {"resourceArn": CERT}),
    ("iot", "DescribeJobExecution", {"jobId": "j", "thingName": "lamp", "executionNumber": 2}),
    ("iot", "DescribeEndpoint", {}),
    ("iot-jobs-data", "DescribeJobExecution", {"jobId": "$next", "thingName": "lamp", "includeJobDocument": True}),
    ("iot-jobs-data", "StartNextPendingJobExecution", {"thingName": "lamp", "statusDetails": {"a": "b"}}),
    ("iot-data", "Publish", {"topic": "a/b c/ü//d", "qos": 1, "payload": b"\x00\xff\xfe", "contentType": "text/x y",
                             "responseTopic": "r/ü &=+~*'",
                             "userProperties": '[{"a":"b"}]'}),
    ("iot-data", "GetThingShadow", {"thingName": "lamp", "shadowName": "n"}),
    ("iot-data", "UpdateThingShadow", {"thingName": "lamp", "payload": b'{"state":{}}'}),
    ("iot-data", "GetRetainedMessage", {"topic": "a/b"}),
    ("iotsecuretunneling", "OpenTunnel", {"description": "für später", "tags": [{"key": "a", "value": ""}],
                                          "destinationConfig": {"thingName": "lamp", "services": ["SSH", "RDP"]},
                                          "timeoutConfig": {"maxLifetimeTimeoutMinutes": 60}}),
    ("iotsecuretunneling", "OpenTunnel", {}),
    ("iotsecuretunneling", "ListTunnels", {"maxResults": 10}),
    ("iotsecuretunneling", "CloseTunnel", {"tunnelId": "01234567-89ab-4cde-8f01-23456789abcd", "delete": True}),
    ("iotsecuretunneling", "RotateTunnelAccessToken", {"tunnelId": "t", "clientMode": "ALL"}),
    ("iotsecuretunneling", "UntagResource", {"resourceArn": TUNNEL, "tagKeys": ["a", "b"]}),
    ("sts", "GetCallerIdentity", {}),
]
PRESIGNED = [
    ("sts", "GetCallerIdentity", {}),
    ("iot", "DescribeThing", {"thingName": "lamp:1"}),
    ("iot", "ListThings", {"attributeName": "a", "attributeValue": "b,c/d#"}),
    ("iot-data", "GetThingShadow", {"thingName": "lamp"}),
]


def vector(name, method, url, headers, body, token, **more):
    parts = urlsplit(url)
    given = [[key.lower(), value] for key, value in headers if key.lower() not in UNSENT]
    if all(key != "host" for key, _ in given):
        given.append(["host", parts.netloc])
    return {
        "name": name, "method": method, "path": parts.path, "query": parts.query,
        "headers": sorted(given, key=lambda header: header[0]), "body": base64.b64encode(body).decode(), "token": token, **more,
    }


def suite():
    for presigned, (name, method, target, headers, body, known) in itertools.product([False, True], SUITE):
        if presigned and (body or "date" in name or "?" in target or name.startswith("get-header")):
            continue
        for token in (None, TOKEN):
            request = AWSRequest(method, "https://example.amazonaws.com" + target, data=body.encode())
            for key, value in headers:
                request.headers.add_header(key, value)
            signer = SigV4QueryAuth if presigned else SigV4Auth
            signer(Credentials(KEY, SECRET, token), "service", "us-east-1").add_auth(request)
            signature = request.headers.get("Authorization", "").rpartition("=")[2]
            if known and not token and not presigned:
                assert signature == known, (name, signature)
            title = name + "-presigned" * presigned + "-token" * bool(token)
            yield vector(title, method, request.url, request.headers.items(), body.encode(), token)


def wire(value):
    """As the binder gives it back: bytes are base64."""
    return {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in value.items()}


def client(service, token):
    session = botocore.session.Session()
    session.set_credentials(KEY, SECRET, token)
    return session.create_client(
        service, "eu-central-1", endpoint_url="http://127.0.0.1:8443",
        config=Config(parameter_validation=False, retries={"max_attempts": 0}, inject_host_prefix=False),
    )


class Sent(Exception):
    pass


def calls():
    for token, (service, operation, given) in itertools.product([None, TOKEN], CALLS):
        made = client(service, token)

        def stop(request, **_):
            raise Sent(request)

        made.meta.events.register("before-send", stop)
        try:
            made._make_api_call(operation, dict(given))
        except Sent as sent:
            request = sent.args[0]
        headers = [(k, v.decode() if isinstance(v, bytes) else str(v)) for k, v in request.headers.items()]
        body = request.body or b""
        body = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else body.read()
        name = f"{service}-{operation}" + "-token" * bool(token)
        yield vector(name, request.method, request.url, headers, body, token,
                     service=service, operation=operation, input=wire(given))
    for token, (service, operation, given) in itertools.product([None, TOKEN], PRESIGNED):
        made = client(service, token)
        made.meta.method_to_api_mapping[operation] = operation
        url = made.generate_presigned_url(operation, Params=given, ExpiresIn=60, HttpMethod="GET")
        name = f"{service}-{operation}-presigned" + "-token" * bool(token)
        yield vector(name, "GET", url, [], b"", token, service=service, operation=operation, input=wire(given))


def main():
    numbers = (uuid.UUID(int=number) for number in itertools.count(1))
    clock = lambda remove_tzinfo=True: NOW.replace(tzinfo=None) if remove_tzinfo else NOW  # noqa: E731
    with mock.patch("botocore.auth.get_current_datetime", clock), mock.patch("uuid.uuid4", lambda: next(numbers)):
        vectors = {
            "comment": "Made by tools/gen_sigv4_vectors.py with botocore " + botocore.__version__ + "; bodies are base64.",
            "key": KEY, "secret": SECRET, "now": int(NOW.timestamp()),
            "suite": list(suite()), "calls": list(calls()),
        }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("{\n" + ",\n".join(f'"{name}": {lines(value)}' for name, value in vectors.items()) + "\n}\n")


def lines(value):
    """JSON, a list with one line for each entry."""
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(lines, value)) + "\n]"
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
