"""What the gateway does when it cannot keep what it would promise, and what a flood of half-open connections does to others.

docs/decisions/0006-what-a-puback-means.md; spec: mqtt-gateway §1.5, §4.3
"""

import contextlib
import socket
import sqlite3
import time

import pytest
from devices import V4, V5, Mosquitto, Paho, fresh
from harness import wait_for

VERSIONS = pytest.mark.parametrize("version", [V4, V5], ids=["3.1.1", "5"])


@contextlib.contextmanager
def locked(server):
    """Nobody can write to the server's database meanwhile."""
    database = sqlite3.connect(server.data / "adit.db", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        database.execute("ROLLBACK")
        database.close()


def absent(device, topic):
    """A client that has a session, is subscribed, and is not there."""
    one = Paho(device, version=V4, clean=False).connect()
    one.subscribe(topic)
    one.close()
    return one


@VERSIONS
def test_what_cannot_be_stored_is_not_acknowledged(client, device, broker, version):
    topic, owner = fresh("kept"), device()
    absent(owner, topic)
    publisher = client(version=version).connect()
    bystanders = [client().connect(), client().connect()]
    bystanders[1].subscribe("online")
    with locked(broker):
        publisher.send(topic, "never stored", qos=1)
        assert publisher.ended() == (0x80 if version == V5 else None)
        assert publisher.acks.empty(), "no PUBACK"
        wait_for(lambda: broker.get("/readyz")[0] == 503, "a server that says that it is not ready")
        assert "cannot be written" in broker.get("/readyz")[1]
        assert bystanders[0].publish("online", "goes on") == 0
        assert bystanders[1].payload() == "goes on", "who needs no disk is not disturbed"
    wait_for(lambda: broker.get("/readyz")[0] == 200, "a server that is ready again")
    assert 'adit_store_failures_total{kind="mqtt"}' in broker.metrics()[1]
    assert client(version=version).connect().publish(topic, "stored") == 0
    back = client(owner=owner, version=V4, clean=False).connect()
    assert back.payload() == "stored"
    assert back.quiet()


def test_half_open_connections_hold_nobody_up(device, broker, tmp_path):
    """Many that never say a word, or stop in the middle of TLS or of CONNECT. (Not with paho: its `select` takes no
    more than 1024 sockets in a process.)"""
    owner, silent = device(), []
    hello = bytes.fromhex("16030100c8010000c40303")
    try:
        for count in range(1500):
            one = socket.create_connection(("127.0.0.1", broker.mqtt_port), timeout=10)
            silent.append(one)
            if count % 3:
                one.sendall(hello)
        for _ in range(20):
            raw = socket.create_connection(("127.0.0.1", broker.mqtt_port), timeout=10)
            half = owner.context().wrap_socket(raw, server_hostname="localhost")
            half.sendall(b"\x10\xff\xff")
            silent.append(half)
        started = time.monotonic()
        mosquitto = Mosquitto(owner)
        listener = mosquitto.sub(tmp_path, "-i", fresh("sub"), "-t", "still/works", "-q", "1", "-F", "heard %p")
        mosquitto.pub("-i", fresh("pub"), "-t", "still/works", "-q", "1", "-m", "yes")
        listener.wait_text("heard yes")
        assert time.monotonic() - started < 10
    finally:
        for each in silent:
            each.close()


@pytest.mark.parametrize("status", ["ACTIVE", "INACTIVE", "REVOKED"])
def test_the_certificate_is_asked_again_at_connect(device, broker, status):
    """A certificate that is disabled between handshake and CONNECT lets nobody in. spec: mqtt-gateway §2.3"""
    owner = device()
    name = owner.name.encode()
    connect = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(name).to_bytes(2, "big") + name
    raw = socket.create_connection(("127.0.0.1", broker.mqtt_port), timeout=10)
    with owner.context().wrap_socket(raw, server_hostname="localhost") as link:
        owner.status(status)
        link.sendall(b"\x10" + bytes([len(connect)]) + connect)
        assert link.recv(16) == (b"\x20\x02\x00\x00" if status == "ACTIVE" else b"")
