"""`adit tunnel` beside the real `aws` and local proxies."""

import json
import stat
import threading

import cli
import pytest
from devices import fresh
from harness import bin_dir, clean_environment, wait_for


@pytest.fixture
def adit(server, tmp_path):
    return cli.of(server, tmp_path / "home")


def test_what_is_asked_for_is_what_the_tunnel_has(server, adit):
    thing = fresh("lamp")
    made = adit.json("tunnel", "open", thing, "--service", "SSH,VNC", "--lifetime", "90m", "--description", "look", "--tag", "team=field")
    assert made["sourceAccessToken"] != made["destinationAccessToken"]
    theirs = server.aws("iotsecuretunneling", "describe-tunnel", "--tunnel-id", made["tunnelId"])["tunnel"]
    assert theirs["destinationConfig"] == {"thingName": thing, "services": ["SSH", "VNC"]}
    assert theirs["timeoutConfig"] == {"maxLifetimeTimeoutMinutes": 90}
    assert (theirs["description"], theirs["tags"]) == ("look", [{"key": "team", "value": "field"}])
    other = adit("tunnel", "open", fresh("lamp"), "-o", "id").out.strip()
    assert adit("tunnel", "list", "--thing", thing, "-o", "id").out.split() == [made["tunnelId"]]
    assert adit("tunnel", "list", "-o", "id", "--limit", "1").out.split() == [other]


def test_tokens_go_to_stdout_or_to_a_file_of_the_owners(server, adit):
    shown = adit("tunnel", "open", "--token-file", "tokens", "-o", "json")
    assert "Token" not in shown.out + shown.err
    kept = json.loads((adit.folder / "tokens").read_text())
    assert kept["tunnelId"] == json.loads(shown.out)["tunnelId"] and kept["sourceAccessToken"]
    assert stat.S_IMODE((adit.folder / "tokens").stat().st_mode) == 0o600
    before = adit("tunnel", "list", "-o", "id").out
    assert "exists already" in adit("tunnel", "open", "--token-file", "tokens", code=5).err
    assert adit("tunnel", "list", "-o", "id").out == before, "nothing was opened"
    plain = adit("tunnel", "open")
    assert "source token" in plain.out and "adt1_" not in plain.err


def test_a_tunnel_shows_who_is_connected(server, adit, proxies, service):
    there = service()
    thing = fresh("lamp")
    made = adit.json("tunnel", "open", thing)
    proxies.destination(server, made["destinationAccessToken"], f"SSH={there.port}")
    state = adit.json("tunnel", "describe", made["tunnelId"])
    assert state["destinationConnectionState"]["status"] == "CONNECTED"


def test_waiting_for_a_device_that_comes(server, adit, proxies, service):
    there = service()
    thing = fresh("lamp")
    outcome = []
    waiting = threading.Thread(target=lambda: outcome.append(adit("tunnel", "open", thing, "--wait", "--timeout", "30s", "--token-file", "tokens")))
    waiting.start()
    tokens = adit.folder / "tokens"
    wait_for(lambda: tokens.exists() and tokens.read_text(), "the tokens")
    proxies.destination(server, json.loads(tokens.read_text())["destinationAccessToken"], f"SSH={there.port}")
    waiting.join(60)
    assert len(outcome) == 1 and outcome[0].err == "", "progress is for terminals"


def test_a_device_that_is_offline_is_code_6_and_one_that_is_silent_7(broker, client, tmp_path):
    adit = cli.of(broker, tmp_path / "home")
    offline = adit("tunnel", "open", fresh("gone"), "--wait", "--timeout", "1", code=6).err
    assert "offline" in offline and "doctor" in offline
    silent = client().connect()
    late = adit("tunnel", "open", silent.client_id, "--wait", "--timeout", "1", code=7).err
    assert "did not connect" in late


def test_tunnels_are_closed_forgotten_and_rotated(server, adit):
    made = adit.json("tunnel", "open")
    id = made["tunnelId"]
    rotated = adit.json("tunnel", "rotate", id, "--side", "source")
    assert rotated["sourceAccessToken"] != made["sourceAccessToken"] and "destinationAccessToken" not in rotated
    assert set(adit.json("tunnel", "rotate", id)) >= {"sourceAccessToken", "destinationAccessToken"}
    adit("tunnel", "rotate", id, "--token-file", "new", "-o", "id")
    assert "sourceAccessToken" in (adit.folder / "new").read_text()
    adit("tunnel", "close", id)
    assert adit.json("tunnel", "describe", id)["status"] == "CLOSED"
    assert "--yes" in adit("tunnel", "close", id, "--delete", code=2).err
    adit("tunnel", "close", id, "--delete", "--yes")
    for args in (("describe", id), ("close", id), ("rotate", id), ("watch", id)):
        assert "adit tunnel list" in adit("tunnel", *args, code=4).err


def test_changes_of_a_tunnel_are_watched_until_it_is_closed(server, adit, proxies, service):
    there = service()
    made = adit.json("tunnel", "open", fresh("lamp"))
    env = clean_environment(**adit.env)
    watching = proxies.run_in([], bin_dir() / "adit", "tunnel", "watch", made["tunnelId"], env=env)
    described = proxies.run_in([], bin_dir() / "adit", "tunnel", "describe", made["tunnelId"], "--watch", env=env)
    watching.wait_text("destination DISCONNECTED")
    described.wait_text('"added"')
    proxies.destination(server, made["destinationAccessToken"], f"SSH={there.port}")
    watching.wait_text("destination CONNECTED")
    described.wait_text('"changed"')
    assert adit("tunnel", "watch", made["tunnelId"], "--timeout", "1", "-o", "jsonl", code=7).out.count("\n") == 1
    adit("tunnel", "close", made["tunnelId"])
    assert watching.wait_exit() == 0 and "CLOSED" in watching.out().splitlines()[-1]
