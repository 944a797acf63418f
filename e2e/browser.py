"""Debian's Chromium on the console."""

import contextlib
import os
import re
import shutil
import socket
import sys
import threading
from pathlib import Path

import devices
import pytest
from harness import ROOT, Service, wait_for
from playwright.sync_api import expect, sync_playwright

# What a page keeps up to date may be some seconds old.
expect.set_options(timeout=20_000)

# What keeps Chromium from asking anybody but the server under test.
OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]
# What Chromium itself says when a server is not there or answers with an error status.
NETWORK = r"Failed to load resource|ERR_CONNECTION|ERR_TUNNEL|WebSocket connection"
WIDE, NARROW = (1280, 900), (400, 800)
AXE = ROOT / "console/node_modules/axe-core/axe.min.js"


def screenshots():
    folder = Path(os.environ.get("ADIT_SCREENSHOTS") or ROOT / "target/screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class WayOut:
    """The way out of Chromium's network (`alone.py`): a proxy on a Unix socket that leads to this machine only."""

    def __init__(self, path):
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(128)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        head = b""
        with contextlib.suppress(OSError), connection:
            while b"\r\n\r\n" not in head and (data := connection.recv(4096)):
                head += data
            wish = re.match(rb"CONNECT localhost:(\d+) ", head)
            if not wish:
                return connection.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            try:
                onward = socket.create_connection(("127.0.0.1", int(wish[1])))
            except OSError:
                return connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            with onward:
                back = threading.Thread(target=pump, args=(onward, connection), daemon=True)
                back.start()
                pump(connection, onward)
                back.join()

    def close(self):
        self.listener.close()


def pump(source, target, seen=None):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if seen is not None:
                seen += data
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def chromium(folder):
    program = shutil.which("chromium")
    assert program, "chromium is missing: apt-get install chromium"
    way = WayOut(folder / "out.sock")
    launcher = folder / "chromium"
    user = "" if os.getuid() == 0 else "--user --map-root-user "
    command = f"exec unshare {user}--net {sys.executable} {ROOT / 'e2e/alone.py'} {way.path} {program} \"$@\""
    launcher.write_text(f"#!/bin/sh\n{command}\n")
    launcher.chmod(0o700)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(launcher), args=OPTIONS)
        yield browser
        browser.close()
    way.close()


class Console:
    """A page of the console. Whatever it complains about is kept, and asked for at the end."""

    def __init__(self, browser, server, size=WIDE, dark=False):
        self.server = server
        self.context = browser.new_context(
            ignore_https_errors=True, accept_downloads=True, locale="en-US", reduced_motion="reduce",
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light",
        )
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.context.set_default_timeout(15_000)
        self.page = self.context.new_page()
        self.complaints, self.hosts = [], set()
        self.page.on("console", self.said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("request", lambda request: self.hosts.add(re.sub(r"^\w+://([^/]*).*", r"\1", request.url)))

    def said(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def forgive(self, pattern):
        """Takes out complaints that the test itself caused, such as those about a server that is down."""
        self.complaints = [text for text in self.complaints if not re.search(pattern, text)]

    def close(self):
        self.context.close()
        assert self.complaints == [], "\n".join(self.complaints)
        foreign = {host for host in self.hosts if host != self.server.endpoint and not host.startswith(("data:", "blob:"))}
        assert foreign == set(), foreign

    def link(self):
        return self.server.adit("console", "--no-open").strip()

    def open(self, path="#/tunnels"):
        self.page.goto(f"{self.server.url}/{path}")

    def sign_in(self):
        self.page.goto(self.link())
        expect(self.page.get_by_role("heading", name=re.compile("^Tunnels"))).to_be_visible()
        return self

    def sign_in_with(self, key, secret):
        self.open()
        self.page.get_by_label("Access key ID").fill(key)
        self.page.get_by_label("Secret access key").fill(secret)
        self.button("Sign in").click()

    def button(self, name):
        return self.page.get_by_role("button", name=name, exact=True)

    def action(self, name):
        self.button("Actions").click()
        self.page.get_by_role("menuitem", name=name).click()

    def heading(self, name):
        expect(self.page.get_by_role("heading", name=name, exact=True).first).to_be_visible()

    def fact(self, label):
        """The value that a page shows for a label."""
        return self.page.locator("dt", has_text=re.compile(f"^{label}$")).locator("xpath=following-sibling::dd[1]")

    def shot(self, name):
        self.page.screenshot(path=screenshots() / f"{name}.png", full_page=True)

    def axe(self):
        """What axe finds against WCAG 2.2 AA on the page as it is, without what Cloudscape itself writes on narrow
        screens: an aria-orientation that its closed navigation, a button, does not need."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate(
            "axe.run({exclude: [['nav[class*=mobile-toolbar-nav]']]}, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}).then(r => r.violations"
            ".map(v => v.id + ': ' + v.help + ' ' + v.nodes.map(n => n.html.slice(0, 300)).join('\\n   ')))"
        )
        return found

    def downloaded(self, click):
        with self.page.expect_download() as download:
            click()
        return Path(download.value.path()).read_bytes()

    # The terminal.

    def log_in(self, user, password=None, key=None, passphrase=None):
        page = self.page
        page.get_by_label("User name").fill(user)
        if password:
            page.get_by_label("Password", exact=True).last.fill(password)
        else:
            page.get_by_role("radio", name="Private key").check()
            page.locator("input[type=file]").set_input_files(str(key))
            if passphrase:
                page.get_by_label("Passphrase of the key").fill(passphrase)
        self.button("Connect").click()

    def trust(self):
        self.button("Trust and connect").click()

    def terminal(self):
        """The text of the terminal that is shown."""
        return self.page.locator(".shell:not([hidden]) .xterm-rows").inner_text()

    def type(self, line):
        self.page.locator(".shell:not([hidden]) .xterm-helper-textarea").focus()
        self.page.keyboard.type(f"{line}\n")

    def wait_terminal(self, pattern, timeout=20):
        wait_for(lambda: re.search(pattern, self.terminal()), lambda: f"{pattern!r} in\n{self.terminal()}", timeout, 0.1)


class Tap:
    """A TCP forwarder that keeps every byte of both directions."""

    def __init__(self, port):
        self.seen = bytearray()

        def serve(connection):
            with socket.create_connection(("127.0.0.1", port)) as onward:
                back = threading.Thread(target=pump, args=(onward, connection, self.seen), daemon=True)
                back.start()
                pump(connection, onward, self.seen)
                back.join(10)

        self.service = Service(serve)
        self.port = self.service.port

    def close(self):
        self.service.close()


def denied_console(open_console, broker, *actions):
    """Signed in as a user who may list tunnels, and what is said."""
    iam, name = broker.boto("iam"), devices.fresh("looker")
    iam.create_user(UserName=name)
    document = devices.document(("Allow", "iot:ListTunnels", "*"), *(("Allow", action, "*") for action in actions))
    iam.put_user_policy(UserName=name, PolicyName="look", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    console = open_console()
    console.sign_in_with(key["AccessKeyId"], key["SecretAccessKey"])
    expect(console.page.get_by_role("heading", name=re.compile("^Tunnels"))).to_be_visible()
    return console


def tunnel_id(console):
    console.page.wait_for_url(re.compile(r"#/tunnels/[0-9a-f-]{36}"))
    return re.search(r"#/tunnels/([0-9a-f-]{36})", console.page.url)[1]


@pytest.fixture(scope="module")
def chrome(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def open_console(chrome, broker):
    """Makes pages; each must end without a complaint."""
    made = []

    def make(server=broker, **more):
        made.append(Console(chrome, server, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def console(open_console):
    return open_console().sign_in()
