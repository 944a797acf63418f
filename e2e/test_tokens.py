"""Who may join a tunnel with which token: every cell of the acceptance table, and the text of every refusal.

spec: secure-tunneling §2.3, §2.4, §2.5
"""

import threading
import uuid

import pytest
import wire
from wire import Refused, connect

USED = "Invalid access token: The access token was previously used and cannot be used again"
MISMATCH = "Invalid client token: The provided client token does not match the client token that was previously set."
INVALID = "Invalid access-token"
AUTO = "adit-auto-"


def client_token():
    return str(uuid.uuid4())


def automatic():
    return AUTO + uuid.uuid4().hex


def refusal(server, *args, **kwargs):
    with pytest.raises(Refused) as caught:
        connect(server, *args, **kwargs).close()
    refused = caught.value
    assert refused.headers["content-type"].startswith("text/plain")
    assert int(refused.headers["content-length"]) == len(refused.body)
    assert refused.headers["channel-id"]
    return refused.status, refused.body.rstrip("\n")


@pytest.fixture(params=["source", "destination"])
def side(request):
    return request.param


@pytest.fixture
def token(server, side):
    return getattr(server.open("SSH"), side)


def test_fresh_token_alone_is_accepted_and_consumed(server, side, token):
    connect(server, side, token).close()
    assert refusal(server, side, token) == (400, USED)


def test_consumed_token_is_refused_with_a_client_token_too(server, side, token):
    connect(server, side, token).close()
    assert refusal(server, side, token, client_token()) == (400, USED)


def test_consumed_token_is_refused_while_its_connection_lives(server, side, token):
    with connect(server, side, token) as first:
        assert refusal(server, side, token) == (400, USED)
        first.settle()


def test_bound_token_is_accepted_again_with_the_same_client_token(server, side, token):
    mine = client_token()
    for _ in range(3):
        connect(server, side, token, mine).close()


def test_bound_token_replaces_the_live_connection(server, side, token):
    mine = client_token()
    with connect(server, side, token, mine) as first, connect(server, side, token, mine) as second:
        closed = first.expect_close()
        assert (closed.code, closed.reason) == (1008, "Connection is replaced by another connection")
        second.settle()


def test_bound_token_without_client_token_is_a_mismatch(server, side, token):
    connect(server, side, token, client_token()).close()
    assert refusal(server, side, token) == (400, MISMATCH)


def test_bound_token_with_another_client_token_is_a_mismatch(server, side, token):
    connect(server, side, token, client_token()).close()
    assert refusal(server, side, token, client_token()) == (400, MISMATCH)


def test_client_token_bound_to_another_token_of_an_open_tunnel_is_a_mismatch(server, side, token):
    mine = client_token()
    other = server.open("SSH")
    connect(server, "source", other.source, mine).close()
    assert refusal(server, side, token, mine) == (400, MISMATCH)
    connect(server, side, token, client_token()).close()


def test_client_token_of_a_closed_tunnel_is_free_again(server, side, token):
    mine = client_token()
    other = server.open("SSH")
    connect(server, "source", other.source, mine).close()
    server.api.close_tunnel(tunnelId=other.id)
    connect(server, side, token, mine).close()


def test_automatic_client_token_reconnects_and_everything_else_is_used(server, side, token):
    mine = automatic()
    connect(server, side, token, mine).close()
    connect(server, side, token, mine).close()
    for other in (None, automatic(), client_token()):
        assert refusal(server, side, token, other) == (400, USED)
    connect(server, side, token, mine).close()


def test_failed_upgrades_do_not_consume_the_token(server, side, token):
    other = "destination" if side == "source" else "source"
    assert refusal(server, other, token)[0] == 403
    assert refusal(server, side, token, path="/tunnels")[0] in (400, 404)
    assert refusal(server, side, token, protocols="chat")[0] == 400
    assert refusal(server, side, token, protocols=None)[0] == 400
    assert refusal(server, side, token, client_token="short")[0] == 400
    assert refusal(server, "both", token)[0] == 400
    connect(server, side, token).close()


def test_wrong_mode_does_not_reveal_the_right_one(server, side, token):
    other = "destination" if side == "source" else "source"
    assert refusal(server, other, token) == (403, INVALID)


@pytest.mark.parametrize("given", ["AQGAAXgarbage", "x", "A" * 1023, "adit" * 20])
def test_garbage_is_refused(server, given):
    assert refusal(server, "source", given) == (403, INVALID)
    assert refusal(server, "source", given, client_token()) == (403, INVALID)


@pytest.mark.parametrize("rotated", ["SOURCE", "DESTINATION", "ALL"])
def test_rotated_token_is_refused_and_the_new_one_starts_fresh(server, rotated):
    tunnel = server.open("SSH")
    mine = client_token()
    connect(server, "source", tunnel.source, mine).close()
    got = server.api.rotate_tunnel_access_token(tunnelId=tunnel.id, clientMode=rotated)
    changed = {"SOURCE": {"source"}, "DESTINATION": {"destination"}, "ALL": {"source", "destination"}}[rotated]
    assert {k.removesuffix("AccessToken") for k in got if k.endswith("Token")} == changed
    assert got["tunnelArn"] == tunnel.arn
    for side in ("source", "destination"):
        old = getattr(tunnel, side)
        if side in changed:
            assert refusal(server, side, old, mine) == (403, INVALID)
            connect(server, side, got[f"{side}AccessToken"]).close()
            assert refusal(server, side, got[f"{side}AccessToken"]) == (400, USED)
    if "source" not in changed:
        connect(server, "source", tunnel.source, mine).close()


def test_rotation_keeps_the_live_connection_until_it_is_replaced(server):
    tunnel = server.open("SSH")
    with connect(server, "source", tunnel.source) as old:
        assert old.recv().type == wire.SERVICE_IDS
        new = server.api.rotate_tunnel_access_token(tunnelId=tunnel.id, clientMode="SOURCE")["sourceAccessToken"]
        old.settle()
        with connect(server, "source", new):
            assert old.expect_close().code == 1008


@pytest.mark.parametrize("delete", [False, True])
def test_tokens_of_a_closed_tunnel_are_refused(server, delete):
    tunnel = server.open("SSH")
    mine = client_token()
    connect(server, "destination", tunnel.destination, mine).close()
    server.api.close_tunnel(tunnelId=tunnel.id, delete=delete)
    assert refusal(server, "source", tunnel.source) == (403, INVALID)
    assert refusal(server, "destination", tunnel.destination, mine) == (403, INVALID)


def test_one_of_many_racing_upgrades_passes(server):
    for _ in range(5):
        tunnel = server.open("SSH")
        outcomes, gate = [], threading.Barrier(8)

        def race():
            gate.wait(10)
            try:
                outcomes.append(connect(server, "source", tunnel.source))
            except Refused as refused:
                outcomes.append((refused.status, refused.body.rstrip("\n")))

        racers = [threading.Thread(target=race) for _ in range(8)]
        for each in racers:
            each.start()
        for each in racers:
            each.join(30)
        winners = [o for o in outcomes if isinstance(o, wire.Socket)]
        assert len(winners) == 1, outcomes
        assert [o for o in outcomes if not isinstance(o, wire.Socket)] == [(400, USED)] * 7
        winners[0].settle()
        winners[0].close()


def test_format_of_a_token(server):
    tunnels = [server.open() for _ in range(3)]
    tokens = [t for tunnel in tunnels for t in (tunnel.source, tunnel.destination)]
    assert len(set(tokens)) == 6
    for token in tokens:
        assert 22 <= len(token) <= 1023
        assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
