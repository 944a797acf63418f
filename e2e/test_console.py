"""Walkthrough D: the console in Debian's Chromium, with the real server, agent, sshd and local proxies."""

import json
import os
import re
import subprocess
from pathlib import Path

import devices
import harness
from browser import NETWORK, Tap, chrome, console, open_console, tunnel_id  # noqa: F401
from harness import wait_for
from playwright.sync_api import expect
from sshd import PasswordSshd, Sshd

PASSWORD = "correct horse battery staple"


def create_quick(console, thing):
    console.page.get_by_role("link", name="Create tunnel").first.click()
    console.button("Next").click()
    console.page.get_by_role("combobox", name="Thing").fill(thing)
    console.page.keyboard.press("Escape")
    console.button("Next").click()
    console.button("Confirm and create").click()
    console.heading(thing)
    return tunnel_id(console)


def create_manual(console, about, thing=None):
    console.open("#/tunnels/create")
    console.page.get_by_role("radio", name="Manual setup").check()
    console.button("Next").click()
    if thing:
        console.page.get_by_role("combobox", name=re.compile("^Thing")).fill(thing)
        console.page.keyboard.press("Escape")
    console.page.get_by_label(re.compile("^Description")).fill(about)
    console.button("Next").click()
    console.button("Confirm and create").click()
    console.heading("Access tokens")
    return tunnel_id(console)


# Signing in.


def test_the_first_start_prints_a_link_that_signs_in_once(new_server, open_console):
    server = new_server()
    server.process.wait_text("sign-in?code=")
    (link,) = re.findall(r"https://\S+/#/sign-in\?code=\S+", server.process.err())
    console = open_console(server)
    console.page.goto(link)
    console.heading("Tunnels (0)")
    assert "code" not in console.page.url
    assert console.page.evaluate("Object.keys(localStorage).filter(k => k.includes('session'))") == []
    again = open_console(server)
    again.page.goto(link)
    expect(again.page.get_by_text("was used already or is older than 5 minutes")).to_be_visible()
    again.forgive("403")
    code = link.split("=")[1]
    assert code not in server.database_text().decode(errors="replace")
    rows = map(json.loads, server.adit("audit", "--json").splitlines())
    assert [row["result"] for row in rows if row["action"] == "ConsoleSignIn"] == ["denied", "ok"]


def test_adit_console_gives_a_link_for_programs(server):
    made = json.loads(server.adit("console", "--json"))
    assert made["url"].startswith(f"{server.url}/#/sign-in?code=") and made["seconds"] == 300


def test_a_key_signs_in_and_signing_out_forgets_it(broker, open_console):
    console = open_console()
    console.open("#/settings")
    console.button("Sign in").click()
    expect(console.page.get_by_text("Enter the Access key ID.")).to_be_visible()
    console.sign_in_with(broker.env["AWS_ACCESS_KEY_ID"], "wrong")
    expect(console.page.get_by_text("the secret is another one")).to_be_visible()
    console.forgive("403")
    console.sign_in_with(broker.env["AWS_ACCESS_KEY_ID"], broker.env["AWS_SECRET_ACCESS_KEY"])
    expect(console.button("root")).to_be_visible()
    assert broker.env["AWS_SECRET_ACCESS_KEY"] in console.page.evaluate("JSON.stringify(sessionStorage)")
    console.page.reload()
    console.button("root").click()
    console.page.get_by_role("menuitem", name="Sign out").click()
    console.heading("Sign in to adit")
    storage = console.page.evaluate("JSON.stringify(sessionStorage) + JSON.stringify(localStorage)")
    assert broker.env["AWS_SECRET_ACCESS_KEY"] not in storage


def test_who_is_quicker_than_the_server_signs_in_all_the_same(broker, open_console):
    """The region is the server's unless one is typed, also when the server has not said it yet."""
    console, held, heard = open_console(), [], []
    console.page.route("**/console/about", lambda route: route.continue_() if heard else held.append(route))
    console.sign_in_with(broker.env["AWS_ACCESS_KEY_ID"], broker.env["AWS_SECRET_ACCESS_KEY"])
    expect(console.page.get_by_label("Region")).to_have_value("")
    heard.append(True)
    for route in held:
        route.continue_()
    expect(console.button("root")).to_be_visible()


def test_who_may_not_is_told_so(broker, open_console):
    iam = broker.boto("iam")
    name = devices.fresh("looker")
    iam.create_user(UserName=name)
    allowed = {"Effect": "Allow", "Action": ["iot:ListTunnels", "iotsecuretunneling:ListTunnels"], "Resource": "*"}
    iam.put_user_policy(
        UserName=name, PolicyName="look", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    console = open_console()
    console.sign_in_with(key["AccessKeyId"], key["SecretAccessKey"])
    expect(console.page.get_by_role("heading", name=re.compile("^Tunnels"))).to_be_visible()
    console.open("#/things")
    expect(console.page.get_by_text("You may not do this")).to_be_visible()
    expect(console.page.get_by_text(f"user/{name} is not authorized to perform: iot:ListThings")).to_be_visible()
    console.open("#/tunnels/create")
    console.page.get_by_role("radio", name="Manual setup").check()
    console.button("Next").click()
    console.button("Next").click()
    console.button("Confirm and create").click()
    expect(console.page.get_by_text("You may not do this")).to_be_visible()
    console.shot("denied")
    console.forgive(NETWORK)


# Tunnels.


def test_quick_setup_terminal_files_close_and_duplicate(broker, console, agent, sshd, tmp_path):
    lamp = agent(sshd.port)
    tunnel = create_quick(console, lamp.device.name)
    console.log_in(sshd.user, key=sshd.key)
    expect(console.page.get_by_text("for the first time from this browser")).to_be_visible()
    known = subprocess.run(
        ["ssh-keygen", "-lf", sshd.folder / "host_key.pub"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    expect(console.page.get_by_text(f"ssh-ed25519 {known}")).to_be_visible()
    console.shot("host-key")
    console.trust()
    console.type('echo "one-$((40+2))"; stty size')
    console.wait_terminal(r"one-42\s+\d+ \d+")
    before = re.search(r"one-42\s+(\d+) (\d+)", console.terminal()).groups()
    console.type("printf '\\346\\227\\245\\346\\234\\254 caf\\303\\251\\n'")
    console.wait_terminal("日本 café")
    console.shot("terminal")
    console.page.set_viewport_size({"width": 900, "height": 900})
    console.type('echo "two-$((40+2))"; stty size')
    console.wait_terminal(r"two-42\s+\d+ \d+")
    assert re.search(r"two-42\s+(\d+) (\d+)", console.terminal()).groups() != before
    expect(console.fact("Source")).to_contain_text("Connected")

    # Files, there and back, in a folder of the test's own.
    content = os.urandom(300_000)
    sent = tmp_path / "noise.bin"
    sent.write_bytes(content)
    (tmp_path / "device").mkdir()
    console.button("New tab").click()
    console.type("echo in-the-$((1+1))nd-tab")
    console.wait_terminal("in-the-2nd-tab")
    console.page.get_by_role("button", name="Files").click()
    home = Path("~").expanduser()
    for folder in [home, *home.parents]:
        expect(console.page.get_by_text(str(folder), exact=True)).to_be_visible()
        if folder.name:
            console.button("Parent folder").click()
    for word in (tmp_path / "device").parts[1:]:
        console.page.get_by_role("button", name=f"{word}/", exact=True).click()
    console.page.get_by_text("The folder is empty").wait_for()
    console.page.locator("input[type=file]").set_input_files(str(sent))
    expect(console.page.get_by_text("noise.bin is uploaded.")).to_be_visible(timeout=60_000)
    assert (tmp_path / "device/noise.bin").read_bytes() == content
    assert console.downloaded(lambda: console.button("Download: noise.bin").click()) == content
    console.shot("files")

    # The end of the program ends the session.
    console.button("Disconnect").click()
    expect(console.fact("Source")).to_contain_text("Not connected")
    console.action("Close tunnel")
    console.button("Close").click()
    expect(console.page.get_by_text("The tunnel is closed.").first).to_be_visible()
    assert broker.describe(tunnel)["status"] == "CLOSED"
    console.action("Duplicate")
    console.page.get_by_role("combobox", name=re.compile("^Thing")).wait_for()
    console.button("Next").click()
    console.button("Confirm and create").click()
    console.heading("Access tokens")
    other = broker.describe(tunnel_id(console))
    assert other["tunnelId"] != tunnel
    assert other["destinationConfig"] == {"thingName": lamp.device.name, "services": ["SSH"]}


def test_manual_setup_with_the_commands_that_are_shown(broker, console, proxies, sshd, tmp_path):
    tunnel = create_manual(console, "by hand")
    console.shot("tokens")
    tokens = {}
    for side in ("Source", "Destination"):
        tokens[side] = console.downloaded(lambda: console.button(f"Download the {side} access token").click()).decode()
        (tmp_path / f"{tunnel}-{side.lower()}-token.txt").write_text(tokens[side])
    broker.data.joinpath("pki/ca.pem").read_bytes()
    (tmp_path / "ca.pem").write_bytes(broker.ca.read_bytes())
    shown = [text for text in console.page.locator(".command").all_inner_texts() if "localproxy" in text]
    assert len(shown) == 2
    # As shown, with the ports of this machine.
    port = harness.free_port()
    for text in shown:
        line = text.splitlines()[0].replace("localhost:22", f"localhost:{sshd.port}").replace("-s 5555", f"-s {port}")
        env = harness.clean_environment(HOME=str(tmp_path), PATH=f"{harness.bin_dir()}:/usr/bin:/bin")
        proxies.all.append(harness.Process(["bash", "-c", f"exec env {line}"], tmp_path / "log", "shown", env=env, cwd=tmp_path))
    broker.wait_states(tunnel, "CONNECTED", "CONNECTED")
    wait_for(lambda: sshd.ssh(port, "echo", "through").stdout == "through\n", "ssh through the commands that were shown")
    expect(console.fact("Destination")).to_contain_text("Connected")
    console.button("Done").click()
    expect(console.page.get_by_text("Access tokens", exact=True)).to_have_count(0)
    assert tokens["Source"] not in console.page.content()

    console.button("Generate new access tokens").click()
    console.page.get_by_role("radio", name="Source only").check()
    expect(console.page.get_by_text("--client-mode SOURCE")).to_be_attached()
    console.button("Generate").click()
    console.heading("Access tokens")
    fresh = console.downloaded(lambda: console.button("Download the Source access token").click()).decode()
    assert fresh not in tokens.values()
    assert fresh.startswith("adt1_")
    expect(console.page.get_by_text("Destination access token")).to_have_count(0)


def test_the_commands_without_tokens_that_are_shown(broker, console, agent, sshd, tmp_path):
    lamp = agent(sshd.port)
    create_manual(console, "with commands", lamp.device.name)
    (shown,) = [text for text in console.page.locator(".command").all_inner_texts() if text.startswith("adit ssh")]
    options = f"-i {sshd.key} -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile={tmp_path}/known"
    env = {**broker.env, "PATH": f"{harness.bin_dir()}:{broker.env['PATH']}", "HOME": str(tmp_path)}
    for line in shown.strip().splitlines():
        line = line.replace("USER@", f"{sshd.user}@").replace("ssh ", f"ssh {options} ", 1)
        done = subprocess.run(["bash", "-c", f"{line} echo through"], env=env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.stdout == "through\n", f"{line}\n{done.stdout}{done.stderr}"


def test_a_password_and_the_server_sees_none_of_it(broker, console, agent, tmp_path):
    sshd = PasswordSshd(tmp_path / "sshd", PASSWORD)
    tap = Tap(sshd.port)
    try:
        lamp = agent(tap.port)
        create_quick(console, lamp.device.name)
        console.log_in("root", password="not the password")
        console.trust()
        expect(console.page.get_by_text("The device refused the user name, the password or the key.")).to_be_visible()
        expect(console.page.get_by_label("User name")).to_have_value("root")
        expect(console.page.get_by_label("Password", exact=True).last).to_have_value("")
        console.log_in("root", password=PASSWORD)
        console.type("echo secret-$((6*7))-word")
        console.wait_terminal("secret-42-word")
        # What passes the server is what the device's sshd is sent.
        assert len(tap.seen) > 2000 and b"SSH-2.0" in tap.seen
        for clear in (PASSWORD, "secret-42-word", "secret-$((6*7))"):
            assert clear.encode() not in tap.seen
            assert clear not in broker.logs()
            assert clear.encode() not in broker.database_text()
        console.button("Disconnect").click()
    finally:
        tap.close()
        sshd.end()


def test_another_host_key_stops_the_connection(console, agent, sshd, tmp_path):
    lamp = agent(sshd.port)
    create_quick(console, lamp.device.name)
    console.log_in(sshd.user, key=sshd.key)
    console.trust()
    console.type("echo first-$((1+1))")
    console.wait_terminal("first-2")
    console.button("Disconnect").click()
    other = Sshd(tmp_path / "other")
    try:
        lamp.stop()
        lamp.services["SSH"] = str(other.port)
        lamp.start()
        console.open(f"#/things/{lamp.device.name}")
        console.button("Create secure tunnel").click()
        console.page.get_by_role("radio", name="Use existing tunnel").check()
        console.button("Next").click()
        console.log_in(other.user, key=other.key)
        console.heading("The host key has changed")
        console.shot("host-key-changed")
        console.button("Cancel").click()
        expect(console.page.get_by_text("The host key was not accepted.")).to_be_visible()
        assert "Accepted" not in other.process.err()
        console.log_in(other.user, key=other.key)
        console.button("Forget the old key and trust the new one").click()
        console.type("echo second-$((1+1))")
        console.wait_terminal("second-2")
        console.button("Disconnect").click()
    finally:
        other.end()


def test_pasting_several_lines_asks_first(console, agent, sshd):
    lamp = agent(sshd.port)
    create_quick(console, lamp.device.name)
    console.log_in(sshd.user, key=sshd.key)
    console.trust()
    console.type("echo ready-$((1+1))")
    console.wait_terminal("ready-2")
    page = console.page
    for answer, expected in (("Cancel", False), ("Paste", True)):
        page.evaluate("navigator.clipboard.writeText('echo pasted-$((1+1))\\necho again-$((1+1))\\n')")
        page.locator(".shell:not([hidden]) .xterm-helper-textarea").focus()
        page.keyboard.press("Control+Shift+V")
        console.heading("Paste several lines?")
        console.button(answer).click()
        if expected:
            console.type("")
            console.wait_terminal("again-2")
        else:
            console.type("echo asked-$((1+1))")
            console.wait_terminal("asked-2")
            assert "pasted" not in console.terminal()
    console.button("Disconnect").click()


def test_the_server_is_killed_under_a_terminal_and_comes_back(new_server, open_console, proxies, sshd, tmp_path):
    server = new_server(start=False).with_mqtt().start()
    device = devices.Device(server, tmp_path / "devices")
    console = open_console(server).sign_in()
    tunnel = create_manual(console, "", device.name)
    token = console.downloaded(lambda: console.button("Download the Destination access token").click()).decode()
    console.button("Done").click()
    proxies.destination(server, token, f"SSH={sshd.port}")
    console.log_in(sshd.user, key=sshd.key)
    console.trust()
    console.type("echo before-$((1+1))")
    console.wait_terminal("before-2")
    server.kill()
    expect(console.page.get_by_text("The connection was lost. Connecting again")).to_be_visible()
    server.restart()
    expect(console.page.get_by_text("Connected to")).to_be_visible(timeout=60_000)
    console.type("echo after-$((1+1))")
    console.wait_terminal("after-2")
    assert "before-2" in console.terminal()
    rotations = server.query("SELECT COUNT(*) FROM audit WHERE action LIKE '%Rotate%'")
    assert rotations == [(0,)], "the token was burnt"
    assert server.states(tunnel) == ("CONNECTED", "CONNECTED")
    console.button("Disconnect").click()
    console.forgive(NETWORK)


def test_the_hub_is_live_and_its_view_is_in_the_url(broker, console):
    mark = devices.fresh("hub")
    made = [broker.api.open_tunnel(description=f"{mark} {n}")["tunnelId"] for n in range(4)]
    console.open(f"#/tunnels?filter={mark}&sort=about")
    rows = console.page.locator("tbody tr")
    expect(rows).to_have_count(4, timeout=20_000)
    assert [re.search(rf"{mark} \d", text)[0][-1] for text in rows.all_inner_texts()] == ["0", "1", "2", "3"]
    # By keyboard: the header that one clicks is the one that stays in view, a copy.
    console.page.get_by_role("button", name=re.compile("^Description")).first.focus()
    console.page.keyboard.press("Enter")
    assert "sort=-about" in console.page.url
    console.page.reload()
    expect(rows.first).to_contain_text(f"{mark} 3")
    # Somebody else closes one: the row says so by itself.
    broker.api.close_tunnel(tunnelId=made[3])
    expect(rows.first).to_contain_text("Closed", timeout=20_000)
    console.shot("hub")
    for n in (1, 2):
        console.page.get_by_role("checkbox", name=f"Select tunnel {made[n]}").check()
    console.action("Close tunnel")
    console.heading("Close 2 tunnels?")
    console.button("Close").click()
    expect(console.page.get_by_text("2 tunnels are closed.").first).to_be_visible()
    assert [broker.describe(id)["status"] for id in made] == ["OPEN", "CLOSED", "CLOSED", "CLOSED"]
    console.page.get_by_role("checkbox", name="Select all tunnels").focus()
    console.page.keyboard.press("Space")
    console.action("Delete tunnel")
    console.heading("Delete 4 tunnels?")
    expect(console.page.get_by_text("Deleting is permanent").first).to_be_visible()
    console.button("Delete").click()
    expect(console.page.get_by_text("4 tunnels are deleted.").first).to_be_visible()
    left = [t["tunnelId"] for t in broker.api.list_tunnels(maxResults=100)["tunnelSummaries"]]
    assert not set(made) & set(left)
