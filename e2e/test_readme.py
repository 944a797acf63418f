"""The README's "Run it for real", typed as it stands, in a network namespace where its ports are free."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import harness
import pytest
from harness import Process, bin_dir, clean_environment, wait_for
from sshd import Sshd

README = Path(__file__).parent.parent / "README.md"


def blocks(heading):
    """The shell blocks under a heading, in order."""
    section = README.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def namespace():
    name = f"readme{os.getpid()}"
    if os.getuid() != 0 or subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        pytest.skip("needs root: a network namespace of its own")
    inside = ["ip", "netns", "exec", name]
    subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
    yield inside
    subprocess.run(["ip", "netns", "del", name], capture_output=True)


def test_run_it_for_real(binaries, namespace, tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "target/release").symlink_to(bin_dir())
    (tmp_path / "home").mkdir(mode=0o700)
    environment = clean_environment(HOME=str(tmp_path / "home"))
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    started = []

    def background(name, text):
        """A block that goes on: its last command takes the place of the shell."""
        *before, last = text.strip().splitlines()
        process = Process([*namespace, "bash", "-ec", "\n".join([*before, f"exec {last}"])], tmp_path / "log", name, env=environment, cwd=tmp_path)
        started.append(process)
        return process

    def foreground(text):
        done = subprocess.run(
            [*namespace, "bash", "-ec", text], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    build, register, agent, laptop, mqtt = blocks("Run it for real")
    try:
        assert build.startswith("cargo build --release\n")
        serve = background("serve", build.partition("\n")[2])
        wait_for(lambda: (tmp_path / "data/client.json").exists(), serve.describe)
        enter = register.partition("aws sts")[0]
        assert '"Arn"' in foreground(register)
        on_device = background("agent", f"PATH=$PWD/target/release:$PATH\n{agent}")
        on_device.wait_text("connected to")

        sshd = Sshd(tmp_path / "sshd", prefix=namespace, port=22)
        started.append(sshd.process)
        (tmp_path / "www").mkdir()
        (tmp_path / "www/index.html").write_text("a page of lamp1")
        started.append(Process([*namespace, sys.executable, "-m", "http.server", "80"], tmp_path / "log", "web", cwd=tmp_path / "www"))
        ssh, forward = (line.partition("#")[0].strip() for line in laptop.strip().splitlines())
        options = f"-i {sshd.key} -o BatchMode=yes -F /dev/null"
        assert foreground(f"{enter}{ssh.replace('adit ssh', f'adit ssh {options}')} echo here") == "here\n"
        forwarding = background("forward", enter + forward)
        forwarding.wait_text("8000")
        wait_for(lambda: "a page of lamp1" in foreground("curl -s http://localhost:8000/ || true"), forwarding.describe)

        *make, subscribe, publish = mqtt.strip().splitlines()
        foreground(enter + "\n".join(make))
        watching = background("mosquitto", enter + f"stdbuf -oL {subscribe}")
        again = enter + publish.partition("#")[0]
        wait_for(lambda: foreground(again) is not None and "lamp2/cmd on" in watching.text(), watching.describe)
        assert json.loads(foreground(enter + "adit thing get lamp1 -o json"))["thingName"] == "lamp1"
    finally:
        for each in reversed(started):
            each.stop()
