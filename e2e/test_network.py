"""The network of `network.py` does to a connection what its tests say it does."""

import socket
import subprocess
import sys
import time

import pytest
from network import HOST, Network

# Says a line every time it is told to by its own standard input, and prints what comes back or that nothing did.
TALKER = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
for line in sys.stdin:
    try:
        s.sendall(line.encode()); got = s.recv(100)
        print(got.decode().strip() or "end", flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
"""


class Talker:
    def __init__(self, network, service, host=HOST):
        program = [*network.inside, sys.executable, "-c", TALKER, host, str(service.port)]
        self.child = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def say(self, text):
        self.child.stdin.write(text + "\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().strip()

    def close(self):
        self.child.kill()
        self.child.wait()


@pytest.fixture
def network():
    network = Network()
    yield network
    network.close()


@pytest.fixture
def talker(network, service):
    made = []

    def make(host=HOST):
        made.append(Talker(network, outside, host))
        return made[-1]

    outside = service(host=network.server_address)
    yield make
    for each in made:
        each.close()


def test_a_device_reaches_the_server_by_name(talker):
    assert talker().say("hello") == "hello"


def test_a_black_hole_says_nothing_and_heals(network, talker):
    one = talker()
    assert one.say("before") == "before"
    network.blackhole()
    assert one.say("lost") == "TimeoutError"
    network.fault()
    assert talker().say("after") == "after"


def test_a_reset_is_heard_at_once(network, talker):
    one = talker()
    assert one.say("before") == "before"
    network.reject()
    assert one.say("lost") == "ConnectionResetError"


def test_a_forgotten_flow_is_dropped_and_never_learnt_again(network, talker):
    one = talker()
    assert one.say("before") == "before"
    network.forget()
    assert one.say("lost") == "TimeoutError"
    assert talker().say("a new flow") == "a new flow"


def test_a_flow_that_talks_is_kept_and_a_silent_one_forgotten(network, talker):
    network.idle(2)
    busy, silent = talker(), talker()
    assert (busy.say("a"), silent.say("a")) == ("a", "a")
    for _ in range(8):
        time.sleep(0.5)
        assert busy.say("b") == "b"
    assert silent.say("b") == "TimeoutError"


def test_a_slow_link_holds_packets_back(network, talker):
    network.slow("64kbit")
    one = talker()
    for _ in range(40):
        assert one.say("x" * 90) == "x" * 90
    assert network.held_back() > 0
    network.slow(None)
    assert one.say("wide") == "wide"


def test_an_unplugged_device_comes_back(network, talker):
    network.unplug()
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run([*network.inside, "ip", "route", "get", network.server_address], check=True, capture_output=True)
    network.plug()
    assert talker().say("back") == "back"


def test_a_device_with_another_address_has_lost_its_flows(network, talker):
    one = talker()
    assert one.say("before") == "before"
    network.readdress()
    assert one.say("lost") != "lost"
    assert talker().say("after") == "after"


def test_a_name_that_is_not_known_is_not_resolved(network, talker):
    network.name_known(False)
    lookup = [*network.inside, sys.executable, "-c", f"import socket; socket.create_connection(('{HOST}', 1))"]
    assert "gaierror" in subprocess.run(lookup, capture_output=True, text=True).stderr
    network.name_known(True)
    assert talker().say("named") == "named"


def test_the_server_sees_the_router_not_the_device(network, service):
    seen = []

    def peer(connection):
        seen.append(connection.getpeername()[0])
        connection.sendall(b"x")

    outside = service(peer, host=network.server_address)
    subprocess.run(
        [*network.inside, sys.executable, "-c", f"import socket; socket.create_connection(('{HOST}', {outside.port}), 5).recv(1)"],
        check=True, timeout=20,
    )
    assert seen != [network.device_address] and len(seen) == 1
    assert socket.inet_aton(seen[0])[:3] == socket.inet_aton(network.server_address)[:3]
