"""What an operator does and sees: signals, folders, health, metrics, logs, audit.

spec: issue 2, points 2 and 4; docs/operating.md
"""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import time

import pytest
import wire
from harness import Process, ask, bin_dir, certificate_of, clean_environment, dial, free_port, read_exactly, wait_for
from test_tokens import refusal
from wire import connect


def adit(*args, env=None, cwd=None, timeout=30):
    return subprocess.run(
        [bin_dir() / "adit", *map(str, args)], env={**clean_environment(), **(env or {})}, cwd=cwd, capture_output=True, text=True, timeout=timeout,
    )


# Start


def test_first_start_needs_no_configuration(tmp_path):
    """`adit serve` alone, in an empty folder; only the ports are moved, for the sake of other tests."""
    env = clean_environment(
        ADIT__METRICS__ADDRESS="off", ADIT__LISTEN=f'[{{ address = "127.0.0.1:{free_port()}" }}]',
    )
    process = Process([bin_dir() / "adit", "serve"], tmp_path / "log", "serve", env=env, cwd=tmp_path)
    try:
        data = tmp_path / "data"
        wait_for(lambda: (data / "client.json").is_file(), process.describe)
        process.wait_text("adit env")
        for name in ("credentials", "adit.db", "secret.key", "pki/ca.key", "pki/server.key"):
            assert stat.S_IMODE((data / name).stat().st_mode) == 0o600, name
        assert (data / "pki/ca.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")
        printed = adit("env", cwd=tmp_path)
        assert printed.returncode == 0
        names = re.findall(r"^export (\w+)=", printed.stdout, re.M)
        for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_CA_BUNDLE", "ADIT_LOCALPROXY_SETTINGS"):
            assert name in names
    finally:
        assert process.stop() == 0


def test_second_start_keeps_ca_key_and_tunnels(new_server):
    server = new_server()
    tunnel, env, ca = server.open("SSH"), server.env, server.ca.read_bytes()
    assert server.stop() == 0
    server.restart()
    server._client_env = None
    assert server.env == env and server.ca.read_bytes() == ca
    assert server.describe(tunnel)["status"] == "OPEN"


def test_region_and_account_of_the_configuration(new_server):
    server = new_server(region="home-1", account="210987654321")
    assert server.env["AWS_REGION"] == "home-1"
    assert server.open().arn.startswith("arn:aws:iot:home-1:210987654321:tunnel/")


@pytest.mark.skipif(os.getuid() == 0 and not os.path.isdir("/proc/self"), reason="needs /proc as a folder nobody can write")
def test_data_folder_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "blocked"
    if os.getuid() == 0:
        blocked = "/proc/adit-data"
    else:
        blocked.mkdir(mode=0o500)
    got = adit("serve", "--data-dir", blocked)
    assert got.returncode != 0
    assert str(blocked) in got.stderr, got.stderr


def test_data_folder_that_is_a_file(tmp_path):
    (tmp_path / "data").write_text("")
    got = adit("serve", "--data-dir", tmp_path / "data")
    assert got.returncode != 0 and str(tmp_path / "data") in got.stderr


def test_second_server_in_the_same_folder(new_server):
    server = new_server()
    tunnel = server.open("SSH")
    config = server.home / "other.toml"
    config.write_text(f'metrics = {{ address = "off" }}\n[[listen]]\naddress = "127.0.0.1:{free_port()}"\n')
    got = adit("serve", "--data-dir", server.data, "--config", config)
    assert got.returncode != 0
    assert str(server.data) in got.stderr and "another" in got.stderr.lower(), got.stderr
    assert server.describe(tunnel)["status"] == "OPEN"


def test_busy_port_is_named(new_server):
    first = new_server()
    second = new_server(start=False)
    second.listen[1]["address"] = f"0.0.0.0:{first.port}"
    process = second.spawn()
    assert process.wait_exit() != 0
    assert str(first.port) in process.err() and "in use" in process.err()


@pytest.mark.parametrize("line, named", [
    ("colour = 'red'", "colour"),
    ("[tunnel]\npaice = 5", "tunnel.pace"),
    ("region = 'US EAST'", "region"),
    ("[log]\nformat = 'xml'", "json"),
    ("[[listen]]\naddress = '0.0.0.0:8080'\ntls = false", "allow-plain-remote"),
    ("[[listen]]\naddress = 'here'", "address"),
    ("this is not toml", "toml"),
])
def test_bad_configuration_is_named_and_refused(tmp_path, line, named):
    path = tmp_path / "adit.toml"
    path.write_text(line + "\n")
    for command in (("serve", "--data-dir", tmp_path / "data", "--config", path), ("config", "check", "--config", path)):
        got = adit(*command)
        assert got.returncode == 2, got
        assert named in got.stderr + got.stdout and "Traceback" not in got.stderr
        assert not (tmp_path / "data").exists()


def test_config_commands():
    default = adit("config", "default")
    assert default.returncode == 0 and "[[listen]]" in default.stdout
    explained = adit("config", "explain", "tunnel.pace")
    assert explained.returncode == 0 and "100000" in explained.stdout
    assert adit("config", "explain", "tunnel.paice").returncode != 0


def test_completions():
    for shell in ("bash", "zsh", "fish"):
        got = adit("completions", shell)
        assert got.returncode == 0 and "serve" in got.stdout


def test_env_without_a_server_says_what_to_do(tmp_path):
    got = adit("env", "--data-dir", tmp_path)
    assert got.returncode != 0 and "adit serve" in got.stderr and got.stdout == ""


# Health, metrics, status


def test_health_ready_and_metrics(server):
    assert server.get("/healthz")[0] == 200
    assert server.get("/readyz")[0] == 200
    status, text = server.metrics()
    assert status == 200 and "# TYPE adit_" in text
    assert server.get("/metrics")[0] != 200, "metrics are on their own listener"


def test_metrics_count(server):
    def value(text, pattern):
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(pattern, line))

    before = server.metrics()[1]
    tunnel = server.open("SSH")
    with connect(server, "source", tunnel.source):
        refusal(server, "source", tunnel.source)
        wait_for(lambda: value(server.metrics()[1], r"adit_\w*refus") > value(before, r"adit_\w*refus"), lambda: server.metrics()[1])
    assert tunnel.source not in server.metrics()[1]


def test_status_and_doctor(server):
    tunnel = server.open("SSH")
    with connect(server, "source", tunnel.source):
        shown = adit("status", "--data-dir", server.data)
        assert shown.returncode == 0, shown.stderr
        machine = adit("status", "--data-dir", server.data, "--json")
        assert json.loads(machine.stdout)
        assert tunnel.source not in shown.stdout + machine.stdout
    checked = adit("doctor", "--data-dir", server.data)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert json.loads(adit("doctor", "--data-dir", server.data, "--json").stdout)


def test_status_of_a_server_that_is_down(new_server):
    server = new_server()
    server.stop()
    for command in ("status", "doctor"):
        got = adit(command, "--data-dir", server.data)
        assert got.returncode in (1, 8) and got.stdout + got.stderr


# Signals


def test_sigterm_drains(new_server, proxies, service):
    """Not ready, nothing new; sessions go on for the time given; then the links are dropped without a Close frame."""
    server = new_server(**{"shutdown.drain": "4s"})
    tunnel, fresh, port = server.open("SSH"), server.open("SSH"), free_port()
    server.env
    proxies.destination(server, tunnel.destination, f"SSH={service().port}")
    proxies.source(server, tunnel.source, f"SSH={port}")
    other = server.open("SSH")
    with connect(server, "destination", other.destination) as by_hand, dial(port) as session:
        session.sendall(b"a")
        assert read_exactly(session, 1) == b"a"
        server.process.send(signal.SIGTERM)
        began = time.monotonic()
        wait_for(lambda: server.get("/readyz")[0] in (503, 0), "not ready any more", 3)
        assert server.get("/healthz")[0] == 200
        session.sendall(b"b")
        assert read_exactly(session, 1) == b"b"
        assert ask(port, b"new connection on the old tunnel") == b"new connection on the old tunnel"
        try:
            assert refusal(server, "source", fresh.source)[0] == 503
        except OSError:
            pass
        assert by_hand.recv().type == wire.SERVICE_IDS
        assert by_hand.expect_close().code is None, "no Close frame: local proxies shall come back"
        assert server.process.wait_exit(10) == 0
        assert 3 < time.monotonic() - began < 7
    server.restart()
    server.wait_states(tunnel, "CONNECTED", "CONNECTED", 30)
    connect(server, "source", fresh.source).close()


def test_sigterm_without_tunnels_is_quick(new_server):
    server = new_server(**{"shutdown.drain": "30s"})
    server.open()
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 5


def own_certificate(folder, name="localhost"):
    folder.mkdir(exist_ok=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=DNS:{name}", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True, timeout=30,
    )


def test_sighup_reloads_certificates(new_server, tmp_path):
    files = tmp_path / "tls"
    own_certificate(files)
    server = new_server(**{"tls.certificate-file": files / "cert.pem", "tls.key-file": files / "key.pem"})
    first = certificate_of(server.port, files / "cert.pem")
    context_ca = files / "old.pem"
    context_ca.write_bytes((files / "cert.pem").read_bytes())
    stream = wire.tls("localhost", server.port, context_ca)
    with stream:
        own_certificate(files)
        server.process.send(signal.SIGHUP)
        wait_for(lambda: certificate_of(server.port) != first, server.process.describe)
        second = certificate_of(server.port, files / "cert.pem")
        assert stream.getpeercert(binary_form=True) == first
        stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert stream.recv(12) == b"HTTP/1.1 200", "connections that exist go on"
    (files / "cert.pem").write_text("nonsense")
    before = len(server.logs())
    server.process.send(signal.SIGHUP)
    wait_for(lambda: "cert.pem" in server.logs()[before:], server.process.describe)
    assert certificate_of(server.port) == second, "what cannot be used leaves the old one in force"
    assert server.get("/readyz")[0] == 200


def test_kill_9_keeps_tunnels_and_leaves_no_side_connected(new_server):
    server = new_server()
    tunnel = server.open("SSH")
    with connect(server, "source", tunnel.source, "a" * 36), connect(server, "destination", tunnel.destination, "b" * 36):
        server.wait_states(tunnel, "CONNECTED", "CONNECTED")
        server.kill()
    server.restart()
    assert server.describe(tunnel)["status"] == "OPEN"
    assert server.states(tunnel) == ("DISCONNECTED", "DISCONNECTED")
    connect(server, "source", tunnel.source, "a" * 36).close()
    assert refusal(server, "destination", tunnel.destination, "c" * 36)[0] == 400


# Bad peers


def test_garbage_on_every_port_disturbs_nobody(server):
    tunnel = server.open("SSH")
    with connect(server, "source", tunnel.source) as quiet:
        quiet.recv()
        for port in (server.port, server.plain_port, server.metrics_port):
            for junk in (b"\x00" * 100, b"GET\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20000 + b"\r\n"):
                with socket.create_connection(("127.0.0.1", port), 5) as connection:
                    connection.settimeout(5)
                    try:
                        connection.sendall(junk)
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65536):
                            pass
                    except OSError:
                        pass
        quiet.settle()
    assert server.get("/readyz")[0] == 200
    assert "panicked" not in server.logs()


def test_slow_handshakes_are_ended(new_server):
    server = new_server(**{"limits.handshake-timeout": "1s", "limits.header-timeout": "1s"})
    with socket.create_connection(("127.0.0.1", server.port), 10) as silent:
        assert silent.recv(1) == b""
    with wire.tls("localhost", server.port, server.ca) as stream:
        stream.sendall(b"GET /tunnel HTTP/1.1\r\nHost:")
        data = b""
        try:
            while more := stream.recv(4096):
                data += more
        except OSError:
            pass
        assert b"101" not in data


def test_connections_are_limited_per_address(new_server):
    server = new_server(**{"limits.connections-per-address": 20})
    held = []
    try:
        for _ in range(40):
            held.append(socket.create_connection(("127.0.0.1", server.port), 5))
        over = 0
        for connection in held:
            connection.settimeout(0.05)
            try:
                over += connection.recv(1) == b""
            except TimeoutError:
                pass
            except OSError:
                over += 1
        assert over >= 19
    finally:
        for connection in held:
            connection.close()
    wait_for(lambda: server.get("/readyz")[0] == 200, "served again")


# Secrets and audit


def test_no_secret_in_logs_database_or_audit(new_server, proxies, service):
    """A run that uses tokens in every way, at the loudest log level, then a search through everything written."""
    server = new_server(**{"log.level": "trace", "log.format": "json"})
    env = server.env
    tunnel, port, mine = server.open("SSH", thing="T"), free_port(), "my-client-token-0123456789-abcdefgh"
    proxies.destination(server, tunnel.destination, f"SSH={service().port}", verbose="6")
    proxies.source(server, tunnel.source, f"SSH={port}", "-i", mine, verbose="6")
    canary = b"PAYLOAD-THAT-NOBODY-LOGS"
    assert ask(port, canary) == canary
    assert refusal(server, "source", tunnel.source, "c" * 36)[0] == 400
    assert refusal(server, "source", "never-issued-token-value")[0] == 403
    assert refusal(server, "source", cookie=tunnel.destination)[0] in (400, 403)
    refusal(server, "source", tunnel.source, cookie=tunnel.source)
    refusal(server, "source", query=f"?local-proxy-mode=source&access-token={tunnel.source}")
    rotated = server.api.rotate_tunnel_access_token(tunnelId=tunnel.id, clientMode="ALL")
    server.boto(secret="a-wrong-secret-somebody-typed")
    server.api.close_tunnel(tunnelId=tunnel.id)
    time.sleep(0.2)
    server.stop()
    secrets = [
        tunnel.source, tunnel.destination, rotated["sourceAccessToken"], rotated["destinationAccessToken"], mine, "never-issued-token-value",
        env["AWS_SECRET_ACCESS_KEY"], canary.decode(),
    ]
    auto = re.compile(r"adit-auto-[0-9a-f]{32}")
    written = {"log": server.logs(), "data": server.database_text().decode("latin-1")}
    written |= {p.name: p.text() for p in proxies.all}
    for place, text in written.items():
        for secret in secrets:
            assert secret not in text, f"{secret[:12]}… is in {place}"
        assert not auto.search(text), f"an automatic client token is in {place}"
    for line in server.logs().splitlines():
        if line.startswith("{"):
            json.loads(line)


def test_audit_says_who_did_what_with_which_result(new_server):
    server = new_server()
    tunnel = server.open("SSH")
    connect(server, "source", tunnel.source).close()
    refusal(server, "source", tunnel.source)
    with pytest.raises(Exception):
        server.api.describe_tunnel(tunnelId="none")
    with pytest.raises(Exception):
        server.boto(secret="wrong" * 8).open_tunnel()
    server.boto("iot").create_thing(thingName="lamp1")
    server.api.close_tunnel(tunnelId=tunnel.id, delete=True)

    def rows():
        return [" ".join(str(v) for v in row) for row in server.query("SELECT * FROM audit")]

    wait_for(lambda: any("CloseTunnel" in row for row in rows()), lambda: "\n".join(rows()))
    for wanted in ("OpenTunnel", "CreateThing", "CloseTunnel"):
        (row,) = [r for r in rows() if wanted in r and "InvalidSignature" not in r]
        assert ("lamp1" if wanted == "CreateThing" else tunnel.id) in row
        assert env_key(server) in row or "root" in row
    assert any("InvalidSignature" in row for row in rows()), "refusals are kept too"
    assert tunnel.source not in "\n".join(rows())
    with pytest.raises(Exception):
        import sqlite3

        with sqlite3.connect(server.data / "adit.db") as database:
            database.execute("DELETE FROM audit")


def env_key(server):
    return server.env["AWS_ACCESS_KEY_ID"]


def test_full_disk_refuses_writes_and_keeps_what_was_acknowledged(new_server, tmp_path):
    """A file system of 4 MiB for the data folder."""
    if os.getuid() != 0:
        pytest.skip("needs root to mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", small], capture_output=True).returncode:
        pytest.skip("this machine does not allow mounts")
    server = new_server(start=False)
    try:
        server.data = small / "data"
        server.start()
        kept = server.open("SSH")
        with open(small / "filling", "wb", buffering=0) as filling, pytest.raises(OSError):
            while True:
                filling.write(b"x" * 4096)
        made, failure = [], None
        for _ in range(2000):
            try:
                made.append(server.api.open_tunnel(description="x" * 2000)["tunnelId"])
            except Exception as error:
                failure = error
                break
        assert failure is not None, "writes are refused"
        assert failure.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
        assert server.describe(kept)["status"] == "OPEN", "reads go on"
        (small / "filling").unlink()
        wait_for(lambda: server.open("SSH"), "writes work again")
        server.kill()
        server.restart()
        for ident in [kept.id, *made]:
            assert server.describe(ident)["status"] == "OPEN"
    finally:
        for process in server.processes:
            process.kill()
        subprocess.run(["umount", "-l", small], capture_output=True)
