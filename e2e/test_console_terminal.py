"""The terminal in the browser: what a user of one expects of it; and the tunnel around it: its history and its end."""

import json
import os
import re
import subprocess

import devices
import pytest
from browser import NARROW, NETWORK, WIDE, chrome, console, open_console, tunnel_id  # noqa: F401
from harness import wait_for
from looks import Looks
from playwright.sync_api import expect
from test_console import create_quick
from test_tokens import refusal
from wire import connect


@pytest.fixture
def lamp(agent, sshd):
    """A device that is reachable, by its name."""
    return agent(sshd.port).device.name


def enter(console, sshd, trust=True):
    console.log_in(sshd.user, key=sshd.key)
    if trust:
        console.trust()
    # A prompt, so that what is typed is not mixed with the greeting.
    run(console, "PS1='$ '; clear; echo ready-$((1+1))", "ready-2")


def run(console, line, pattern):
    console.type(line)
    console.wait_terminal(pattern)
    return re.search(pattern, console.terminal())


def size(console, mark):
    return tuple(map(int, run(console, f'echo "{mark}-$((40+2)) $(stty size)"', rf"{mark}-42 (\d+) (\d+)").groups()))


def rows(console):
    return console.page.locator(".shell:not([hidden]) .xterm-rows")


# The terminal.


def test_type_size_and_window_reach_the_shell(console, lamp, sshd):
    create_quick(console, lamp)
    enter(console, sshd)
    lines, columns = size(console, "usual")
    for _ in range(4):
        console.button("Larger type").click()
    larger = size(console, "larger")
    assert larger[0] < lines and larger[1] < columns
    for _ in range(8):
        console.button("Smaller type").click()
    smaller = size(console, "smaller")
    assert smaller[0] > lines and smaller[1] > columns
    # It is remembered.
    assert console.page.evaluate("localStorage.getItem('adit.terminal-size')") == "10"
    console.button("Full size").click()
    full = size(console, "full")
    assert full[0] > smaller[0] and full[1] > smaller[1]
    shell, screen = (console.page.locator(f".shell:not([hidden]){inside}").bounding_box() for inside in ("", " .xterm-screen"))
    assert screen["y"] + screen["height"] <= shell["y"] + shell["height"] <= 900
    console.shot("terminal-full")
    console.button("Normal size").click()
    # A scroll bar may take a column.
    normal = size(console, "normal")
    assert normal[0] == smaller[0] and normal[1] < full[1]
    console.page.set_viewport_size({"width": 600, "height": 900})
    assert size(console, "narrow")[1] < smaller[1]
    console.button("Disconnect").click()


def test_the_page_shows_the_source_as_connected_once_the_terminal_is(console, lamp, sshd):
    create_quick(console, lamp)
    # A page that nobody sees does not look at the server by itself: what it shows it has asked for.
    console.page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true })")
    enter(console, sshd)
    expect(console.fact("Source")).to_contain_text("Connected")
    console.button("Disconnect").click()


def test_utf8_both_ways(console, lamp, sshd):
    create_quick(console, lamp)
    enter(console, sshd)
    text = "grüße 日本 안녕 🚀 e\u0301"
    console.page.locator(".shell:not([hidden]) .xterm-helper-textarea").focus()
    console.page.keyboard.insert_text(f"printf %s '{text}' | od -An -tx1 | tr -d ' \\n'; echo")
    console.page.keyboard.press("Enter")
    # The bytes that the shell was given.
    wait_for(lambda: text.encode().hex() in re.sub(r"\s", "", console.terminal()), lambda: console.terminal())
    # A shell that has no locale of its own is told that letters may have several bytes, and edits them as such.
    run(console, "locale charmap", "UTF-8")
    # In pieces that end within letters.
    run(console, r"clear; printf '\346\227'; sleep 0.2; printf '\245\346\234'; sleep 0.2; printf '\254\n'", "日本")
    console.button("Disconnect").click()


def test_search_in_what_was_printed(console, lamp, sshd):
    create_quick(console, lamp)
    enter(console, sshd)
    run(console, "for n in $(seq 1 300); do echo line-$n-of; done; echo all-$((1+1))", "all-2")
    assert "line-7-of" not in console.terminal()
    find = console.page.get_by_role("searchbox", name="Search in the terminal")
    find.fill("line-7-of")
    wait_marked(console, "line-7-of")
    find.fill("line-2")
    wait_marked(console, "line-20-of")
    find.press("Enter")
    wait_marked(console, "line-21-of")
    console.button("Next match").click()
    wait_marked(console, "line-22-of")
    console.button("Previous match").click()
    wait_marked(console, "line-21-of")
    find.press("Enter")
    wait_marked(console, "line-22-of")
    find.fill("is not there")
    expect(find).to_have_attribute("aria-invalid", "true")
    expect(console.page.get_by_text("Nothing fits the filter")).to_be_attached()
    find.fill("")
    expect(find).not_to_have_attribute("aria-invalid", "true")
    console.button("Disconnect").click()


def wait_marked(console, line):
    """Waits until the match that is marked is in this line. Pixels of two frames would not tell: the terminal draws, and
    scrolls only as far as it must, some time after it was asked."""
    wait_for(lambda: marked(console) == line, lambda: f"{line!r} marked, not {marked(console)!r} of\n{console.terminal()}")


def marked(console):
    return console.page.evaluate(
        "() => { const shell = document.querySelector('.shell:not([hidden])'); const mark = shell.querySelector('.xterm-selection div');"
        " const top = mark?.getBoundingClientRect().top;"
        " const row = [...shell.querySelectorAll('.xterm-rows > div')].find(row => Math.abs(row.getBoundingClientRect().top - top) < 2);"
        " return row?.innerText.trim(); }"
    )


def test_tabs_are_shells_of_their_own(console, lamp, sshd):
    create_quick(console, lamp)
    enter(console, sshd)
    first = run(console, "echo pid=$$=", r"pid=(\d+)=")[1]
    console.button("New tab").click()
    second = run(console, "echo pid=$$=", r"pid=(\d+)=")[1]
    assert first != second
    assert f"pid={first}=" not in console.terminal()
    console.page.get_by_role("button", name="Terminal 1").click()
    run(console, "echo again=$$=", f"again={first}=")
    console.page.get_by_role("button", name="Terminal 2").click()
    expect(rows(console)).to_contain_text(f"pid={second}=")
    # The end of a shell closes its tab, that of the last one the session.
    console.type("exit")
    expect(console.page.get_by_role("button", name="Terminal 2")).to_have_count(0)
    run(console, "echo third=$$=", f"third={first}=")
    console.button("New tab").click()
    console.button("Close tab").click()
    console.type("exit 7")
    expect(console.page.get_by_text("The session is over (exit status 7).")).to_be_visible()
    assert not os.path.exists(f"/proc/{first}") and not os.path.exists(f"/proc/{second}")


def test_keys_of_every_kind(console, lamp, sshd, tmp_path):
    """RSA and ECDSA in PEM and OpenSSH's format, and all with a passphrase; Ed25519 without one is what the others use."""
    create_quick(console, lamp)
    kinds = [("rsa", "PEM", ""), ("rsa", "RFC4716", "open sesame"), ("ecdsa", "PEM", ""), ("ecdsa", "RFC4716", "open sesame"), ("ed25519", "RFC4716", "open sesame")]
    known = sshd.folder / "authorized_keys"
    before = known.read_text()
    try:
        for number, (kind, form, passphrase) in enumerate(kinds):
            key = tmp_path / f"key-{number}"
            make = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", key]
            subprocess.run([*make, "-m", "PEM"] if form == "PEM" else make, check=True, timeout=60)
            known.write_text(before + key.with_suffix(".pub").read_text())
            if passphrase:
                console.log_in(sshd.user, key=key, passphrase="wrong")
                expect(console.page.get_by_text("The passphrase does not open the key.")).to_be_visible()
                console.page.get_by_role("button", name=re.compile("^Remove")).click()
            console.log_in(sshd.user, key=key, passphrase=passphrase)
            if number == 0:
                console.trust()
            run(console, f"echo key-{number}-$((40+2))", f"key-{number}-42")
            console.button("Disconnect").click()
    finally:
        known.write_text(before)


def test_the_selection_is_copied(console, lamp, sshd):
    create_quick(console, lamp)
    enter(console, sshd)
    run(console, "clear; echo copy-$((40+2))-me", "copy-42-me")
    box = rows(console).get_by_text("copy-42-me", exact=True).first.bounding_box()
    console.page.mouse.dblclick(box["x"] + 30, box["y"] + box["height"] / 2)
    console.page.keyboard.press("Control+Shift+C")
    wait_for(lambda: console.page.evaluate("navigator.clipboard.readText()") == "copy-42-me", "the clipboard")
    # Without a selection it is nothing of ours, and never an interrupt.
    run(console, "echo still-$((40+2))", "still-42")
    console.button("Disconnect").click()


def test_a_file_that_is_there_is_not_overwritten_unasked(console, lamp, sshd, tmp_path):
    create_quick(console, lamp)
    enter(console, sshd)
    (tmp_path / "device").mkdir()
    (tmp_path / "device/note.txt").write_text("old")
    (tmp_path / "note.txt").write_text("new")
    console.page.get_by_role("button", name="Files").click()
    for _ in range(len(os.path.expanduser("~").strip("/").split("/"))):
        console.button("Parent folder").click()
    for word in (tmp_path / "device").parts[1:]:
        console.page.get_by_role("button", name=f"{word}/", exact=True).click()
    for answer, content in (("Cancel", "old"), ("Replace", "new")):
        console.page.locator("input[type=file]").set_input_files(str(tmp_path / "note.txt"))
        expect(console.page.get_by_text("note.txt is on the device already.")).to_be_visible()
        console.button(answer).click()
        if answer == "Replace":
            expect(console.page.get_by_text("note.txt is uploaded.").first).to_be_visible()
        assert (tmp_path / "device/note.txt").read_text() == content
    console.button("Disconnect").click()


# Its history, and its end.


def test_the_history_tells_who_came_and_why_he_left(broker, console, lamp, sshd):
    tunnel = create_quick(console, lamp)
    page = console.page

    def happened(text):
        return page.get_by_role("row", name=re.compile(text))

    expect(happened("Opened by root.")).to_be_visible()
    expect(happened("Destination Connected with adit")).to_contain_text("127.0.0.1")
    enter(console, sshd)
    expect(happened("Source Connected with a web browser.")).to_contain_text("127.0.0.1")
    console.button("Disconnect").click()
    gone = happened("Source Disconnected: the client closed the connection.")
    expect(gone).to_contain_text(re.compile(r"[\d.,]+ (byte|kB) came from it, [\d.,]+ (byte|kB) went to it\."))
    token = broker.api.rotate_tunnel_access_token(tunnelId=tunnel, clientMode="SOURCE")["sourceAccessToken"]
    expect(happened("New access tokens were generated by root.")).to_be_visible()
    connect(broker, "source", token).close()
    assert refusal(broker, "source", token)[0] == 400
    expect(happened("Source Was refused: the access token was used already")).to_contain_text("127.0.0.1")
    console.action("Close tunnel")
    console.button("Close").click()
    expect(happened("Closed by root.")).to_be_visible()
    expect(happened("Destination Disconnected: the tunnel was closed.")).to_be_visible()
    console.shot("history")
    # The newest first, ten a page.
    for _ in range(12):
        with pytest.raises(broker.api.exceptions.ClientError):
            broker.api.rotate_tunnel_access_token(tunnelId=tunnel, clientMode="SOURCE")
    expect(happened("RotateTunnelAccessToken by root was refused").first).to_be_visible()
    expect(happened("Opened by root.")).to_have_count(0)
    page.get_by_role("button", name="Next page").click()
    page.get_by_role("button", name="Next page").click()
    expect(happened("Opened by root.")).to_be_visible()


def test_who_may_not_see_the_history_sees_the_tunnel(broker, open_console):
    tunnel, iam, name = broker.open("SSH"), broker.boto("iam"), devices.fresh("looker")
    iam.create_user(UserName=name)
    allowed = {"Effect": "Allow", "Action": ["iot:DescribeTunnel", "iotsecuretunneling:DescribeTunnel"], "Resource": "*"}
    iam.put_user_policy(UserName=name, PolicyName="look", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    console = open_console()
    console.sign_in_with(key["AccessKeyId"], key["SecretAccessKey"])
    expect(console.button(f"user/{name}")).to_be_visible()
    console.open(f"#/tunnels/{tunnel.id}")
    expect(console.fact("Status")).to_contain_text("Open")
    expect(console.page.get_by_text(f"user/{name} is not authorized to perform: iot:ListAuditEvents")).to_be_visible()
    expect(console.button("Connect")).to_be_visible()
    console.forgive(NETWORK)


@pytest.mark.timeout(240)
def test_the_next_tunnel_is_opened_before_this_one_ends(broker, console, lamp, sshd):
    page = console.page
    tunnel = broker.open("SSH", thing=lamp, minutes=1)
    console.open("#/tunnels")
    expect(page.get_by_role("row", name=re.compile(tunnel.id[:8])).get_by_label("Ends soon")).to_be_visible()
    console.open(f"#/tunnels/{tunnel.id}")
    soon = page.get_by_text(re.compile(r"This tunnel ends in \d+ (min|sec)"))
    expect(soon).to_be_visible()
    enter(console, sshd)
    panel = page.locator(".terminal-full")
    console.button("Full size").click()
    expect(panel.get_by_text("Its lifetime cannot be extended.")).to_be_visible()
    expect(soon).to_have_count(1)
    console.shot("ends-soon")
    panel.get_by_role("button", name="Open the next one").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(lamp)
    dialog.get_by_label("Lifetime").fill("0")
    dialog.get_by_role("button", name="Open the next one").click()
    expect(dialog.get_by_text("Give whole minutes from 1 to 720.")).to_be_visible()
    dialog.get_by_label("Lifetime").fill("30")
    expect(dialog.get_by_text(f"--destination-config thingName={lamp},services=SSH")).to_be_attached()
    dialog.get_by_role("button", name="Open the next one").click()
    expect(panel.get_by_text("The next tunnel is open", exact=True)).to_be_visible()
    # Work goes on meanwhile, to the end.
    run(console, "echo on-$((40+2))", "on-42")
    expect(page.get_by_text("The tunnel is closed.").first).to_be_visible(timeout=90_000)
    expect(page.get_by_role("row", name=re.compile("The lifetime was over"))).to_be_visible()
    page.get_by_role("button", name="Change over").click()
    following = wait_for(lambda: (found := tunnel_id(console)) != tunnel.id and found, "the next tunnel")
    made = broker.describe(following)
    assert made["destinationConfig"] == {"thingName": lamp, "services": ["SSH"]}
    assert made["timeoutConfig"] == {"maxLifetimeTimeoutMinutes": 30}
    page.get_by_label("User name").wait_for()
    enter(console, sshd, trust=False)
    run(console, "echo next-$((40+2))", "next-42")
    console.button("Disconnect").click()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280", "400"])
def test_terminal_and_dialogs_are_accessible_and_fit(open_console, broker, lamp, sshd, size, dark):
    console = open_console(size=size, dark=dark).sign_in()
    looks, page = Looks(console, "tunnel", size, dark), console.page
    tunnel = broker.open("SSH", thing=lamp, minutes=10)
    looks.open(f"#/tunnels/{tunnel.id}")
    expect(page.get_by_role("row", name=re.compile("Opened by root."))).to_be_visible()
    looks.look("ends-soon")
    looks.dialogs("page", "Open the next one", "Generate new access tokens", "Actions: Close tunnel", "Actions: Delete tunnel")
    enter(console, sshd)
    looks.look("terminal")
    console.button("Full size").click()
    looks.look("terminal-full")
    if size == NARROW:
        page.get_by_role("button", name=re.compile("^Command-line interface")).click()
        page.get_by_role("option", name="Files").click()
    else:
        page.get_by_role("button", name="Files").click()
    page.get_by_role("table", name="Files").wait_for()
    looks.look("terminal-files")
    console.button("Disconnect").click()
    looks.end()
