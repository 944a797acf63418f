"""Every flag and environment variable that a help page names takes effect: the last test asks for a test of each.

Flags with a subject of their own are tested there; here are the others.
"""

import contextlib
import json
import re
import sqlite3
import subprocess
from pathlib import Path

import pytest
from devices import Paho, document, fresh
from factory import Factory, template
from harness import Process, bin_dir, clean_environment, wait_for

HERE = Path(__file__).parent

# Commands whose flags are those of AWS's local proxy, each tested with it.
ELSEWHERE = {"proxy", "localproxy"}


def adit(*args, cwd=None):
    done = subprocess.run(
        [bin_dir() / "adit", *map(str, args)], capture_output=True, text=True, timeout=60, cwd=cwd, env=clean_environment(), stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows(broker, *args):
    return [json.loads(line) for line in broker.adit(*args, "--json").splitlines()]


def test_audit_shows_as_many_rows_as_asked_for(broker):
    iot = broker.boto("iot")
    names = [fresh("thing") for _ in range(3)]
    for name in names:
        iot.create_thing(thingName=name)
    shown = rows(broker, "audit", "--limit", 2)
    assert [row["action"] for row in shown] == ["CreateThing"] * 2
    assert names[2] in json.dumps(shown[0]) and names[0] not in json.dumps(shown)


def test_audit_goes_on_page_by_page_in_every_form(broker):
    """A page has 100 rows at most."""
    iot = broker.boto("iot")
    for _ in range(110):
        iot.create_thing(thingName=fresh("thing"))
    numbers = [row["seq"] for row in rows(broker, "audit", "--limit", 105)]
    assert len(numbers) == 105 and numbers == sorted(set(numbers), reverse=True)
    assert [row["seq"] for row in json.loads(broker.adit("audit", "--limit", 105, "-o", "json"))][-1] < numbers[0]
    for command in ("audit", "why", "clients", "provisioning"):
        assert json.loads(broker.adit(command, "--output", "json")) is not None
    assert broker.adit("audit", "--limit", 1, "--no-headers").count("\n") == 1


def test_audit_of_a_resource_an_action_a_principal_and_of_what_failed(broker):
    iot = broker.boto("iot")
    name = fresh("thing")
    arn = iot.create_thing(thingName=name)["thingArn"]
    iot.delete_thing(thingName=name)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_thing(thingName=name)
    actions = lambda *args: [row["action"] for row in rows(broker, "audit", "--resource", arn, *args)]  # noqa: E731
    assert actions() == ["DescribeThing", "DeleteThing", "CreateThing"]
    assert actions("--action", "CreateThing") == ["CreateThing"]
    assert actions("--failed") == ["DescribeThing"]
    root = rows(broker, "audit", "--resource", arn)[0]["principal"]
    assert len(actions("--principal", root)) == 3
    assert actions("--principal", f"{root}x") == []


def test_audit_finds_a_rare_row_behind_pages_without_any(broker):
    """A page of the server looks at 10,000 rows at most."""
    rare = fresh("Rare")
    with contextlib.closing(sqlite3.connect(broker.data / "adit.db", timeout=30)) as database, database:
        add = "INSERT INTO audit (at, action, result) VALUES (0, ?, 'ok')"
        database.execute(add, [rare])
        database.executemany(add, [["Filler"]] * 20_000)
    assert [row["action"] for row in rows(broker, "audit", "--action", rare)] == [rare]


@pytest.fixture
def refused(broker, device):
    """A client that publishes where it may not."""
    connect = document(("Allow", "iot:Connect", "*"))

    def refuse(topic):
        client = Paho(device(policy=connect), clean=True).connect()
        client.publish(topic)
        client.close()
        return client

    return refuse


def test_why_of_a_thing_and_an_address_and_so_many(broker, refused):
    topics = [fresh("topic") for _ in range(3)]
    for topic in topics:
        refused(topic)
    here = rows(broker, "why", "--address", "127.0.0.1", "--limit", 2)
    assert len(here) == 2 and topics[2] in json.dumps(here[0]) and topics[0] not in json.dumps(here)
    assert rows(broker, "why", "--address", "192.0.2.1") == []
    other, one = refused(topics[0]), refused(topics[1])
    of_one = rows(broker, "why", "--thing", one.device.name)
    assert topics[1] in json.dumps(of_one) and other.client_id not in json.dumps(of_one)


def test_why_follows(broker, refused, proxies):
    before, after = fresh("before"), fresh("after")
    refused(before)
    following = proxies.run_in([], bin_dir() / "adit", "why", "--follow", "--json", "--data-dir", broker.data)
    following.wait_text(before)
    refused(after)
    following.wait_text(after)
    assert all(json.loads(line) for line in following.out().splitlines())


def test_clients_of_an_account_and_a_region_and_so_many(broker, client):
    made = sorted([client().connect() for _ in range(3)], key=lambda each: each.client_id)
    account = broker.aws("sts", "get-caller-identity")["Account"]
    listed = {row["client-id"] for row in rows(broker, "clients", "list", "--account", account, "--region", broker.env["AWS_REGION"])}
    assert {each.client_id for each in made} <= listed
    assert rows(broker, "clients", "--account", "999999999999") == []
    assert rows(broker, "clients", "--region", "nowhere-1") == []
    assert len(rows(broker, "clients", "--limit", 2)) == 2
    one = made[0]
    shown = json.loads(broker.adit("clients", "show", one.client_id, "--account", account, "--json"))
    assert shown["client-id"] == one.client_id
    assert "999999999999" not in json.dumps(shown)
    assert one.client_id in broker.adit("clients", "show", one.client_id, "--account", "999999999999", ok=False)
    assert one.running()
    broker.adit("clients", "cut", one.client_id, "--account", "999999999999", ok=False)
    assert one.running()
    broker.adit("clients", "cut", one.client_id, "--account", account)
    one.ended()


def test_clients_that_are_away_are_shown_when_asked_for(broker, client):
    away = client(clean=False, SessionExpiryInterval=300).connect()
    away.disconnect()
    listed = lambda *args: {row["client-id"] for row in rows(broker, "clients", "list", *args)}  # noqa: E731
    wait_for(lambda: away.client_id not in listed(), "the end of the connection")
    assert away.client_id in listed("--all")


def test_the_folder_of_the_server_may_stand_in_the_environment(broker):
    def run(*args):
        done = subprocess.run([bin_dir() / "adit", *args], capture_output=True, text=True, timeout=30, env=clean_environment(ADIT_DATA_DIR=str(broker.data)))
        assert done.returncode == 0, done
        return done.stdout

    assert broker.env["AWS_ENDPOINT_URL"] in run("env")
    assert str(broker.mqtt_port) in run("status")
    for command in ("audit", "why", "clients", "provisioning", "doctor"):
        run(command)


def test_the_configuration_of_the_server_may_stand_in_the_environment(new_server):
    server = new_server(start=False)
    config = server.write_config()
    args, folder = [bin_dir() / "adit", "serve", "--data-dir", server.data], server.home / "log"
    process = Process(args, folder, "serve", env=clean_environment(ADIT_CONFIG=str(config)), cwd=server.home)
    server.processes.append(process)
    wait_for(lambda: process.running() and server.get("/readyz")[0] == 200, process.describe)


def test_provisioning_that_failed_of_an_account_and_so_many(broker, tmp_path):
    """One device comes in, another asks its template for a country that its certificate does not name."""
    factory = Factory(broker, tmp_path / "factory", ec=True)
    factory.register(template())
    good, bad = factory.device(), factory.device(subject=f"/CN={fresh('countryless')}")
    for each in (good, bad):
        subprocess.run(
            ["mosquitto_pub", "--cafile", broker.ca, "--cert", each.with_ca(), "--key", each.key, "-h", "localhost", "-p", str(broker.mqtt_port),
             "-q", "1", "-t", "t", "-m", "x", "-i", each.name],
            capture_output=True, timeout=30,
        )
    mine = {each.id for each in (good, bad)}
    account = broker.aws("sts", "get-caller-identity")["Account"]

    def certificates(*args):
        return {row["certificate"] for row in rows(broker, "provisioning", *args)} & mine

    wait_for(lambda: certificates("list") == mine, "both devices in the list")
    assert certificates("--failed") == {bad.id}
    assert certificates("--account", account, "--region", broker.env["AWS_REGION"]) == mine
    assert certificates("--account", "999999999999") == set() == certificates("--region", "nowhere-1")
    assert len(rows(broker, "provisioning", "--limit", 1)) == 1
    refused = broker.adit("provisioning", "retry", bad.id, "--account", "999999999999", ok=False)
    assert bad.id in refused
    assert good.id and certificates("--failed") == {bad.id}


def subject(pem):
    return subprocess.run(["openssl", "x509", "-in", pem, "-noout", "-subject", "-nameopt", "RFC2253"], capture_output=True, text=True, check=True).stdout


def days(pem):
    """Whole days between the dates of a certificate."""
    import datetime

    text = subprocess.run(["openssl", "x509", "-in", pem, "-noout", "-dates"], capture_output=True, text=True, check=True).stdout
    begin, end = (datetime.datetime.strptime(line.split("=")[1], "%b %d %H:%M:%S %Y %Z") for line in text.splitlines())
    return round((end - begin).total_seconds() / 86400)


SUBJECT = ["--state", "Kerala", "--locality", "Kochi", "--organizational-unit", "Lamps", "--dn-qualifier", "7"]
SHOWN = ["ST=Kerala", "L=Kochi", "OU=Lamps", "dnQualifier=7"]


def test_the_subject_and_days_of_a_ca_and_its_devices(binaries, tmp_path):
    adit("ca", "init", "--common-name", "Lamp Root", "--days", 100, *SUBJECT, cwd=tmp_path)
    ca = tmp_path / "deviceRootCA.pem"
    assert days(ca) == 100
    for wanted in ["CN=Lamp Root", *SHOWN]:
        assert wanted in subject(ca)
    adit("ca", "init", "--dir", tmp_path / "other", cwd=tmp_path)
    assert (tmp_path / "other/deviceRootCA.pem").exists()
    adit("ca", "device", "lamp1", "--days", 30, *SUBJECT, cwd=tmp_path)
    adit("ca", "device", "lamp3", "--dir", tmp_path / "lamps", cwd=tmp_path)
    assert (tmp_path / "lamps/lamp3-chain.pem").exists()
    assert days(tmp_path / "lamp1.pem") == 30
    for wanted in ["CN=lamp1", *SHOWN]:
        assert wanted in subject(tmp_path / "lamp1.pem")
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=lamp2", "-keyout", "lamp2.key", "-out", "lamp2.csr"],
        cwd=tmp_path, check=True, capture_output=True,
    )
    adit("ca", "sign", "lamp2.csr", "--days", 20, "--out", "signed.pem", cwd=tmp_path)
    assert days(tmp_path / "signed.pem") == 20 and "CN=lamp2" in subject(tmp_path / "signed.pem")


def commands(path=()):
    """Every command with its help page."""
    page = adit(*path, "--help")
    yield path, page
    listed = page.partition("Commands:\n")[2].partition("\n\n")[0]
    for name in re.findall(r"^  ([a-z][a-z-]*)(?:  |$)", listed, re.M):
        if name != "help" and name not in ELSEWHERE:
            yield from commands((*path, name))


def test_every_flag_and_variable_is_used_by_a_test(binaries):
    text = "\n".join(path.read_text() for path in sorted(HERE.glob("*.py")))
    missing = []
    for path, page in commands():
        options = page.partition("\nOptions:\n")[2]
        named = set(re.findall(r"^ {2,8}(?:-\w, )?(--[a-z][a-z0-9-]*)", options, re.M)) | set(re.findall(r"\[env: ([A-Z_0-9]+)", options))
        missing += [f"{' '.join(path)}: {name}" for name in sorted(named - {"--help", "--version"}) if not re.search(rf"{name}(?![a-z0-9-])", text)]
    assert not missing, "no test uses\n" + "\n".join(missing)
