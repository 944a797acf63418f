"""Debian packages, units, and the agent's static build.

docs/packages.md, docs/building.md. The static agent is taken from `ADIT_STATIC_AGENT`, else from where `cargo xtask agent --static` puts it.
"""

import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from devices import Device, fresh
from harness import ROOT, Process, Proxies, Service, ask, bin_dir, clean_environment, echo, free_port, wait_for
from test_agent_provisioning import write

NEEDS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="needs root")


def run(*args, **more):
    done = subprocess.run([str(each) for each in args], capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture(scope="module")
def packages(binaries):
    """Both packages, made of the programs that are tested; a folder for each with what is in it."""
    if not shutil.which("dpkg-deb") or not shutil.which("cargo"):
        pytest.skip("needs dpkg-deb and cargo")
    environment = {**os.environ, "DPKG_DEB_COMPRESSOR_LEVEL": "0"}
    printed = run("cargo", "xtask", "deb", "--bin-dir", binaries, cwd=ROOT, env=environment)
    return {Path(line).name.split("_")[0]: Path(line) for line in printed.splitlines() if line.endswith(".deb") and "──" not in line and ":" not in line}


def unpacked(package, folder):
    run("dpkg-deb", "--extract", package, folder)
    run("dpkg-deb", "--control", package, folder / "DEBIAN")
    return folder


@pytest.mark.parametrize("name, program", [("adit-agent", "adit-agent"), ("adit", "adit")])
def test_a_package(packages, tmp_path, name, program):
    """What is in it runs from where it was unpacked, and its lists are right."""
    tree = unpacked(packages[name], tmp_path)
    assert run(tree / "usr/bin" / program, "--version").startswith(program)
    control = (tree / "DEBIAN/control").read_text()
    assert f"Package: {name}\n" in control and "@" not in control.replace("@adit.invalid", "")
    for script in ("postinst", "prerm", "postrm"):
        run("sh", "-n", tree / "DEBIAN" / script)
    for line in (tree / "DEBIAN/conffiles").read_text().splitlines():
        assert (tree / line.lstrip("/")).is_file(), line
    run("md5sum", "--check", "--quiet", "DEBIAN/md5sums", cwd=tree)
    page = gzip.decompress((tree / f"usr/share/man/man1/{program}.1.gz").read_bytes()).decode()
    assert page.startswith(".") and "SYNOPSIS" in page
    listed = run("dpkg-deb", "--contents", packages[name])
    assert all("root/root" in line for line in listed.splitlines())
    if name == "adit":
        assert run(tree / "usr/bin/localproxy", "--version").startswith("Running AWS IoT Secure Tunneling Local Proxy")


def test_the_configuration_of_the_packages_is_understood(packages, tmp_path):
    agent = unpacked(packages["adit-agent"], tmp_path / "agent")
    environment = clean_environment(ADIT_AGENT__ENDPOINT="iot.example")
    printed = run(agent / "usr/bin/adit-agent", "--config", agent / "etc/adit/agent.toml", "check", env=environment)
    assert 'endpoint = "iot.example:8883"' in printed
    server = unpacked(packages["adit"], tmp_path / "server")
    run(server / "usr/bin/adit", "config", "check", "--config", server / "etc/adit/adit.toml", env=clean_environment())


def test_the_packages_can_be_installed_beside_each_other(packages):
    """No file is in both."""
    files = [{line.split()[5] for line in run("dpkg-deb", "--contents", packages[name]).splitlines() if not line.startswith("d")} for name in ("adit", "adit-agent")]
    assert files[0] & files[1] == set()


@NEEDS_ROOT
def test_the_agent_of_the_package_is_installed_and_runs(packages, broker, tmp_path):
    """Installed by dpkg into a root of its own, and connected from there."""
    root = tmp_path / "root"
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    for folder in ("updates", "info", "triggers"):
        (root / "var/lib/dpkg" / folder).mkdir()
    # What its scripts need of a system is not in this root: it is unpacked, and not set up.
    run("dpkg", f"--root={root}", "--force-depends", "--unpack", packages["adit-agent"])
    listed = run("dpkg", f"--root={root}", "--list", "adit-agent")
    assert re.search(r"^iU\s+adit-agent", listed, re.M), listed
    holder = Device(broker, tmp_path / "device")
    config = root / "etc/adit/agent.toml"
    new = root / "etc/adit/agent.toml.dpkg-new"
    if new.exists():
        new.rename(config)
    keys = {
        "endpoint": f"localhost:{broker.mqtt_port}", "ca-file": broker.ca, "certificate-file": holder.cert,
        "private-key-file": holder.key, "thing-name": holder.name, "state-dir": root / "var/lib/adit-agent",
    }
    config.write_text(write(keys))
    agent = subprocess.Popen([root / "usr/bin/adit-agent", "--config", config], env=clean_environment(), stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: holder.name in broker.adit("clients", "--json"), "the agent connects")
    finally:
        agent.terminate()
    assert agent.wait(15) == 0


@pytest.mark.parametrize("unit, limit", [("adit-agent", 15), ("adit", 20)])
def test_units(packages, tmp_path, unit, limit):
    """systemd takes them without a word, and finds little exposed."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd")
    tree = unpacked(packages[unit], tmp_path)
    text = (tree / f"lib/systemd/system/{unit}.service").read_text()
    # The programs are not where they will be.
    here = tmp_path / f"{unit}.service"
    here.write_text(text.replace("=/usr/bin/", f"={tree}/usr/bin/"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", here], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    run("systemd-analyze", "security", "--offline=yes", f"--threshold={limit}", here)


def filtered(unit):
    """The system calls and address families that a unit allows."""
    text = (ROOT / f"packaging/systemd/{unit}.service").read_text()
    allowed = set()
    for value in re.findall(r"^SystemCallFilter=(.+)$", text, re.M):
        names = set()
        for group in value.lstrip("~").split():
            names |= members(group)
        allowed = allowed - names if value.startswith("~") else allowed | names
    return allowed, re.search(r"^RestrictAddressFamilies=(.+)$", text, re.M)[1].split()


def members(group):
    if not group.startswith("@"):
        return {group}
    lines = [line.strip() for line in run("systemd-analyze", "syscall-filter", group).splitlines()]
    names = [line for line in lines[1:] if line and not line.startswith("#")]
    return set().union(*map(members, names))


def judged(trace, unit):
    """What a program did that its unit forbids."""
    allowed, families = filtered(unit)
    text = trace.read_text(errors="replace")
    calls = set(re.findall(r"^\d+ +(\w+)\(", text, re.M))
    used = set(re.findall(r"^\d+ +socket\((AF_\w+)", text, re.M))
    assert len(calls) > 20 and used, text[:1000]
    # strace starts the program; SQLite gives its files to their owner only if it is root, which the unit is not.
    return calls - allowed - {"execve", "fchown"}, used - set(families)


def end_traced(strace):
    """Ends the program that strace follows; strace, which would leave it running if it were ended itself, ends with it."""
    for child in Path(f"/proc/{strace.pid}/task/{strace.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGTERM)
    strace.wait_exit()


@pytest.mark.parametrize("unit", ["adit-agent", "adit"])
def test_the_sandbox_forbids_nothing_that_is_needed(new_server, tmp_path, unit):
    """Server and agent at work under strace, held against what their units allow."""
    if not shutil.which("systemd-analyze") or not shutil.which("strace"):
        pytest.skip("needs systemd and strace")
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-qq", "-o", str(trace)]
    server = new_server(False).with_mqtt().start()
    holder, proxies = Device(server, tmp_path / "device"), Proxies(tmp_path / "proxies")
    config = tmp_path / "agent.toml"
    listening = Service(echo)
    keys = {
        "endpoint": f"localhost:{server.mqtt_port}", "tunnel-endpoint": server.endpoint, "ca-file": server.ca, "certificate-file": holder.cert,
        "private-key-file": holder.key, "thing-name": holder.name, "state-dir": tmp_path / "state",
    }
    config.write_text(write(keys) + f'[services]\nECHO = "127.0.0.1:{listening.port}"\n')
    traced = None
    try:
        if unit == "adit":
            server.stop()
            process = server.process
            traced = Process([*strace, *process.args], tmp_path / "log", "strace", env=clean_environment(), cwd=server.home)
            wait_for(lambda: server.get("/readyz")[0] == 200, traced.describe, 60)
        prefix = strace if unit == "adit-agent" else []
        agent = proxies.run_in(prefix or [bin_dir() / "adit"], *([bin_dir() / "adit"] if prefix else []), "agent", "--config", config)
        traced = agent if prefix else traced
        wait_for(lambda: holder.name in server.adit("clients", "--json"), agent.describe, 60)
        tunnel = server.open("ECHO", thing=holder.name)
        port = free_port()
        proxies.source(server, tunnel.source, port)
        wait_for(lambda: server.states(tunnel)[1] == "CONNECTED", agent.describe, 30)
        assert ask(port, b"through the tunnel") == b"through the tunnel"
        if unit == "adit":
            server.aws("iotsecuretunneling", "list-tunnels")
    finally:
        if traced:
            end_traced(traced)
        proxies.end()
        listening.close()
    assert judged(trace, unit) == (set(), set())


def static_agent():
    named = os.environ.get("ADIT_STATIC_AGENT")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return Path(named) if named else target / "x86_64-unknown-linux-gnu/agent/adit"


class Names:
    """A DNS server for one name, in a network namespace; 127.0.0.1 for whoever asks."""

    SCRIPT = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
print("up", flush=True)
while True:
    query, whom = s.recvfrom(512)
    end = query.index(b"\\0", 12) + 5
    is_a = query[end - 4 : end - 2] == b"\\0\\1"
    answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4\\x7f\\0\\0\\1" if is_a else b""
    s.sendto(query[:2] + b"\\x81\\x80" + query[4:6] + (b"\\0\\1" if is_a else b"\\0\\0") + bytes(4) + query[12:end] + answer, whom)
    print("asked", query[12:end], flush=True)
"""

    def __init__(self, inside):
        self.process = subprocess.Popen([*inside, sys.executable, "-c", self.SCRIPT], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "up\n"


@NEEDS_ROOT
@pytest.mark.parametrize("nss", [None, "hosts: files mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return] dns"])
def test_the_static_agent_needs_nothing(tmp_path, nss):
    """A folder with the program and nothing else; names come from a DNS server in its network namespace."""
    program = static_agent()
    if not program.is_file():
        pytest.skip(f"no {program}: cargo xtask agent --static")
    root, name = tmp_path / "root", fresh("static")[:14]
    (root / "etc").mkdir(parents=True)
    (root / "dev").mkdir()
    shutil.copy(program, root / "adit-agent")
    (root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
    if nss:
        (root / "etc/nsswitch.conf").write_text(nss + "\n")
    os.mknod(root / "dev/urandom", 0o666 | 0o020000, os.makedev(1, 9))
    (root / "agent.toml").write_text('endpoint = "iot.example.test"\nstate-dir = "/state"\nca-file = "/ca.pem"\n')
    (root / "ca.pem").write_text(subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x"],
        capture_output=True, text=True, check=True).stdout)
    inside, names = ["ip", "netns", "exec", name], None
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
        names = Names(inside)
        done = subprocess.run(
            [*inside, "chroot", root, "/adit-agent", "--config", "/agent.toml", "doctor"],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, capture_output=True, text=True, timeout=60,
        )
    finally:
        if names:
            names.process.kill()
            names.process.wait()
        subprocess.run(["ip", "netns", "del", name], check=True)
    assert "no connection to iot.example.test:8883: Connection refused" in done.stdout, done
    assert "asked" in names.process.stdout.read()
