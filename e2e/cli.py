"""`adit` as an operator types it, in a folder of his own."""

import json
import subprocess

from harness import Result, bin_dir, clean_environment


class Cli:
    def __init__(self, folder, **env):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.env = folder, env

    def __call__(self, *args, code=0, env=None, text=None, timeout=60):
        """Runs `adit …`; fails unless it ends with that code. The environment has nothing of AWS but what is given."""
        done = subprocess.run(
            [str(each) for each in (bin_dir() / "adit", *args)],
            cwd=self.folder, env=clean_environment(**{"HOME": str(self.folder), **self.env, **(env or {})}),
            capture_output=True, text=True, timeout=timeout, **({"stdin": subprocess.DEVNULL} if text is None else {"input": text}),
        )
        assert done.returncode == code, f"adit {' '.join(map(str, args))}: {done.returncode}\n{done.stdout}{done.stderr}"
        return Result(done.returncode, done.stdout, done.stderr)

    def json(self, *args, **more):
        return json.loads(self(*args, "-o", "json", **more).out)

    def lines(self, *args, **more):
        return [json.loads(line) for line in self(*args, "-o", "jsonl", **more).out.splitlines()]


def of(server, folder):
    """The command with the environment that `adit env` prints."""
    names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_CA_BUNDLE")
    return Cli(folder, **{name: server.env[name] for name in names})
