"""How the operator's commands find server, region and key, what they print, and the codes they end with. docs/cli.md"""

import contextlib
import json
import os
import pty
import re
import select
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import cli
import pytest
import yaml
from devices import fresh
from harness import bin_dir, clean_environment, free_port
from test_iam import iam, trusting, user  # noqa: F401 (fixtures)


@pytest.fixture
def bare(tmp_path):
    """The command in an empty home without any setting."""
    return cli.Cli(tmp_path / "home")


@pytest.fixture
def adit(server, tmp_path):
    return cli.of(server, tmp_path / "home")


def write(folder, config="", credentials=""):
    aws = folder / ".aws"
    aws.mkdir(exist_ok=True)
    (aws / "config").write_text(config)
    (aws / "credentials").write_text(credentials)


def keys(server, name="default"):
    return f"[{name}]\naws_access_key_id = {server.env['AWS_ACCESS_KEY_ID']}\naws_secret_access_key = {server.env['AWS_SECRET_ACCESS_KEY']}\n"


def test_answers_are_those_of_aws(server, adit):
    for name in ("one", "two"):
        adit("thing", "create", name, "--attribute", f"n={name}")
    theirs = server.aws("iot", "list-things")["things"]
    assert sorted(adit.json("thing", "list"), key=str) == sorted(theirs, key=str)
    assert adit.json("thing", "get", "one") == server.aws("iot", "describe-thing", "--thing-name", "one")
    id = server.open("SSH", thing="one").id
    theirs = server.aws("iotsecuretunneling", "describe-tunnel", "--tunnel-id", id)["tunnel"]
    ours = adit.json("tunnel", "describe", id)
    assert ours.keys() == theirs.keys() and ours["tunnelArn"] == theirs["tunnelArn"] and ours["destinationConfig"] == theirs["destinationConfig"]


@pytest.mark.parametrize("variables", [("AWS_REGION",), ("AWS_DEFAULT_REGION",)])
def test_the_environment_of_aws(server, bare, variables):
    env = {name: server.env[name] for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CA_BUNDLE")}
    env[variables[0]] = "eu-north-1"
    made = json.loads(bare("thing", "create", fresh("t"), "-o", "json", env=env).out)
    assert ":eu-north-1:" in made["thingArn"]


def test_options_count_more_than_the_environment(server, adit, tmp_path):
    shutil.copy(server.ca, tmp_path / "ca.pem")
    env = {"AWS_ENDPOINT_URL": "https://localhost:1", "AWS_REGION": "nowhere-1", "AWS_CA_BUNDLE": "/no/such/file"}
    args = ("--endpoint-url", server.url, "--region", "eu-west-1", "--ca-bundle", tmp_path / "ca.pem")
    shown = adit("thing", "list", *args, "-v", env=env)
    assert server.url in shown.err and "eu-west-1" in shown.err and server.env["AWS_ACCESS_KEY_ID"] in shown.err
    assert server.env["AWS_SECRET_ACCESS_KEY"] not in shown.err
    assert "/no/such/file" in adit("thing", "list", env={**env, "AWS_ENDPOINT_URL": server.url}, code=2).err


def test_one_service_elsewhere(server, adit):
    env = {"AWS_ENDPOINT_URL": "https://localhost:1"}
    adit("thing", "list", env={**env, "AWS_ENDPOINT_URL_IOT": server.url})
    adit("tunnel", "list", env={**env, "AWS_ENDPOINT_URL_IOTSECURETUNNELING": server.url})
    adit("tunnel", "list", env={**env, "AWS_ENDPOINT_URL_IOT": server.url}, code=8)


def test_without_an_endpoint_the_calls_go_to_aws(bare):
    """Seen by the name that a web proxy is asked for."""
    asked = []

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self):
            asked.append(self.path)
            self.send_error(403)

        def log_message(self, *_):
            pass

    proxy = HTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    env = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_port}", "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-1"}
    assert "NO_PROXY" in bare("thing", "list", env=env, code=8).err
    bare("tunnel", "list", env={**env, "AWS_ENDPOINT_URL": "https://ignored.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, code=8)
    assert asked == ["iot.eu-west-1.amazonaws.com:443", "api.tunneling.iot.eu-west-1.amazonaws.com:443"]
    bare("thing", "list", env={**env, "AWS_ENDPOINT_URL": "https://127.0.0.1:1", "NO_PROXY": "127.0.0.1"}, code=8)
    assert len(asked) == 2
    proxy.shutdown()


def test_a_call_goes_through_a_web_proxy(server, adit):
    def pump(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self):
            import socket

            seen.append(self.path)
            with socket.create_connection(("127.0.0.1", int(self.path.rpartition(":")[2]))) as there:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=pump, args=(there, self.connection), daemon=True)
                back.start()
                pump(self.connection, there)

        def log_message(self, *_):
            pass

    seen = []
    proxy = HTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    adit("thing", "list", env={"https_proxy": f"http://127.0.0.1:{proxy.server_port}"})
    assert seen == [server.endpoint]
    proxy.shutdown()


def test_profiles_and_their_files(server, bare, tmp_path):
    write(bare.folder, f"[default]\nregion = eu-west-1\nca_bundle = {server.ca}\nendpoint_url = {server.url}\n"
          f"[profile other]\nregion = eu-west-2\nca_bundle = {server.ca}\nservices = here\n[services here]\niot =\n  endpoint_url = {server.url}\n",
          keys(server) + keys(server, "other"))
    region = lambda *args, **more: re.search(r"region (\S+),", bare("thing", "list", "-v", *args, **more).err)[1]  # noqa: E731
    assert region() == "eu-west-1"
    assert region("--profile", "other") == region(env={"AWS_PROFILE": "other"}) == region(env={"AWS_DEFAULT_PROFILE": "other"}) == "eu-west-2"
    assert "there are: default, other" in bare("thing", "list", "--profile", "nobody", code=2).err
    moved = {"AWS_CONFIG_FILE": str(tmp_path / "c"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "k")}
    (bare.folder / ".aws/config").rename(tmp_path / "c")
    (bare.folder / ".aws/credentials").rename(tmp_path / "k")
    assert region(env=moved) == "eu-west-1"


def test_a_program_prints_the_key(server, bare):
    script = bare.folder / "keys.sh"
    script.write_text(f"""#!/bin/sh
echo '{{"Version": 1, "AccessKeyId": "{server.env["AWS_ACCESS_KEY_ID"]}", "SecretAccessKey": "{server.env["AWS_SECRET_ACCESS_KEY"]}"}}'
""")
    script.chmod(0o700)
    write(bare.folder, f"[default]\nregion = eu-west-1\nca_bundle = {server.ca}\nendpoint_url = {server.url}\ncredential_process = {script} 'for me'\n")
    bare("thing", "list")
    script.write_text("#!/bin/sh\nexit 3\n")
    assert "exit status: 3" in bare("thing", "list", code=1).err


def test_a_role_is_assumed(server, bare, iam, user):  # noqa: F811
    name = fresh("role")
    account = server.aws("sts", "get-caller-identity")["Account"]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting(f"arn:aws:iam::{account}:root"))
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:ListThings", "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(allow))
    arn = f"arn:aws:iam::{account}:role/{name}"
    write(bare.folder, f"[profile role]\nregion = eu-west-1\nca_bundle = {server.ca}\nendpoint_url = {server.url}\nrole_arn = {arn}\nsource_profile = root\n",
          keys(server, "root"))
    bare("thing", "list", "--profile", "role")
    assert f"assumed-role/{name}" in bare("thing", "create", "x", "--profile", "role", code=3).err


@pytest.mark.parametrize("config, what", [
    ("sso_session = s\n", "IAM Identity Center"),
    ("role_arn = a\nweb_identity_token_file = f\n", "web identity"),
    ("role_arn = a\nsource_profile = x\nmfa_serial = m\n", "mfa_serial"),
])
def test_what_is_not_supported_is_refused_by_name(bare, config, what):
    write(bare.folder, f"[default]\nregion = r\n{config}")
    refused = bare("thing", "list", code=2).err
    assert what in refused and "export-credentials" in refused


def test_the_data_folder_of_a_server(server, bare, tmp_path):
    bare("thing", "list", "--data-dir", server.data)
    bare("thing", "list", env={"ADIT_DATA_DIR": str(server.data)})
    assert "no access key" in bare("thing", "list", "--region", "r", code=2).err
    (bare.folder / "data").symlink_to(server.data)
    assert "./data" in bare("thing", "list", "--verbose").err
    assert bare("thing", "list").err == ""
    # What is set for AWS counts more than a folder that happens to be there.
    bare("thing", "list", env={"AWS_ENDPOINT_URL": "https://localhost:1", "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "r"}, code=8)


def test_each_class_of_failure_has_its_code(server, adit, user):  # noqa: F811
    name = fresh("thing")
    adit("thing", "create", name, "--attribute", "a=1")
    key, secret = user(fresh("nobody"))
    who = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    denied = adit("thing", "get", name, env=who, code=3).err
    assert "AccessDenied" in denied and "Next: " in denied and secret not in denied
    assert "does not know the access key AKIANOBODY" in adit("thing", "list", env={"AWS_ACCESS_KEY_ID": "AKIANOBODY"}, code=3).err
    assert "secret" in adit("thing", "list", env={"AWS_SECRET_ACCESS_KEY": "wrong"}, code=3).err
    assert "adit thing list" in adit("thing", "get", fresh("none"), code=4).err
    adit("thing", "create", name, "--attribute", "a=2", code=5)
    adit("thing", "create", "a b", code=2)
    adit("thing", "list", "--no-such-flag", code=2)
    assert "Connection refused" in adit("thing", "list", "--endpoint-url", f"https://localhost:{free_port()}", code=8).err
    assert "CA" in adit("thing", "list", env={"AWS_CA_BUNDLE": ""}, code=8).err
    assert "/dev/null" in adit("thing", "list", "--ca-bundle", "/dev/null", code=2).err
    with Silent() as place:
        adit("thing", "list", "--endpoint-url", f"http://{place}", "--timeout", "1s", code=7)


class Silent:
    """Takes connections and says nothing."""

    def __enter__(self):
        import socket

        self.socket = socket.create_server(("127.0.0.1", 0))
        return f"127.0.0.1:{self.socket.getsockname()[1]}"

    def __exit__(self, *_):
        self.socket.close()


class Flaky(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append(self.client_address)
        status, body = self.server.answers.pop(0) if self.server.answers else (200, '{"things": []}')
        self.send_response(status)
        if status != 200:
            self.send_header("x-amzn-errortype", "ThrottlingException" if status == 400 else "InternalFailureException")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def test_throttling_and_faults_are_tried_again_on_one_connection(adit):
    server = HTTPServer(("127.0.0.1", 0), Flaky)
    server.asked, server.answers = [], [(400, "{}"), (500, "{}"), (503, "{}")]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    adit("thing", "list", "--endpoint-url", url)
    assert len(server.asked) == 4 and len(set(server.asked)) == 1
    server.answers = [(400, "{}")] * 9
    adit("thing", "list", "--endpoint-url", url, code=5)
    assert len(server.asked) == 9, "five tries at most"
    server.shutdown()


def test_forms_of_output(server, adit):
    name = fresh("form")
    adit("thing", "create", name, "--attribute", "k=v")
    mine = ("thing", "list", "--attribute", "k=v")
    table = adit(*mine).out.splitlines()
    assert table[0].split() == ["THING", "TYPE", "ATTRIBUTES"] and table[1].split() == [name, "-", "k=v"]
    assert adit(*mine, "--no-headers").out.split() == table[1].split()
    assert "ARN" in adit(*mine, "--output", "wide").out.splitlines()[0]
    objects = adit.json(*mine)
    assert [each["thingName"] for each in objects] == [name]
    assert adit.lines(*mine) == objects == [json.loads(line) for line in adit(*mine, "--json").out.splitlines()]
    assert yaml.safe_load(adit(*mine, "-o", "yaml").out) == objects
    assert adit(*mine, "-o", "id").out == f"{name}\n"
    one = adit.json("thing", "get", name)
    assert yaml.safe_load(adit("thing", "get", name, "-o", "yaml").out) == one == json.loads(adit("thing", "get", name, "-o", "jsonl").out)
    assert adit("thing", "get", name, "-o", "id").out == f"{name}\n"
    assert json.loads(adit("thing", "get", name, "--json").out) == one
    assert adit(*mine).err == "", "nothing but data where all is well"


def test_a_list_is_cut_at_its_limit_and_says_so(server, adit):
    group = fresh("group")
    adit("thing", "group", "create", group)
    names = {fresh("many") for _ in range(3)}
    for name in names:
        adit("thing", "create", name)
        adit("thing", "group", "add", group, name)
    mine = ("thing", "list", "--group", group, "-o", "id")
    assert set(adit(*mine).out.split()) == names
    cut = adit(*mine, "--limit", "2")
    assert len(cut.out.split()) == 2 and "--limit" in cut.err


def on_a_terminal(args, env, columns):
    """What a program prints on a terminal of that width."""
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = subprocess.Popen([str(each) for each in args], stdin=theirs, stdout=theirs, stderr=theirs, env=env, close_fds=True)
    os.close(theirs)
    printed = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        printed += piece
        if b"[y/N]" in printed:
            os.write(ours, b"n\n")
            printed = printed.replace(b"[y/N]", b"[asked]")
    return child.wait(30), printed.decode()


def test_a_terminal_is_not_overflown_and_a_pipe_is_not_cut(server, adit):
    name = fresh("long") + "x" * 90
    adit("thing", "create", name, "--attribute", "long=yes")
    args = [bin_dir() / "adit", "thing", "list", "--attribute", "long=yes"]
    env = clean_environment(**adit.env)
    env.pop("COLUMNS", None)
    for width, more in [(60, {}), (45, {"COLUMNS": "45"})]:
        code, shown = on_a_terminal(args, {**env, **more}, 60)
        assert code == 0 and "…" in shown and max(len(line) for line in shown.splitlines()) == width, shown
    assert name in adit("thing", "list", "--attribute", "long=yes").out
    code, shown = on_a_terminal([bin_dir() / "adit", "thing", "delete", name], env, 200)
    assert code == 1 and f"delete the thing {name}" in shown
    adit("thing", "get", name)
    assert "--yes" in adit("thing", "delete", name, code=2).err
    adit("thing", "delete", name, "--yes")
    adit("thing", "get", name, code=4)


def test_a_watched_list_prints_its_changes(server, adit, proxies):
    group, name = fresh("group"), fresh("watched")
    adit("thing", "group", "create", group)
    adit("thing", "create", name)
    watching = proxies.run_in([], bin_dir() / "adit", "thing", "list", "--group", group, "--watch", env=clean_environment(**adit.env))
    adit("thing", "group", "add", group, name)
    watching.wait_text('"added"')
    adit("thing", "group", "remove", group, name)
    watching.wait_text('"removed"')
    assert [json.loads(line)["row"]["thingName"] for line in watching.out().splitlines()] == [name, name]
    adit("thing", "list", "--group", group, "--watch", "--timeout", "1")


def test_a_secret_is_never_shown(server, adit):
    for code, args in [(0, ("thing", "list", "-v")), (4, ("thing", "get", fresh("none"), "-v"))]:
        shown = adit(*args, code=code)
        assert server.env["AWS_SECRET_ACCESS_KEY"] not in shown.out + shown.err


def test_manual_pages_and_completions(adit, tmp_path):
    adit("man", tmp_path / "man1")
    page = (tmp_path / "man1/adit-tunnel-open.1").read_text()
    assert "Open a tunnel" in page
    if shutil.which("man"):
        shown = subprocess.run(["man", "-l", tmp_path / "man1/adit-thing-list.1"], capture_output=True, text=True, env={**os.environ, "MANPAGER": "cat"})
        assert "List things" in shown.stdout
    assert "tunnel" in adit("completions", "bash").out
