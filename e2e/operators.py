"""Operators: `adit ssh`, `nc` and `forward` started as a person starts them, and the devices they go to."""

import json
import subprocess
import threading

from harness import Process, bin_dir, clean_environment, wait_for


class Operator:
    """Somebody at a laptop with a home folder, the environment of `adit env`, and the user key of an sshd."""

    def __init__(self, server, home, sshd=None):
        self.server, self.home, self.sshd = server, home, sshd
        home.mkdir(parents=True, exist_ok=True)
        self.env = {**server.env, **clean_environment(HOME=str(home), XDG_RUNTIME_DIR=str(home))}
        self.processes = []

    @property
    def ssh_options(self):
        return ["-F", "/dev/null", "-i", self.sshd.key, "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"]

    def adit(self, *args, input=None, env=None, timeout=60):
        """Runs `adit` to its end; bytes in, bytes out."""
        more = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
        return subprocess.run(
            [str(each) for each in (bin_dir() / "adit", *args)],
            env={**self.env, **(env or {})}, capture_output=True, timeout=timeout, cwd=self.home, **more,
        )

    def ssh(self, *args, own=(), **more):
        """`adit ssh`, with adit's own options in `own`."""
        return self.adit("ssh", *own, *self.ssh_options, *args, **more)

    def start(self, *args, env=None):
        """`adit` as a process that goes on."""
        return self._start([bin_dir() / "adit", *args], args[0], {**self.env, **(env or {})})

    def start_in_terminal(self, line):
        """`adit` in a terminal, whose screen is the output."""
        return self._start(["script", "-qefc", f"{bin_dir()}/adit {line}", "/dev/null"], "terminal", self.env)

    def _start(self, args, name, env):
        process = Process(args, self.home / "log", name, env=env)
        self.processes.append(process)
        return process

    def start_ssh(self, *args, own=(), **more):
        return self.start("ssh", *own, *self.ssh_options, *args, **more)

    def open_tunnels(self, thing):
        found = self.server.api.list_tunnels(thingName=thing)["tunnelSummaries"]
        return [each for each in found if each["status"] == "OPEN"]

    def tunnels(self, thing):
        return self.server.api.list_tunnels(thingName=thing)["tunnelSummaries"]

    def wait_clean(self, thing):
        """Waits until no tunnel to a thing is left on the list, open or closed."""
        wait_for(lambda: not self.tunnels(thing), lambda: f"tunnels that are left: {self.tunnels(thing)}")

    def end(self):
        for process in self.processes:
            process.kill()


class Home:
    """A device that hears of its tunnels over MQTT and starts a local proxy for each, as AWS's minimal agent does."""

    def __init__(self, client, proxies, services, options=()):
        self.client, self.proxies, self.services, self.options = client, proxies, services, options
        self.server, self.thing = client.device.server, client.device.name
        self.told, self.running = [], []
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def topic(self):
        return f"$aws/things/{self.thing}/tunnels/notify"

    def start(self):
        """Comes online."""
        self.client.connect()
        self.client.subscribe(self.topic)
        return self

    def _listen(self):
        while True:
            note = json.loads(self.client.messages.get().payload)
            self.told.append(note)
            mapping = ",".join(f"{name}={self.services[name]}" for name in note["services"])
            self.running.append(
                self.proxies.destination(
                    self.server, note["clientAccessToken"], mapping, *self.options, wait=False,
                )
            )
