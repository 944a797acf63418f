"""The `adit` command as a newcomer types it: env, status, doctor, config, completions, demo."""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

import harness
import pytest


def adit(binaries, *args, env=None, timeout=60):
    done = subprocess.run(
        [binaries / "adit", *map(str, args)],
        capture_output=True, text=True, timeout=timeout, env=env or harness.clean_environment(), stdin=subprocess.DEVNULL,
    )
    return harness.Result(done.returncode, done.stdout, done.stderr)


def test_env_is_evaluated_by_a_shell_and_aws_simply_works(server, binaries, tmp_path):
    script = f'eval "$({binaries}/adit env --data-dir {server.data})"; aws sts get-caller-identity; echo "$AWS_REGION"'
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, timeout=60, env=harness.clean_environment(HOME=str(tmp_path))
    )
    assert done.returncode == 0, done.stderr
    identity, region = done.stdout.rsplit("}", 1)
    assert json.loads(identity + "}")["Account"] == "123456789012"
    assert region.strip() == "us-east-1"


def test_env_of_a_folder_without_a_server_says_what_to_do(binaries, tmp_path):
    result = adit(binaries, "env", "--data-dir", tmp_path)
    assert result.code == 1
    assert "adit serve --data-dir" in result.err and result.out == ""


def test_env_as_json_names_the_same_variables(server, binaries):
    result = adit(binaries, "env", "--data-dir", server.data, "--json")
    assert result.code == 0
    assert json.loads(result.out)["AWS_CA_BUNDLE"] == str(server.ca)


def test_status_shows_listeners_and_tunnels(new_server, binaries):
    server = new_server()
    server.open("SSH")
    result = adit(binaries, "status", "--data-dir", server.data)
    assert result.code == 0, result.err
    assert str(server.port) in result.out
    status = json.loads(adit(binaries, "status", "--data-dir", server.data, "--json").out)
    assert status["tunnels"]["open"] == 1
    server.stop()
    result = adit(binaries, "status", "--data-dir", server.data)
    assert result.code == 8
    assert "Is the server running?" in result.err


def test_doctor_finds_nothing_wrong_with_a_fresh_server(server, binaries):
    result = adit(binaries, "doctor", "--data-dir", server.data)
    assert result.code == 0, result.out + result.err
    assert "failed" not in result.out


def test_doctor_names_an_untrusted_certificate_and_a_readable_key(new_server, binaries):
    server = new_server()
    result = adit(binaries, "doctor", "--server", f"localhost:{server.port}")
    assert result.code == 1
    assert "pki/ca.pem" in result.out
    assert adit(binaries, "doctor", "--server", f"localhost:{server.port}", "--ca", server.ca).code == 0
    os.chmod(server.data / "credentials", 0o644)
    result = adit(binaries, "doctor", "--data-dir", server.data, "--json")
    assert result.code == 1
    checks = {check["check"]: check for check in json.loads(result.out)["checks"]}
    assert checks["secrets"]["grade"] == "failed" and "chmod 600" in checks["secrets"]["text"]


def test_the_default_configuration_is_accepted_and_every_problem_is_named(binaries, tmp_path):
    good = tmp_path / "good.toml"
    good.write_text(adit(binaries, "config", "default").out)
    assert adit(binaries, "config", "check", "--config", good).code == 0
    bad = tmp_path / "bad.toml"
    bad.write_text('regoin = "x"\n[tunnel]\npace = "fast"\n')
    result = adit(binaries, "config", "check", "--config", bad)
    assert result.code == 2
    assert "regoin" in result.err and "region" in result.err and "tunnel.pace" in result.err
    assert adit(binaries, "serve", "--data-dir", tmp_path / "data", "--config", bad).code == 2
    assert not (tmp_path / "data").exists()


def test_config_explains_a_key(binaries):
    result = adit(binaries, "config", "explain", "tunnel.pace")
    assert result.code == 0
    assert "ADIT__TUNNEL__PACE" in result.out
    assert adit(binaries, "config", "explain", "tunnel.pase").code == 2


def test_completions_are_printed_for_each_shell(binaries):
    for shell in ("bash", "zsh", "fish"):
        result = adit(binaries, "completions", shell)
        assert result.code == 0 and "doctor" in result.out


def test_the_demo_fetches_the_page_and_cleans_up(binaries, tmp_path):
    result = adit(binaries, "demo", "--once", env=harness.clean_environment(TMPDIR=str(tmp_path)))
    assert result.code == 0, result.err
    assert "Hello from the device" in result.out
    assert list(tmp_path.iterdir()) == []


def test_the_demo_stays_and_its_commands_work(binaries, tmp_path):
    demo = harness.Process([binaries / "adit", "demo"], tmp_path, "demo", env=harness.clean_environment(TMPDIR=str(tmp_path)))
    demo.wait_text("Ctrl-C ends the demo", timeout=60)
    shown = demo.err().partition("In another shell, try:")[2].partition("`aws` is")[0]
    commands = [line.strip().partition("  (")[0].strip() for line in shown.splitlines() if line.strip()]
    curl, env, *rest = commands
    assert curl.startswith("curl ") and env.startswith("eval ")
    needs_more = ("SOURCE_TOKEN", " ssh ")
    for command in (curl, *(f"{env} && {each}" for each in rest if not any(word in each for word in needs_more))):
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, timeout=60, env=harness.clean_environment(HOME=str(tmp_path))
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        if "connectivity" in command:
            assert json.loads(done.stdout)["connected"] is True
        if "list-tunnels" in command:
            assert json.loads(done.stdout)["tunnelSummaries"][0]["status"] == "OPEN"
    demo.send(signal.SIGINT)
    assert demo.wait_exit() == 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("adit-demo")] == []


@pytest.mark.parametrize("until", ["[3/5]", "Ctrl-C ends the demo"], ids=["under-way", "shown"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["INT", "TERM", "HUP"])
def test_a_demo_that_is_ended_leaves_nothing(binaries, tmp_path, number, until):
    demo = harness.Process([binaries / "adit", "demo"], tmp_path, "demo", env=harness.clean_environment(TMPDIR=str(tmp_path)))
    demo.wait_text(until, timeout=60)
    demo.send(number)
    assert demo.wait_exit() == (0 if "Ctrl-C" in until else 128 + number)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("adit-demo")] == []
    mine = f"{tmp_path}/adit-demo".encode()
    left = lambda: [contents(path) for path in Path("/proc").glob("[0-9]*/cmdline") if mine in contents(path)]
    harness.wait_for(lambda: not left(), lambda: f"the end of {left()}")


def contents(path):
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""


def test_an_unknown_command_is_a_usage_error(binaries):
    result = adit(binaries, "srve")
    assert result.code == 2
    assert "serve" in result.err


def test_a_reader_that_has_had_enough_ends_the_program_quietly(binaries):
    """As in `adit why | head -n 1`."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [binaries / "adit", "config", "docs"], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60,
        env=harness.clean_environment(),
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
