"""`adit agent`: a device that is reachable, and stays so.

spec: secure-tunneling §3, §6.5; mqtt-gateway §1, §3, §6
"""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request

import pytest
from agents import Agent
from devices import Device, Paho, document, fresh
from harness import Service, ask, bin_dir, clean_environment, dial, echo, ended, free_port, greeter, read_exactly, wait_for, web_page
from test_localproxy import WebProxy

ARN = "arn:aws:iot:us-east-1:123456789012:"


@pytest.fixture
def agent(device, tmp_path):
    made = []

    def make(services=None, owner=None, policy=None, **more):
        owner = owner or (device(policy=policy) if policy else device())
        made.append(Agent(owner, tmp_path, services, **more))
        return made[-1]

    yield make
    for each in made:
        tokens = re.findall(r'"(?:accessToken|clientToken)":"([^"]+)"', "".join(p.read_text() for p in each.state.glob("tunnels.json")))
        assert not any(token in each.text() for token in tokens), "a token was logged"
        each.close()


def policy_of(name, *more):
    """What an agent needs, and no more. docs/agent.md"""
    notify = f"$aws/things/{name}/tunnels/notify"
    return document(
        ("Allow", "iot:Connect", f"{ARN}client/{name}"), ("Allow", "iot:Subscribe", f"{ARN}topicfilter/{notify}"),
        ("Allow", "iot:Receive", f"{ARN}topic/{notify}"), *more,
    )


def reach(proxies, server, token, *names, more=()):
    """A source for these services; their ports on this side."""
    ports = {name: free_port() for name in names}
    proxies.source(server, token, ",".join(f"{name}={port}" for name, port in ports.items()), *more)
    return ports


# Tunnels


def test_ssh_http_and_an_own_service_at_once(broker, agent, proxies, sshd, service):
    page, own = service(web_page("hello from the lamp")), service()
    lamp = agent({"SSH": sshd.port, "HTTP": page, "OWN": own})
    tunnel = broker.open("SSH", "HTTP", "OWN", thing=lamp.device.name)
    broker.wait_states(tunnel, "DISCONNECTED", "CONNECTED")
    ports = reach(proxies, broker, tunnel.source, "SSH", "HTTP", "OWN")
    assert sshd.ssh(ports["SSH"], "echo", "over", "the", "agent").stdout == "over the agent\n"
    assert urllib.request.urlopen(f"http://127.0.0.1:{ports['HTTP']}/", timeout=20).read() == b"hello from the lamp"
    with dial(ports["OWN"]) as one, dial(ports["OWN"]) as two:
        for number in range(3):
            for connection in (one, two):
                connection.sendall(b"%d" % number)
                assert read_exactly(connection, 1) == b"%d" % number
    assert own.accepted == 2
    broker.api.close_tunnel(tunnelId=tunnel.id)
    lamp.says("tunnel 1: over: closed by the server")
    assert lamp.process.running()


@pytest.mark.parametrize("shape", ["V1", "V2"])
def test_older_sources(broker, agent, proxies, service, shape):
    names = ["SSH"] if shape == "V1" else ["SSH", "WEB"]
    lamp = agent({name: service() for name in names})
    tunnel = broker.open(*names, thing=lamp.device.name)
    broker.wait_states(tunnel, "DISCONNECTED", "CONNECTED")
    if shape == "V1":
        port = free_port()
        proxies.source(broker, tunnel.source, port, "-y", "V1")
        ports = {"SSH": port}
    else:
        ports = reach(proxies, broker, tunnel.source, *names, more=("-y", "V2"))
    for name in names:
        for _ in range(2):
            assert ask(ports[name], name.encode()) == name.encode()


def test_a_unix_socket(broker, agent, proxies, tmp_path):
    path = tmp_path / "own.sock"
    own = Service(echo, path=path)
    lamp = agent({"OWN": f"unix:{path}"})
    tunnel = broker.open("OWN", thing=lamp.device.name)
    ports = reach(proxies, broker, tunnel.source, "OWN")
    assert ask(ports["OWN"], b"x" * 100_000) == b"x" * 100_000
    own.close()


def test_a_local_service_that_is_not_there_ends_the_connection_at_once(broker, agent, proxies):
    nobody = free_port()
    lamp = agent({"SSH": nobody})
    tunnel = broker.open("SSH", thing=lamp.device.name)
    ports = reach(proxies, broker, tunnel.source, "SSH")
    with dial(ports["SSH"]) as connection:
        assert ended(connection)
    lamp.says(f"Could not connect to destination 127.0.0.1:{nobody} -- Connection refused")


def test_several_tunnels_at_once(broker, agent, proxies, service):
    lamp = agent({"A": service(greeter("a")), "B": service(greeter("b"))})
    tunnels = {name: broker.open(name, thing=lamp.device.name) for name in "AB"}
    for name, tunnel in tunnels.items():
        port = reach(proxies, broker, tunnel.source, name)[name]
        with dial(port) as connection:
            assert read_exactly(connection, 1) == name.lower().encode()
    reported = lamp.wait_reported(lambda it: len(it.get("tunnels", [])) == 2 and all(t["isConnected"] for t in it["tunnels"]), "two tunnels")
    assert sorted(t["services"] for t in reported["tunnels"]) == [["A"], ["B"]]


@pytest.mark.parametrize("mode", ["DESTINATION", "ALL"])
def test_a_destination_that_is_rotated_goes_on_with_the_new_token(broker, agent, proxies, service, mode):
    lamp = agent({"SSH": service()}, max_tunnels=2)
    tunnel = broker.open("SSH", thing=lamp.device.name)
    lamp.says("tunnel 1: connected")
    port = reach(proxies, broker, tunnel.source, "SSH")["SSH"]
    assert ask(port, b"one") == b"one"
    broker.aws(
        "iotsecuretunneling", "rotate-tunnel-access-token", "--tunnel-id", tunnel.id, "--client-mode", mode,
        "--destination-config", f"thingName={lamp.device.name},services=SSH",
    )
    lamp.says("tunnel 2: connected").says("tunnel 1: over")
    wait_for(lambda: ask(port, b"two") == b"two", "the service through the new token")
    lamp.wait_reported(lambda it: len(it.get("tunnels", [])) == 1, "one tunnel")


# Notifications


class Middle(Service):
    """Between a device and the server; can be deaf in the device's direction."""

    def __init__(self, port):
        self.port_of_server, self.is_deaf, self.pairs = port, False, []
        super().__init__(self.relay)

    def relay(self, near):
        with socket.create_connection(("127.0.0.1", self.port_of_server)) as far:
            self.pairs.append((near, far))
            threading.Thread(target=self.pump, args=(far, near, False), daemon=True).start()
            self.pump(near, far, True)

    def pump(self, a, b, is_from_device):
        try:
            while data := a.recv(65536):
                if not (is_from_device and self.is_deaf):
                    b.sendall(data)
        except OSError:
            pass
        finally:
            for each in (a, b):
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def cut(self):
        for pair in self.pairs:
            for each in pair:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def test_a_notification_that_comes_again_opens_nothing_again(broker, agent, service):
    middle = Middle(broker.mqtt_port)
    lamp = agent({"SSH": service()}, endpoint=f"localhost:{middle.port}", report=False)
    middle.is_deaf = True
    tunnel = broker.open("SSH", thing=lamp.device.name)
    lamp.says("tunnel 1: connected")
    middle.cut()
    middle.is_deaf = False
    lamp.says("connected to", count=2).says("a notification came again")
    assert "tunnel 2" not in lamp.text()
    broker.wait_states(tunnel, "DISCONNECTED", "CONNECTED")
    middle.close()


def test_what_came_while_the_device_was_away_is_heard_of(broker, agent, proxies, service):
    lamp = agent({"SSH": service()})
    assert lamp.stop() == 0
    tunnel = broker.open("SSH", thing=lamp.device.name)
    lamp.start()
    lamp.says("which had kept our session").says("tunnel 1: connected")
    assert ask(reach(proxies, broker, tunnel.source, "SSH")["SSH"], b"late") == b"late"


def test_a_token_that_is_over_is_tried_once(broker, agent, service):
    lamp = agent({"SSH": service()})
    lamp.stop()
    tunnel = broker.open("SSH", thing=lamp.device.name)
    broker.api.close_tunnel(tunnelId=tunnel.id)
    lamp.start()
    lamp.says("tunnel 1: over: the server refused it (403): Invalid access-token")
    assert lamp.text().count("Proxy server rejected") == 1
    refusal = lamp.wait_reported(lambda it: it.get("lastRefusal"), "the refusal")["lastRefusal"]
    assert refusal["services"] == ["SSH"] and "403" in refusal["reason"] and abs(refusal["at"] - time.time()) < 60


def test_a_service_that_is_not_offered_is_refused(broker, agent):
    lamp = agent(built_in_services=False, services={"SSH": 22})
    broker.open("SSH", "VNC", thing=lamp.device.name)
    reason = "the service VNC is not offered here; offered are: SSH"
    lamp.says(f"a tunnel was not opened: {reason}")
    refusal = lamp.wait_reported(lambda it: it.get("lastRefusal"), "the refusal")["lastRefusal"]
    assert (refusal["services"], refusal["reason"]) == (["SSH", "VNC"], reason)
    assert lamp.reported()["services"] == ["SSH"] and lamp.reported()["tunnels"] == []


def test_there_are_only_so_many_tunnels(broker, agent, service):
    lamp = agent({"SSH": service()}, max_tunnels=1)
    first = broker.open("SSH", thing=lamp.device.name)
    lamp.says("tunnel 1: connected")
    second = broker.open("SSH", thing=lamp.device.name)
    lamp.says("a tunnel was not opened: 1 tunnels are open, the most allowed: close one, or raise max-tunnels")
    assert broker.states(second) == ("DISCONNECTED", "DISCONNECTED")
    broker.api.close_tunnel(tunnelId=first.id)
    lamp.says("tunnel 1: over")
    broker.open("SSH", thing=lamp.device.name)
    lamp.says("tunnel 2: connected")


# The report


def test_the_report(broker, agent, service):
    lamp = agent({"SSH": service()}, max_tunnels=7)
    reported = lamp.wait_reported(lambda it: it, "a report")
    version = subprocess.run([bin_dir() / "adit", "--version"], capture_output=True, text=True).stdout.split()[1]
    assert (reported["version"], reported["hostname"], reported["maxTunnels"]) == (version, socket.gethostname(), 7)
    assert reported["services"] == ["FTP", "HTTP", "HTTPS", "SSH", "VNC"] and reported["tunnels"] == []
    assert reported["addresses"][0] in ("127.0.0.1", "::1") and abs(reported["startedAt"] - time.time()) < 60
    tunnel = broker.open("SSH", thing=lamp.device.name)
    lamp.wait_reported(lambda it: [t["services"] for t in it["tunnels"] if t["isConnected"]] == [["SSH"]], "the tunnel")
    broker.api.close_tunnel(tunnelId=tunnel.id)
    lamp.wait_reported(lambda it: it["tunnels"] == [], "no tunnel")


def test_no_report_is_sent_when_none_is_wanted(broker, agent, service):
    lamp = agent({"SSH": service()}, report=False)
    broker.open("SSH", thing=lamp.device.name)
    lamp.says("tunnel 1: connected")
    assert lamp.reported() == {} and "reported to" not in lamp.text()


def test_a_policy_without_the_report_costs_the_report_only(broker, device, agent, proxies, service):
    name = fresh("lamp")
    owner = device(name, policy=policy_of(name))
    lamp = agent({"SSH": service()}, owner=owner)
    topic = f"$aws/things/{name}/shadow/name/adit-agent/update"
    lamp.says(f"let a policy allow iot:Publish on topic/{topic}")
    tunnel = broker.open("SSH", thing=name)
    lamp.says("tunnel 1: connected")
    assert ask(reach(proxies, broker, tunnel.source, "SSH")["SSH"], b"x") == b"x"
    assert lamp.reported() == {} and lamp.text().count("not connected") == 0
    owner.attach(policy_of(name, ("Allow", "iot:Publish", f"{ARN}topic/{topic}")))
    assert lamp.stop() == 0
    lamp.start()
    lamp.wait_reported(lambda it: it, "a report with the documented policy")


# Policies that lack something else


def test_a_policy_without_subscribe_says_which_statement_is_missing(broker, device, agent):
    name = fresh("lamp")
    lamp = agent(owner=device(name, policy=document(("Allow", "iot:Connect", "*"))), start=False)
    lamp.start(wait=False).says(f"a policy must allow iot:Subscribe on topicfilter/$aws/things/{name}/tunnels/notify")


def test_a_policy_without_connect_says_which_statement_is_missing(broker, device, agent):
    owner = device(policy=document(("Allow", "iot:Publish", "*")))
    lamp = agent(owner=owner, start=False)
    lamp.start(wait=False).says(f"certificate {owner.id} must be ACTIVE, and a policy of it must allow iot:Connect on client/{owner.name}")


def test_a_policy_that_allows_no_lasting_session_is_enough(broker, device, agent, service):
    statement = {
        "Effect": "Allow", "Action": "iot:Connect", "Resource": "*",
        "Condition": {"ForAllValues:StringEquals": {"iot:ConnectAttributes": ["LastWill"]}},
    }
    owner = device(policy=document(("Allow", ["iot:Subscribe", "iot:Receive", "iot:Publish"], "*")))
    owner.attach(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    lamp = agent({"SSH": service()}, owner=owner)
    lamp.says("its policy allows iot:Connect only without PersistentConnect")
    broker.open("SSH", thing=owner.name)
    lamp.says("tunnel 1: connected")


def test_a_certificate_that_is_not_known(broker, device, agent):
    owner = device(active=False)
    lamp = agent(owner=owner, start=False)
    lamp.start(wait=False).says("the server closed the connection without a word")
    owner.status("ACTIVE")
    lamp.says("connected to localhost")


def test_another_program_with_its_client_id_is_named(broker, device, agent):
    owner = device()
    lamp = agent(owner=owner)
    other = Paho(owner).connect()
    lamp.says(f"another program connects with client id {owner.name}")
    other.close()


# What it survives


def test_a_server_that_starts_again(new_server, tmp_path, proxies, service):
    server = new_server(start=False).with_mqtt().start()
    lamp = Agent(Device(server, tmp_path, fresh("lamp")), tmp_path, {"SSH": service()})
    try:
        tunnel = server.open("SSH", thing=lamp.device.name)
        lamp.says("tunnel 1: connected")
        port = reach(proxies, server, tunnel.source, "SSH")["SSH"]
        assert ask(port, b"one") == b"one"
        server.kill()
        lamp.says("not connected")
        server.restart()
        lamp.says("connected to localhost", count=4)
        server.wait_states(tunnel, "CONNECTED", "CONNECTED", timeout=40)
        assert ask(port, b"two") == b"two"
        server.open("SSH", thing=lamp.device.name)
        lamp.says("tunnel 2: connected")
    finally:
        lamp.close()


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_an_agent_that_starts_again_takes_its_tunnels_up(broker, agent, proxies, service, how):
    lamp = agent({"SSH": service()})
    tunnel = broker.open("SSH", thing=lamp.device.name)
    lamp.says("tunnel 1: connected")
    kept = lamp.state / "tunnels.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    port = reach(proxies, broker, tunnel.source, "SSH")["SSH"]
    assert ask(port, b"one") == b"one"
    getattr(lamp, how)()
    lamp.start()
    lamp.says("tunnel 1: taken up again after a restart").says("tunnel 1: connected")
    wait_for(lambda: ask(port, b"two") == b"two", "the service after a restart")
    broker.api.close_tunnel(tunnelId=tunnel.id)
    lamp.says("tunnel 1: over")
    wait_for(lambda: not kept.exists(), "nothing is kept of a tunnel that is over")


def test_sigterm_ends_it_properly_and_at_once(broker, agent, service, client):
    lamp = agent({"SSH": service()})
    watcher = client()
    watcher.connect().subscribe(f"$aws/events/presence/disconnected/{lamp.device.name}")
    broker.open("SSH", thing=lamp.device.name)
    lamp.says("tunnel 1: connected")
    assert lamp.stop() == 0
    assert "CLIENT_INITIATED_DISCONNECT" in watcher.payload()


def test_a_state_folder_that_cannot_be_written(broker, agent, proxies, service):
    lamp = agent({"SSH": service()}, state_dir="/proc/adit-agent")
    lamp.says("going on without: a restart ends the tunnels under way")
    tunnel = broker.open("SSH", thing=lamp.device.name)
    assert ask(reach(proxies, broker, tunnel.source, "SSH")["SSH"], b"x") == b"x"


def test_no_network_at_first_is_only_a_reason_to_try_again(device, broker, agent):
    port = free_port()
    lamp = agent(endpoint=f"localhost:{port}", start=False)
    lamp.start(wait=False).says(f"not connected: no connection to localhost:{port}: Connection refused; next try in")
    relay = Middle.__new__(Middle)
    relay.port_of_server, relay.is_deaf, relay.pairs = broker.mqtt_port, False, []
    relay.serve, relay.accepted, relay.open = relay.relay, 0, set()
    relay.listener = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=relay._accept, daemon=True).start()
    lamp.says("connected to localhost")
    relay.close()


def test_a_name_without_address_is_only_a_reason_to_try_again(agent):
    lamp = agent(endpoint="nowhere.invalid", start=False)
    lamp.start(wait=False).says("not connected: the name nowhere.invalid has no address").says("next try in")
    assert lamp.process.running()


def test_a_ca_that_changes(broker, agent, tmp_path):
    ca = tmp_path / "ca.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-out", ca, "-subj", "/CN=old"]
    subprocess.run(made, check=True, capture_output=True)
    lamp = agent(ca_file=ca, start=False)
    lamp.start(wait=False).says("the certificate of localhost:").says("is not trusted")
    ca.write_text(broker.ca.read_text())
    lamp.says("connected to localhost")


def test_a_clock_in_1970(broker, agent, proxies, service, tmp_path):
    # Not by its wrapper: that would stay between the test and the agent, and take its signals.
    faketime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
    if not os.path.exists(faketime):
        pytest.skip("needs libfaketime")
    lamp = agent({"SSH": service()}, start=False)
    lamp.start(env={"LD_PRELOAD": faketime, "FAKETIME": "@1970-01-02 00:00:00", "DONT_FAKE_MONOTONIC": "1"})
    lamp.says("the system's clock shows a time that has passed")
    tunnel = broker.open("SSH", thing=lamp.device.name)
    assert ask(reach(proxies, broker, tunnel.source, "SSH")["SSH"], b"x") == b"x"
    assert not (lamp.state / "clock").exists(), "a clock that is wrong proves nothing"
    lamp.stop()
    lamp.start()
    kept = lamp.state / "clock"
    wait_for(kept.exists, "the time is kept")
    assert abs(int(kept.read_text()) - time.time()) < 60


# Ways to the server


def test_through_a_web_proxy_with_a_password(broker, agent, proxies, service):
    between = WebProxy(password="us@er:p:ss")
    lamp = agent({"SSH": service()}, http_proxy=f"http://us%40er:p%3Ass@127.0.0.1:{between.port}")
    tunnel = broker.open("SSH", thing=lamp.device.name)
    lamp.says("tunnel 1: connected")
    assert ask(reach(proxies, broker, tunnel.source, "SSH")["SSH"], b"x") == b"x"
    asked = [request.split()[1] for request in between.requests]
    assert asked == [f"localhost:{broker.mqtt_port}", broker.endpoint]
    assert "p:ss" not in lamp.text() and "p%3Ass" not in lamp.text()
    between.close()


def test_a_web_proxy_that_refuses_is_named(agent):
    between = WebProxy(status="403 Forbidden")
    lamp = agent(http_proxy=f"http://127.0.0.1:{between.port}", start=False)
    lamp.start(wait=False).says("The Web proxy refused HTTP CONNECT: HTTP/1.1 403 Forbidden")
    between.close()


def test_everything_on_port_443(new_server, tmp_path, proxies, service):
    address = f"127.44.{free_port() % 250}.3"
    try:
        socket.create_server((address, 443)).close()
    except PermissionError:
        pytest.skip("port 443 needs root")
    server = new_server(start=False, names=[address]).with_mqtt()
    server.listen.append({"address": f"{address}:443", "serve": ["mqtt", "tunnel"]})
    server.start()
    lamp = Agent(Device(server, tmp_path, fresh("lamp")), tmp_path, {"SSH": service()}, endpoint=f"{address}:443", tunnel_endpoint=None)
    try:
        tunnel = server.open("SSH", thing=lamp.device.name)
        lamp.says(f"tunnel 1: connected to {address}:443")
        assert ask(reach(proxies, server, tunnel.source, "SSH")["SSH"], b"x") == b"x"
    finally:
        lamp.close()


# The program


def run(*args, env=None):
    return subprocess.run(
        [bin_dir() / "adit", "agent", *map(str, args)], capture_output=True, text=True, timeout=30, env=clean_environment(**(env or {})), stdin=subprocess.DEVNULL
    )


def test_check_prints_what_is_in_force(agent):
    lamp = agent(start=False)
    path = lamp.write()
    got = run("check", "--config", path, env={"ADIT_AGENT__MAX_TUNNELS": "3", "ADIT_AGENT__SERVICES__DB": "unix:/run/db.sock"})
    assert got.returncode == 0 and got.stderr == ""
    assert "max-tunnels = 3\n" in got.stdout and 'DB = "unix:/run/db.sock"\n' in got.stdout and f'thing-name = "{lamp.device.name}"\n' in got.stdout
    again = path.with_name("again.toml")
    again.write_text(got.stdout)
    assert run("check", "--config", again).stdout == got.stdout


def test_a_wrong_configuration_is_named_line_by_line(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text('endpiont = "x"\nmax-tunnels = 0\n')
    for args in (["check", "--config", path], ["--config", path]):
        got = run(*args)
        assert got.returncode == 2 and got.stdout == ""
        assert f"{path}:1: unknown key endpiont; did you mean endpoint?" in got.stderr
        assert f"{path}:2: max-tunnels must be a whole number from 1 to 100" in got.stderr
        assert "adit agent default-config" in got.stderr


def test_the_default_configuration_is_one(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text(run("default-config").stdout)
    assert run("check", "--config", path, env={"ADIT_AGENT__ENDPOINT": "iot.example"}).returncode == 0
    assert "endpoint is not set" in run("check", "--config", path).stderr


def test_the_log_level_of_the_command_line_goes_first(broker, agent):
    lamp = agent(start=False, log_level="error")
    lamp.start("--log-level", "trace").says("connected to")
    lamp.stop()
    lamp.start("--log-level", "warning", wait=False)
    lamp.wait_reported(lambda it: it, "a report")
    assert " info " not in lamp.process.text()
    assert run("--log-level", "loud").returncode == 2


def test_sighup_reads_the_configuration_again(broker, agent, proxies, service):
    lamp = agent({"SSH": service()})
    tunnel = broker.open("SSH", thing=lamp.device.name)
    lamp.says("tunnel 1: connected")
    port = reach(proxies, broker, tunnel.source, "SSH")["SSH"]
    lamp.services["NEW"] = str(service(greeter("new")).port)
    lamp.write()
    lamp.process.send(signal.SIGHUP)
    lamp.says("configuration and certificates are read again").says("connected to localhost", count=3)
    assert ask(port, b"still") == b"still", "tunnels go on"
    other = broker.open("NEW", thing=lamp.device.name)
    with dial(reach(proxies, broker, other.source, "NEW")["NEW"]) as connection:
        assert read_exactly(connection, 3) == b"new"
    (lamp.folder / "agent.toml").write_text("nonsense")
    lamp.process.send(signal.SIGHUP)
    lamp.says("going on with the one before")
    assert ask(port, b"still") == b"still"


def test_the_service_manager_is_told(broker, agent, tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(20)
        lamp = agent(start=False)
        lamp.start(env={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "1000000"})
        told = set()
        wanted = {"READY=1", "WATCHDOG=1", f"STATUS=connected to localhost:{broker.mqtt_port} as thing {lamp.device.name}; tunnels: 0"}
        while not wanted <= told:
            told.add(manager.recv(500).decode())
        lamp.process.send(15)
        while "STOPPING=1" not in told:
            told.add(manager.recv(500).decode())


def test_names_of_thing_and_client(broker, device, agent):
    owner = device()
    lamp = agent(owner=owner, client_id=f"{owner.name}-client", thing_name=owner.name)
    assert broker.adit("clients").count(f"{owner.name}-client") == 1
    lamp.says(f"as thing {owner.name}")
