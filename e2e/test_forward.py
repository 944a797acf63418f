"""`adit forward` and `adit nc`: any service of a device on this side of the tunnel.

spec: issue 5, part 2; docs/ssh.md
"""

import json
import signal
import socket
import subprocess
import threading

import pytest
from devices import fresh
from harness import Noise, ask, bin_dir, dial, digest_of, ended, free_port, greeter, read_exactly, wait_for, web_page
from operators import Home, Operator


@pytest.fixture
def operator(broker, tmp_path):
    operator = Operator(broker, tmp_path / "home")
    yield operator
    operator.end()


@pytest.fixture
def box(client, proxies, service):
    """A device with an echo service, a web page and one that greets."""
    services = {"ECHO": service().port, "HTTP": service(web_page("of the box")).port, "HI": service(greeter("hello")).port}
    return Home(client(), proxies, services).start()


def served(process):
    """The addresses that `adit forward -o jsonl` printed, by service."""
    process.wait_text("Forwarding to")
    rows = [json.loads(line) for line in process.out().splitlines()]
    return {row["service"]: int(row["address"].rsplit(":", 1)[1]) for row in rows}, rows


# forward


def test_several_services_at_once(operator, box):
    port = free_port()
    process = operator.start("forward", "-o", "jsonl", box.thing, f"{port}:80", "ECHO", "0:HI")
    ports, rows = served(process)
    assert ports["HTTP"] == port and {row["tunnelId"] for row in rows} == {operator.open_tunnels(box.thing)[0]["tunnelId"]}
    assert ask(ports["ECHO"], b"to and fro") == b"to and fro"
    page = subprocess.run(["curl", "-s", f"http://localhost:{port}/"], capture_output=True, timeout=30)
    assert page.stdout == b"of the box"
    with dial(ports["ECHO"]) as one, dial(ports["ECHO"]) as two, dial(ports["HI"]) as three:
        one.sendall(b"one")
        two.sendall(b"two")
        assert (read_exactly(one, 3), read_exactly(two, 3), read_exactly(three, 5)) == (b"one", b"two", b"hello")
        assert ended(three)
    process.send(signal.SIGINT)
    assert process.wait_exit() == 130
    operator.wait_clean(box.thing)


def test_much_in_both_directions(operator, box):
    process = operator.start("forward", "-o", "jsonl", box.thing, "ECHO")
    ports, _ = served(process)
    noise, size = Noise(), 4 << 20
    with dial(ports["ECHO"], 100) as connection:
        sent = []
        sender = threading.Thread(target=lambda: sent.append(noise.send(connection, size)))
        sender.start()
        got = digest_of(connection, size)
        sender.join()
    assert sent == [got]


def test_more_than_three_services_take_more_tunnels(operator, client, proxies, service):
    names = ["A", "B", "C", "D"]
    box = Home(client(), proxies, {name: service(greeter(name)).port for name in names}).start()
    process = operator.start("forward", "-o", "jsonl", box.thing, *names)
    ports, rows = served(process)
    assert len({row["tunnelId"] for row in rows}) == 2 == len(operator.open_tunnels(box.thing))
    for name in names:
        with dial(ports[name]) as connection:
            assert read_exactly(connection, 1) == name.encode()
    process.send(signal.SIGTERM)
    assert process.wait_exit() == 143
    operator.wait_clean(box.thing)
    refused = operator.adit("forward", "--keep", box.thing, *names)
    assert refused.returncode == 2


def test_the_table_names_service_and_address(operator, box):
    port = free_port()
    process = operator.start("forward", box.thing, f"{port}:ECHO")
    process.wait_text("Forwarding to")
    assert process.out() == f"SERVICE  ADDRESS\nECHO     127.0.0.1:{port}\n"
    again = operator.start("forward", "--output", "table", "--no-headers", box.thing, "0:HI")
    again.wait_text("Forwarding to")
    assert again.out().startswith("HI  127.0.0.1:")
    assert process.err() == f"Forwarding to {box.thing}. Ctrl-C ends it.\n", "no line of counters where no terminal is"


def test_where_it_listens(operator, box):
    process = operator.start("forward", "-o", "jsonl", box.thing, "127.0.0.3:0:ECHO", "localhost:0:HI")
    ports, rows = served(process)
    assert rows[0]["address"].startswith("127.0.0.3:")
    with socket.create_connection(("127.0.0.3", ports["ECHO"]), 10) as connection:
        connection.sendall(b"x")
        assert read_exactly(connection, 1) == b"x"
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", ports["ECHO"]), 10)
    with socket.create_connection(("::1", ports["HI"]), 10) as connection:
        assert read_exactly(connection, 5) == b"hello"


def test_a_terminal_is_shown_what_goes_through(operator, box):
    port = free_port()
    process = operator.start_in_terminal(f"forward {box.thing} {port}:ECHO")
    process.wait_text("Forwarding to")
    assert ask(port, b"0123456789") == b"0123456789"
    process.wait_text(f"{port}:ECHO 0 open of 1, 10 B up, 10 B down")
    process.stop()


def test_ports_that_cannot_be_had(operator, box):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        done = operator.adit("forward", box.thing, f"{busy.getsockname()[1]}:ECHO")
    assert done.returncode == 5 and b"choose another port" in done.stderr, done
    assert operator.adit("forward", box.thing, "192.0.2.1:0:ECHO").returncode == 1
    for spec in ("8080:8081", "x:ECHO", "1:2:3:4", "8080:"):
        assert operator.adit("forward", box.thing, spec).returncode == 2, spec
    assert not operator.tunnels(box.thing)


def test_the_end_of_the_tunnel_ends_it(operator, box):
    process = operator.start("forward", box.thing, "ECHO")
    process.wait_text("Forwarding to")
    (tunnel,) = operator.open_tunnels(box.thing)
    operator.server.api.close_tunnel(tunnelId=tunnel["tunnelId"])
    assert process.wait_exit() == 1
    assert "the tunnel was closed, or its lifetime is over" in process.err()


def test_the_link_is_made_again_with_the_same_token(new_server, tmp_path, proxies, service):
    server = new_server()
    operator = Operator(server, tmp_path / "alone")
    server.boto("iot").create_thing(thingName="box")
    echo = service()
    process = operator.start("forward", "-o", "jsonl", "box", "ECHO")
    try:
        wait_for(lambda: operator.open_tunnels("box"), process.describe)
        (tunnel,) = operator.open_tunnels("box")
        got = server.api.rotate_tunnel_access_token(tunnelId=tunnel["tunnelId"], clientMode="DESTINATION")
        proxies.destination(server, got["destinationAccessToken"], f"ECHO={echo.port}")
        ports, _ = served(process)
        assert ask(ports["ECHO"], b"before") == b"before"
        server.kill()
        process.wait_text("The link to the server broke")
        server.start()
        process.wait_text("The link to the server is up again")
        server.wait_states(tunnel["tunnelId"], "CONNECTED", "CONNECTED")
        assert ask(ports["ECHO"], b"after") == b"after"
        process.send(signal.SIGINT)
        process.wait_exit()
        operator.wait_clean("box")
    finally:
        operator.end()


# nc


def test_bytes_go_both_ways_and_the_devices_end_is_the_end(operator, box):
    process = subprocess.Popen(
        [bin_dir() / "adit", "nc", f"{box.thing}:ECHO"], env=operator.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    try:
        process.stdin.write(b"first\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"first\n"
        process.stdin.write(b"second\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"second\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143 and process.stderr.read() == b""
    finally:
        process.kill()
        process.communicate()
    operator.wait_clean(box.thing)
    done = operator.adit("nc", f"{box.thing}:HI")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hello", b"")
    done = operator.adit("nc", "--service", "HI", f"{box.thing}.adit")
    assert (done.returncode, done.stdout) == (0, b"hello")
    operator.wait_clean(box.thing)


def test_an_answer_comes_behind_the_end_of_the_input(operator, box):
    request = b"GET / HTTP/1.0\r\n\r\n"
    done = operator.adit("nc", f"{box.thing}:HTTP", input=request)
    assert done.returncode == 0 and done.stdout.endswith(b"\r\n\r\nof the box"), done


def test_the_connection_may_end_with_the_input(operator, client, proxies, service):
    heard = []

    def listen(connection):
        data = b""
        while more := connection.recv(65536):
            data += more
        heard.append(data)

    box = Home(client(), proxies, {"LOG": service(listen).port}).start()
    done = operator.adit("nc", "--end-with-input", f"{box.thing}:LOG", input=b"one line\n" * 10_000)
    assert done.returncode == 0, done
    wait_for(lambda: heard == [b"one line\n" * 10_000], lambda: f"heard {heard}"[:200])


def test_nobody_reads_any_more(operator, box):
    process = subprocess.Popen(
        [bin_dir() / "adit", "nc", f"{box.thing}:ECHO"], env=operator.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    process.stdin.write(b"x")
    process.stdin.flush()
    assert process.stdout.read(1) == b"x"
    process.stdin.close()
    process.stdout.close()
    assert process.wait(20) == 0
    process.stderr.close()
    operator.wait_clean(box.thing)


def test_a_service_that_is_not_there(operator, client, proxies):
    box = Home(client(), proxies, {"GONE": free_port()}).start()
    done = operator.adit("nc", f"{box.thing}:GONE")
    assert done.returncode == 3 and b"does not reach its service GONE" in done.stderr, done
    assert operator.adit("nc", "lamp:a b").returncode == 2
    assert operator.adit("nc").returncode == 2
    assert operator.adit("nc", "--timeout", "2", f"{fresh('none')}").returncode == 4


def test_things_with_colons(operator, client, proxies, service, device):
    box = Home(client(owner=device(fresh("a:b"))), proxies, {"HI": service(greeter("colon")).port}).start()
    assert operator.adit("nc", "--service", "HI", box.thing).stdout == b"colon"
    assert operator.adit("nc", f"{box.thing}:HI").stdout == b"colon"


def test_the_thing_in_a_pattern(operator, box):
    done = operator.adit("nc", "--host-pattern", "lab-*", "--service", "HI", f"lab-{box.thing}")
    assert (done.returncode, done.stdout) == (0, b"hello"), done
