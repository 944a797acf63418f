"""The agent's first start: with a certificate of the factory, with a claim, and when power or files fail.

docs/agent-provisioning.md; spec: provisioning §6, §7. `ADIT_FIRST_START_ROUNDS` says how often power is cut (10).
"""

import json
import os
import random
import re
import subprocess
import time
from pathlib import Path

import pytest
from devices import ALLOW_ALL, document, fresh
from factory import Factory, openssl, template as factory_template
from harness import ROOT, Process, bin_dir, clean_environment, wait_for
from test_fleet import body, claim_policy
from test_fleet import template  # noqa: F401, a fixture

ROUNDS = int(os.environ.get("ADIT_FIRST_START_ROUNDS", "10"))
PAGE = (ROOT / "docs/agent-provisioning.md").read_text()


def block(language, number):
    """The page's block of code of that language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)[number]


class Agent:
    """`adit agent` in its own folder."""

    def __init__(self, server, folder, name=None, text=None, env=None, **keys):
        self.server, self.folder = server, folder / fresh("agent")
        self.folder.mkdir(parents=True)
        self.state = Path(keys.pop("state_dir", self.folder / "state"))
        self.name, self.env, self.process = name, env or {}, None
        self.config = self.folder / "agent.toml"
        if text is None:
            sections = {key: keys.pop(key) for key in list(keys) if isinstance(keys[key], dict)}
            lines = {"endpoint": f"localhost:{server.mqtt_port}", "ca-file": server.ca, **keys}
            text = write(lines) + "".join(f"\n[{name}]\n{write(values)}" for name, values in sections.items())
        self.config.write_text(f'state-dir = "{self.state}"\n{text}')

    @property
    def identity(self):
        return self.state / "identity.pem"

    def start(self):
        environment = clean_environment(**self.env)
        self.process = Process([bin_dir() / "adit", "agent", "--config", self.config], self.folder, "agent", env=environment)
        return self

    def is_connected(self):
        return any(json.loads(line)["client-id"] == self.name for line in self.server.adit("clients", "--json").splitlines())

    def wait_connected(self, timeout=60):
        wait_for(self.is_connected, lambda: f"{self.name} connects: {self.process.describe()}", timeout, 0.1)
        return self

    def said(self, text):
        self.process.wait_text(text, 40)
        return self

    def stop(self):
        self.process.stop()


def write(values):
    return "".join(f"{key} = {json.dumps(str(value))}\n" for key, value in values.items())


@pytest.fixture
def agent(broker, tmp_path):
    """Makes agents, and ends them."""
    made = []

    def make(*args, **more):
        made.append(Agent(more.pop("server", broker), tmp_path / "agents", *args, **more))
        return made[-1]

    yield make
    for each in made:
        if each.process:
            each.process.kill()


@pytest.fixture
def claimant(device, template, agent):  # noqa: F811
    """Makes agents that have a claim only, each with a serial number of its own."""

    def make(text=None, policy=claim_policy, **more):
        name, serial = template(text), fresh("sn")
        claim = device(policy=policy(name), thing=False)
        provisioning = {"template": name, "claim-certificate-file": claim.cert, "claim-private-key-file": claim.key}
        made = agent(f"sensor-{serial}", provisioning=provisioning, **{"provisioning.parameters": {"SerialNumber": serial}}, **more)
        made.claim, made.template = claim, name
        return made

    return make


def certificates(broker, thing):
    """The certificates of a thing: id and status."""
    iot = broker.boto("iot")
    ids = [each.rpartition("/")[2] for each in iot.list_thing_principals(thingName=thing)["principals"]]
    return {each: iot.describe_certificate(certificateId=each)["certificateDescription"]["status"] for each in ids}


def all_certificates(broker):
    pages = broker.boto("iot").get_paginator("list_certificates").paginate()
    return {each["certificateId"]: each["status"] for page in pages for each in page["certificates"]}


def id_of(path):
    """The certificate's id, with the tools other programs have."""
    printed = openssl(path.parent, "x509", "-in", path, "-noout", "-fingerprint", "-sha256")
    return printed.split("=")[1].strip().replace(":", "").lower()


def test_the_page_with_a_claim(new_server, tmp_path, agent):
    """Everything as the page types it."""
    server = new_server(False).with_mqtt().start()
    folder = tmp_path / "typed"
    folder.mkdir()
    script = PAGE.split("<!-- e2e: claim -->")[1].split("```sh\n")[1].split("```")[0]
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=server.env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    machine = Path("/etc/machine-id").read_text().strip()
    text = block("toml", 1).replace("8883", str(server.mqtt_port))
    made = agent(f"sensor-{machine}", server=server, text=text)
    for file, source in (("ca.pem", server.ca), ("claim.pem", folder / "claim.pem"), ("claim.key", folder / "claim.key")):
        (made.folder / file).write_text(source.read_text())
    made.start().wait_connected()
    assert oct(made.identity.stat().st_mode & 0o777) == "0o600"
    assert certificates(server, made.name) == {id_of(made.identity): "ACTIVE"}
    assert "prime256v1" in openssl(made.state, "pkey", "-in", made.identity, "-noout", "-text")
    assert json.loads((made.state / "device-configuration.json").read_text()) == {"site": "north"}
    assert not (made.state / "first-start.json").exists()
    # From here on the claim is needed no more.
    made.stop()
    (made.folder / "claim.key").unlink()
    before = all_certificates(server)
    made.start().wait_connected()
    assert all_certificates(server) == before


def test_a_certificate_of_the_factory(broker, tmp_path, agent):
    """JITP: the server closes the first connection, and lets the next one in. The certificate has version 1."""
    everything = json.loads(ALLOW_ALL)
    factory = Factory(broker, tmp_path / "factory").register(factory_template(policy=everything))
    device = factory.device()
    assert "Version: 1" in openssl(tmp_path, "x509", "-in", device.cert, "-noout", "-text")
    text = block("toml", 0).replace("8883", str(broker.mqtt_port))
    made = agent(device.name, text=text)
    for file, source in (("ca.pem", broker.ca), ("device.pem", device.cert), ("device.key", device.key)):
        (made.folder / file).write_text(source.read_text())
    made.start().said("closed the connection without a word").wait_connected()
    assert certificates(broker, device.name) == {device.id: "ACTIVE"}
    assert not made.identity.exists()


def test_power_cuts_in_the_first_start(broker, claimant):
    """Whenever the power is cut, the device ends with one certificate and one thing."""
    seen = set()
    for _ in range(ROUNDS):
        made = claimant()
        for _ in range(4):
            made.start()
            time.sleep(random.uniform(0, 0.25))
            made.process.kill()
            files = {each.name for each in made.state.iterdir()} if made.state.exists() else set()
            seen.add(tuple(sorted(files)))
            if made.identity.exists():
                assert "END CERTIFICATE" in made.identity.read_text()
        made.start().wait_connected()
        assert certificates(broker, made.name) == {id_of(made.identity): "ACTIVE"}
        assert not (made.state / "first-start.json").exists()
        made.stop()
    assert len(seen) > 1, seen


def test_the_key_of_a_first_start_that_was_cut_is_used(broker, claimant):
    """A device that was cut off after it had a key goes on with that key."""
    made = claimant(text=body(Parameters={"SerialNumber": {"Type": "String"}, "Site": {"Type": "String"}}))
    made.start().said("InvalidParameters")
    made.process.kill()
    kept = json.loads((made.state / "first-start.json").read_text())
    assert oct((made.state / "first-start.json").stat().st_mode & 0o777) == "0o600"
    assert kept["certificateOwnershipToken"] not in made.process.text()
    made.config.write_text(made.config.read_text() + 'Site = "south"\n')
    made.start().wait_connected()
    assert kept["privateKey"].strip() in made.identity.read_text()
    assert kept["certificatePem"].strip() in made.identity.read_text()
    assert certificates(broker, made.name) == {id_of(made.identity): "ACTIVE"}


def test_without_a_place_for_it_there_is_no_first_start(broker, claimant):
    made = claimant(state_dir="/proc/adit")
    before = all_certificates(broker)
    made.start().said("a first start needs a state-dir that can be written")
    assert made.process.running() and all_certificates(broker) == before


@pytest.mark.parametrize("damage", ["empty", "half", "other key", "noise"])
def test_a_broken_identity_is_kept_aside_and_made_anew(broker, claimant, damage):
    made = claimant()
    made.start().wait_connected().stop()
    whole = made.identity.read_text()
    text = {
        "empty": "",
        "half": whole[: len(whole) // 2],
        "other key": openssl(made.folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout") + whole[whole.index("-----BEGIN CERT") :],
        "noise": "\0" * len(whole),
    }[damage]
    made.identity.write_text(text)
    made.start().said("identity.pem").wait_connected()
    assert (made.state / "identity.pem.broken-1").read_text() == text
    now = certificates(broker, made.name)
    assert len(now) == 2 and now[id_of(made.identity)] == "ACTIVE"


def test_a_broken_identity_without_a_claim_is_named(device, agent):
    holder, other = device(), device()
    keys = {"certificate-file": holder.cert, "private-key-file": other.key, "thing-name": holder.name}
    made = agent(holder.name, **keys).start().said(f"{other.key}: is not the key of the certificate in {holder.cert}")
    assert made.process.running(), "it is looked at again"
    keys["certificate-file"] = holder.cert.with_suffix(".none")
    agent(holder.name, **keys).start().said(f"{holder.cert.with_suffix('.none')}: there is no such file")


def test_a_device_without_anything_says_what_it_needs(agent):
    agent("nobody").start().said("certificate-file").said("[provisioning]")


def test_a_template_that_is_off(broker, claimant):
    made = claimant()
    broker.boto("iot").update_provisioning_template(templateName=made.template, enabled=False)
    made.start().said("InvalidTemplate").said(f"--template-name {made.template} --enabled")
    assert not made.identity.exists()
    made.process.kill()
    broker.boto("iot").update_provisioning_template(templateName=made.template, enabled=True)
    made.start().wait_connected()


def without(action):
    """The claim's policy without one action."""

    def policy(template):
        statements = json.loads(claim_policy(template))["Statement"]
        kept = []
        for each in statements:
            actions = [name for name in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"]) if name != action]
            if actions:
                kept.append((each["Effect"], actions, each["Resource"]))
        return document(*kept)

    return policy


@pytest.mark.parametrize("action", ["iot:Connect", "iot:Subscribe", "iot:Publish"])
def test_a_claim_whose_policy_lacks_something(claimant, action):
    made = claimant(policy=without(action))
    made.start().said("not provisioned").said(action)
    assert not made.identity.exists()


def test_values_come_from_file_environment_and_text(broker, template, device, agent, tmp_path):  # noqa: F811
    name = template()
    claim = device(policy=claim_policy(name), thing=False)
    serial = fresh("sn")
    (tmp_path / "serial").write_text(f"{serial}\0")
    made = agent(
        f"sensor-{serial}", env={"SITE": "west"},
        provisioning={"template": name, "claim-certificate-file": claim.cert, "claim-private-key-file": claim.key},
        **{"provisioning.parameters": {"SerialNumber": f"file:{tmp_path}/serial", "Site": "env:SITE"}},
    )
    made.start().wait_connected()
    assert broker.boto("iot").describe_thing(thingName=made.name)["attributes"] == {"site": "west"}


def test_a_claim_comes_in_for_a_certificate_that_is_broken(broker, claimant, tmp_path):
    """`certificate-file` and a claim: the first is used, and the second when the first cannot be read."""
    (tmp_path / "broken.pem").write_text("half of it")
    made = claimant(**{"certificate-file": tmp_path / "broken.pem", "private-key-file": tmp_path / "broken.pem"})
    made.start().said(f"{tmp_path}/broken.pem").wait_connected()
    assert (tmp_path / "broken.pem").read_text() == "half of it"
