"""Bytes in quantity: whole, in both directions, many at once, and across a server that is killed.

The pairs here are our own local proxies. spec: secure-tunneling §4.9; walkthrough A
"""

import hashlib
import random
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import Noise, ask, clean_environment, dial, digest_of, ended, free_port, read_exactly, wait_for
from sshd import end_shell
from test_tokens import USED, refusal

GIB = 1 << 30


@pytest.fixture
def link(server, proxies):
    """A tunnel to a port, through our local proxy on both ends; gives the laptop's port."""

    def make(target, name="SSH"):
        tunnel, port = server.open(name), free_port()
        device = proxies.destination(server, tunnel.destination, f"{name}={target}")
        laptop = proxies.source(server, tunnel.source, f"{name}={port}")
        return port, laptop, device

    return make


def test_one_gibibyte_up(link, service):
    digests = []

    def sink(connection):
        digests.append(digest_of(connection, GIB))
        connection.sendall(b"done")

    port, laptop, device = link(service(sink).port)
    with dial(port, 100) as connection:
        sent = Noise().send(connection, GIB)
        assert read_exactly(connection, 4) == b"done"
    assert digests == [sent]
    assert laptop.peak_kib() < 64 << 10 and device.peak_kib() < 64 << 10


def test_one_gibibyte_down(link, service):
    digests = []
    port, laptop, device = link(service(lambda connection: digests.append(Noise().send(connection, GIB))).port)
    with dial(port, 100) as connection:
        got = digest_of(connection, GIB)
        assert ended(connection)
    assert digests == [got]
    assert laptop.peak_kib() < 64 << 10 and device.peak_kib() < 64 << 10


def test_both_directions_at_once(link, service):
    total = 64 << 20

    def both(connection):
        sender = threading.Thread(target=Noise().send, args=(connection, total))
        sender.start()
        digest = digest_of(connection, total)
        sender.join()
        connection.sendall(digest.encode())

    port, _, _ = link(service(both).port)
    with dial(port, 60) as connection:
        sent = []
        sender = threading.Thread(target=lambda: sent.append(Noise().send(connection, total)))
        sender.start()
        got = digest_of(connection, total)
        sender.join()
        assert read_exactly(connection, 64).decode() == sent[0] == got


def test_an_answer_that_follows_a_long_question(link, service):
    """The application answers when it has read everything, and ends the connection."""

    def upper(connection):
        text = b""
        while b"\n" not in text:
            text += connection.recv(65536)
        connection.sendall(text.upper())

    port, _, _ = link(service(upper).port)
    with dial(port) as connection:
        connection.sendall(b"x" * 100_000 + b"\n")
        assert read_exactly(connection, 100_001) == b"X" * 100_000 + b"\n"
        assert ended(connection)


def test_last_bytes_before_the_end_arrive(link, service):
    payload = random.Random(1).randbytes(300_000)
    port, _, _ = link(service(lambda connection: connection.sendall(payload)).port)
    for _ in range(20):
        with dial(port) as connection:
            assert read_exactly(connection, len(payload)) == payload
            assert ended(connection)


@pytest.mark.parametrize("count", [50, 100])
def test_simultaneous_connections(link, service, count):
    target = service()
    port, _, _ = link(target.port)
    gate = threading.Barrier(count)

    def one(number):
        gate.wait(30)
        with dial(port, 40) as connection:
            text = random.Random(number).randbytes(20_000)
            for _ in range(3):
                connection.sendall(text)
                assert read_exactly(connection, len(text)) == text
            gate.wait(40)
        return number

    with ThreadPoolExecutor(count) as pool:
        assert sorted(pool.map(one, range(count))) == list(range(count))
    assert target.accepted == count


def test_slow_application_stops_the_sender_and_kills_nobody(server, link, service):
    """Nothing reads for a while; what was sent is all there when it does."""
    go = threading.Event()
    digests, total = [], 48 << 20

    def slow(connection):
        go.wait(60)
        digests.append(digest_of(connection, total))
        connection.sendall(b"done")

    port, laptop, device = link(service(slow).port)
    with dial(port, 60) as connection:
        sent = []
        sender = threading.Thread(target=lambda: sent.append(Noise().send(connection, total)))
        sender.start()
        sender.join(2)
        assert sender.is_alive(), "the sender is held back"
        assert laptop.peak_kib() < 48 << 10 and device.peak_kib() < 48 << 10
        go.set()
        assert read_exactly(connection, 4) == b"done"
        sender.join(10)
    assert sent == digests
    assert laptop.running() and device.running()


def test_a_stopped_service_holds_the_tunnel_up_only_while_it_is_stopped(server, proxies, service):
    """Services of a tunnel share one connection, which the protocol gives no way to stop in part."""
    go = threading.Event()
    stuck = service(lambda connection: go.wait(60))
    tunnel, ports = server.open("BULK", "SSH"), [free_port(), free_port()]
    device = proxies.destination(server, tunnel.destination, f"BULK={stuck.port},SSH={service().port}")
    laptop = proxies.source(server, tunnel.source, f"BULK={ports[0]},SSH={ports[1]}")
    laptop.wait_text("Listening for new connection", count=2)
    assert ask(ports[1], b"before") == b"before"
    bulk = dial(ports[0])
    bulk.settimeout(1)
    with pytest.raises(TimeoutError):
        while True:
            bulk.send(b"x" * 65536)
    go.set()
    assert ended(bulk)
    bulk.close()
    assert ask(ports[1], b"after", 30) == b"after"
    assert device.running() and laptop.running()


def test_scp_and_sftp(link, sshd, tmp_path):
    port, _, _ = link(sshd.port)
    original, up, down, again = (tmp_path / n for n in ("original", "up", "down", "again"))
    original.write_bytes(random.Random(3).randbytes(20 << 20))
    where = f"{sshd.user}@localhost"

    def run(*command, **more):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=clean_environment(), **more)
        assert done.returncode == 0, done.stderr

    run("scp", *sshd.options(port), "-P", str(port), original, f"{where}:{up}")
    run("scp", *sshd.options(port), "-P", str(port), f"{where}:{up}", down)
    run("sftp", *sshd.options(port), "-P", str(port), "-b", "-", where, input=f"get {up} {again}\nrename {up} {up}.old\n")
    wanted = hashlib.sha256(original.read_bytes()).digest()
    for path in (down, again, tmp_path / "up.old"):
        assert hashlib.sha256(path.read_bytes()).digest() == wanted


@pytest.mark.timeout(180)
def test_server_killed_in_the_middle_of_a_transfer(new_server, proxies, sshd, service):
    """What was acknowledged is there; our local proxies come back by themselves with the same tokens; new sessions work."""
    server = new_server()
    tunnel, ports = server.open("SSH", "DATA"), [free_port(), free_port()]
    used, fresh = server.open("SSH"), server.open("SSH")
    refused = []
    closed = server.open("SSH")
    server.api.close_tunnel(tunnelId=closed.id)
    server.boto("iot").create_thing(thingName="survivor")
    digests = []
    def sink(connection):
        try:
            digests.append(digest_of(connection, GIB))
        except AssertionError:
            refused.append("the device saw the end")

    target = service(sink)
    device = proxies.destination(server, tunnel.destination, f"SSH={sshd.port},DATA={target.port}")
    laptop = proxies.source(server, tunnel.source, f"SSH={ports[0]},DATA={ports[1]}")
    laptop.wait_text("Listening for new connection", count=2)
    import wire

    wire.connect(server, "source", used.source).close()
    session = sshd.shell(ports[0])
    session.stdin.write(b"open\n")
    session.stdin.flush()
    assert session.stdout.readline() == b"open\n"

    def push():
        try:
            with dial(ports[1], 30) as connection:
                Noise().send(connection, GIB)
        except OSError:
            refused.append("the laptop saw the end")

    pushing = threading.Thread(target=push)
    pushing.start()
    wait_for(lambda: target.accepted, "the transfer has begun")
    time.sleep(0.3)
    server.kill()
    pushing.join(30)
    wait_for(lambda: sorted(refused) == ["the device saw the end", "the laptop saw the end"], lambda: f"{refused} {digests}")
    assert session.wait(20) == 255, "ssh sees its connection end"
    server.restart()

    assert server.describe(tunnel)["status"] == "OPEN"
    assert server.describe(closed)["status"] == "CLOSED"
    assert server.boto("iot").describe_thing(thingName="survivor")["version"] == 1
    assert refusal(server, "source", used.source) == (400, USED)
    wire.connect(server, "source", fresh.source).close()
    server.wait_states(tunnel, "CONNECTED", "CONNECTED", timeout=30)
    assert laptop.running() and device.running()

    def new_session():
        done = sshd.ssh(ports[0], "echo", "back")
        return done.stdout == "back\n"

    wait_for(new_session, laptop.describe, 30, pause=0.3)
    end_shell(session)


def test_kill_under_a_load_of_calls_loses_nothing_acknowledged(new_server):
    server = new_server()
    server.env
    acknowledged, stop = [], threading.Event()

    def opener():
        client = server.boto()
        while not stop.is_set():
            try:
                acknowledged.append(client.open_tunnel()["tunnelId"])
            except Exception:
                return

    threads = [threading.Thread(target=opener) for _ in range(4)]
    for each in threads:
        each.start()
    wait_for(lambda: len(acknowledged) > 60, "calls are answered")
    server.stop(signal.SIGKILL)
    stop.set()
    for each in threads:
        each.join(20)
    server.restart()
    seen, page = set(), {}
    while True:
        page = server.api.list_tunnels(**({"nextToken": page["nextToken"]} if page else {}))
        seen |= {t["tunnelId"] for t in page["tunnelSummaries"]}
        if "nextToken" not in page:
            break
    assert set(acknowledged) <= seen


def test_a_new_connection_costs_little(link, service):
    """Not a benchmark: 30 connections one after the other, none waiting for a delayed acknowledgement."""
    port, _, _ = link(service().port)
    ask(port, b"warm")
    took = []
    for _ in range(30):
        began = time.monotonic()
        ask(port, b"x")
        took.append(time.monotonic() - began)
    assert sorted(took)[15] < 0.03, f"median {sorted(took)[15] * 1000:.1f} ms"


def test_linger_and_reset_reach_the_application(link, service):
    """A client that goes away without a word ends the application's connection too."""
    target = service()
    port, _, _ = link(target.port)
    connection = dial(port)
    connection.sendall(b"x")
    assert read_exactly(connection, 1) == b"x"
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    wait_for(lambda: not target.open, "the application's connection ended")
