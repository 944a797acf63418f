"""`adit agent` as a user starts it: a configuration file, and a device's certificate."""

import json
import signal

from harness import Process, bin_dir, clean_environment, toml, wait_for


class Agent:
    """An agent of a device; keys are those of its configuration, with `_` for `-`."""

    def __init__(self, device, folder, services=None, start=True, **keys):
        self.device, self.server, self.folder = device, device.server, folder / f"agent-{device.name}"
        self.state = self.folder / "state"
        self.keys = {
            "endpoint": f"localhost:{self.server.mqtt_port}", "tunnel-endpoint": self.server.endpoint, "ca-file": self.server.ca,
            "certificate-file": device.cert, "private-key-file": device.key, "thing-name": device.name, "state-dir": self.state,
            "log-level": "debug", **{name.replace("_", "-"): value for name, value in keys.items()},
        }
        self.services = {name: str(getattr(target, "port", target)) for name, target in (services or {}).items()}
        self.process, self.processes = None, []
        if start:
            self.start()

    def write(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{name} = {toml(value)}" for name, value in self.keys.items() if value is not None]
        lines += ["[services]", *(f"{name} = {toml(target)}" for name, target in self.services.items())]
        path = self.folder / "agent.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def start(self, *args, wait=True, prefix=(), env=None):
        command = [*prefix, bin_dir() / "adit", "agent", "--config", self.write(), *args]
        self.process = Process(command, self.folder, "agent", env=clean_environment(**(env or {})))
        self.processes.append(self.process)
        if wait:
            self.says("connected to")
        return self

    def says(self, text, timeout=40, count=1):
        self.process.wait_text(text, timeout, count)
        return self

    def text(self):
        return "".join(process.text() for process in self.processes)

    def kill(self):
        return self.process.kill()

    def stop(self):
        return self.process.stop(signal.SIGTERM)

    def close(self):
        for process in self.processes:
            process.kill()

    def reported(self):
        """What the operator sees of it; {} before the first report."""
        data = self.server.boto("iot-data")
        try:
            got = data.get_thing_shadow(thingName=self.device.name, shadowName="adit-agent")
        except data.exceptions.ResourceNotFoundException:
            return {}
        return json.loads(got["payload"].read())["state"].get("reported", {})

    def wait_reported(self, condition, what):
        wait_for(lambda: condition(self.reported()), lambda: f"{what}; reported is {self.reported()}\n{self.process.describe()}", 40, 0.2)
        return self.reported()
