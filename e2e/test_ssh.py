"""`adit ssh` and `adit ssh-config`: the real ssh, scp, sftp, rsync and ansible to a device behind a tunnel.

spec: issue 5, part 2; docs/ssh.md
"""

import random
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from agents import Agent
from devices import document, fresh
from harness import free_port, greeter, wait_for
from operators import Home, Operator
from sshd import Sshd


@pytest.fixture
def operator(broker, sshd, tmp_path):
    operator = Operator(broker, tmp_path / "home", sshd)
    yield operator
    operator.end()


@pytest.fixture
def lamp(client, proxies, sshd):
    """A device that is online and serves SSH."""
    return Home(client(), proxies, {"SSH": sshd.port}).start()


# A command on the device


@pytest.mark.parametrize("code", [0, 7, 255])
def test_the_exit_code_is_that_of_ssh(operator, lamp, sshd, code):
    done = operator.ssh(f"{sshd.user}@{lamp.thing}", "--", "echo", "on", "the", f"device; exit {code}")
    assert (done.returncode, done.stdout, done.stderr) == (code, b"on the device\n", b"")
    operator.wait_clean(lamp.thing)


def test_bytes_are_exact_in_both_directions(operator, lamp, tmp_path):
    noise = random.Random(5).randbytes(3_000_000)
    there, back = tmp_path / "there", tmp_path / "back"
    back.write_bytes(noise)
    assert operator.ssh(lamp.thing, "--", "cat", str(back)).stdout == noise
    done = operator.ssh(lamp.thing, f"cat > {there}; wc -c < {there}", input=noise)
    assert (done.returncode, done.stdout.strip()) == (0, b"3000000")
    assert there.read_bytes() == noise


def test_options_of_ssh_are_passed_on(operator, lamp, sshd, service):
    page = service(greeter("through ssh"))
    port = free_port()
    process = operator.start_ssh("-N", "-L", f"127.0.0.1:{port}:127.0.0.1:{page.port}", lamp.thing)
    answer = wait_for(lambda: ask_nothing(port), process.describe)
    assert answer == b"through ssh"
    process.stop(signal.SIGTERM)
    verbose = operator.adit("ssh", "-v", "-F/dev/null", "-i", operator.sshd.key, "-oBatchMode=yes", lamp.thing, "true")
    assert b"debug1: Exit status 0" in verbose.stderr
    operator.wait_clean(lamp.thing)


def ask_nothing(port):
    import socket

    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            return connection.recv(100)
    except OSError:
        return b""


def test_two_at_once_do_not_disturb_each_other(operator, lamp):
    first = operator.start_ssh(lamp.thing, "echo one; sleep 3; echo end")
    first.wait_text("one\n")
    second = operator.ssh(lamp.thing, "echo two")
    assert (second.returncode, second.stdout) == (0, b"two\n")
    assert first.wait_exit() == 0
    assert first.out() == "one\nend\n"
    operator.wait_clean(lamp.thing)


def test_no_token_is_in_an_argument_or_in_the_environment_of_ssh(operator, lamp):
    process = operator.start_ssh(lamp.thing, "echo ready; sleep 20")
    process.wait_text("ready")
    (note,) = lamp.told
    kin, seen = {process.pid}, b""
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            seen += (entry / "cmdline").read_bytes()
            if parent in kin:
                kin.add(int(entry.name))
                seen += (entry / "environ").read_bytes()
        except (OSError, ValueError):
            continue
    assert len(kin) > 1, "ssh runs as a child"
    assert b"ProxyUseFdpass" in seen and note["clientAccessToken"].encode() not in seen
    described = operator.server.describe(operator.open_tunnels(lamp.thing)[0]["tunnelId"])
    assert described["sourceConnectionState"]["status"] == "CONNECTED"
    prefix = note["clientAccessToken"][:4].encode()
    assert not any(word.startswith(prefix) and len(word) == len(note["clientAccessToken"]) for word in seen.replace(b"=", b"\0").split(b"\0"))


# Waiting, and its ends


def test_a_device_that_comes_late_is_waited_for(operator, device, client, proxies, sshd):
    owner = device()
    absent = client(owner=owner, SessionExpiryInterval=600).connect()
    topic = f"$aws/things/{owner.name}/tunnels/notify"
    absent.subscribe(topic)
    absent.disconnect()
    process = operator.start_ssh(owner.name, "echo there", own=["--timeout", "60s"])
    wait_for(lambda: operator.open_tunnels(owner.name), process.describe)
    late = client(owner=owner, clean=False, SessionExpiryInterval=600)
    Home(late, proxies, {"SSH": sshd.port}).start()
    assert process.wait_exit(60) == 0
    assert process.out() == "there\n"


def test_a_device_that_is_offline(operator, device):
    owner = device()
    done = operator.ssh(owner.name, own=["--timeout", "3s"])
    assert done.returncode == 6, done
    assert b"is offline" in done.stderr and b"Next: " in done.stderr and done.stdout == b""
    operator.wait_clean(owner.name)


def test_a_device_that_is_connected_and_silent(operator, client):
    silent = client().connect()
    done = operator.ssh(silent.device.name, own=["--timeout", "3s"])
    assert done.returncode == 7, done
    assert b"did not open its side of the tunnel in 3 s" in done.stderr
    operator.wait_clean(silent.device.name)


def test_a_device_without_an_ssh_server(operator, client, proxies):
    lamp = Home(client(), proxies, {"SSH": free_port()}).start()
    done = operator.ssh(lamp.thing)
    assert done.returncode == 3, done
    assert b"refused the connection" in done.stderr
    operator.wait_clean(lamp.thing)


def test_an_ssh_server_that_says_nothing(operator, client, proxies, service):
    mute = service(lambda connection: connection.recv(1) and connection.recv(1000) and wait_for_end(connection))
    lamp = Home(client(), proxies, {"SSH": mute.port}).start()
    done = operator.ssh(lamp.thing, own=["--timeout", "4s"])
    assert done.returncode == 7, done
    assert b"says nothing" in done.stderr


def wait_for_end(connection):
    while connection.recv(1000):
        pass


def test_who_may_not(operator, lamp, broker):
    name = fresh("guest")
    iam = broker.boto("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    guest = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    done = operator.ssh(lamp.thing, env=guest)
    assert done.returncode == 3, done
    assert b"OpenTunnel" in done.stderr and b"Next: " in done.stderr
    policy = document(("Allow", ["iot:OpenTunnel", "iot:DescribeTunnel", "iot:CloseTunnel"], "*"))
    iam.put_user_policy(UserName=name, PolicyName="tunnels", PolicyDocument=policy)
    done = operator.ssh(lamp.thing, "echo enough", env=guest)
    assert (done.returncode, done.stdout) == (0, b"enough\n"), done
    operator.wait_clean(lamp.thing)


def test_a_thing_that_is_not_there(operator):
    done = operator.ssh("no-such-thing")
    assert done.returncode == 4, done
    assert b"there is no thing no-such-thing" in done.stderr and b"adit thing list" in done.stderr
    assert not operator.tunnels("no-such-thing")


def test_a_server_that_is_down(operator):
    done = operator.ssh("lamp1", own=["--endpoint-url", f"https://localhost:{free_port()}"])
    assert done.returncode == 8, done


def test_tunnels_that_cannot_be_reached(operator, lamp):
    done = operator.ssh(lamp.thing, own=["--timeout", "3s", "--tunnel-endpoint", f"localhost:{free_port()}"])
    assert done.returncode == 8, done
    assert b"Connection refused" in done.stderr and b"--tunnel-endpoint" in done.stderr
    operator.wait_clean(lamp.thing)


@pytest.mark.parametrize("line", [[], ["-v"], ["-f", "x"], ["-J", "a", "x"], ["x", "--timeout", "3"], ["a/b"], ["-o", "ProxyCommand=x", "y"]])
def test_wrong_words(operator, line):
    done = operator.adit("ssh", *line)
    assert done.returncode == 2, done
    assert done.stdout == b"" and done.stderr.startswith(b"adit: ")


def test_without_an_ssh(operator, lamp, tmp_path):
    done = operator.ssh(lamp.thing, env={"PATH": str(tmp_path)})
    assert done.returncode == 1 and b"openssh-client" in done.stderr
    operator.wait_clean(lamp.thing)


# Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_closes_the_tunnel(operator, lamp, number):
    process = operator.start_ssh(lamp.thing, "echo ready; sleep 60")
    process.wait_text("ready")
    process.send(number)
    assert process.wait_exit() == 128 + number
    operator.wait_clean(lamp.thing)
    assert not list(operator.home.glob("adit-ssh-*"))


def test_a_signal_while_waiting_closes_the_tunnel(operator, device):
    owner = device()
    process = operator.start_ssh(owner.name)
    wait_for(lambda: operator.open_tunnels(owner.name), process.describe)
    process.send(signal.SIGINT)
    assert process.wait_exit() == 130
    operator.wait_clean(owner.name)


def test_the_terminal_is_told_what_is_waited_for(operator, device):
    owner = device()
    process = operator.start_in_terminal(f"ssh --timeout 3 {owner.name}")
    process.wait_text(f"Waiting for {owner.name} (it is offline")
    assert process.wait_exit() == 6


# Host keys


def test_a_changed_host_key_is_refused_until_it_is_forgotten(operator, client, proxies, sshd, tmp_path):
    lamp = Home(client(), proxies, {"SSH": sshd.port}).start()
    assert operator.ssh(lamp.thing, "true").returncode == 0
    (known,) = (operator.home / ".local/share/adit/known_hosts").iterdir()
    assert known.read_text().startswith(f"{lamp.thing}.adit ")
    assert (known.parent.stat().st_mode & 0o777, known.stat().st_mode & 0o022) == (0o700, 0)
    other = Sshd(tmp_path / "other")
    try:
        lamp.services["SSH"] = other.port
        done = operator.ssh(lamp.thing, "true")
        assert done.returncode == 255, done
        assert f"adit ssh --forget-host-key {lamp.thing}".encode() in done.stderr
        done = operator.adit("ssh", "--forget-host-key", lamp.thing)
        assert (done.returncode, done.stdout) == (0, b"")
        other_user = ["-i", other.key]
        assert operator.ssh(*other_user, lamp.thing, "true").returncode == 0
        assert operator.adit("ssh", "--forget-host-key", "never-seen").returncode == 4
    finally:
        other.end()
    operator.wait_clean(lamp.thing)


# Tunnels that stay


def test_a_tunnel_that_is_kept_is_used_again(operator, lamp):
    done = operator.ssh(lamp.thing, "echo one", own=["--keep", "--lifetime", "60"])
    assert (done.returncode, done.stdout) == (0, b"one\n")
    (kept,) = operator.open_tunnels(lamp.thing)
    assert f"adit tunnel close {kept['tunnelId']}".encode() in done.stderr
    described = operator.server.describe(kept["tunnelId"])
    assert described["timeoutConfig"] == {"maxLifetimeTimeoutMinutes": 60}
    assert described["description"].startswith("adit")
    assert operator.ssh(lamp.thing, "echo two").stdout == b"two\n"
    assert [each["tunnelId"] for each in operator.tunnels(lamp.thing)] == [kept["tunnelId"]]
    busy = operator.start_ssh(lamp.thing, "echo in; sleep 4")
    busy.wait_text("in\n")
    assert operator.ssh(lamp.thing, "echo three").stdout == b"three\n", "with a tunnel of its own meanwhile"
    assert busy.wait_exit() == 0
    for path in (operator.home / ".local/state/adit").rglob("*"):
        assert "token" not in path.name and (path.is_dir() or path.read_text().strip() == kept["tunnelId"])
    operator.server.api.close_tunnel(tunnelId=kept["tunnelId"])
    assert operator.ssh(lamp.thing, "echo four").stdout == b"four\n"
    assert not operator.open_tunnels(lamp.thing)


def test_a_tunnel_by_its_id(operator, lamp, proxies):
    tunnel = operator.server.open("SSH", thing=lamp.thing)
    wait_for(lambda: lamp.told, "the device is told")
    done = operator.ssh(lamp.thing, "echo in", own=["--tunnel", tunnel.id])
    assert (done.returncode, done.stdout) == (0, b"in\n"), done
    assert operator.open_tunnels(lamp.thing), "it stays open"
    got = operator.server.api.rotate_tunnel_access_token(tunnelId=tunnel.id, clientMode="SOURCE")
    proxies.source(operator.server, got["sourceAccessToken"], f"SSH={free_port()}")
    taken = operator.ssh(lamp.thing, "echo in", own=["--tunnel", tunnel.id])
    assert taken.returncode == 2 and b"--yes" in taken.stderr, taken
    assert operator.ssh(lamp.thing, "echo in", own=["--tunnel", tunnel.id, "--yes"]).returncode == 0
    assert operator.ssh("other", own=["--tunnel", tunnel.id]).returncode == 2
    assert operator.ssh(lamp.thing, own=["--tunnel", tunnel.id, "--service", "VNC"]).returncode == 2
    operator.server.api.close_tunnel(tunnelId=tunnel.id)
    assert operator.ssh(lamp.thing, own=["--tunnel", tunnel.id]).returncode == 5
    assert operator.ssh(lamp.thing, own=["--tunnel", "no-such-tunnel"]).returncode == 4


def test_a_device_that_lost_its_side_is_told_again(operator, lamp):
    tunnel = operator.server.open("SSH", thing=lamp.thing)
    wait_for(lambda: lamp.running, "the device connects")
    operator.server.wait_states(tunnel, "DISCONNECTED", "CONNECTED")
    lamp.running[0].kill()
    operator.server.wait_states(tunnel, "DISCONNECTED", "DISCONNECTED")
    assert operator.ssh(lamp.thing, "echo back", own=["--tunnel", tunnel.id]).stdout == b"back\n"
    assert len(lamp.told) == 2


# Other options


def test_another_service_and_an_older_device(operator, client, proxies, sshd):
    lamp = Home(client(), proxies, {"admin": sshd.port}, ["-y", "V1"]).start()
    done = operator.ssh(lamp.thing, "echo v1", own=["--service", "admin", "--destination-client-type", "V1"])
    assert (done.returncode, done.stdout) == (0, b"v1\n"), done
    assert lamp.told[0]["services"] == ["admin"]


def test_the_log_of_the_tunnel_is_shown_on_demand(operator, lamp):
    done = operator.ssh(lamp.thing, "true", own=["--tunnel-log", "5"])
    assert b"[info] Successfully established websocket connection with proxy server" in done.stderr
    assert b"Web socket subprotocol selected" in done.stderr


def test_the_tunnel_endpoint_of_the_environment(operator, lamp):
    wrong = operator.ssh(lamp.thing, "true", own=["--timeout", "3"], env={"ADIT_TUNNEL_ENDPOINT": f"localhost:{free_port()}"})
    assert wrong.returncode == 8
    wrong = operator.ssh(lamp.thing, "true", own=["--timeout", "3"], env={"AWSIOT_TUNNEL_ENDPOINT": f"localhost:{free_port()}"})
    assert wrong.returncode == 8
    right = {"AWSIOT_TUNNEL_ENDPOINT": operator.server.endpoint, "ADIT_LOCALPROXY_SETTINGS": ""}
    assert operator.ssh(lamp.thing, "true", env=right).returncode == 0
    assert operator.ssh(lamp.thing, "true", env={"ADIT_LOCALPROXY_SETTINGS": ""}).returncode == 0, "where the API is"


def test_settings_of_awss_files_and_of_a_data_folder(operator, lamp):
    server, bare = operator.server, {name: "" for name in operator.env if name.startswith(("AWS_", "ADIT_"))}
    (operator.home / ".aws").mkdir()
    (operator.home / ".aws/config").write_text(f"[profile lamps]\nregion = {server.env['AWS_REGION']}\nendpoint_url = {server.url}\n")
    (operator.home / ".aws/credentials").write_text(
        f"[lamps]\naws_access_key_id = {server.env['AWS_ACCESS_KEY_ID']}\naws_secret_access_key = {server.env['AWS_SECRET_ACCESS_KEY']}\n"
    )
    by_profile = ["--profile", "lamps", "--ca-bundle", server.ca]
    assert operator.ssh(lamp.thing, "echo in", own=by_profile, env=bare).stdout == b"in\n"
    assert operator.ssh(lamp.thing, "echo in", own=["--data-dir", server.data], env=bare).stdout == b"in\n"
    shown = operator.adit("ssh-config", *by_profile, env=bare).stdout.decode()
    assert f"nc --profile lamps --ca-bundle {server.ca} %n" in shown


def test_a_server_that_accepts_and_says_nothing(operator, service):
    mute = service(lambda connection: connection.recv(1) and wait_for_end(connection))
    done = operator.ssh("lamp1", own=["--timeout", "2s", "--endpoint-url", f"https://localhost:{mute.port}"])
    assert done.returncode == 7 and b"did not answer in 2 s" in done.stderr, done
    process = operator.start_ssh("lamp1", own=["--endpoint-url", f"https://localhost:{mute.port}"])
    wait_for(lambda: mute.accepted == 2, process.describe)
    process.send(signal.SIGINT)
    assert process.wait_exit() == 130


# ~/.ssh/config


@pytest.fixture
def configured(operator, sshd):
    """An operator whose ~/.ssh/config knows things."""
    done = operator.adit("ssh-config", "--user", sshd.user)
    assert (done.returncode, done.stderr) == (0, b"")
    folder = operator.home / ".ssh"
    folder.mkdir(mode=0o700)
    (folder / "config").write_bytes(done.stdout + f"Host *\n  IdentityFile {sshd.key}\n  BatchMode yes\n".encode())
    return folder / "config"


def run(operator, config, *args, **more):
    """Any program with the operator's ssh configuration; ssh itself does not look at HOME."""
    return subprocess.run(
        list(map(str, args)), env=operator.env, capture_output=True, timeout=100, cwd=operator.home,
        stdin=subprocess.DEVNULL, **more,
    )


def test_ssh_scp_sftp_and_rsync_reach_things_by_name(operator, configured, lamp, tmp_path):
    host = f"{lamp.thing}.adit"
    done = run(operator, configured, "ssh", "-F", configured, host, "echo plain; exit 9")
    assert (done.returncode, done.stdout) == (9, b"plain\n"), done
    noise = random.Random(6).randbytes(400_000)
    (operator.home / "up").write_bytes(noise)
    done = run(operator, configured, "scp", "-F", configured, "up", f"{host}:{tmp_path}/scp")
    assert done.returncode == 0 and (tmp_path / "scp").read_bytes() == noise, done
    batch = operator.home / "batch"
    batch.write_text(f"put up {tmp_path}/sftp\nget {tmp_path}/sftp down\n")
    done = run(operator, configured, "sftp", "-F", configured, "-b", batch, host)
    assert done.returncode == 0 and (operator.home / "down").read_bytes() == noise, done
    tree = operator.home / "tree"
    (tree / "a/b").mkdir(parents=True)
    (tree / "a/b/c").write_bytes(noise)
    done = run(operator, configured, "rsync", "-a", "-e", f"ssh -F {configured}", f"{tree}/", f"{host}:{tmp_path}/tree/")
    assert done.returncode == 0 and (tmp_path / "tree/a/b/c").read_bytes() == noise, done
    operator.wait_clean(lamp.thing)
    assert operator.ssh(lamp.thing, "true").returncode == 0, "the same host key as by `adit ssh`"
    (known,) = (operator.home / ".local/share/adit/known_hosts").iterdir()
    assert len(known.read_text().splitlines()) == len({line.split()[1] for line in known.read_text().splitlines()})


def test_ansible_reaches_things_by_name(operator, configured, lamp):
    with tempfile.TemporaryDirectory(prefix="cp") as short:
        env = {
            **operator.env, "ANSIBLE_SSH_ARGS": f"-F {configured} -o ControlMaster=auto -o ControlPersist=5s", "ANSIBLE_HOME": str(operator.home),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": short, "ANSIBLE_REMOTE_TMP": str(operator.home / "remote"), "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            [Path(sys.executable).parent / "ansible", "all", "-i", f"{lamp.thing}.adit,", "-m", "command", "-a", "echo by ansible",
             "-e", f"ansible_python_interpreter={sys.executable}"],
            env=env, capture_output=True, timeout=100, cwd=operator.home, stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0 and b"by ansible" in done.stdout, done
        operator.wait_clean(lamp.thing)


def test_a_device_that_is_offline_is_named_by_ssh_too(operator, configured, device):
    owner = device()
    operator.adit("ssh-config", "--timeout", "2s", f"--write={configured}")
    done = run(operator, configured, "ssh", "-F", configured, f"{owner.name}.adit", "true")
    assert done.returncode == 255 and b"is offline" in done.stderr, done


def test_the_part_of_ssh_config_is_written_in_its_place(operator, lamp):
    path = operator.home / ".ssh/config"
    for args in (["--write"], ["--write", "--user", "root"], [f"--write={path}", "--user", "root"]):
        done = operator.adit("ssh-config", *args)
        assert (done.returncode, done.stdout) == (0, b""), done
        path.write_text(path.read_text() + ("Host mine\n  Port 1\n" if args == ["--write"] else ""))
    text = path.read_text()
    assert text.count("Host *.adit") == 1 and "User root" in text and text.endswith("Host mine\n  Port 1\n")
    assert path.stat().st_mode & 0o777 == 0o600
    shown = operator.adit("ssh-config", "--host-pattern", "lab-*", "--region", "home-1", "--keep", lamp.thing).stdout.decode()
    assert f"Host lab-{lamp.thing} lab-*\n" in shown
    assert "nc --region home-1 --keep --host-pattern 'lab-*' %n\n" in shown
    assert operator.adit("ssh-config", "--host-pattern", "*").returncode == 2


# Behind the real agent


@pytest.fixture
def agent(device, tmp_path):
    """Makes devices with the agent; things and services as they are asked for."""
    made = []

    def make(owner=None, **more):
        made.append(Agent(owner or device(), tmp_path / "agents", **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_agent_is_reached(operator, agent, sshd, tmp_path):
    lamp = agent(services={"SSH": sshd})
    noise = random.Random(7).randbytes(500_000)
    (tmp_path / "noise").write_bytes(noise)
    for code in (0, 7, 255):
        done = operator.ssh(lamp.device.name, f"cat {tmp_path}/noise; exit {code}")
        assert (done.returncode, done.stdout == noise, done.stderr) == (code, True, b"")
    operator.wait_clean(lamp.device.name)


def test_an_agent_that_comes_late(operator, agent, sshd):
    lamp = agent(services={"SSH": sshd})
    lamp.stop()
    process = operator.start_ssh(lamp.device.name, "echo there", own=["--timeout", "60s"])
    wait_for(lambda: operator.open_tunnels(lamp.device.name), process.describe)
    lamp.start(wait=False)
    assert process.wait_exit(60) == 0
    assert process.out() == "there\n"


def test_an_agent_that_was_there_before(operator, agent):
    lamp = agent()
    lamp.stop()
    done = operator.ssh(lamp.device.name, own=["--timeout", "3s"])
    assert done.returncode == 6, done
    assert re.search(rb"is offline since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", done.stderr), done


def test_a_service_that_the_agent_does_not_offer(operator, agent):
    lamp = agent()
    lamp.wait_reported(lambda state: state.get("services"), "services")
    done = operator.ssh(lamp.device.name, own=["--service", "TELNET", "--timeout", "60s"])
    assert done.returncode == 3, done
    assert b"TELNET" in done.stderr and f"agent on {lamp.device.name}".encode() in done.stderr
    operator.wait_clean(lamp.device.name)


def test_an_agent_without_an_ssh_server(operator, agent):
    lamp = agent(services={"SSH": f"127.0.0.1:{free_port()}"})
    done = operator.ssh(lamp.device.name, own=["--timeout", "60s"])
    assert done.returncode == 3 and b"refused the connection" in done.stderr, done
