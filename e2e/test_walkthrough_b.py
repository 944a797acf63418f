"""Walkthrough B, steps 1 to 3: recover a connection by rotating tokens.

spec: secure-tunneling §2.3, §2.4
"""

import pytest
from harness import ask, ended, dial, free_port, read_exactly
from test_tokens import INVALID, MISMATCH, USED, refusal

REJECTED = "Proxy server rejected web socket upgrade request: (HTTP/1.1 {}) \"{}\""


def test_1_a_token_used_twice(server, proxies, service):
    tunnel = server.open("SSH")
    proxies.source(server, tunnel.source, f"SSH={free_port()}")
    second = proxies.source(server, tunnel.source, f"SSH={free_port()}", wait=False)
    second.wait_text(REJECTED.format("400 Bad Request", USED))
    second.wait_exit()


def test_1_also_after_the_first_has_left(server, proxies):
    tunnel = server.open("SSH")
    first = proxies.source(server, tunnel.source, f"SSH={free_port()}")
    first.kill()
    second = proxies.source(server, tunnel.source, f"SSH={free_port()}", wait=False)
    second.wait_text(USED)
    second.wait_exit()


def test_2_same_client_token_then_another(server, proxies, service):
    tunnel, target, port = server.open("SSH"), service(), free_port()
    proxies.destination(server, tunnel.destination, f"SSH={target.port}")
    first = proxies.source(server, tunnel.source, f"SSH={port}", "-i", "a" * 32)
    first.kill()
    again = proxies.source(server, tunnel.source, f"SSH={port}", "-i", "a" * 32)
    assert ask(port, b"works") == b"works"
    other = proxies.source(server, tunnel.source, f"SSH={free_port()}", "-i", "b" * 32, wait=False)
    other.wait_text(REJECTED.format("400 Bad Request", MISMATCH))
    other.wait_exit()
    assert again.running()
    in_environment = proxies.source(server, tunnel.source, f"SSH={free_port()}", env={"AWSIOT_TUNNEL_CLIENT_TOKEN": "a" * 32})
    assert again.wait_exit() == 0, "replaced by the newer one"
    assert in_environment.running()


def test_3_rotate_the_source(server, proxies, service):
    tunnel, target = server.open("SSH"), service()
    lifetime = server.describe(tunnel)["timeoutConfig"], server.describe(tunnel)["createdAt"]
    device = proxies.destination(server, tunnel.destination, f"SSH={target.port}")
    port = free_port()
    proxies.source(server, tunnel.source, f"SSH={port}").kill()
    got = server.aws("iotsecuretunneling", "rotate-tunnel-access-token", "--tunnel-id", tunnel.id, "--client-mode", "SOURCE")
    assert set(got) == {"sourceAccessToken", "tunnelArn"} and got["tunnelArn"] == tunnel.arn
    old = proxies.source(server, tunnel.source, f"SSH={port}", wait=False)
    old.wait_text(REJECTED.format("403 Forbidden", INVALID))
    old.wait_exit()
    new = proxies.source(server, got["sourceAccessToken"], f"SSH={port}")
    assert ask(port, b"again") == b"again"
    assert new.running() and device.running(), "the destination was not disturbed"
    after = server.describe(tunnel)
    assert (after["timeoutConfig"], after["createdAt"]) == lifetime, "rotation does not lengthen the life"


def test_3_rotate_all(server, proxies, service):
    tunnel, target, port = server.open("SSH"), service(), free_port()
    proxies.destination(server, tunnel.destination, f"SSH={target.port}")
    proxies.source(server, tunnel.source, f"SSH={port}")
    with dial(port) as session:
        session.sendall(b"old")
        assert read_exactly(session, 3) == b"old"
        got = server.api.rotate_tunnel_access_token(tunnelId=tunnel.id, clientMode="ALL")
        session.sendall(b"goes on")
        assert read_exactly(session, 7) == b"goes on"
        assert refusal(server, "destination", tunnel.destination) == (403, INVALID)
        proxies.destination(server, got["destinationAccessToken"], f"SSH={target.port}")
        assert ended(session), "its device side was replaced"
    other = free_port()
    proxies.source(server, got["sourceAccessToken"], f"SSH={other}")
    assert ask(other, b"new") == b"new"


@pytest.mark.parametrize("mode", ["DESTINATION", "ALL"])
def test_4_rotation_with_a_destination(server, mode):
    """The notification itself comes with the broker; the call and its answer are the same already."""
    tunnel = server.open("SSH", thing="T")
    got = server.aws(
        "iotsecuretunneling", "rotate-tunnel-access-token", "--tunnel-id", tunnel.id, "--client-mode", mode,
        "--destination-config", "thingName=T,services=SSH",
    )
    assert "destinationAccessToken" in got
