"""Walkthrough D: the console in Debian's Chromium, with the real server, the real sshd and the real local proxies."""

import json
import re

import devices
import harness
import pytest
from browser import NARROW, WIDE, Console, PasswordSshd, Tap, chromium
from factory import EVERYTHING, Factory, role, template
from harness import Sshd, wait_for
from playwright.sync_api import expect

PASSWORD = "correct horse battery staple"
# What Chromium itself says when a server is not there or answers with an error status.
NETWORK = r"Failed to load resource|ERR_CONNECTION|ERR_TUNNEL|WebSocket connection"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def open_console(browser, broker):
    """Makes pages; each must end without a complaint."""
    made = []

    def make(server=broker, **more):
        made.append(Console(browser, server, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def console(open_console):
    return open_console().sign_in()


class Agent:
    """What an agent does, with a local proxy: subscribes, and starts the destination for every token it is told."""

    def __init__(self, device, client, proxies, port):
        self.started = 0
        self.mqtt = client(device, client_id=device.name).connect()
        self.mqtt.subscribe(f"$aws/things/{device.name}/tunnels/notify")
        self.device, self.proxies, self.port = device, proxies, port

    def answer(self):
        told = json.loads(self.mqtt.payload(timeout=30))
        assert (told["clientMode"], told["services"]) == ("destination", ["SSH"])
        self.started += 1
        return self.proxies.destination(self.device.server, told["clientAccessToken"], f"SSH={self.port}")


@pytest.fixture
def agent(device, client, proxies):
    return lambda port: Agent(device(), client, proxies, port)


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


def tunnel_id(console):
    console.page.wait_for_url(re.compile(r"#/tunnels/[0-9a-f-]{36}"))
    return re.search(r"#/tunnels/([0-9a-f-]{36})", console.page.url)[1]


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
    device = agent(sshd.port)
    tunnel = create_quick(console, device.device.name)
    console.log_in(sshd.user, key=sshd.key)
    device.answer()
    expect(console.page.get_by_text("for the first time from this browser")).to_be_visible()
    known = harness.subprocess.run(
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
    content = harness.os.urandom(300_000)
    sent = tmp_path / "noise.bin"
    sent.write_bytes(content)
    (tmp_path / "device").mkdir()
    console.button("New tab").click()
    console.type("echo in-the-$((1+1))nd-tab")
    console.wait_terminal("in-the-2nd-tab")
    console.page.get_by_role("button", name="Files").click()
    console.page.get_by_text("Upload").wait_for()
    for folder in ["Parent folder"] * 5:
        if console.button(folder).is_enabled():
            console.button(folder).click()
            console.page.wait_for_timeout(200)
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
    assert other["destinationConfig"] == {"thingName": device.device.name, "services": ["SSH"]}


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


def test_a_password_and_the_server_sees_none_of_it(broker, console, agent, tmp_path):
    sshd = PasswordSshd(tmp_path / "sshd", PASSWORD)
    tap = Tap(sshd.port)
    try:
        device = agent(tap.port)
        create_quick(console, device.device.name)
        device.answer()
        console.log_in("root", password="not the password")
        console.trust()
        expect(console.page.get_by_text("The device refused the user name, the password or the key.")).to_be_visible()
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
    device = agent(sshd.port)
    create_quick(console, device.device.name)
    device.answer()
    console.log_in(sshd.user, key=sshd.key)
    console.trust()
    console.type("echo first-$((1+1))")
    console.wait_terminal("first-2")
    console.button("Disconnect").click()
    other = Sshd(tmp_path / "other")
    try:
        device.port = other.port
        console.open(f"#/things/{device.device.name}")
        console.button("Create secure tunnel").click()
        console.page.get_by_role("radio", name="Use existing tunnel").check()
        console.button("Next").click()
        device.answer()
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
    device = agent(sshd.port)
    create_quick(console, device.device.name)
    device.answer()
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


# Devices, and settings.


def test_a_thing_with_its_shadow_certificate_and_refusals(broker, console, device, client):
    lamp = device(policy=devices.document(("Allow", "iot:Connect", "*")))
    mqtt = client(lamp).connect()
    broker.boto("iot-data").update_thing_shadow(
        thingName=lamp.name, payload=json.dumps({"state": {"reported": {"colour": "green"}}})
    )
    console.open(f"#/things?filter={lamp.name}")
    expect(console.page.locator("tbody tr")).to_contain_text("Connected")
    console.page.get_by_role("link", name=lamp.name).click()
    expect(console.fact("Connection")).to_contain_text("Connected")
    console.page.get_by_role("tab", name="Certificates").click()
    expect(console.page.get_by_role("link", name=lamp.id)).to_be_visible()
    console.page.get_by_role("tab", name="Shadows").click()
    expect(console.page.get_by_text('"colour": "green"')).to_be_visible()
    console.shot("thing")
    mqtt.send("not/allowed", b"x", qos=1)
    console.page.get_by_role("tab", name="Refused lately").click()
    expect(console.page.get_by_text("not/allowed").first).to_be_visible(timeout=20_000)
    console.open(f"#/refusals?filter={lamp.name}")
    expect(console.page.locator("tbody tr").first).to_contain_text(lamp.name)
    console.shot("refusals")


def test_a_thing_is_created_and_deleted(broker, console):
    name = devices.fresh("made")
    console.open("#/things")
    console.page.get_by_role("button", name="Create thing").first.click()
    console.page.get_by_label("Name", exact=True).fill("no spaces please")
    console.button("Create").click()
    expect(console.page.get_by_text("A name is 1 to 128 letters").first).to_be_visible()
    console.page.get_by_label("Name", exact=True).fill(name)
    console.button("Add attribute").click()
    console.page.get_by_role("textbox", name="Attribute").fill("country")
    console.page.get_by_role("textbox", name="Value").fill("IN")
    console.button("Create").click()
    expect(console.page.get_by_text(f"{name} is created.").first).to_be_visible()
    assert broker.boto("iot").describe_thing(thingName=name)["attributes"] == {"country": "IN"}
    console.open(f"#/things/{name}")
    console.button("Delete").click()
    console.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(console.page.get_by_text(f"{name} is deleted.").first).to_be_visible()
    assert name not in json.dumps(broker.boto("iot").list_things(maxResults=250)["things"])


def test_settings_offer_the_ca_and_the_endpoints(broker, console):
    console.open("#/settings")
    expect(console.fact("Account")).to_contain_text("123456789012")
    expect(console.fact("Devices, MQTT and HTTPS")).to_contain_text("localhost")
    assert console.downloaded(lambda: console.page.get_by_role("link", name="Download ca.pem").click()) == broker.ca.read_bytes()


def test_an_empty_server_says_how_to_begin(new_server, open_console):
    console = open_console(new_server()).sign_in()
    expect(console.page.get_by_text("No tunnels yet")).to_be_visible()
    console.open("#/things")
    expect(console.page.get_by_text("No things yet")).to_be_visible()
    expect(console.page.get_by_text("aws iot create-thing --thing-name lamp1")).to_be_visible()
    console.open("#/nowhere")
    expect(console.page.get_by_text("There is no such page").first).to_be_visible()


# MQTT.


def test_the_mqtt_client_hears_mosquitto_and_is_heard(broker, console, device, client, tmp_path):
    lamp = device()
    page = console.page
    console.open("#/mqtt")
    expect(page.get_by_text("Connected as console-")).to_be_visible()
    console.button("Subscribe").click()
    expect(page.get_by_text("A filter is 1 to 256 bytes").first).to_be_visible()
    for topic in (f"{lamp.name}/test", f"{lamp.name}/raw/#"):
        page.get_by_label("Topic filter").fill(topic)
        console.button("Subscribe").click()
        expect(page.get_by_role("button", name=f"Unsubscribe from {topic}")).to_be_visible()
    mosquitto = devices.Mosquitto(lamp)
    mosquitto.pub("-i", lamp.name, "-q", 1, "-t", f"{lamp.name}/test", "-m", '{"on":true}')
    message = page.get_by_role("article", name=f"{lamp.name}/test")
    expect(message).to_contain_text('"on": true')
    (tmp_path / "raw").write_bytes(b"\x00\xff")
    mosquitto.pub("-i", lamp.name, "-t", f"{lamp.name}/raw/x", "-f", tmp_path / "raw", "-D", "publish", "user-property", "a", "b")
    raw = page.get_by_role("article", name=f"{lamp.name}/raw/x")
    expect(raw).to_contain_text("00 ff")
    expect(raw).to_contain_text("a=b")
    page.get_by_role("button", name="Text", exact=True).click()
    expect(message).to_contain_text('{"on":true}')
    page.get_by_placeholder("Find").fill("raw")
    expect(page.get_by_role("article")).to_have_count(1)
    exported = json.loads(console.downloaded(lambda: console.button("Export").click()))
    assert [(one["topic"], one["payload"]) for one in exported] == [(f"{lamp.name}/raw/x", "00 ff")]
    page.get_by_placeholder("Find").fill("")

    console.button("Pause").click()
    mosquitto.pub("-i", lamp.name, "-q", 1, "-t", f"{lamp.name}/test", "-m", "later")
    expect(page.get_by_text("1 more came while paused")).to_be_visible()
    console.button("Go on").click()
    expect(message.first).to_contain_text("later")
    console.shot("mqtt")

    listener = client(lamp).connect()
    listener.subscribe(f"{lamp.name}/cmd")
    page.get_by_label("Topic", exact=True).fill(f"{lamp.name}/cmd")
    page.get_by_role("textbox", name="Payload").fill("switch off")
    page.get_by_role("button", name="MQTT 5 properties").click()
    page.get_by_label("User properties").fill("by=hand\nnonsense")
    console.button("Publish").click()
    expect(page.get_by_text("Each line is name=value.")).to_be_visible()
    page.get_by_label("User properties").fill("by=hand")
    page.get_by_label("Content type").fill("text/plain")
    console.button("Publish").click()
    heard = listener.message()
    assert (heard.payload, heard.properties.UserProperty, heard.properties.ContentType) == (b"switch off", [("by", "hand")], "text/plain")
    expect(page.get_by_text(f"Published to {lamp.name}/cmd.").first).to_be_visible()


# Security.


def test_a_certificate_is_made_used_and_revoked(broker, console, client, tmp_path):
    name, policy = devices.fresh("lamp"), devices.fresh("policy")
    broker.boto("iot").create_thing(thingName=name)
    broker.boto("iot").create_policy(policyName=policy, policyDocument=devices.ALLOW_ALL)
    page = console.page
    console.open("#/certificates")
    page.get_by_role("button", name="Create certificate").first.click()
    for label, value in (("Attach to the thing", name), ("Attach the policy", policy)):
        page.get_by_role("dialog").get_by_label(label).click()
        page.get_by_role("option", name=value).click()
    console.button("Create").click()
    console.heading("Download the files now")
    console.shot("certificate-made")
    lamp = devices.Device.__new__(devices.Device)
    lamp.server, lamp.name = broker, name
    lamp.cert, lamp.key = tmp_path / "lamp.pem", tmp_path / "lamp.key"
    dialog = page.get_by_role("dialog")
    lamp.cert.write_bytes(console.downloaded(lambda: dialog.get_by_role("button", name="Certificate", exact=True).click()))
    lamp.key.write_bytes(console.downloaded(lambda: dialog.get_by_role("button", name="Private key").click()))
    console.button("Done").click()
    mqtt = client(lamp).connect()
    (principal,) = broker.boto("iot").list_thing_principals(thingName=name)["principals"]
    console.open(f"#/certificates/{principal.split('/')[-1]}")
    expect(console.fact("Status")).to_contain_text("Active")
    expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=policy)).to_be_visible()
    console.shot("certificate")
    console.action("Revoke")
    expect(page.get_by_text("A revoked certificate stays revoked.")).to_be_visible()
    console.button("Revoke").click()
    expect(console.fact("Status")).to_contain_text("Revoked")
    mqtt.ended()
    console.button(f"Detach {policy}").click()
    expect(page.get_by_text(f"{policy} is detached.").first).to_be_visible()
    assert broker.boto("iot").list_attached_policies(target=principal)["policies"] == []


def test_a_policy_its_versions_and_the_simulator(broker, console, device):
    lamp, name = device(policy=None), devices.fresh("made")
    page = console.page
    console.open("#/policies")
    page.get_by_role("button", name="Create policy").first.click()
    page.get_by_role("textbox", name="Document").fill("{")
    console.button("Create").click()
    expect(page.get_by_text("The document is not JSON.")).to_be_visible()
    page.get_by_role("dialog").get_by_label("Name").fill(name)
    page.get_by_role("textbox", name="Document").fill(devices.document(("Allow", "iot:Connect", "*")))
    console.button("Create").click()
    expect(page.get_by_text(f"{name} is created.").first).to_be_visible()
    console.open(f"#/policies/{name}")
    console.button("Edit as a new version").click()
    page.get_by_role("textbox", name="Document").fill(
        devices.document(("Allow", "iot:*", "*"), ("Deny", "iot:Publish", "arn:aws:iot:*:*:topic/secret/*"))
    )
    console.button("Save and use").click()
    console.heading("Version 2 (in use)")
    page.get_by_role("button", name="Show version 1").click()
    console.heading("Version 1")
    expect(page.locator("pre").first).not_to_contain_text("Deny")
    console.shot("policy")

    console.open(f"#/certificates/{lamp.id}")
    page.get_by_role("button", name=re.compile("Policy to attach")).click()
    page.get_by_role("option", name=name).click()
    console.button("Attach").click()
    expect(page.get_by_text(f"{name} is attached.").first).to_be_visible()

    console.open("#/simulator")
    page.get_by_role("button", name=re.compile("^Certificate")).click()
    page.get_by_role("option", name=lamp.id).click()
    page.get_by_label("Client ID", exact=True).fill(lamp.name)
    for action, topic, answer in (
        ("iot:Connect", lamp.name, "Allowed"),
        ("iot:Publish", "secret/door", "Denied: a statement says so"),
        ("iot:Publish", "lamp/on", "Allowed"),
    ):
        page.get_by_role("button", name=re.compile("^Action")).click()
        page.get_by_role("option", name=action).click()
        page.get_by_role("textbox", name=re.compile("^Topic")).fill(topic)
        console.button("Test").click()
        expect(page.get_by_text(answer)).to_be_visible()
        expect(page.get_by_text(f"by {name}")).to_be_visible()
    console.shot("simulator")
    broker.boto("iot").detach_policy(policyName=name, target=lamp.arn)
    console.button("Test").click()
    expect(page.get_by_text("Denied: no statement allows it")).to_be_visible()


def test_the_funnel_of_a_ca_shows_who_failed_and_why_and_tries_again(broker, console, tmp_path):
    """Walkthrough C as the operator sees it: a device comes in, one fails for want of a policy, and comes in once it is there."""
    policy = devices.fresh("policy")
    made = Factory(broker, tmp_path / "factory", ec=True).register(template(name=policy))
    failing = made.device()
    devices.Mosquitto(failing, version="mqttv311").pub("-i", failing.name, "-t", "x", "-m", "y", ok=False)
    page = console.page
    console.open("#/onboarding?show=failed")
    row = page.get_by_role("row", name=re.compile(failing.id[:16]))
    expect(row).to_contain_text("Failed", timeout=20_000)
    expect(row).to_contain_text("policy: Policy default version not found")
    console.shot("funnel")
    broker.boto("iot").create_policy(policyName=policy, policyDocument=json.dumps(EVERYTHING))
    # At most one try a second per certificate.
    wait_for(lambda: retried(page, failing), "the second try", timeout=20, pause=1)
    assert broker.boto("iot").describe_thing(thingName=failing.name)["thingName"] == failing.name
    page.get_by_role("radio", name=f"Select CA {made.id}").check()
    console.action("Deactivate")
    expect(page.get_by_text("No new device of this CA comes in.")).to_be_visible()
    console.button("Deactivate").click()
    expect(page.get_by_text("The CA is changed.").first).to_be_visible()
    assert made.iot.describe_ca_certificate(certificateId=made.id)["certificateDescription"]["status"] == "INACTIVE"
    console.forgive(NETWORK)


def retried(page, device):
    done = page.get_by_text("The device is provisioned; it is let in when it connects again.")
    again = page.get_by_role("button", name=f"Try again: {device.id[:16]}")
    if again.count():
        again.click()
    return done.count() > 0


def test_a_template_is_looked_at_and_disabled(broker, console):
    name = devices.fresh("template")
    broker.boto("iot").create_provisioning_template(
        templateName=name, description="lamps", templateBody=json.dumps(template()), enabled=True,
        provisioningRoleArn=role(broker), type="FLEET_PROVISIONING",
    )
    console.open("#/templates")
    console.page.get_by_role("link", name=name).click()
    expect(console.page.locator("pre")).to_contain_text("AWS::IoT::Thing")
    expect(console.fact("Description")).to_contain_text("lamps")
    console.button("Disable").click()
    expect(console.page.get_by_text(f"{name} is changed.").first).to_be_visible()
    assert broker.boto("iot").describe_provisioning_template(templateName=name)["enabled"] is False
    console.shot("template")


# Looks.

PAGES = {
    "tunnels": "#/tunnels",
    "create": "#/tunnels/create",
    "things": "#/things",
    "refusals": "#/refusals",
    "mqtt": "#/mqtt",
    "settings": "#/settings",
    "certificates": "#/certificates",
    "policies": "#/policies",
    "simulator": "#/simulator",
    "onboarding": "#/onboarding",
    "templates": "#/templates",
}


@pytest.fixture(scope="module")
def furnished(broker, tmp_path_factory):
    """A thing and two tunnels, so that pages have something to show."""
    lamp = devices.Device(broker, tmp_path_factory.mktemp("furnished"), "lamp1")
    opened = broker.api.open_tunnel(
        description="the lamp in the hall", destinationConfig={"thingName": lamp.name, "services": ["SSH"]},
        tags=[{"key": "site", "value": "hall"}],
    )
    closed = broker.api.open_tunnel(description="an old one")
    broker.api.close_tunnel(tunnelId=closed["tunnelId"])
    broker.boto("iot").create_policy(policyName="Lamp", policyDocument=devices.ALLOW_ALL)
    certificate, policy = f"#/certificates/{lamp.id}", "#/policies/Lamp"
    return {**PAGES, "certificate": certificate, "policy": policy, "thing": f"#/things/{lamp.name}", "tunnel": f"#/tunnels/{opened['tunnelId']}"}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280", "400"])
def test_every_page_is_accessible_and_fits(open_console, furnished, size, dark):
    console = open_console(size=size, dark=dark)
    console.open()
    console.heading("Sign in to adit")
    looks = f"{size[0]}-{'dark' if dark else 'light'}"
    console.shot(f"sign-in-{looks}")
    problems = {"sign-in": console.axe()}
    console.sign_in()
    for name, path in furnished.items():
        console.open(path)
        expect(console.page.locator("h1").first).to_be_visible()
        expect(console.page.get_by_text("Loading", exact=True)).to_have_count(0)
        expect(console.page.get_by_text("Connecting …", exact=True)).to_have_count(0)
        console.page.wait_for_timeout(600)
        console.shot(f"{name}-{looks}")
        problems[name] = console.axe()
        width = console.page.evaluate("document.documentElement.scrollWidth")
        if width > size[0]:
            problems[name].append(f"is {width} pixels wide")
    assert {name: found for name, found in problems.items() if found} == {}


def test_a_tunnel_is_made_with_the_keyboard_alone(broker, open_console):
    console = open_console()
    page = console.sign_in().page

    def tab_to(name):
        for _ in range(80):
            page.keyboard.press("Tab")
            at = page.evaluate("(document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || '').trim()")
            if at == name:
                return
        raise AssertionError(f"no Tab leads to {name}")

    tab_to("Create tunnel")
    page.keyboard.press("Enter")
    console.heading("Choose a setup")
    page.get_by_role("radio", name="Quick setup (SSH)").focus()
    page.keyboard.press("ArrowRight")
    tab_to("Next")
    page.keyboard.press("Enter")
    console.page.get_by_role("combobox", name=re.compile("^Thing")).wait_for()
    tab_to("Next")
    page.keyboard.press("Enter")
    tab_to("Confirm and create")
    page.keyboard.press("Enter")
    console.heading("Access tokens")
    assert broker.describe(tunnel_id(console))["status"] == "OPEN"


def test_the_first_page_does_not_load_the_terminal(open_console):
    console = open_console()
    loaded = []
    console.page.on("response", lambda response: loaded.append(response))
    console.sign_in()
    names = [response.url.rsplit("/", 1)[-1] for response in loaded if "/assets/" in response.url]
    assert names and not any(name.startswith("panel") for name in names), names
    for response in loaded:
        if response.url.endswith(".js"):
            small = int(response.headers["content-length"]) < 1024
            assert small or response.headers["content-encoding"] == "br", response.url
            assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
