"""The agent on bad networks: whatever happens to the link, it is reachable again within a minute of the fault's end, it is
still the same device, and it never storms.

`ADIT_SOAK_SECONDS=900` makes the soak as long as it is meant to be; without it, it is a short one.
"""

import os
import random
import signal
import threading
import time

import harness
import pytest
from agents import Agent
from devices import Device
from harness import greeter, wait_for
from network import HOST, Network

# Within this time after a fault's end a tunnel to the device must work.
REACHABLE = 60
SOAK = int(os.environ.get("ADIT_SOAK_SECONDS", "45"))


@pytest.fixture(scope="module")
def broker(binaries, tmp_path_factory):
    if os.getuid() != 0:
        pytest.skip("needs root: network namespaces of its own")
    server = harness.Server(tmp_path_factory.mktemp("broker"), names=[HOST]).with_mqtt().start()
    yield server
    server.stop(signal.SIGKILL)


class Place:
    """A device in a network of its own, with an agent and a service on it."""

    def __init__(self, broker, folder, **network):
        self.broker, self.network = broker, Network(**network)
        device = Device(broker, folder / "device")
        self.agent = Agent(
            device, folder, {"SSH": "127.0.0.1:22"}, start=False,
            endpoint=f"{HOST}:{broker.mqtt_port}", tunnel_endpoint=f"{HOST}:{broker.port}",
        )
        self.identity = device.cert.read_bytes(), device.key.read_bytes()

    def start(self):
        """Starts the agent and does not wait for it."""
        self.agent.start(wait=False, prefix=self.network.inside)

    def open(self, timeout=REACHABLE, minutes=10):
        """Opens tunnels as a user would who tries again, until the agent takes one: all that was sent before is lost or late."""
        end, last = time.monotonic() + timeout, None
        while True:
            tunnel = self.broker.open("SSH", thing=self.agent.device.name, minutes=minutes)
            patience = min(10, max(1, end - time.monotonic()))
            try:
                self.broker.wait_states(tunnel, "DISCONNECTED", "CONNECTED", patience)
                return tunnel
            except AssertionError as error:
                last = error
                self.broker.api.close_tunnel(tunnelId=tunnel.id)
            if time.monotonic() > end:
                raise AssertionError(f"{self.agent.device.name} was not reachable within {timeout} s\n{self.agent.process.describe()}") from last

    def close(self):
        self.agent.close()
        self.network.close()


@pytest.fixture
def place(broker, tmp_path):
    made = []

    def make(name="place", **network):
        made.append(Place(broker, tmp_path / name, **network))
        return made[-1]

    yield make
    for each in made:
        each.close()


def pause(seconds):
    """The fault must last long enough to be noticed, or it would prove nothing."""
    time.sleep(seconds)


FAULTS = {
    "blackhole": (Network.blackhole, Network.fault),
    "one-way": (Network.one_way, Network.fault),
    "reset": (Network.reject, Network.fault),
    "unplugged": (Network.unplug, Network.plug),
    "flows forgotten": (Network.forget, lambda network: None),
    "narrow": (lambda network: network.slow("16kbit"), lambda network: network.slow(None)),
    "moved": (lambda network: network.readdress(), lambda network: None),
}


def test_reachable_within_a_minute_of_each_fault_and_still_the_same_device(broker, place):
    """All faults at the same time, each on a network of its own, so that the test takes as long as one of them."""
    places = {name: place(name.replace(" ", "-")) for name in FAULTS}
    for each in places.values():
        each.start()
    before = {name: each.open() for name, each in places.items()}
    for name, (begin, _) in FAULTS.items():
        begin(places[name].network)
    pause(35)
    for name, (_, end) in FAULTS.items():
        end(places[name].network)
    failures = {}

    def check(name):
        try:
            places[name].open()
        except AssertionError as error:
            failures[name] = error

    threads = [threading.Thread(target=check, args=(name,)) for name in FAULTS]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failures, "\n".join(f"{name}: {error}" for name, error in failures.items())
    for name, each in places.items():
        assert each.agent.process.running(), name
        assert (each.agent.device.cert.read_bytes(), each.agent.device.key.read_bytes()) == each.identity
        assert each.agent.device.iot.list_thing_principals(thingName=each.agent.device.name)["principals"] == [each.agent.device.arn]
        # The tunnel of before the fault is still there: its token was not burnt.
        broker.wait_states(before[name], "DISCONNECTED", "CONNECTED", REACHABLE)


def test_no_network_and_no_name_at_boot(place):
    unplugged, nameless = place("unplugged"), place("nameless")
    unplugged.network.unplug()
    nameless.network.name_known(False)
    for each in (unplugged, nameless):
        each.start()
    pause(10)
    unplugged.network.plug()
    nameless.network.name_known(True)
    unplugged.open()
    nameless.open()


def test_a_tunnel_in_use_goes_on_after_the_router_forgot_its_flow(broker, place, proxies, service, tmp_path):
    """The link is replaced with the same token; what is connected anew works."""
    there = place()
    there.agent.services = {"SSH": f"unix:{tmp_path}/service"}
    service(greeter("behind the agent"), path=tmp_path / "service")
    there.start()
    tunnel = there.open()
    port = harness.free_port()
    proxies.source(broker, tunnel.source, f"SSH={port}")

    def greeting():
        try:
            with harness.dial(port, 5) as connection:
                return connection.recv(100) == b"behind the agent"
        except OSError:
            return False

    wait_for(greeting, "a greeting through the tunnel")
    there.network.forget()
    wait_for(lambda: broker.states(tunnel)[1] == "DISCONNECTED" or greeting(), "the end of the old link, or a new one", REACHABLE)
    wait_for(greeting, "a greeting through the new link", REACHABLE)


@pytest.mark.timeout(SOAK + 300)
def test_a_soak_in_which_silent_flows_are_forgotten(broker, place):
    """The router forgets a flow that was silent for four seconds. The agent stays reachable, does not storm, and does not grow."""
    there, chance = place(idle=4), random.Random(5)
    there.start()
    lasting = there.open(minutes=SOAK // 60 + 10)
    resident = memory(there.agent.process.pid)
    start, opened, lost = time.monotonic(), 0, 0
    connects = connections_made(there.agent.process)
    while time.monotonic() - start < SOAK:
        time.sleep(chance.uniform(1, 15))
        lost += there.network.flows() == 0
        tunnel = there.open()
        opened += 1
        broker.api.close_tunnel(tunnelId=tunnel.id, delete=True)
    minutes = (time.monotonic() - start) / 60
    made = connections_made(there.agent.process) - connects
    print(f"{minutes:.1f} min: {opened} tunnels, {made} MQTT connections, {resident} -> {memory(there.agent.process.pid)} KiB")
    assert lost > 0, "no flow was ever forgotten: the fault was not there"
    assert made <= 6 * minutes + 6, "more than a connection every ten seconds is a storm"
    assert memory(there.agent.process.pid) < resident + 4096
    assert there.agent.process.running()
    broker.wait_states(lasting, "DISCONNECTED", "CONNECTED", REACHABLE)


def memory(pid):
    """KiB resident now."""
    return next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))


def connections_made(process):
    return process.text().count(", as thing ")
