"""The upgrade request of a tunnel connection, right and wrong.

spec: secure-tunneling §2.5, §4.1, §4.2, §11 point 1
"""

import re
import ssl

import pytest
import wire
from test_tokens import refusal
from wire import V1, V2, V3, Refused, connect


def test_token_in_a_header(server):
    with connect(server, "source", server.open("SSH").source) as socket:
        assert socket.recv().services == ["SSH"]


def test_token_in_a_cookie(server):
    with connect(server, "source", cookie=server.open("SSH").source) as socket:
        assert socket.recv().services == ["SSH"]


def test_token_in_one_of_several_cookies(server):
    token = server.open("SSH").source
    with connect(server, "source", extra=[("Cookie", f"theme=dark; awsiot-tunnel-token={token}; a=b")]) as socket:
        assert socket.recv().services == ["SSH"]


def test_no_token(server):
    status, body = refusal(server, "source")
    assert status == 400 and "token" in body.lower()


def test_header_and_cookie_together(server):
    tunnel = server.open("SSH")
    status, body = refusal(server, "source", tunnel.source, cookie=tunnel.source)
    assert status == 400 and "token" in body.lower()
    connect(server, "source", tunnel.source).close()


def test_two_token_headers(server):
    tunnel = server.open("SSH")
    assert refusal(server, "source", [tunnel.source, tunnel.source])[0] == 400
    connect(server, "source", tunnel.source).close()


def test_two_client_tokens(server):
    tunnel = server.open("SSH")
    assert refusal(server, "source", tunnel.source, ["a" * 32, "b" * 32])[0] == 400
    connect(server, "source", tunnel.source).close()


@pytest.mark.parametrize("given", ["a" * 31, "a" * 129, "a" * 31 + "_", "a" * 32 + "!", "ä" * 32])
def test_malformed_client_token(server, given):
    status, body = refusal(server, "source", server.open("SSH").source, [given.encode().decode("latin-1")])
    assert status == 400 and "client" in body.lower()


@pytest.mark.parametrize("given", ["a" * 32, "Z-9" * 42 + "ab"])
def test_longest_and_shortest_client_token(server, given):
    connect(server, "source", server.open("SSH").source, given).close()


@pytest.mark.parametrize("query", ["", "?local-proxy-mode=", "?local-proxy-mode=client", "?local-proxy-mode=SOURCE", "?mode=source"])
def test_bad_mode(server, query):
    status, body = refusal(server, "source", server.open("SSH").source, query=query)
    assert status == 400
    assert "local-proxy-mode" in body or ("source" in body and "destination" in body), "the text says what is allowed"


def test_wrong_path(server):
    token = server.open("SSH").source
    for path in ("/tunnel/", "/tunnels", "/"):
        assert refusal(server, "source", token, path=path)[0] == 400
    connect(server, "source", token).close()


@pytest.mark.parametrize("protocol", [V1, V2, V3, wire.SECURED])
def test_each_subprotocol_is_echoed_as_spelled(server, protocol):
    with connect(server, "destination", server.open("SSH").destination, protocols=protocol) as socket:
        assert socket.headers["sec-websocket-protocol"] == protocol


@pytest.mark.parametrize(
    "offer, chosen",
    [(f"{V1}, {V2}, {V3}", V3), (f"{V2},{V1}", V2), (f"chat, {wire.SECURED}", wire.SECURED), (f"aws.iot.securetunneling-4.0, {V2}", V2)],
)
def test_highest_offered_subprotocol_wins(server, offer, chosen):
    with connect(server, "source", server.open("SSH").source, protocols=offer) as socket:
        assert socket.headers["sec-websocket-protocol"] == chosen


@pytest.mark.parametrize("offer", [None, "chat", "aws.iot.securetunneling-4.0", "aws.iot.securedtunneling-3.0"])
def test_no_acceptable_subprotocol(server, offer):
    status, body = refusal(server, "source", server.open("SSH").source, protocols=offer)
    assert status == 400
    assert V3 in body, "the text says what is allowed"


def test_answer_of_an_accepted_upgrade(server):
    tunnel = server.open("SSH")
    with connect(server, "source", tunnel.source, extra=[("Sec-WebSocket-Extensions", "permessage-deflate")]) as a:
        with connect(server, "destination", tunnel.destination) as b:
            for each in (a, b):
                assert re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{16}-[0-9a-f]{8}", each.headers["channel-id"])
                assert each.headers["upgrade"].lower() == "websocket"
                assert each.headers["connection"].lower() == "upgrade"
                assert "sec-websocket-extensions" not in each.headers
                assert "date" in each.headers
            assert a.headers["channel-id"] != b.headers["channel-id"]


def test_request_larger_than_4096_bytes(server):
    tunnel = server.open("SSH")
    assert refusal_status(server, tunnel.source, "x" * 4096) in (400, 431)
    connect(server, "source", tunnel.source, extra=[("X-Fill", "x" * 2500)]).close()


def refusal_status(server, token, filling):
    with pytest.raises(Refused) as caught:
        connect(server, "source", token, extra=[("X-Fill", filling)]).close()
    return caught.value.status


@pytest.mark.parametrize("change", [("Sec-WebSocket-Version", "8"), ("Sec-WebSocket-Key", "short"), ("Upgrade", "h2c")])
def test_not_a_websocket(server, change):
    token = server.open("SSH").source
    name, value = change
    base = {
        "Upgrade": "websocket", "Connection": "upgrade", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": V3, "access-token": token,
    }
    base[name] = value
    stream = wire.tls("localhost", server.port, server.ca)
    with stream:
        stream.sendall(wire.request_bytes("source", base.items()))
        status, _, _ = wire.read_head(stream)
    assert status in (400, 426)
    connect(server, "source", token).close()


def test_post_is_not_an_upgrade(server):
    token = server.open("SSH").source
    assert refusal_of_method(server, token) in (400, 405)
    connect(server, "source", token).close()


def refusal_of_method(server, token):
    with pytest.raises(Refused) as caught:
        connect(server, "source", token, method="POST").close()
    return caught.value.status


def test_host_and_origin_are_not_checked(server):
    tunnel = server.open("SSH")
    with connect(server, "source", tunnel.source, extra=[("Origin", "https://example.com")]):
        pass
    stream = wire.tls("localhost", server.port, server.ca)
    with stream:
        headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                   ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Protocol", V3), ("Access-Token", tunnel.destination)]
        stream.sendall(wire.request_bytes("destination", headers, host="data.tunneling.iot.us-east-1.amazonaws.com"))
        assert wire.read_head(stream)[0] == 101


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_versions(server, version):
    with wire.tls("localhost", server.port, server.ca, version=version) as stream:
        assert stream.version() == version.name.replace("_", ".")


def test_http_2_is_never_chosen(server):
    with wire.tls("localhost", server.port, server.ca, alpn=["h2", "http/1.1"]) as stream:
        assert stream.selected_alpn_protocol() in (None, "http/1.1")


def test_certificate_covers_the_loopback_addresses(server):
    for host in ("localhost", "127.0.0.1"):
        wire.tls(host, server.port, server.ca).close()


def test_refusals_are_cheap_and_quiet(server):
    """A device client tries again for ever with tokens long gone; §11 point 14."""
    before = len(server.logs())
    for _ in range(100):
        assert refusal(server, "destination", "gone", "a" * 36)[0] == 403
    lines = [line for line in server.logs()[before:].splitlines() if "WARN" in line or "ERROR" in line]
    assert not lines, lines[:3]
