"""Walkthrough A: open a tunnel by hand and reach a device, step by step, with the programs a person would use."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request

import pytest
from harness import bin_dir, clean_environment, dial, ended, free_port, greeter, wait_for, web_page
from test_tokens import INVALID, refusal


@pytest.fixture
def opened(server):
    return server.aws("iotsecuretunneling", "open-tunnel")


def fetch(port):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://localhost:{port}/", timeout=20) as answer:
        return answer.read().decode()


@pytest.mark.parametrize("more", [
    (),
    ("--description", "my tunnel"),
    ("--tags", "key=a,value=b", "key=c,value=d"),
    ("--timeout-config", "maxLifetimeTimeoutMinutes=30"),
    ("--destination-config", "thingName=T,services=SSH"),
])
def test_1_open_tunnel(server, more):
    got = server.aws("iotsecuretunneling", "open-tunnel", "--region", "us-east-1", "--endpoint", server.url, *more)
    assert list(got) == ["tunnelId", "tunnelArn", "sourceAccessToken", "destinationAccessToken"]


def test_2_to_6_ssh_to_the_device(server, proxies, sshd):
    opened = server.aws("iotsecuretunneling", "open-tunnel", "--destination-config", "thingName=T,services=SSH")
    ident = opened["tunnelId"]
    settings = {"server": server, "env": server.env}

    device = proxies.run(
        "-r", "us-east-1", "-d", f"localhost:{sshd.port}", "--settings-json", server.env["ADIT_LOCALPROXY_SETTINGS"],
        server=server, env={"AWSIOT_TUNNEL_ACCESS_TOKEN": opened["destinationAccessToken"]}, name="device",
    )
    device.wait_text("Successfully established websocket connection with proxy server")
    port = free_port()
    laptop = proxies.run(
        "-r", "us-east-1", "-s", str(port), "-t", opened["sourceAccessToken"], "-v", "5",
        "--settings-json", server.env["ADIT_LOCALPROXY_SETTINGS"], server=server, name="laptop",
    )
    laptop.wait_text(f"Listening for new connection on port {port}")
    in_order(
        laptop.err(),
        "Starting proxy in source mode",
        f"Attempting to establish web socket connection with endpoint wss://localhost:{server.port}",
        "Resolved proxy server IP: ",
        "Connected successfully with proxy server",
        "Successfully completed SSL handshake with proxy server",
        "Web socket session ID: ",
        "Web socket subprotocol selected: aws.iot.securetunneling-3.0",
        f"Successfully established websocket connection with proxy server: wss://localhost:{server.port}",
        "Setting up web socket pings for every 20000 milliseconds",
        "Scheduled next read:",
        "Starting web socket read loop continue reading...",
        "Resolved bind IP: ",
        f"Listening for new connection on port {port}",
    )
    server.wait_states(ident, "CONNECTED", "CONNECTED")

    done = sshd.ssh(port, "echo $((6*7)); exit 3")
    assert (done.returncode, done.stdout) == (3, "42\n"), done.stderr
    done = sshd.ssh(port, "sh", input="echo hello from the device\nexit\n")
    assert done.stdout == "hello from the device\n", done.stderr

    shown = server.aws("iotsecuretunneling", "describe-tunnel", "--tunnel-id", ident)["tunnel"]
    assert shown["sourceConnectionState"]["status"] == shown["destinationConnectionState"]["status"] == "CONNECTED"
    assert server.aws("iotsecuretunneling", "close-tunnel", "--tunnel-id", ident) == ""
    assert (laptop.wait_exit(), device.wait_exit()) == (0, 0)
    shown = server.aws("iotsecuretunneling", "describe-tunnel", "--tunnel-id", ident)["tunnel"]
    assert shown["status"] == "CLOSED"
    assert shown["sourceConnectionState"]["status"] == shown["destinationConnectionState"]["status"] == "DISCONNECTED"
    assert refusal(server, "source", opened["sourceAccessToken"]) == (403, INVALID), "it cannot be opened again"
    server.aws("iotsecuretunneling", "close-tunnel", "--tunnel-id", ident, "--delete")
    gone = server.aws("iotsecuretunneling", "describe-tunnel", "--tunnel-id", ident, ok=False)
    assert "ResourceNotFoundException" in gone.err
    assert settings


def in_order(text, *lines):
    at = 0
    for line in lines:
        found = text.find(line, at)
        assert found >= 0, f"{line!r} is missing, or not in its place, in:\n{text}"
        at = found + len(line)


def test_3_without_the_ca(server, proxies, opened):
    laptop = proxies.run("-e", server.endpoint, "-s", str(free_port()), "-t", opened["sourceAccessToken"], "-v", "5")
    laptop.wait_text("Could not perform SSL handshake with proxy server: certificate verify failed")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_3_with_the_ca_given_by_option(server, proxies, opened, kind, tmp_path):
    given = server.ca
    if kind == "folder":
        given = tmp_path / "trusted"
        given.mkdir()
        shutil.copy(server.ca, given / "adit-ca.pem")
    laptop = proxies.run("-e", server.endpoint, "-s", str(free_port()), "-t", opened["sourceAccessToken"], "-c", given)
    laptop.wait_text("Listening for new connection on port")


def test_4_several_services_at_once(server, proxies, service, sshd):
    tunnel = server.open("SSH1", "HTTP1")
    page, ports = service(web_page("a page of the device")), [free_port(), free_port()]
    proxies.destination(server, tunnel.destination, f"SSH1=127.0.0.1:{sshd.port},HTTP1={page.port}")
    proxies.source(server, tunnel.source, f"SSH1={ports[0]},HTTP1={ports[1]}").wait_text("Listening for new connection", count=2)
    session = sshd.shell(ports[0])
    try:
        session.stdin.write(b"still here\n")
        session.stdin.flush()
        for _ in range(3):
            assert fetch(ports[1]) == "a page of the device"
        assert session.stdout.readline() == b"still here\n"
    finally:
        session.stdin.close()
        session.wait(20)


def test_4_a_tunnel_without_services(server, proxies, service):
    tunnel, target, port = server.open(), service(greeter("ftp")), free_port()
    proxies.destination(server, tunnel.destination, f"localhost:{target.port}")
    proxies.source(server, tunnel.source, port)
    for _ in range(2):
        with dial(port) as connection:
            assert connection.recv(10) == b"ftp"
            assert ended(connection)


def test_5_states_after_both_leave(server, proxies, service):
    tunnel = server.open("SSH")
    device = proxies.destination(server, tunnel.destination, f"SSH={service().port}")
    laptop = proxies.source(server, tunnel.source, f"SSH={free_port()}")
    server.wait_states(tunnel, "CONNECTED", "CONNECTED")
    device.kill()
    server.wait_states(tunnel, "CONNECTED", "DISCONNECTED")
    laptop.kill()
    server.wait_states(tunnel, "DISCONNECTED", "DISCONNECTED")
    assert server.describe(tunnel)["status"] == "OPEN"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: a network namespace of its own with port 443")
def test_7_unmodified_names_and_port_443(new_server, proxies, service, tmp_path):
    """Nothing is configured but DNS: in a namespace the names Amazon's programs compute lead to our server on port 443."""
    name = f"adit{os.getpid()}"
    host = "data.tunneling.iot.us-east-1.amazonaws.com"
    etc = f"/etc/netns/{name}"
    inside = ["ip", "netns", "exec", name]
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        pytest.skip("this machine does not allow network namespaces")
    server = None
    try:
        os.makedirs(etc)
        with open(f"{etc}/hosts", "w") as hosts:
            hosts.write(f"127.0.0.1 localhost {host} api.tunneling.iot.us-east-1.amazonaws.com\n")
        subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
        server = new_server(start=False, names=[host, "api.tunneling.iot.us-east-1.amazonaws.com"])
        server.listen = [{"address": "0.0.0.0:443"}]
        config = server.write_config()
        daemon = proxies.run_in(inside, bin_dir() / "adit", "serve", "--data-dir", server.data, "--config", config)
        wait_for(lambda: (server.data / "client.json").is_file() and server.ca.is_file(), daemon.describe)
        env = server.env
        env.pop("AWS_ENDPOINT_URL")

        def aws(*args):
            program = os.path.join(os.path.dirname(sys.executable), "aws")
            done = subprocess.run([*inside, program, "iotsecuretunneling", *args], env=env, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        opened = aws("open-tunnel", "--destination-config", "services=SSH")
        port, localproxy = free_port(), bin_dir() / "localproxy"
        trust = clean_environment(SSL_CERT_FILE=str(server.ca))
        page = tmp_path / "page"
        page.mkdir()
        (page / "index.html").write_text("a page of the device")
        web = free_port()
        proxies.run_in(inside, sys.executable, "-m", "http.server", web, "--bind", "127.0.0.1", "--directory", page)
        device = proxies.run_in(inside, localproxy, "-r", "us-east-1", "-d", f"localhost:{web}", "-t", opened["destinationAccessToken"], env=trust)
        device.wait_text(f"Successfully established websocket connection with proxy server: wss://{host}:443")
        laptop = proxies.run_in(inside, localproxy, "-r", "us-east-1", "-s", port, "-t", opened["sourceAccessToken"], env=trust)
        laptop.wait_text(f"Listening for new connection on port {port}")
        program = f"import urllib.request; print(urllib.request.urlopen('http://localhost:{port}/', timeout=20).read().decode())"
        done = subprocess.run([*inside, sys.executable, "-c", program], capture_output=True, text=True, timeout=40, env=clean_environment())
        assert done.stdout == "a page of the device\n", done.stderr
    finally:
        proxies.end()
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
        shutil.rmtree(etc, ignore_errors=True)
