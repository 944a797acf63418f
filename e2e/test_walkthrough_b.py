"""Walkthrough B: recover a connection by rotating tokens.

spec: secure-tunneling §2.3, §2.4, §3
"""

import json

import pytest
from devices import Mosquitto, document, fresh
from harness import ask, dial, ended, free_port, read_exactly, wait_for
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


def agent_policy(name):
    """What a device needs to hear of its tunnels. spec: secure-tunneling §3"""
    arn = "arn:aws:iot:us-east-1:123456789012:"
    notify = f"$aws/things/{name}/tunnels/notify"
    return document(
        ("Allow", "iot:Connect", f"{arn}client/{name}"),
        ("Allow", "iot:Subscribe", f"{arn}topicfilter/{notify}"),
        ("Allow", "iot:Receive", f"{arn}topic/{notify}"),
    )


@pytest.fixture
def lamp(device):
    name = fresh("lamp")
    return device(name, policy=agent_policy(name))


def told(agent, count):
    """The notification that mosquitto_sub printed as its last of `count`."""
    def lines():
        return [line for line in agent.out().splitlines() if line.startswith("{")]

    wait_for(lambda: len(lines()) >= count, lambda: f"notification {count} in {agent.describe()}")
    assert len(lines()) == count
    return json.loads(lines()[-1])


def notify(lamp):
    return f"$aws/things/{lamp.name}/tunnels/notify"


@pytest.mark.parametrize("mode", ["DESTINATION", "ALL"])
def test_4_rotation_tells_the_device_which_connects_by_itself(broker, lamp, proxies, service, tmp_path, mode):
    agent = Mosquitto(lamp, "mqttv311").sub(tmp_path, "-i", lamp.name, "-q", "1", "-t", notify(lamp), "-F", "%p")
    tunnel, target, port = broker.open("SSH", thing=lamp.name), service(), free_port()
    first = told(agent, 1)
    assert first == {
        "clientAccessToken": tunnel.destination, "clientMode": "destination", "region": "us-east-1", "services": ["SSH"],
    }
    assert broker.describe(tunnel)["destinationConnectionState"]["status"] == "DISCONNECTED"
    got = broker.aws(
        "iotsecuretunneling", "rotate-tunnel-access-token", "--tunnel-id", tunnel.id, "--client-mode", mode,
        "--destination-config", f"thingName={lamp.name},services=SSH",
    )
    second = told(agent, 2)
    assert second["clientAccessToken"] == got["destinationAccessToken"] != first["clientAccessToken"]
    proxies.destination(broker, second["clientAccessToken"], f"{second['services'][0]}={target.port}")
    assert broker.describe(tunnel)["destinationConnectionState"]["status"] == "CONNECTED"
    proxies.source(broker, got.get("sourceAccessToken", tunnel.source), f"SSH={port}")
    assert ask(port, b"reached") == b"reached"
    broker.aws("iotsecuretunneling", "rotate-tunnel-access-token", "--tunnel-id", tunnel.id, "--client-mode", "SOURCE",
               "--destination-config", f"thingName={lamp.name},services=SSH")
    broker.aws("iotsecuretunneling", "rotate-tunnel-access-token", "--tunnel-id", tunnel.id, "--client-mode", "DESTINATION")
    told(agent, 2)


def test_4_a_device_with_a_persistent_session_hears_of_it_later(broker, lamp, tmp_path):
    mosquitto, args = Mosquitto(lamp, "mqttv311"), ("-i", lamp.name, "-c", "-q", "1", "-t", notify(lamp), "-F", "%p")
    mosquitto.sub(tmp_path, *args).stop()
    tunnel = broker.open("SSH", "HTTP", thing=lamp.name)
    back = mosquitto.sub(tmp_path, *args)
    got = told(back, 1)
    assert got["clientAccessToken"] == tunnel.destination and got["services"] == ["SSH", "HTTP"]


def test_4_a_device_may_not_tell_others(lamp, client):
    talker = client(owner=lamp).connect()
    assert talker.publish(notify(lamp), "{}") == 0x90


def test_4_without_a_destination_nobody_is_told(broker, lamp, tmp_path):
    agent = Mosquitto(lamp, "mqttv311").sub(tmp_path, "-i", lamp.name, "-q", "1", "-t", notify(lamp), "-F", "%p")
    tunnel = broker.open("SSH")
    got = broker.aws(
        "iotsecuretunneling", "rotate-tunnel-access-token", "--tunnel-id", tunnel.id, "--client-mode", "DESTINATION",
        "--destination-config", f"thingName={lamp.name},services=SSH",
    )
    assert told(agent, 1)["clientAccessToken"] == got["destinationAccessToken"], "and nothing came before"
