"""The console's pages besides the tunnels: devices, MQTT, what secures them, and the looks of all."""

import json
import re

import devices
import pytest
from browser import NARROW, NETWORK, WIDE, chrome, console, denied_console, open_console, tunnel_id  # noqa: F401
from factory import EVERYTHING, Factory, role, template
from harness import wait_for
from playwright.sync_api import expect

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
    console.page.get_by_role("tab", name="Timeline").click()
    expect(console.page.get_by_text("not/allowed").first).to_be_visible(timeout=20_000)
    console.open(f"#/refusals?filter={lamp.name}")
    rows = console.page.get_by_role("table", name="Why refused").get_by_role("row")
    expect(rows.nth(1)).to_contain_text(lamp.name)
    expect(rows.nth(1)).to_contain_text("Publishing")
    console.page.get_by_role("button", name=re.compile("^While")).click()
    console.page.get_by_role("option", name="TLS handshake").click()
    expect(console.page.get_by_text("Nothing fits the filter")).to_be_visible()
    assert "stage=handshake" in console.page.url
    console.open(f"#/refusals?thingName={lamp.name}")
    expect(rows.nth(1)).to_contain_text(lamp.name)
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
    expect(console.page.get_by_text("adit thing create lamp1")).to_be_visible()
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
    # The first is for what is typed.
    page.get_by_role("button", name="Text", exact=True).last.click()
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
    page.get_by_label("Response topic").fill("a/+")
    page.get_by_label("Correlation data").fill("c-1")
    page.get_by_label("Expires after, in seconds").fill("600")
    console.button("Publish").click()
    expect(page.get_by_text("A topic is 1 to 256 bytes without").first).to_be_visible()
    page.get_by_label("Response topic").fill(f"{lamp.name}/test/answer")
    console.button("Publish").click()
    heard = listener.message()
    said = heard.properties
    assert (heard.payload, said.UserProperty, said.ContentType) == (b"switch off", [("by", "hand")], "text/plain")
    assert (said.ResponseTopic, said.CorrelationData) == (f"{lamp.name}/test/answer", b"c-1")
    assert 590 <= said.MessageExpiryInterval <= 600
    expect(page.get_by_text(f"Published to {lamp.name}/cmd.").first).to_be_visible()
    page.get_by_role("button", name="Hex", exact=True).first.click()
    console.button("Publish").click()
    expect(page.get_by_text("Give pairs of hexadecimal digits").first).to_be_visible()
    page.get_by_role("textbox", name="Payload").fill("00 ff:7f")
    page.get_by_label("Topic", exact=True).fill(f"{lamp.name}/raw/own")
    page.get_by_role("checkbox", name=re.compile("^Retain")).check()
    console.button("Publish").click()
    own = page.get_by_role("article", name=f"{lamp.name}/raw/own")
    for said in ("00 ff 7f", "Content type: text/plain", "Correlation data: c-1", "User properties: by=hand", "Expires after: 10 min"):
        expect(own).to_contain_text(said)
    assert broker.boto("iot-data").get_retained_message(topic=f"{lamp.name}/raw/own")["payload"] == b"\x00\xff\x7f"


def test_what_the_mqtt_client_may_not_do_leads_to_why(broker, open_console):
    console = denied_console(open_console, broker, "iot:Connect", "iot:ListRefusals")
    page = console.page
    console.open("#/mqtt")
    expect(page.get_by_text("Connected as console-")).to_be_visible()
    page.get_by_label("Topic filter").fill("secret/#")
    console.button("Subscribe").click()
    expect(page.get_by_text("The server refused the subscription to secret/#.").first).to_be_visible()
    page.get_by_role("link", name="Why refused").last.click()
    page.wait_for_url(re.compile("#/refusals\\?clientId=console-"))
    row = page.get_by_role("table", name="Why refused").get_by_role("row").nth(1)
    expect(row).to_contain_text("Subscribing")
    row.get_by_role("button").click()
    expect(console.fact("Action")).to_have_text("iot:Subscribe")


# Onboarding.


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


# Sessions.


def test_a_session_that_ends_asks_again_and_keeps_the_place(broker, open_console):
    console = denied_console(open_console, broker, "iot:ListPolicies")
    page, iam = console.page, broker.boto("iam")
    console.open("#/policies?filter=x&sort=-name")
    expect(page.get_by_text("Nothing fits the filter").first).to_be_visible()
    key = json.loads(page.evaluate("sessionStorage.getItem('adit.session')"))
    iam.update_access_key(UserName=key["arn"].split("/")[-1], AccessKeyId=key["accessKeyId"], Status="Inactive")
    expect(page.get_by_text("The session is over. Sign in again.")).to_be_visible()
    console.forgive(NETWORK)
    assert page.url.endswith("#/policies?filter=x&sort=-name")
    assert page.evaluate("sessionStorage.length") == 0
    # With temporary credentials, which have a token besides.
    session = broker.boto("sts").get_session_token(DurationSeconds=900)["Credentials"]
    page.get_by_label("Access key ID").fill(session["AccessKeyId"])
    page.get_by_label("Secret access key").fill(session["SecretAccessKey"])
    page.get_by_role("textbox", name="Session token").fill("wrong")
    console.button("Sign in").click()
    expect(page.get_by_text("The server does not know this key, or the secret is another one.")).to_be_visible()
    console.forgive(NETWORK)
    page.get_by_role("textbox", name="Session token").fill(session["SessionToken"])
    console.button("Sign in").click()
    expect(page.get_by_role("heading", name=re.compile("^Policies"))).to_be_visible()
    assert page.url.endswith("#/policies?filter=x&sort=-name")
    console.button("root").click()
    page.get_by_role("menuitem", name="Sign out").click()
    console.heading("Sign in to adit")
    expect(page.get_by_text("The session is over. Sign in again.")).to_have_count(0)


# Looks.

PAGES = {
    "tunnels": "#/tunnels",
    "create": "#/tunnels/create",
    "things": "#/things",
    "refusals": "#/refusals",
    "mqtt": "#/mqtt",
    "settings": "#/settings",
    "limits": "#/settings/limits",
    "audit": "#/audit",
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


def test_a_part_that_does_not_arrive_is_said_and_asked_for_again(broker, open_console):
    console, lost = open_console(), re.compile("^A part of the console did not arrive")
    page = console.page
    tunnel = broker.api.open_tunnel()["tunnelId"]
    # The frame of all pages.
    page.route("**/assets/start-*.js", lambda route: route.abort())
    console.open()
    expect(page.get_by_text(lost)).to_be_visible()
    console.shot("not-loaded")
    page.unroute("**/assets/start-*.js")
    console.button("Load the page again").click()
    console.heading("Sign in to adit")
    console.sign_in()
    # A page, and a part of one: the rest stays.
    panel = f"#/tunnels/{tunnel}"
    for name, path, rest, title in (("audit", "#/audit", "Tunnels", "Audit log"), ("panel", panel, "Connection history", "Command-line")):
        page.route(f"**/assets/{name}-*.js", lambda route: route.abort())
        console.open(path)
        expect(page.get_by_text(lost)).to_be_visible()
        expect(page.get_by_text(rest, exact=True).first).to_be_visible()
        page.unroute(f"**/assets/{name}-*.js")
        console.button("Load the page again").click()
        expect(page.get_by_text(lost)).to_have_count(0)
        expect(page.get_by_role("heading", name=re.compile(f"^{title}"))).to_be_visible()
    console.forgive(f"{NETWORK}|Failed to fetch dynamically imported module|NotLoaded")
