"""docs/agent.md, typed as it stands."""

import json
import re
import subprocess

import pytest
from harness import ROOT, Process, bin_dir, clean_environment, wait_for

PAGE = ROOT / "docs/agent.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def shell(broker, tmp_path):
    env = {**broker.env, "PATH": f"{bin_dir()}:{broker.env['PATH']}"}

    def run(script):
        done = subprocess.run(["bash", "-ec", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    return run


def test_the_page(broker, tmp_path, shell, proxies, service):
    create, start, open_tunnel, look, doctor = blocks("sh")
    (tmp_path / "agent-policy.json").write_text(blocks("json")[0])
    shell(create)
    (tmp_path / "ca.pem").write_bytes(broker.ca.read_bytes())
    (toml,) = blocks("toml")
    # The page has the usual ports; this server has others.
    toml = toml.replace("localhost:8883", f"localhost:{broker.mqtt_port}") + f'tunnel-endpoint = "{broker.endpoint}"\n'
    (tmp_path / "agent.toml").write_text(toml)
    command = start.strip().replace("adit", str(bin_dir() / "adit"), 1).split()
    agent = Process(command, tmp_path / "log", "agent", env=clean_environment(), cwd=tmp_path)
    try:
        agent.wait_text("as thing lamp1", 40)
        shell(open_tunnel)
        agent.wait_text("tunnel 1: connected")
        assert "not connected" not in agent.text() and "denied" not in agent.text()
        wait_for(lambda: '"isConnected":true' in shell(f"{look.strip()} > /dev/null && cat shadow.json").replace(" ", ""), "the report", 40, 1)
    finally:
        assert agent.stop() == 0
    # No sshd need run here, so the doctor may find its port silent; everything on the way to the server is right.
    said = shell(f"{doctor.partition('#')[0].strip()} --config agent.toml --json || test $? = 1")
    checks = {each["check"]: each["grade"] for each in json.loads(said)["checks"]}
    assert [checks[name] for name in ("configuration", "certificate", "tls", "mqtt")] == ["ok"] * 4
