"""Starts and ends the real programs: server, local proxy, `aws`; and small TCP services."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

Tunnel = namedtuple("Tunnel", "id arn source destination")
Result = namedtuple("Result", "code out err")


def bin_dir():
    chosen = os.environ.get("ADIT_BIN_DIR")
    folders = [Path(chosen)] if chosen else [ROOT / "target/release", ROOT / "target/debug"]
    for folder in folders:
        if (folder / "adit").is_file():
            return folder.resolve()
    raise FileNotFoundError(f"no adit binary in {' or '.join(map(str, folders))}: cargo build --release -p adit")


def wait_for(condition, what, timeout=20, pause=0.02):
    """The first true value of `condition()`; fails with `what` (text or function) when time is over."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what() if callable(what) else what}")
        time.sleep(pause)


_handed_out = set()


def free_port():
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in _handed_out:
            _handed_out.add(port)
            return port


def clean_environment(**more):
    """What a new user's shell has, without this machine's AWS settings and web proxies."""
    keep = {
        k: v
        for k, v in os.environ.items()
        if not k.upper().startswith(("AWS", "ADIT", "SSL_CERT")) and k.lower() not in ("https_proxy", "http_proxy", "all_proxy", "no_proxy")
    }
    keep.update(AWS_EC2_METADATA_DISABLED="true", AWS_PAGER="", **more)
    return keep


class Process:
    """A program of ours with its output in files; ended by its own pid."""

    def __init__(self, args, folder, name, env=None, cwd=None):
        folder.mkdir(parents=True, exist_ok=True)
        count = len(list(folder.glob(f"{name}*.out")))
        self.name = f"{name}-{count}"
        self.out_path, self.err_path = folder / f"{self.name}.out", folder / f"{self.name}.err"
        self.args = [str(a) for a in args]
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.child = subprocess.Popen(
                self.args, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, cwd=cwd or folder
            )

    @property
    def pid(self):
        return self.child.pid

    def out(self):
        return self.out_path.read_text(errors="replace")

    def err(self):
        return self.err_path.read_text(errors="replace")

    def text(self):
        return self.out() + self.err()

    def describe(self):
        return f"{' '.join(self.args)}\nexit: {self.child.poll()}\n{self.text()[-4000:]}"

    def wait_text(self, needle, timeout=20, count=1):
        def seen():
            if self.text().count(needle) >= count:
                return True
            if self.child.poll() is not None and self.text().count(needle) < count:
                raise AssertionError(f"{needle!r} was not printed before the end of {self.describe()}")
            return False

        wait_for(seen, lambda: f"{needle!r} ×{count} in {self.describe()}", timeout)
        return self

    def wait_exit(self, timeout=20):
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s: {self.describe()}") from None

    def running(self):
        return self.child.poll() is None

    def send(self, number):
        self.child.send_signal(number)

    def stop(self, number=signal.SIGTERM, timeout=15):
        if self.running():
            self.send(number)
            try:
                self.child.wait(timeout)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait(5)
        return self.child.returncode

    def kill(self):
        return self.stop(signal.SIGKILL)

    def peak_kib(self):
        """Most memory this program has had resident so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(str(value)) if not isinstance(value, int) else str(value)


class Server:
    """`adit serve` in its own folder on its own ports, started with a configuration file as a user would."""

    def __init__(self, home, env=None, **settings):
        self.home, self.data = home, home / "data"
        home.mkdir(parents=True, exist_ok=True)
        self.port, self.plain_port, self.metrics_port = free_port(), free_port(), free_port()
        self.settings = {"metrics.address": f"127.0.0.1:{self.metrics_port}", "log.level": "debug", "shutdown.drain": "1s"}
        self.settings.update(settings)
        self.listen = [
            {"address": f"127.0.0.1:{self.plain_port}", "tls": False, "serve": ["api"]},
            {"address": f"0.0.0.0:{self.port}"},
        ]
        self.mqtt_port = None
        self.extra_env = env or {}
        self.process = None
        self.processes = []
        self._client_env = None

    def with_mqtt(self):
        """Adds a listener such as AWS's port 8883."""
        self.mqtt_port = free_port()
        self.listen.append({"address": f"0.0.0.0:{self.mqtt_port}", "serve": ["mqtt"]})
        return self

    @property
    def ca(self):
        return self.data / "pki/ca.pem"

    @property
    def endpoint(self):
        return f"localhost:{self.port}"

    @property
    def url(self):
        return f"https://{self.endpoint}"

    def write_config(self):
        sections = {}
        for name, value in self.settings.items():
            section, _, key = name.rpartition(".")
            sections.setdefault(section, []).append(f"{key} = {toml(value)}")
        text = "\n".join(sections.pop("", [])) + "\n"
        for section, lines in sections.items():
            text += f"\n[{section}]\n" + "\n".join(lines) + "\n"
        for each in self.listen:
            text += "\n[[listen]]\n" + "".join(f"{k} = {toml(v)}\n" for k, v in each.items())
        path = self.home / "adit.toml"
        path.write_text(text)
        return path

    def spawn(self):
        """Starts the program without waiting for it."""
        config = self.write_config()
        self.process = Process(
            [bin_dir() / "adit", "serve", "--data-dir", self.data, "--config", config],
            self.home / "log",
            "serve",
            env=clean_environment(**self.extra_env),
            cwd=self.home,
        )
        self.processes.append(self.process)
        return self.process

    def start(self, timeout=30):
        process = self.spawn()

        def ready():
            if not process.running():
                raise AssertionError(f"the server ended: {process.describe()}")
            return self.get("/readyz")[0] == 200

        wait_for(ready, process.describe, timeout)
        return self

    def get(self, path, port=None):
        """Status and body of a plain GET; (0, "") when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.plain_port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def stop(self, number=signal.SIGTERM):
        return self.process.stop(number) if self.process else None

    def kill(self):
        return self.process.kill()

    def restart(self):
        return self.start()

    @property
    def env(self):
        """The shell environment after `eval "$(adit env --data-dir …)"`."""
        if self._client_env is None:
            done = subprocess.run(
                ["bash", "-c", 'set -e; exports=$("$0" env --data-dir "$1"); eval "$exports"; env -0', bin_dir() / "adit", self.data],
                env=clean_environment(HOME=str(self.home)),
                capture_output=True,
                timeout=30,
            )
            assert done.returncode == 0, done.stderr.decode()
            self._client_env = dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if line)
        return dict(self._client_env)

    def aws(self, *args, ok=True, env=None, timeout=60):
        """Runs Amazon's `aws`; its JSON output when it succeeds."""
        program = Path(sys.executable).parent / "aws"
        done = subprocess.run(
            [program, *map(str, args)],
            env={**self.env, **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        if not ok:
            return Result(done.returncode, done.stdout, done.stderr)
        assert done.returncode == 0, f"aws {' '.join(map(str, args))}: {done.returncode}\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip().startswith(("{", "[")) else done.stdout

    def adit(self, command, *args, ok=True):
        """Runs `adit COMMAND` for this server; what it prints."""
        done = subprocess.run(
            [str(each) for each in (bin_dir() / "adit", command, *args, "--data-dir", self.data)],
            env=clean_environment(HOME=str(self.home)), capture_output=True, text=True, timeout=30,
        )
        assert not ok or done.returncode == 0, done
        return done.stdout if ok else done.stdout + done.stderr

    def clients(self):
        """The connected MQTT clients, as `adit clients --json` shows them."""
        return [json.loads(line) for line in self.adit("clients", "--json").splitlines()]

    def boto(self, service="iotsecuretunneling", region=None, key=None, secret=None, url=None, **config):
        import boto3
        from botocore.config import Config

        session = boto3.session.Session()
        return session.client(
            service,
            region_name=region or self.env["AWS_REGION"],
            endpoint_url=url or self.env["AWS_ENDPOINT_URL"],
            aws_access_key_id=key or self.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=secret or self.env["AWS_SECRET_ACCESS_KEY"],
            verify=self.env["AWS_CA_BUNDLE"],
            config=Config(retries={"max_attempts": 0}, parameter_validation=False, proxies={}, **config),
        )

    @property
    def api(self):
        if not hasattr(self, "_api"):
            self._api = self.boto()
        return self._api

    def open(self, *services, thing=None, region=None, minutes=None):
        wish = {}
        if services:
            wish["destinationConfig"] = {"services": list(services), **({"thingName": thing} if thing else {})}
        if minutes:
            wish["timeoutConfig"] = {"maxLifetimeTimeoutMinutes": minutes}
        api = self.boto(region=region) if region else self.api
        got = api.open_tunnel(**wish)
        return Tunnel(got["tunnelId"], got["tunnelArn"], got["sourceAccessToken"], got["destinationAccessToken"])

    def describe(self, tunnel):
        return self.api.describe_tunnel(tunnelId=getattr(tunnel, "id", tunnel))["tunnel"]

    def states(self, tunnel):
        got = self.describe(tunnel)
        return got["sourceConnectionState"]["status"], got["destinationConnectionState"]["status"]

    def wait_states(self, tunnel, source, destination, timeout=15):
        wait_for(
            lambda: self.states(tunnel) == (source, destination),
            lambda: f"states {source}, {destination}; they are {self.states(tunnel)}\n{self.process.describe()}",
            timeout,
        )

    def logs(self):
        return "".join(p.text() for p in self.processes)

    def database_text(self):
        """Every byte of every file in the data folder, keys aside: what a thief of the database would read."""
        found = b""
        for path in sorted(self.data.rglob("*")):
            if path.is_file() and "pki" not in path.parts and path.name != "credentials":
                found += path.read_bytes()
        return found

    def query(self, sql):
        (path,) = [p for p in self.data.rglob("*") if p.suffix in (".db", ".sqlite", ".sqlite3")]
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute(sql).fetchall()

    def metrics(self):
        return self.get("/metrics", self.metrics_port)


class Proxies:
    """Starts local proxies and ends those that still run."""

    def __init__(self, folder):
        self.folder, self.all = folder, []

    def run(self, *args, env=None, cwd=None, server=None, name="localproxy"):
        environment = clean_environment(HOME=str(self.folder))
        if server:
            environment["SSL_CERT_FILE"] = str(server.ca)
        environment.update(env or {})
        if cwd is None:
            cwd = self.folder / "cwd"
            cwd.mkdir(parents=True, exist_ok=True)
        process = Process([bin_dir() / "localproxy", *args], self.folder, name, env=environment, cwd=cwd)
        self.all.append(process)
        return process

    def run_in(self, prefix, *args, env=None):
        """Runs any program behind a prefix such as `ip netns exec NAME`; the pid stays that of the program."""
        process = Process([*prefix, *args], self.folder, Path(str(args[0])).name, env=env or clean_environment())
        self.all.append(process)
        return process

    def source(self, server, token, mapping, *more, env=None, verbose="5", wait=True):
        process = self.run(
            "-e", server.endpoint, "-s", str(mapping), "-v", verbose, *more,
            env={"AWSIOT_TUNNEL_ACCESS_TOKEN": token, **(env or {})}, server=server, name="source",
        )
        if wait:
            process.wait_text("Listening for new connection on port")
        return process

    def destination(self, server, token, mapping, *more, env=None, verbose="5", wait=True):
        process = self.run(
            "-e", server.endpoint, "-d", str(mapping), "-v", verbose, *more,
            env={"AWSIOT_TUNNEL_ACCESS_TOKEN": token, **(env or {})}, server=server, name="destination",
        )
        if wait:
            process.wait_text("Successfully established websocket connection with proxy server")
        return process

    def end(self):
        for process in self.all:
            if process.running():
                process.kill()


def run_localproxy(*args, env=None, cwd=None, timeout=30):
    """Runs a local proxy to its end."""
    done = subprocess.run(
        [bin_dir() / "localproxy", *map(str, args)],
        env={**clean_environment(), **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    return Result(done.returncode, done.stdout, done.stderr)


class Service:
    """A TCP service on a free port, of loopback unless told; `serve(connection)` runs in a thread for each connection."""

    def __init__(self, serve, path=None, host="127.0.0.1"):
        self.serve, self.accepted, self.open = serve, 0, set()
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(path))
            self.listener.listen(128)
        else:
            self.listener = socket.create_server((host, 0), backlog=128)
            self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.open.add(connection)
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection):
        try:
            self.serve(connection)
        except OSError:
            pass
        finally:
            self.open.discard(connection)
            connection.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def greeter(name):
    """Says its name and ends the connection."""

    def serve(connection):
        connection.sendall(name.encode())

    return serve


def web_page(text):
    def serve(connection):
        request = b""
        while b"\r\n\r\n" not in request:
            more = connection.recv(4096)
            if not more:
                return
            request += more
        body = text.encode()
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    return serve


def dial(port, timeout=20):
    connection = socket.create_connection(("127.0.0.1", port), timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_exactly(connection, size):
    data = bytearray()
    while len(data) < size:
        more = connection.recv(min(65536, size - len(data)))
        if not more:
            raise AssertionError(f"the connection ended after {len(data)} of {size} bytes")
        data += more
    return bytes(data)


def ended(connection, timeout=15):
    """True when the peer ends the connection within the time, whatever it sent before."""
    connection.settimeout(timeout)
    try:
        while connection.recv(65536):
            pass
        return True
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def ask(port, text, timeout=20):
    """Sends text to an echo service and returns the answer."""
    with dial(port, timeout) as connection:
        connection.sendall(text)
        return read_exactly(connection, len(text))


class Noise:
    """Reproducible bytes that cannot be compressed, made once and repeated with a running number."""

    BLOCK = 1 << 20

    def __init__(self):
        import random

        self.block = random.Random(7).randbytes(self.BLOCK)

    def send(self, connection, total):
        digest = hashlib.sha256()
        for number in range(total // self.BLOCK):
            piece = number.to_bytes(8, "big") + self.block[8:]
            digest.update(piece)
            connection.sendall(piece)
        return digest.hexdigest()


def digest_of(connection, total):
    digest, left, buffer = hashlib.sha256(), total, bytearray(1 << 20)
    view = memoryview(buffer)
    while left:
        size = connection.recv_into(view, min(len(buffer), left))
        if not size:
            raise AssertionError(f"the connection ended {left} bytes early")
        digest.update(view[:size])
        left -= size
    return digest.hexdigest()


def certificate_of(port, ca=None):
    """The server's certificate in DER, as a TLS client is given it."""
    context = ssl.create_default_context(cafile=str(ca)) if ca else ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", port), 10) as plain, context.wrap_socket(plain, server_hostname="localhost") as s:
        return s.getpeercert(binary_form=True)
