"""Our `localproxy` as a drop-in: options, messages, files, exit codes.

spec: secure-tunneling §5
"""

import base64
import json
import re
import signal
import socket
import threading

import pytest
import wire
from harness import Service, ask, dial, ended, free_port, run_localproxy, wait_for
from wire import connect

HINT = "Try 'localproxy --help' for a list of options."
TOKEN = ("-t", "AQGAAXtoken")


def test_version(tmp_path):
    for option in ("-V", "--version"):
        got = run_localproxy(option)
        assert got.code == 0 and got.err == ""
        assert re.fullmatch(r"Running .*Local Proxy version: .+\n", got.out), got.out


def test_help(tmp_path):
    got = run_localproxy("--help")
    assert got.code == 0
    for option in (
        "help", "version", "access-token", "client-token", "proxy-endpoint", "region", "source-listen-port", "destination-app",
        "local-bind-address", "capath", "no-ssl-host-verify", "export-default-settings", "settings-json", "config", "verbose",
        "mode", "destination-client-type", "config-dir",
    ):
        assert f"--{option}" in got.err, f"the list is on standard error: {option}"


USAGE = [
    (("-s", "5555", "-r", "us-east-1"), "the option '--access-token' is required but missing"),
    ((*TOKEN, "-r", "us-east-1", "-s", "5555", "-v"), "the required argument for option '--verbose' is missing"),
    (("-Z",), "unrecognised option '-Z'"),
    (("--frobnicate",), "unrecognised option '--frobnicate'"),
    ((*TOKEN, "-s", "5555"), "Must specify one and only one of --region/-r or --proxy-endpoint/-e options"),
    ((*TOKEN, "-s", "5555", "-r", "a", "-e", "b"), "Must specify one and only one of --region/-r or --proxy-endpoint/-e options"),
    ((*TOKEN, "-r", "a", "-s", "1", "-d", "2"), "Must specify one and only one of --source-listen-port/-s or --destination-app/-d"),
    ((*TOKEN, "-r", "a"), "Must specify one of --source-listen-port/-s or --destination-app/-d or --mode"),
    ((*TOKEN, "-r", "a", "-m", "sideways"), "Mode value is wrong! Allowed values are: src, dst, source, destination"),
    ((*TOKEN, "-r", "a", "-s", "1", "-m", "dst"), "-s and --mode have mismatched mode. Mode is set to destination!"),
    ((*TOKEN, "-r", "a", "-d", "1", "-m", "src"), "-s and --mode have mismatched mode. Mode is set to source!"),
]


@pytest.mark.parametrize("args, message", USAGE, ids=[m[:40] for _, m in USAGE])
def test_usage_errors_are_printed_bare(args, message):
    got = run_localproxy(*args)
    assert got.code == 1
    assert message in got.err.splitlines() and HINT in got.err.splitlines(), got.err


VALUES = [
    (("-t", "", "-r", "a", "-s", "1"), "Access token cannot be empty"),
    (("-t", "x" * 4097, "-r", "a", "-s", "1"), "Access token exceeds maximum allowed length"),
    (("-t", "a\tb", "-r", "a", "-s", "1"), "Access token contains invalid control characters"),
    ((*TOKEN, "-i", "short", "-r", "a", "-s", "1"), "Client token must be between 32 and 128 characters"),
    ((*TOKEN, "-i", "x" * 129, "-r", "a", "-s", "1"), "Client token must be between 32 and 128 characters"),
    ((*TOKEN, "-e", "host/path", "-s", "1"), "Proxy endpoint contains invalid characters"),
    ((*TOKEN, "-e", "host:70000", "-s", "1"), "Invalid endpoint specified: host:70000"),
    ((*TOKEN, "-r", "US-EAST-1", "-s", "1"), "Region must contain only lowercase letters, numbers, and hyphens"),
    ((*TOKEN, "-r", "a", "-s", "S%=1"), "Service ID must contain only alphanumeric characters, hyphens, and underscores"),
    ((*TOKEN, "-r", "a", "-s", "a:b=1"), "Service ID must contain only alphanumeric characters, hyphens, and underscores"),
    ((*TOKEN, "-r", "a", "-s", "SSH=0"), "Port must be between 1 and 65535"),
    ((*TOKEN, "-r", "a", "-s", "SSH=65536"), "Port must be between 1 and 65535"),
    ((*TOKEN, "-r", "a", "-s", "1", "-b", "a_b!"), "Bind address contains invalid characters"),
    ((*TOKEN, "-r", "a", "-s", "SSH="), "Wrong format for the port mappings: SSH= .Example: SSH1=5555"),
    ((*TOKEN, "-r", "a", "-s", "SSH=1,2"), "Wrong format for the port mappings"),
    ((*TOKEN, "-r", "a", "-m", "src", "--config-dir", "/nowhere/at/all"), "Invalid configuration directory: /nowhere/at/all"),
]


@pytest.mark.parametrize("args, message", VALUES, ids=[m[:50] for _, m in VALUES])
def test_bad_values_are_named(args, message):
    got = run_localproxy(*args)
    assert got.code == 1
    assert message in got.err, got.err


def test_rejected_input_is_logged_without_its_value():
    got = run_localproxy(*TOKEN, "-i", "my-short-secret", "-r", "a", "-s", "1")
    assert re.search(r"\[warning\] SECURITY: Rejected input for '[a-z-]+': ", got.err), got.err
    assert "my-short-secret" not in got.err


def test_endpoint_in_the_environment_and_region_on_the_line_exclude_each_other():
    got = run_localproxy(*TOKEN, "-r", "a", "-s", "1", env={"AWSIOT_TUNNEL_ENDPOINT": "localhost:1"})
    assert got.code == 1 and "one and only one of --region" in got.err


def test_export_default_settings(tmp_path):
    path = tmp_path / "settings.json"
    got = run_localproxy("--export-default-settings", path)
    assert got.code == 0, got.err
    proxy = json.loads(path.read_text())["tunneling"]["proxy"]
    assert proxy["endpoint_format"] == "data.tunneling.iot.%s.amazonaws.com"
    assert proxy["default_bind_address"] == "localhost"
    assert proxy["message"] == {"data_length_size": "2", "max_payload_size": "64512", "max_size": "65536", "data_frame_max_size": "65538"}
    assert proxy["tcp"]["connection_retry_count"] == "5" and proxy["tcp"]["connection_retry_delay_ms"] == "2500"
    assert proxy["websocket"]["ping_period_ms"] == "20000" and proxy["websocket"]["connect_retry_count"] == "-1"
    assert proxy["websocket"]["subprotocol"] == "aws.iot.securetunneling-3.0"
    assert set(proxy["region_endpoint_overrides"]) == {"cn-north-1", "cn-northwest-1"}


def test_banner_is_always_printed_on_standard_output(server, proxies):
    process = proxies.source(server, server.open("SSH").source, f"SSH={free_port()}", verbose="0", wait=False)
    wait_for(lambda: "Running AWS IoT Secure Tunneling Local Proxy version: " in process.out(), process.describe)
    assert process.err() == ""


LEVELS = {"1": "fatal", "2": "error", "3": "warning", "4": "info", "5": "debug", "6": "trace"}


@pytest.mark.parametrize("verbose", ["2", "4", "5", "6"])
def test_verbosity(server, proxies, verbose):
    process = proxies.source(server, server.open("SSH").source, f"SSH={free_port()}", verbose=verbose, wait=int(verbose) >= 4)
    if int(verbose) < 4:
        wait_for(lambda: "Running" in process.out(), process.describe)
    allowed = [LEVELS[str(n)] for n in range(1, int(verbose) + 1)]
    lines = process.err().splitlines()
    shape = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\] \(0x[0-9a-f]+\) \[(\w+)\] .*")
    levels = [m[1] for m in map(shape.fullmatch, lines) if m]
    assert set(levels) <= set(allowed)
    if int(verbose) >= 4:
        assert allowed[-1] in levels, f"nothing at level {allowed[-1]} in {lines}"


def test_lines_in_order_at_verbosity_6(server, proxies):
    port = free_port()
    process = proxies.source(server, server.open("SSH").source, f"SSH={port}", verbose="6")
    from test_walkthrough_a import in_order

    in_order(
        process.err(),
        "[info] Starting proxy in source mode",
        f"[info] Attempting to establish web socket connection with endpoint wss://localhost:{server.port}",
        "[debug] Resolved proxy server IP: ",
        "[debug] Connected successfully with proxy server",
        "[trace] Performing SSL handshake with proxy server",
        "[debug] Successfully completed SSL handshake with proxy server",
        "HTTP/1.1 101 Switching Protocols",
        "[info] Web socket session ID: ",
        "[debug] Web socket subprotocol selected: aws.iot.securetunneling-3.0",
        f"[info] Successfully established websocket connection with proxy server: wss://localhost:{server.port}",
        "[debug] Setting up web socket pings for every 20000 milliseconds",
        "[debug] Scheduled next read:",
        "[debug] Starting web socket read loop continue reading...",
        "[debug] Resolved bind IP: 127.0.0.1",
        f"[info] Listening for new connection on port {port}",
    )


def test_session_id_is_the_channel_id_and_the_token_is_not_logged(server, proxies):
    tunnel = server.open("SSH")
    process = proxies.source(server, tunnel.source, f"SSH={free_port()}", "-i", "my-own-client-token-0123456789abcdef", verbose="6")
    (session,) = re.findall(r"Web socket session ID: (\S+)", process.err())
    assert re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{16}-[0-9a-f]{8}", session)
    assert tunnel.source not in process.text()
    assert "my-own-client-token" not in process.text()
    assert session in server.logs(), "the operator finds the session by what the user reads"


def test_lines_of_a_connection(server, proxies, service):
    tunnel, port, target = server.open("SSH"), free_port(), service()
    device = proxies.destination(server, tunnel.destination, f"SSH={target.port}")
    laptop = proxies.source(server, tunnel.source, f"SSH={port}")
    assert ask(port, b"x") == b"x"
    laptop.wait_text(f"Accepted tcp connection on port {port} from 127.0.0.1:")
    laptop.wait_text("creating tcp connection id 1")
    laptop.wait_text("Disconnected from: 127.0.0.1:")
    device.wait_text(f"Connected to 127.0.0.1, port: {target.port}")


def test_warning_for_a_token_on_the_command_line(server, proxies):
    tunnel = server.open("SSH")
    process = proxies.run("-e", server.endpoint, "-s", f"SSH={free_port()}", "-t", tunnel.source, server=server)
    process.wait_text("Found access token supplied via CLI arg. Consider using environment variable AWSIOT_TUNNEL_ACCESS_TOKEN instead")
    process.wait_text("Listening for new connection")


# Exits


def test_refusal_prints_the_reason_and_exits_1(server, proxies):
    process = proxies.source(server, "not-a-token", f"SSH={free_port()}", wait=False)
    assert process.wait_exit() == 1
    assert 'Proxy server rejected web socket upgrade request: (HTTP/1.1 403 Forbidden) "Invalid access-token"' in process.err()


def test_close_ends_with_0(server, proxies):
    tunnel = server.open("SSH")
    process = proxies.source(server, tunnel.source, f"SSH={free_port()}")
    server.api.close_tunnel(tunnelId=tunnel.id)
    assert process.wait_exit() == 0


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, -15), (signal.SIGINT, -2)])
def test_signals_end_it_as_signals_do(server, proxies, number, code):
    process = proxies.source(server, server.open("SSH").source, f"SSH={free_port()}")
    assert process.stop(number) == code


def quick(tmp_path, **groups):
    """A settings file with shorter times than the default."""
    path = tmp_path / "quick.json"
    path.write_text(json.dumps({"tunneling": {"proxy": groups}}))
    return path


def test_busy_port(server, proxies, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        settings = quick(tmp_path, tcp={"connection_retry_count": "2", "connection_retry_delay_ms": "100"})
        process = proxies.source(server, server.open("SSH").source, f"SSH={port}", "--settings-json", settings, wait=False)
        assert process.wait_exit() == 1
        said = f"Could not bind to address: 127.0.0.1:{port} -- Address already in use"
        assert process.err().count(said) == 3, process.err()


def test_busy_port_that_becomes_free(server, proxies, tmp_path):
    settings = quick(tmp_path, tcp={"connection_retry_count": "-1", "connection_retry_delay_ms": "100"})
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        process = proxies.source(server, server.open("SSH").source, f"SSH={port}", "--settings-json", settings, wait=False)
        process.wait_text("Could not bind to address")
    process.wait_text(f"Listening for new connection on port {port}")


def test_application_that_refuses(server, proxies, tmp_path):
    tunnel, port, nobody = server.open("SSH"), free_port(), free_port()
    settings = quick(tmp_path, tcp={"connection_retry_count": 1, "connection_retry_delay_ms": 100})
    device = proxies.destination(server, tunnel.destination, f"SSH={nobody}", "--settings-json", settings)
    laptop = proxies.source(server, tunnel.source, f"SSH={port}")
    with dial(port) as connection:
        assert ended(connection)
    device.wait_text(f"Could not connect to destination 127.0.0.1:{nobody} -- ")
    assert device.running() and laptop.running()
    with socket.create_server(("127.0.0.1", nobody)) as late:
        with dial(port) as connection:
            accepted, _ = late.accept()
            accepted.sendall(b"now")
            assert connection.recv(3) == b"now"
            accepted.close()


def test_destination_missing_ends_the_connection_at_once(server, proxies):
    port = free_port()
    laptop = proxies.source(server, server.open("SSH").source, f"SSH={port}")
    for _ in range(3):
        with dial(port) as connection:
            connection.sendall(b"anybody?")
            assert ended(connection, 5)
    assert laptop.running()


def test_server_that_is_away_is_tried_again(new_server, proxies, tmp_path):
    server = new_server()
    tunnel = server.open("SSH")
    server.stop()
    settings = quick(tmp_path, websocket={"retry_delay_ms": "100"})
    process = proxies.source(server, tunnel.source, f"SSH={free_port()}", "--settings-json", settings, wait=False)
    process.wait_text("Attempting to establish web socket connection", count=3)
    server.restart()
    process.wait_text("Listening for new connection")


def test_a_dropped_link_comes_back_with_its_own_client_token(new_server, proxies, service):
    server = new_server()
    tunnel, port = server.open("SSH"), free_port()
    proxies.destination(server, tunnel.destination, f"SSH={service().port}")
    process = proxies.source(server, tunnel.source, f"SSH={port}")
    server.kill()
    server.restart()
    server.wait_states(tunnel, "CONNECTED", "CONNECTED", 30)
    assert process.err().count("Starting proxy in source mode") == 1
    assert ask(port, b"again") == b"again"


# Mappings


def test_named_mapping_that_does_not_fit_the_tunnel(server, proxies):
    for mapping in (f"FTP={free_port()}", f"SSH={free_port()},FTP={free_port()}"):
        process = proxies.source(server, server.open("SSH").source, mapping, wait=False)
        assert process.wait_exit() == 1
        assert "Wrong configurations detected in local proxy. Please starts local proxy with right sets of service ids." in process.err()


def test_unnamed_mapping_adopts_the_only_service(server, proxies, service):
    tunnel, port = server.open("SSH"), free_port()
    proxies.destination(server, tunnel.destination, service().port)
    process = proxies.source(server, tunnel.source, port)
    assert "Updated port mapping for v1 format: " in process.err() and f"SSH = {port}" in process.err()
    assert ask(port, b"x") == b"x"


def test_unnamed_mappings_on_a_tunnel_with_several_services(server, proxies, service):
    tunnel, port = server.open("SSH", "HTTP"), free_port()
    proxies.destination(server, tunnel.destination, service().port)
    proxies.source(server, tunnel.source, port)
    assert ask(port, b"x") == b"x"


def test_source_without_mapping_takes_free_ports(server, proxies, service):
    tunnel, target = server.open("SSH", "HTTP"), service()
    proxies.destination(server, tunnel.destination, f"SSH={target.port},HTTP={target.port}")
    process = proxies.run("-e", server.endpoint, "-m", "src", "-v", "5", server=server, env={"AWSIOT_TUNNEL_ACCESS_TOKEN": tunnel.source})
    process.wait_text("Listening for new connection", count=2)
    assert "Use port mapping:" in process.err()
    ports = dict(re.findall(r"^(?:.*\] )?(SSH|HTTP) = (\d+)$", process.err(), re.M))
    for name in ("SSH", "HTTP"):
        assert f"Listen port assigned for service id {name}" in process.err()
        assert ask(int(ports[name]), b"x") == b"x"


def test_destination_without_mapping(server, proxies):
    process = proxies.run("-e", server.endpoint, "-m", "dst", server=server, env={"AWSIOT_TUNNEL_ACCESS_TOKEN": server.open("SSH").destination})
    assert process.wait_exit() == 1
    assert "No port mapping exists. Fail to start local proxy in destination mode." in process.err()


def test_first_of_a_repeated_service_wins(server, proxies, service):
    tunnel, ports = server.open("SSH"), [free_port(), free_port()]
    proxies.destination(server, tunnel.destination, f"SSH={service().port}")
    proxies.source(server, tunnel.source, f"SSH={ports[0]}, SSH={ports[1]},,")
    assert ask(ports[0], b"x") == b"x"
    with pytest.raises(ConnectionRefusedError):
        dial(ports[1])


@pytest.mark.parametrize("how", ["option", "default", "capital"])
def test_mapping_files(server, proxies, service, tmp_path, how):
    tunnel, ports = server.open("SSH", "HTTP"), {"SSH": free_port(), "HTTP": free_port()}
    target = service()
    folder = tmp_path / {"option": "anywhere", "default": "config", "capital": "Config"}[how]
    (folder / "deeper").mkdir(parents=True)
    (folder / "one.ini").write_text(f"# ports\nSSH={ports['SSH']}\n")
    (folder / "deeper" / "two.ini").write_text(f"HTTP = {ports['HTTP']}\n")
    (folder / "broken.ini").write_text("no mapping at all\n")
    proxies.destination(server, tunnel.destination, f"SSH={target.port},HTTP={target.port}")
    more = ["--config-dir", folder] if how == "option" else []
    process = proxies.run(
        "-e", server.endpoint, "-m", "source", *more, server=server, cwd=tmp_path, env={"AWSIOT_TUNNEL_ACCESS_TOKEN": tunnel.source},
    )
    process.wait_text("Listening for new connection", count=2)
    for port in ports.values():
        assert ask(port, b"x") == b"x"


def test_config_file(server, proxies, service, tmp_path):
    tunnel, port = server.open("SSH"), free_port()
    proxies.destination(server, tunnel.destination, f"SSH={service().port}")
    config = tmp_path / "localproxy.conf"
    config.write_text(f"# laptop\nproxy-endpoint = {server.endpoint}\nsource-listen-port = SSH={port}\naccess-token = {tunnel.source}\n")
    proxies.run("--config", config, server=server).wait_text("Listening for new connection")
    assert ask(port, b"x") == b"x"


# Addresses


def test_unix_socket_destination(server, proxies, service, tmp_path):
    tunnel, port, path = server.open("SSH"), free_port(), tmp_path / "app.sock"
    service(path=path)
    proxies.destination(server, tunnel.destination, f"SSH={path}")
    proxies.source(server, tunnel.source, f"SSH={port}")
    assert ask(port, b"through a path") == b"through a path"


@pytest.mark.parametrize("form", ["{}", "127.0.0.1:{}", "localhost:{}"])
def test_forms_of_a_destination(server, proxies, service, form):
    tunnel, port = server.open("SSH"), free_port()
    proxies.destination(server, tunnel.destination, "SSH=" + form.format(service().port))
    proxies.source(server, tunnel.source, f"SSH={port}")
    assert ask(port, b"x") == b"x"


def test_bind_address(server, proxies, service):
    tunnel, port = server.open("SSH"), free_port()
    proxies.destination(server, tunnel.destination, f"SSH={service().port}")
    proxies.source(server, tunnel.source, f"SSH={port}", "-b", "127.0.0.5")
    with socket.create_connection(("127.0.0.5", port), 10) as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
    with pytest.raises(ConnectionRefusedError):
        dial(port)


def test_ipv6(server, proxies, tmp_path):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with listener:
        tunnel, port = server.open("SSH"), free_port()

        def answer():
            connection, _ = listener.accept()
            connection.sendall(b"six")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        proxies.destination(server, tunnel.destination, f"SSH=[::1]:{listener.getsockname()[1]}")
        proxies.source(server, tunnel.source, f"SSH={port}", "-b", "::1")
        with socket.create_connection(("::1", port), 10) as connection:
            assert connection.recv(3) == b"six"


def test_region_override_in_settings(server, proxies, tmp_path):
    settings = quick(tmp_path, region_endpoint_overrides={"home-1": server.endpoint})
    tunnel = server.open("SSH")
    process = proxies.run(
        "-r", "home-1", "-s", f"SSH={free_port()}", "--settings-json", settings, server=server, env={"AWSIOT_TUNNEL_ACCESS_TOKEN": tunnel.source},
    )
    process.wait_text(f"Attempting to establish web socket connection with endpoint wss://localhost:{server.port}")
    process.wait_text("Listening for new connection")


def test_settings_of_the_server_let_a_region_find_it(server, proxies):
    tunnel = server.open("SSH")
    process = proxies.run(
        "-r", server.env["AWS_REGION"], "-s", f"SSH={free_port()}", "-c", server.env["AWS_CA_BUNDLE"],
        env={"AWSIOT_TUNNEL_ACCESS_TOKEN": tunnel.source, "ADIT_LOCALPROXY_SETTINGS": server.env["ADIT_LOCALPROXY_SETTINGS"]},
    )
    process.wait_text("Listening for new connection")


# TLS


def test_certificate_for_another_name(server, proxies):
    process = proxies.run(
        "-e", f"127.0.0.2:{server.port}", "-s", f"SSH={free_port()}", server=server, env={"AWSIOT_TUNNEL_ACCESS_TOKEN": server.open("SSH").source},
    )
    process.wait_text("Could not perform SSL handshake with proxy server: certificate verify failed")


def test_a_trust_folder_without_certificates_is_named(server, proxies, tmp_path):
    process = proxies.run(
        "-e", server.endpoint, "-s", f"SSH={free_port()}", "-c", tmp_path / "none", env={"AWSIOT_TUNNEL_ACCESS_TOKEN": server.open("SSH").source},
    )
    wait_for(lambda: str(tmp_path / "none") in process.text(), process.describe)


def test_without_verification(server, proxies):
    process = proxies.run(
        "-e", server.endpoint, "-s", f"SSH={free_port()}", "-k", env={"AWSIOT_TUNNEL_ACCESS_TOKEN": server.open("SSH").source},
    )
    process.wait_text("Listening for new connection")
    assert "SECURITY WARNING: SSL host verification is DISABLED (-k flag)" in process.text()


# Older ends


@pytest.mark.parametrize("kind", ["V1", "V2"])
def test_older_client_types(server, proxies, service, kind):
    tunnel, port, target = server.open("SSH"), free_port(), service()
    mapping = ("", "") if kind == "V1" else ("SSH=", "SSH=")
    more = ("-y", "V1") if kind == "V1" else ()
    proxies.destination(server, tunnel.destination, f"{mapping[0]}{target.port}", *more)
    proxies.source(server, tunnel.source, f"{mapping[1]}{port}", "-y", kind)
    for _ in range(3):
        assert ask(port, b"one at a time") == b"one at a time"


@pytest.mark.parametrize("kind, shape", [("V1", ("", 0)), ("V2", ("SSH", 0)), (None, ("SSH", 1))])
def test_shape_of_the_first_message(server, proxies, kind, shape):
    tunnel, port = server.open("SSH"), free_port()
    with connect(server, "destination", tunnel.destination) as destination:
        assert destination.recv().type == wire.SERVICE_IDS
        proxies.source(server, tunnel.source, port if kind == "V1" else f"SSH={port}", *(("-y", kind) if kind else ()))
        with dial(port) as connection:
            opened = destination.recv()
            assert (opened.type, opened.service, opened.connection) == (wire.STREAM_START, *shape)
            destination.send(wire.data(opened.stream, b"hello", *shape))
            assert connection.recv(5) == b"hello"


def test_unknown_client_type_warns(server, proxies):
    process = proxies.source(server, server.open("SSH").source, f"SSH={free_port()}", "-y", "V9")
    assert "[warning]" in process.err() and "V9" in process.err() or "V3" in process.err()


# Through a web proxy


class WebProxy(Service):
    """A tiny CONNECT proxy; remembers the requests, may ask for a password."""

    def __init__(self, password=None, status=None):
        self.requests, self.password, self.status = [], password, status
        super().__init__(self.relay)

    def relay(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            more = connection.recv(4096)
            if not more:
                return
            head += more
        text = head.decode()
        self.requests.append(text)
        if self.status:
            connection.sendall(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        if self.password:
            wanted = base64.b64encode(self.password.encode()).decode()
            if not re.search(rf"proxy-authorization: basic {re.escape(wanted)}\r", text, re.I):
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
        host, port = text.split()[1].rsplit(":", 1)
        with socket.create_connection((host, int(port))) as out:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=self.pump, args=(out, connection), daemon=True)
            back.start()
            self.pump(connection, out)

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass


@pytest.fixture
def web_proxy():
    made = []

    def make(**more):
        made.append(WebProxy(**more))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY"])
def test_web_proxy(server, proxies, service, web_proxy, variable):
    tunnel, port, between = server.open("SSH"), free_port(), web_proxy()
    proxies.destination(server, tunnel.destination, f"SSH={service().port}")
    process = proxies.source(server, tunnel.source, f"SSH={port}", env={variable: f"http://127.0.0.1:{between.port}"}, verbose="6")
    assert ask(port, b"x") == b"x"
    assert between.requests[0].startswith(f"CONNECT localhost:{server.port} HTTP/1.1\r\n")
    from test_walkthrough_a import in_order

    in_order(
        process.err(),
        "Found Web proxy information in the environment variables, will use it to connect via the proxy.",
        "Resolved Web proxy IP: 127.0.0.1",
        "Connected successfully with Web Proxy",
        "Successfully sent HTTP CONNECT to the Web proxy",
        "TCP tunnel established successfully",
        "Listening for new connection",
    )


@pytest.mark.parametrize("form", ["http://us%40er:p%3Ass@127.0.0.1:{}", "http:us%40er:p%3Ass@127.0.0.1:{}"])
def test_web_proxy_with_a_password(server, proxies, web_proxy, form):
    between = web_proxy(password="us@er:p:ss")
    process = proxies.source(server, server.open("SSH").source, f"SSH={free_port()}", env={"https_proxy": form.format(between.port)}, verbose="6")
    assert "Parsed basic auth credentials for the URL" in process.err()
    assert "p:ss" not in process.err() and "p%3Ass" not in process.err()
    assert base64.b64encode(b"us@er:p:ss").decode() not in process.err()


def test_web_proxy_without_a_scheme(server, proxies, web_proxy):
    between = web_proxy()
    proxies.source(server, server.open("SSH").source, f"SSH={free_port()}", env={"https_proxy": f"127.0.0.1:{between.port}"})
    assert between.requests


def test_web_proxy_that_refuses_is_tried_again(server, proxies, web_proxy, tmp_path):
    between = web_proxy(status="403 Forbidden")
    settings = quick(tmp_path, websocket={"retry_delay_ms": "100"})
    process = proxies.source(
        server, server.open("SSH").source, f"SSH={free_port()}", "--settings-json", settings, env={"https_proxy": f"http://127.0.0.1:{between.port}"}, wait=False,
    )
    wait_for(lambda: len(between.requests) >= 2, process.describe)
    assert "403" in process.err()


# As the other end of the wire sees it



def test_what_it_sends_on_the_wire(server, proxies):
    tunnel, port = server.open("SSH"), free_port()
    with connect(server, "destination", tunnel.destination) as destination:
        assert destination.recv().type == wire.SERVICE_IDS
        proxies.source(server, tunnel.source, f"SSH={port}")
        with dial(port) as first:
            first.sendall(b"one")
            opened = destination.recv()
            assert (opened.type, opened.connection) == (wire.STREAM_START, 1)
            assert destination.recv() == wire.data(opened.stream, b"one", "SSH", 1)
            with dial(port) as second:
                second.sendall(b"two")
                more = destination.recv()
                assert (more.type, more.stream, more.connection) == (wire.CONNECTION_START, opened.stream, 2)
                assert destination.recv() == wire.data(opened.stream, b"two", "SSH", 2)
                destination.send(wire.data(opened.stream, b"a" * 60000, "SSH", 2))
                got = b""
                while len(got) < 60000:
                    got += second.recv(65536)
            gone = destination.recv()
            assert (gone.type, gone.connection) == (wire.CONNECTION_RESET, 2)
            destination.send(wire.Message(wire.CONNECTION_RESET, opened.stream, "SSH", 1))
            assert ended(first)


def test_a_reset_ends_all_connections_and_the_next_one_starts_a_stream(server, proxies):
    tunnel, port = server.open("SSH"), free_port()
    with connect(server, "destination", tunnel.destination) as destination:
        destination.recv()
        proxies.source(server, tunnel.source, f"SSH={port}")
        connections = [dial(port) for _ in range(3)]
        opened = [destination.recv() for _ in connections]
        destination.send(wire.reset(opened[0].stream, "SSH"))
        assert all(ended(c) for c in connections)
        with dial(port):
            while (message := destination.recv()).type == wire.CONNECTION_RESET:
                pass
            assert message.type == wire.STREAM_START and message.stream > opened[0].stream


def test_destination_serves_a_source_spoken_by_hand(server, proxies, service):
    tunnel, target = server.open("SSH"), service()
    proxies.destination(server, tunnel.destination, f"SSH={target.port}")
    with connect(server, "source", tunnel.source) as source:
        source.recv()
        source.send(wire.start(1, "SSH", 1), wire.data(1, b"a", "SSH", 1))
        assert source.recv() == wire.data(1, b"a", "SSH", 1)
        source.send(wire.Message(wire.CONNECTION_START, 1, "SSH", 2), wire.data(1, b"b", "SSH", 2))
        assert source.recv() == wire.data(1, b"b", "SSH", 2)
        source.send(wire.Message(wire.CONNECTION_RESET, 1, "SSH", 2))
        wait_for(lambda: len(target.open) == 1, "one connection ended")
        source.send(wire.reset(1, "SSH", 1))
        wait_for(lambda: not target.open, "all connections ended")
