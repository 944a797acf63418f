"""A tunnel ends by itself when its lifetime is over, also when the server was down at that moment.

spec: secure-tunneling §1.4, §2.4
"""

import time

import pytest
import wire
from harness import wait_for
from test_tokens import INVALID, refusal
from wire import connect


@pytest.mark.timeout(150)
def test_lifetime_of_one_minute(new_server, proxies, service):
    """One minute is the shortest lifetime there is; everything about it is looked at in the same minute."""
    server = new_server(**{"tunnel.retention": "10s"})
    live, away, rotated = server.open("SSH", minutes=1), server.open("SSH", minutes=1), server.open("SSH", minutes=1)
    began = time.monotonic()
    target = service()
    destination = proxies.destination(server, live.destination, f"SSH={target.port}")
    with connect(server, "source", live.source) as source:
        assert source.recv().type == wire.SERVICE_IDS
        server.wait_states(live, "CONNECTED", "CONNECTED")
        assert server.describe(live)["timeoutConfig"] == {"maxLifetimeTimeoutMinutes": 1}
        new = server.api.rotate_tunnel_access_token(tunnelId=rotated.id, clientMode="ALL")
        while time.monotonic() - began < 50:
            source.settle()
            time.sleep(5)
        assert server.describe(live)["status"] == "OPEN"
        closed = source.expect_close()
        took = time.monotonic() - began
        assert closed.code == 1000 and closed.reason
        assert 55 < took < 66, f"closed after {took:.1f} s"
    assert destination.wait_exit() == 0
    for tunnel in (live, away, rotated):
        got = wait_for(lambda t=tunnel: (d := server.describe(t))["status"] == "CLOSED" and d, "the tunnel is closed")
        assert got["sourceConnectionState"]["status"] == got["destinationConnectionState"]["status"] == "DISCONNECTED"
    assert refusal(server, "source", away.source) == (403, INVALID)
    assert refusal(server, "source", new["sourceAccessToken"]) == (403, INVALID), "rotation does not lengthen a life"

    def forgotten():
        return not server.api.list_tunnels()["tunnelSummaries"]

    wait_for(forgotten, "closed tunnels are forgotten after the retention period", 30, pause=0.5)


@pytest.mark.timeout(150)
def test_lifetime_goes_on_while_the_server_is_down(new_server):
    server = new_server()
    tunnel, longer = server.open("SSH", minutes=1), server.open("SSH", minutes=2)
    began = time.monotonic()
    server.kill()
    time.sleep(max(0, 61 - (time.monotonic() - began)))
    server.restart()
    assert server.describe(tunnel)["status"] == "CLOSED"
    assert server.describe(longer)["status"] == "OPEN"
    assert refusal(server, "source", tunnel.source) == (403, INVALID)
    connect(server, "source", longer.source).close()
