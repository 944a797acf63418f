"""Running the server from the console: audit log, health, limits, and tables of 10,000 rows."""

import json
import re
import sqlite3
import statistics
import subprocess

import devices
import pytest
from browser import NARROW, NETWORK, WIDE, chrome, console, denied_console, open_console, screenshots  # noqa: F401
from harness import wait_for
from playwright.sync_api import expect

ROWS = 10_000


def table(console, name="Audit log"):
    return console.page.get_by_role("table", name=name)


def test_the_audit_log_is_live_filtered_and_exported(broker, console, tmp_path):
    page, iot = console.page, broker.boto("iot")
    names = [devices.fresh("noted") for _ in range(3)]
    for name in names:
        iot.create_thing(thingName=name)
    arn = iot.describe_thing(thingName=names[0])["thingArn"]
    console.open("#/audit")
    expect(page.get_by_role("heading", name=re.compile("^Audit log"))).to_be_visible()
    rows = table(console).get_by_role("row")
    expect(rows.nth(1)).to_contain_text(names[2])
    expect(rows.nth(3)).to_contain_text(names[0])
    expect(page.get_by_text("Kept up to date while the first row is in sight.")).to_be_visible()
    late = devices.fresh("late")
    iot.create_thing(thingName=late)
    expect(rows.nth(1)).to_contain_text(late)
    console.shot("audit")

    # Paused, nothing moves; then it goes on.
    console.button("Pause").click()
    expect(page.get_by_text("Paused", exact=True)).to_be_visible()
    later = devices.fresh("later")
    iot.create_thing(thingName=later)
    page.wait_for_timeout(6_000)
    expect(rows.nth(1)).to_contain_text(late)
    console.button("Go on").click()
    expect(rows.nth(1)).to_contain_text(later)

    # A row says the rest, and leads to all that are like it.
    table(console).get_by_role("button", name=re.compile("^Details of CreateThing")).nth(4).click()
    expect(console.fact("Resource")).to_have_text(arn)
    expect(console.fact("Request ID")).to_have_text(re.compile("[0-9a-f-]{36}"))
    page.get_by_role("link", name=f"Only {arn}").click()
    page.wait_for_url(re.compile(r"#/audit\?resource="))
    expect(page.get_by_label("Resource", exact=True)).to_have_value(arn)
    iot.delete_thing(thingName=names[0])
    expect(rows).to_have_count(3)
    page.reload()
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("DeleteThing")
    exported = console.downloaded(lambda: console.button("Export").click())
    assert [json.loads(line)["action"] for line in exported.splitlines()] == ["DeleteThing", "CreateThing"]

    # The command says the same.
    page.get_by_role("button", name="The same on a command line").click()
    command = page.locator("code").inner_text()
    # Who is signed in by a link has a session token, which the shell has not.
    command = re.sub(r' -H "X-Amz-Security-Token[^"]*"', "", command)
    done = subprocess.run(
        ["bash", "-c", command.replace("ca.pem", str(broker.ca))], env=broker.env, capture_output=True, text=True, timeout=30
    )
    assert [event["action"] for event in json.loads(done.stdout)["events"]] == ["DeleteThing", "CreateThing"], done

    console.button("Clear").click()
    expect(page.get_by_label("Resource", exact=True)).to_have_value("")
    page.get_by_label("Action", exact=True).fill("CreateThing")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"#/audit\?action=CreateThing$"))
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException):
        iot.create_thing(thingName=names[1], attributePayload={"attributes": {"other": "1"}})
    page.get_by_role("checkbox", name="Failed only").check()
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).not_to_contain_text("Done")
    page.get_by_label("Action", exact=True).fill("NoSuchAction")
    console.button("Apply").click()
    expect(page.get_by_text("Nothing fits the filter")).to_be_visible()


def filled(new_server):
    """A server with 10,000 audit rows and as many things, put into its database while it is stopped."""
    server = new_server()
    server.boto("iot").create_thing(thingName="model")
    server.stop()
    store = sqlite3.connect(next(server.data.rglob("*.db")))
    (account, region, at) = store.execute("SELECT account, region, created_at FROM thing WHERE name = 'model'").fetchone()
    arn = f"arn:aws:iot:{region}:{account}:thing/"
    store.executemany(
        "INSERT INTO audit (at, account, region, principal, action, resource, result, request_id, peer)"
        " VALUES (?, ?, ?, 'arn:aws:iam::123456789012:root', 'CreateThing', ?, 'ok', ?, '192.0.2.1')",
        [(at + i, account, region, f"{arn}lamp{i}", f"request-{i}") for i in range(ROWS)],
    )
    store.executemany(
        "INSERT INTO thing (account, region, name, id, attributes, version, created_at) VALUES (?, ?, ?, ?, '{}', 1, ?)",
        [(account, region, f"lamp{i}", f"id-{i}", at + i) for i in range(ROWS)],
    )
    store.commit()
    store.close()
    return server.start()


# Scrolls the table to its end, so many pixels a frame: how long each frame took, how many rows were drawn at most, and which
# lamp each row was of.
SCROLL = r"""async (step) => {
  const table = document.querySelector('[role=table]');
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const [frames, order] = [[], []];
  let [most, rested, last] = [0, 0, await frame()];
  while (rested < 120) {
    const before = table.scrollTop;
    table.scrollTop += step;
    const now = await frame();
    if (rested === 0) frames.push(now - last);
    last = now;
    rested = table.scrollTop === before ? rested + 1 : 0;
    const drawn = [...table.querySelectorAll('[aria-rowindex]')];
    most = Math.max(most, drawn.length);
    for (const row of drawn) {
      const at = Number(row.getAttribute('aria-rowindex'));
      const lamp = [...row.children].map((cell) => cell.textContent.match(/^thing\/lamp(\d+)$/)).find(Boolean);
      if (lamp) order[at - 2] = Number(lamp[1]);
    }
  }
  return { frames, most, order };
}"""


def test_ten_thousand_rows_scroll(new_server, open_console):
    server = filled(new_server)
    console = open_console(server).sign_in()
    page = console.page
    console.open("#/audit?action=CreateThing")
    rows = table(console).get_by_role("row")
    expect(rows.nth(1)).to_contain_text(f"lamp{ROWS - 1}")
    # Down, while older rows are still loaded, and up again.
    told = {}
    for way, step in (("down", 400), ("up", -400)):
        measured = page.evaluate(SCROLL, step)
        assert measured["order"][:ROWS] == list(range(ROWS - 1, -1, -1)), way
        assert measured["most"] < 150
        frames = sorted(measured["frames"])
        told[way] = {
            "rows": len(measured["order"]), "drawn at most": measured["most"], "frames": len(frames),
            "median ms": statistics.median(frames), "95th ms": frames[int(len(frames) * 0.95)], "worst ms": frames[-1],
        }
    (screenshots() / "audit-10000.json").write_text(json.dumps(told, indent=2))
    console.shot("audit-10000")
    # By keyboard, to the end and back.
    table(console).focus()
    page.keyboard.press("End")
    expect(rows.last).to_contain_text("model")
    page.keyboard.press("Home")
    expect(rows.nth(1)).to_contain_text(f"lamp{ROWS - 1}")
    page.keyboard.press("PageDown")
    wait_for(lambda: page.evaluate("document.querySelector('[role=table]').scrollTop") > 100, "the table to scroll")


def test_ten_thousand_things_are_filtered_sorted_and_paged(new_server, open_console):
    console = open_console(filled(new_server)).sign_in()
    page = console.page
    console.open("#/things")
    rows = page.locator("tbody tr")
    expect(page.get_by_role("heading", name="Things (10,001)").first).to_be_visible(timeout=60_000)
    expect(rows).to_have_count(25)
    page.get_by_placeholder("Find").fill("lamp999")
    expect(page.get_by_text("11 things").first).to_be_visible()
    page.get_by_role("columnheader", name="Name").get_by_role("button").press("Enter")
    expect(rows.first).to_contain_text("lamp9999")
    page.get_by_placeholder("Find").fill("")
    page.get_by_role("button", name="Preferences").click()
    page.get_by_role("radio", name="100 rows").check()
    console.button("Confirm").click()
    expect(rows).to_have_count(100)
    page.get_by_role("button", name="Next page").click()
    # The first page begins with "model".
    expect(rows.first).to_contain_text("lamp9900")


def test_health_and_limits(broker, console, device, client):
    page = console.page
    client(device()).connect()
    console.open("#/settings")
    expect(console.fact("State")).to_have_text("Serving")
    expect(console.fact("MQTT clients")).to_have_text("1")
    expect(console.fact("Store")).to_have_text("Takes writes")
    expect(console.fact("Listeners")).to_contain_text(str(broker.mqtt_port))
    before = int(console.fact("Open tunnels").inner_text())
    broker.open("SSH")
    expect(console.fact("Open tunnels")).to_have_text(str(before + 1))
    page.get_by_role("tab", name="Limits").click()
    page.wait_for_url(re.compile("#/settings/limits$"))
    row = page.get_by_role("row", name=re.compile("tunnel.max-open-tunnels"))
    expect(row).to_be_visible()
    page.get_by_placeholder("Find").fill("mqtt payload nonsense")
    expect(page.get_by_text("Nothing fits the filter")).to_be_visible()


def test_what_was_changed_among_the_limits_shows(new_server, open_console):
    console = open_console(new_server(**{"tunnel.max-open-tunnels": 7})).sign_in()
    console.server.open("SSH")
    console.open("#/settings/limits?filter=max-open-tunnels")
    row = console.page.get_by_role("row", name=re.compile("tunnel.max-open-tunnels"))
    expect(row).to_contain_text("changed")
    expect(row.get_by_role("cell").nth(0)).to_contain_text("7")
    expect(row.get_by_role("cell").nth(1)).to_have_text("1")


def test_who_may_not_see_it_is_told_so(broker, open_console):
    console = denied_console(open_console, broker)
    for path in ("#/audit", "#/settings", "#/settings/limits", "#/refusals"):
        console.open(path)
        expect(console.page.get_by_text("You may not do this").first).to_be_visible()
        expect(console.page.get_by_text("That did not work")).to_have_count(0)
    console.forgive(NETWORK)
