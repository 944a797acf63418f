"""`adit agent doctor`: each line fails when something is wrong, and says what to do.

docs/agent.md
"""

import contextlib
import json
import os
import socket
import subprocess
import threading
import time

import pytest
from devices import Device, document, fresh
from harness import bin_dir, clean_environment, echo, free_port, wait_for
from test_agent_provisioning import write

ACCOUNT = "123456789012"
ARN = f"arn:aws:iot:us-east-1:{ACCOUNT}"
BUILT_IN = ("FTP", "HTTP", "HTTPS", "SSH", "VNC")


class Doctor:
    """A configuration that is right; tests break it."""

    def __init__(self, broker, folder, holder):
        self.broker, self.folder, self.holder = broker, folder, holder
        folder.mkdir(parents=True)
        self.state = folder / "state"
        holder.key.chmod(0o600)
        self.keys = {
            "endpoint": f"localhost:{broker.mqtt_port}", "tunnel-endpoint": broker.endpoint, "ca-file": broker.ca,
            "certificate-file": holder.cert, "private-key-file": holder.key, "thing-name": holder.name, "state-dir": self.state,
        }
        self.services = {each: "off" for each in BUILT_IN}
        self.more = ""

    def run(self, *args, env=None, prefix=()):
        file = self.folder / "agent.toml"
        file.write_text(write(self.keys) + "[services]\n" + write(self.services) + self.more)
        return subprocess.run(
            [*prefix, str(bin_dir() / "adit"), "agent", "--config", str(file), "doctor", *args],
            env=clean_environment(**(env or {})), capture_output=True, text=True, timeout=120,
        )

    def lines(self, **more):
        """The lines by what was checked; services by their name."""
        done = self.run("--json", **more)
        answer = json.loads(done.stdout)
        assert done.returncode == (0 if answer["ok"] else 1), done
        name = lambda each: each["text"].split()[0] if each["check"] == "service" else each["check"]  # noqa: E731
        return {name(each): (each["grade"], each["text"]) for each in answer["checks"]}

    def failed(self, check, *words, grade="failed", **more):
        """This check fails, says these words, and those that come before it are fine."""
        lines = self.lines(**more)
        found, text = lines[check]
        assert found == grade, lines
        for word in words:
            assert str(word) in text, text
        return lines


@pytest.fixture
def doctor(broker, device, tmp_path):
    return Doctor(broker, tmp_path / "doctor", device())


def test_everything_is_right(doctor, service):
    listening = service(echo)
    doctor.services["ECHO"] = f"127.0.0.1:{listening.port}"
    done = doctor.run()
    assert done.returncode == 0, done
    assert done.stderr == ""
    marks = {line.split()[1]: line.split()[0] for line in done.stdout.splitlines()}
    expected = ["configuration", "ca-file", "certificate", "rights", "clock", "dates", "state-dir", "disk", "tcp", "tls", "mqtt", "subscribe", "tunnels", "service", "unit"]
    assert [each for each in expected if each not in marks] == []
    assert "failed" not in marks.values()
    lines = doctor.lines()
    assert doctor.holder.name in lines["certificate"][1] and doctor.holder.id in lines["certificate"][1]
    assert lines["ECHO"][0] == "ok"


def test_a_wrong_configuration(doctor):
    doctor.keys["endpiont"] = "x"
    doctor.failed("configuration", "endpiont", "did you mean endpoint?", "default-config")
    done = doctor.run()
    assert done.returncode == 1 and done.stdout.startswith("failed") and "1 of 1 checks failed" in done.stderr


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_ca_file(doctor, content):
    path = doctor.folder / "ca.pem"
    if content:
        path.write_text(content)
    doctor.keys["ca-file"] = path
    lines = doctor.failed("ca-file", path, "pki/ca.pem")
    assert lines["tls"][0] == "failed"


def test_certificate_and_key(doctor, device):
    doctor.keys["private-key-file"] = device().key
    doctor.failed("certificate", doctor.keys["private-key-file"], "another device")
    doctor.keys["certificate-file"] = doctor.folder / "none.pem"
    doctor.failed("certificate", "none.pem", "no such file")


def test_no_certificate_at_all(doctor):
    del doctor.keys["certificate-file"], doctor.keys["private-key-file"]
    doctor.failed("certificate", "certificate-file", "[provisioning]")


def test_a_certificate_that_does_not_name_its_thing(doctor):
    del doctor.keys["thing-name"]
    doctor.failed("thing", "set thing-name")


def test_rights(doctor):
    doctor.holder.key.chmod(0o644)
    doctor.failed("rights", f"chmod o= {doctor.holder.key}")
    doctor.holder.key.chmod(0o640)
    assert doctor.lines()["rights"][0] == "ok"
    doctor.holder.cert.chmod(0o666)
    doctor.failed("rights", f"chmod o-w {doctor.holder.cert}")


@pytest.mark.parametrize("days, grade, word", [(("20200101", "20210101"), "failed", "over on 2021-01-01"), (("20200101", None), "warning", "in 3 days"), (("20990101", "20990201"), "failed", "from 2099-01-01")])
def test_dates(doctor, days, grade, word):
    begin, end = days
    # Half a day from where the number of days changes, at any time of the day.
    end = f"{end}000000" if end else time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + 3.5 * 86400))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "k.pem", "-out", "old.pem", "-subj", "/CN=x", "-days", "1"],
        cwd=doctor.folder, check=True, capture_output=True,
    )
    (doctor.folder / "ca.conf").write_text(
        "[ca]\ndefault_ca=c\n[c]\ndatabase=db\nnew_certs_dir=.\nserial=serial\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
    )
    (doctor.folder / "db").write_text("")
    (doctor.folder / "serial").write_text("01")
    for args in (
        ["req", "-new", "-key", "k.pem", "-out", "r.csr", "-subj", "/CN=x"],
        ["ca", "-batch", "-config", "ca.conf", "-selfsign", "-keyfile", "k.pem", "-in", "r.csr", "-out", "c.pem", "-startdate", f"{begin}000000Z", "-enddate", f"{end}Z"],
    ):
        subprocess.run(["openssl", *args], cwd=doctor.folder, check=True, capture_output=True)
    (doctor.folder / "k.pem").chmod(0o600)
    doctor.keys.update({"certificate-file": doctor.folder / "c.pem", "private-key-file": doctor.folder / "k.pem"})
    doctor.failed("dates", word, grade=grade)


def test_a_clock_that_was_never_set(doctor):
    faketime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
    if not os.path.exists(faketime):
        pytest.skip("needs libfaketime")
    env = {"LD_PRELOAD": faketime, "FAKETIME": "1970-01-01 00:10:00", "DONT_FAKE_MONOTONIC": "1"}
    lines = doctor.failed("clock", "1970-01-01", "timedatectl set-ntp true", grade="warning", env=env)
    assert lines["mqtt"][0] == "ok"


def test_a_state_folder_that_cannot_be_written(doctor):
    doctor.keys["state-dir"] = "/proc/adit"
    doctor.failed("state-dir", "/proc/adit", grade="warning")
    del doctor.keys["certificate-file"], doctor.keys["private-key-file"]
    claim = {"template": "t", "claim-certificate-file": doctor.holder.cert, "claim-private-key-file": doctor.holder.key}
    doctor.more = f"[provisioning]\n{write(claim)}"
    doctor.failed("state-dir", "a first start needs it")


def test_a_disk_that_is_full(doctor):
    if os.getuid():
        pytest.skip("needs root: a small file system")
    doctor.state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "none", doctor.state], check=True)
    try:
        doctor.failed("disk", "KiB free", grade="warning")
        with contextlib.suppress(OSError):
            (doctor.state / "fill").write_bytes(bytes(900 << 10))
        doctor.failed("disk", "make room")
    finally:
        subprocess.run(["umount", doctor.state], check=True)


def test_a_name_without_an_address(doctor):
    doctor.keys["endpoint"] = "nobody.invalid:8883"
    doctor.failed("dns", "getent hosts nobody.invalid")


def test_a_port_where_nothing_listens(doctor):
    doctor.keys["endpoint"] = f"localhost:{free_port()}"
    doctor.failed("tcp", "nothing listens there")


class WebProxy:
    """Answers CONNECT with a status, and connects if that is 200."""

    def __init__(self, status):
        self.status, self.listener = status, socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(4096)
        host, port = request.split()[1].decode().rsplit(":", 1)
        connection.sendall(f"HTTP/1.1 {self.status} x\r\n\r\n".encode())
        if self.status != 200:
            return connection.close()
        far = socket.create_connection((host, int(port)))
        for one, other in ((connection, far), (far, connection)):
            threading.Thread(target=self.copy, args=(one, other), daemon=True).start()

    @staticmethod
    def copy(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


def test_a_web_proxy(doctor):
    doctor.keys["http-proxy"] = f"http://127.0.0.1:{WebProxy(200).port}"
    lines = doctor.lines()
    assert lines["http-proxy"][0] == "ok" and lines["mqtt"][0] == "ok", lines
    doctor.keys["http-proxy"] = f"http://127.0.0.1:{WebProxy(403).port}"
    doctor.failed("http-proxy", "403", "must allow CONNECT to localhost")
    doctor.keys["http-proxy"] = f"http://127.0.0.1:{free_port()}"
    doctor.failed("http-proxy", "is 127.0.0.1", "running")


def test_tls(doctor, new_server, service):
    other = new_server()
    doctor.keys["ca-file"] = other.ca
    doctor.failed("tls", "UnknownIssuer", "ca-file")
    doctor.keys["ca-file"] = doctor.broker.ca
    doctor.keys["endpoint"] = f"127.0.0.2:{doctor.broker.mqtt_port}"
    doctor.failed("tls", "`names`")
    doctor.keys["endpoint"] = f"localhost:{service(lambda c: c.sendall(b'SSH-2.0-x')).port}"
    doctor.failed("tls", "a port with TLS?")


def test_alpn_on_port_443(doctor):
    if os.getuid():
        pytest.skip("needs root: a network namespace with port 443")
    name = fresh("doc")[:12]
    subprocess.run(["ip", "netns", "add", name], check=True)
    inside = ["ip", "netns", "exec", name]
    process = None
    try:
        subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
        script = (
            "import socket, threading, sys\n"
            "listener = socket.create_server(('127.0.0.1', 443))\n"
            "print('up', flush=True)\n"
            "def copy(a, b):\n"
            "    try:\n"
            "        while data := a.recv(65536): b.sendall(data)\n"
            "    except OSError: pass\n"
            "while True:\n"
            "    near, _ = listener.accept()\n"
            "    far = socket.socket(socket.AF_UNIX)\n"
            "    far.connect(sys.argv[1])\n"
            "    threading.Thread(target=copy, args=(near, far), daemon=True).start()\n"
            "    threading.Thread(target=copy, args=(far, near), daemon=True).start()\n"
        )
        path = doctor.folder / "443.sock"

        def shared(port):
            """A socket file by which the namespace reaches a port of ours."""
            path.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            listener.listen()

            def serve():
                with contextlib.suppress(OSError):
                    while True:
                        near, _ = listener.accept()
                        far = socket.create_connection(("127.0.0.1", port))
                        for one, other in ((near, far), (far, near)):
                            threading.Thread(target=WebProxy.copy, args=(one, other), daemon=True).start()

            threading.Thread(target=serve, daemon=True).start()
            return listener

        process = subprocess.Popen([*inside, "python3", "-c", script, str(path)], stdout=subprocess.PIPE)
        process.stdout.readline()
        doctor.keys.update({"endpoint": "localhost:443", "tunnel-endpoint": "localhost:443"})
        with shared(doctor.broker.port):
            lines = doctor.lines(prefix=inside)
            assert lines["alpn"][0] == "ok" and lines["mqtt"][0] == "ok", lines
        with shared(doctor.broker.mqtt_port):
            # That listener does MQTT whatever the client offers, and does not say so.
            assert "alpn" in doctor.lines(prefix=inside)
    finally:
        if process:
            process.kill()
            process.wait()
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_a_certificate_that_is_not_let_in(doctor):
    doctor.holder.status("INACTIVE")
    doctor.failed("mqtt", doctor.holder.id, "ACTIVE", f"iot:Connect on client/{doctor.holder.name}", f"adit why --certificate {doctor.holder.id}")


def test_a_policy_without_connect(broker, tmp_path):
    holder = Device(broker, tmp_path / "d", policy=document(("Allow", "iot:Subscribe", "*")))
    Doctor(broker, tmp_path / "doctor", holder).failed("mqtt", f"iot:Connect on client/{holder.name}")


def test_a_policy_without_subscribe(broker, tmp_path):
    holder = Device(broker, tmp_path / "d", policy=document(("Allow", "iot:Connect", "*")))
    filter_ = f"$aws/things/{holder.name}/tunnels/notify"
    Doctor(broker, tmp_path / "doctor", holder).failed("subscribe", f"iot:Subscribe on topicfilter/{filter_}")


def test_the_tunnel_endpoint(doctor):
    doctor.keys["tunnel-endpoint"] = f"localhost:{free_port()}"
    doctor.failed("tunnels", "nothing listens there", "tunnel-endpoint")


def test_services(doctor, service, tmp_path):
    path = tmp_path / "s"
    listening = service(echo, path=path)
    doctor.services.update({"SOCK": f"unix:{path}", "WEB": f"127.0.0.1:{free_port()}"})
    lines = doctor.failed("WEB", "Connection refused", "[services]")
    assert lines["SOCK"][0] == "ok"
    wait_for(lambda: listening.accepted, "the service was connected to")
    del doctor.services["WEB"], doctor.services["VNC"]
    lines = doctor.lines()
    assert lines["VNC"][0] in ("ok", "warning")
    if lines["VNC"][0] == "warning":
        assert 'VNC = "off"' in lines["VNC"][1]


def test_a_claim(doctor, tmp_path):
    del doctor.keys["certificate-file"], doctor.keys["private-key-file"]
    (tmp_path / "serial").write_text("7\n")
    claim = {"template": "t", "claim-certificate-file": doctor.holder.cert, "claim-private-key-file": doctor.holder.key}
    doctor.more = f"[provisioning]\n{write(claim)}[provisioning.parameters]\nSerialNumber = \"file:{tmp_path}/serial\"\n"
    lines = doctor.lines()
    assert lines["provisioning"] == ("ok", "template t, parameters SerialNumber")
    assert "none yet; the claim is" in lines["certificate"][1] and lines["mqtt"][0] == "ok"
    (tmp_path / "serial").unlink()
    doctor.failed("provisioning", "provisioning.parameters.SerialNumber", "cannot read the file")
    claim["claim-private-key-file"] = tmp_path / "none"
    doctor.more = f"[provisioning]\n{write(claim)}"
    doctor.failed("certificate", "the claim", "no such file")
