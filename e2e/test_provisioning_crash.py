"""SIGKILL in the middle of a storm of first connections: each certificate is then absent, pending, or complete.

`ADIT_STORM_ROUNDS` says how often the server is killed (6).
"""

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from factory import Factory, template
from test_first_connect import ACCEPTED, greet

ROUNDS = int(os.environ.get("ADIT_STORM_ROUNDS", "6"))
DEVICES = 60


def shape(device, iot):
    """What is there of a device: certificate, thing, policies and attachments, as far as they are there."""
    status = device.status()
    try:
        thing = iot.describe_thing(thingName=device.name)["attributes"]
        principals = iot.list_thing_principals(thingName=device.name)["principals"]
    except iot.exceptions.ResourceNotFoundException:
        thing, principals = None, []
    return status, thing, principals, len(device.policies()) if status else 0


def test_nothing_is_half_made(new_server, tmp_path):
    server = new_server(False).with_mqtt().start()
    factory = Factory(server, tmp_path / "factory", ec=True).register(template())
    devices = [factory.device() for _ in range(DEVICES)]
    complete = lambda each: ("ACTIVE", {"version": "v1", "country": "IN"}, [each.arn], 1)  # noqa: E731
    untouched, pending = (None, None, [], 0), ("PENDING_ACTIVATION", None, [], 0)
    seen = set()
    for round_ in range(ROUNDS):
        stop = threading.Event()

        def come(device):
            while not stop.is_set():
                try:
                    if greet(device) == ACCEPTED:
                        return
                except OSError:
                    return

        some = random.sample(devices, DEVICES // 3) if round_ < ROUNDS - 1 else devices
        with ThreadPoolExecutor(20) as pool:
            running = [pool.submit(come, device) for device in some]
            time.sleep(random.uniform(0.02, 0.4))
            server.kill()
            stop.set()
            for each in running:
                each.result()
        server.restart()
        for device in devices:
            found = shape(device, factory.iot)
            assert found in (untouched, pending, complete(device)), found
            seen.add(found[0])
    assert "ACTIVE" in seen, seen
    for device in devices:
        deadline = time.monotonic() + 20
        while greet(device) != ACCEPTED and time.monotonic() < deadline:
            pass
        assert shape(device, factory.iot) == complete(device)
    (name,) = {name for device in devices for name in device.policies()}
    assert len(factory.iot.list_targets_for_policy(policyName=name, pageSize=250)["targets"]) == DEVICES
