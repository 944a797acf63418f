"""Every test gets the real programs, each in a folder of its own and on free ports."""

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
os.environ.pop("AWS_CA_BUNDLE", None)

import devices  # noqa: E402
import harness  # noqa: E402
from agents import Agent  # noqa: E402
from sshd import Sshd  # noqa: E402


@pytest.fixture(scope="session")
def binaries():
    return harness.bin_dir()


@pytest.fixture(scope="module")
def server(binaries, tmp_path_factory):
    """One server for the tests of a module that only open tunnels of their own."""
    server = harness.Server(tmp_path_factory.mktemp("server")).start()
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def new_server(binaries, tmp_path):
    """Makes servers that a test may stop, kill and start again."""
    made = []

    def make(start=True, env=None, **settings):
        made.append(harness.Server(tmp_path / f"server-{len(made)}", env, **settings))
        return made[-1].start() if start else made[-1]

    yield make
    for each in made:
        for process in each.processes:
            process.kill()


@pytest.fixture(scope="module")
def broker(binaries, tmp_path_factory):
    """One server with MQTT for the tests of a module, which use things and topics of their own."""
    server = harness.Server(tmp_path_factory.mktemp("broker")).with_mqtt().start()
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def device(broker, tmp_path):
    """Makes devices that may do everything, or what their policy says."""
    return lambda name=None, **more: devices.Device(broker, tmp_path / "devices", name, **more)


@pytest.fixture
def client(device):
    """Makes paho clients, each with a device of its own unless one is given."""
    made = []

    def make(owner=None, **more):
        made.append(devices.Paho(owner or device(), **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def agent(device, tmp_path):
    """Starts `adit agent` on a device of its own, whose SSH leads to a port."""
    made = []

    def make(port):
        made.append(Agent(device(), tmp_path, {"SSH": port}))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def proxies(binaries, tmp_path):
    proxies = harness.Proxies(tmp_path / "proxies")
    yield proxies
    proxies.end()


@pytest.fixture
def service():
    """Makes TCP services."""
    made = []

    def make(serve=harness.echo, **more):
        made.append(harness.Service(serve, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    sshd = Sshd(tmp_path_factory.mktemp("sshd"))
    yield sshd
    sshd.end()
