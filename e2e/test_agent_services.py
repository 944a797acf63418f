"""Real services on a device behind NAT, each used with its real client through tunnels of the agent: VNC, FTP, HTTP, rsync, sftp.

The device has a network namespace of its own: what a client on this side sees came through the tunnel.
"""

import filecmp
import os
import signal
import sys

import harness
import pytest
from agents import Agent
from devices import Device
from harness import Process, free_port, wait_for
from network import HOST, Network
from services import Ftp, Vnc, run
from sshd import Sshd


@pytest.fixture(scope="module")
def network():
    network = Network()
    yield network
    network.close()


@pytest.fixture(scope="module")
def broker(binaries, network, tmp_path_factory):
    server = harness.Server(tmp_path_factory.mktemp("broker"), names=[HOST]).with_mqtt().start()
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def vnc(network, tmp_path_factory):
    vnc = Vnc(tmp_path_factory.mktemp("vnc"), network.inside)
    yield vnc
    vnc.end()


@pytest.fixture(scope="module")
def ftp(network, tmp_path_factory):
    ftp = Ftp(tmp_path_factory.mktemp("ftp"), network.inside)
    yield ftp
    ftp.end()


@pytest.fixture(scope="module")
def web(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    (folder / "index.html").write_text("a page of the device")
    port = free_port()
    process = Process([*network.inside, sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1"], folder, "web", cwd=folder)
    wait_for(lambda: "Serving HTTP" in process.text() or process.running(), process.describe)
    yield port
    process.kill()


@pytest.fixture(scope="module")
def sshd(network, tmp_path_factory):
    sshd = Sshd(tmp_path_factory.mktemp("sshd"), prefix=network.inside)
    yield sshd
    sshd.end()


@pytest.fixture(scope="module")
def agent(broker, network, vnc, ftp, web, sshd, tmp_path_factory):
    folder = tmp_path_factory.mktemp("agent")
    services = {"VNC": vnc.port, "FTP": ftp.port, "FTPDATA": ftp.data_port, "HTTP": web, "SSH": sshd.port}
    services = {name: f"127.0.0.1:{port}" for name, port in services.items()}
    agent = Agent(
        Device(broker, folder / "device"), folder, services, start=False,
        endpoint=f"{HOST}:{broker.mqtt_port}", tunnel_endpoint=f"{HOST}:{broker.port}",
    ).start(prefix=network.inside)
    yield agent
    agent.close()


def open_to(broker, proxies, agent, **ports):
    """Opens a tunnel to services of the agent; each is reached on the local port named for it."""
    tunnel = broker.open(*ports, thing=agent.device.name)
    proxies.source(broker, tunnel.source, ",".join(f"{service}={port}" for service, port in ports.items()))
    broker.wait_states(tunnel, "CONNECTED", "CONNECTED")
    return tunnel


def test_a_picture_of_a_vnc_screen(broker, proxies, agent, vnc, tmp_path):
    port = free_port()
    open_to(broker, proxies, agent, VNC=port)
    run("vncsnapshot", "-quiet", "-encodings", "hextile", "-nojpeg", "-nocursor", f"localhost::{port}", tmp_path / "screen.jpg")
    picture = (tmp_path / "screen.jpg").read_bytes()
    frame = picture.index(b"\xff\xc0")
    height, width = (int.from_bytes(picture[at:at + 2], "big") for at in (frame + 5, frame + 7))
    assert (width, height) == (320, 240)


def test_ftp_up_and_down_with_its_data_connections(broker, proxies, agent, ftp, tmp_path):
    """The server names a port for the data; the tunnel offers the same one on this side."""
    control = free_port()
    open_to(broker, proxies, agent, FTP=control, FTPDATA=ftp.data_port)
    text = os.urandom(300_000)
    (tmp_path / "up").write_bytes(text)
    run("curl", "-sS", "-T", tmp_path / "up", f"ftp://127.0.0.1:{control}/files/up")
    assert (ftp.files / "up").read_bytes() == text
    assert run("curl", "-sS", f"ftp://127.0.0.1:{control}/files/up") == text
    assert b"up" in run("curl", "-sS", f"ftp://127.0.0.1:{control}/files/")


def test_a_page_while_other_services_of_the_tunnel_are_used(broker, proxies, agent, vnc, tmp_path):
    page, screen, shell = free_port(), free_port(), free_port()
    open_to(broker, proxies, agent, HTTP=page, VNC=screen, SSH=shell)
    for _ in range(3):
        assert run("curl", "-sS", f"http://127.0.0.1:{page}/") == b"a page of the device"
        run("vncsnapshot", "-quiet", "-encodings", "hextile", "-nojpeg", "-nocursor", f"localhost::{screen}", tmp_path / "screen.jpg")


def test_rsync_and_sftp(broker, proxies, agent, sshd, tmp_path):
    port = free_port()
    open_to(broker, proxies, agent, SSH=port)
    here, there, back = tmp_path / "here", tmp_path / "there", tmp_path / "back"
    (here / "folder").mkdir(parents=True)
    for name, size in (("a", 0), ("b", 1), ("folder/c", 1_000_000)):
        (here / name).write_bytes(os.urandom(size))
    shell = " ".join(["ssh", "-p", str(port), *sshd.options(port)])
    run("rsync", "-a", "-e", shell, f"{here}/", f"{sshd.user}@localhost:{there}/")
    run("rsync", "-a", "-e", shell, f"{sshd.user}@localhost:{there}/", f"{back}/")
    for one, other in ((here, there), (there, back)):
        compared = filecmp.dircmp(one, other)
        assert not compared.diff_files and not compared.left_only and not compared.right_only
    assert (back / "folder/c").read_bytes() == (here / "folder/c").read_bytes()
    batch = tmp_path / "batch"
    batch.write_text(f"put {here}/folder/c {there}/d\nget {there}/d {back}/d\n")
    run("sftp", "-q", "-P", port, *sshd.options(port), "-b", batch, f"{sshd.user}@localhost")
    assert (back / "d").read_bytes() == (here / "folder/c").read_bytes()
