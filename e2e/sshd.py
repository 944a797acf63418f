"""OpenSSH servers of our own, on free ports."""

import getpass
import os
import shutil
import subprocess
from pathlib import Path

from harness import Process, clean_environment, free_port, wait_for


class Sshd:
    """A private OpenSSH server on a free port, with its own host key and one user key; `prefix` puts it into a namespace."""

    def __init__(self, folder, prefix=(), port=None):
        program = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        assert program, "sshd is missing: apt-get install openssh-server"
        folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.folder, self.port, self.user = folder, port or free_port(), getpass.getuser()
        self.key = folder / "user_key"
        for path in (folder / "host_key", self.key):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True, timeout=30)
        (folder / "authorized_keys").write_text(self.key.with_suffix(".pub").read_text())
        (folder / "sshd_config").write_text(
            f"""
            Port {self.port}
            ListenAddress 127.0.0.1
            HostKey {folder}/host_key
            AuthorizedKeysFile {folder}/authorized_keys
            PidFile none
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            PermitRootLogin yes
            MaxStartups 200
            MaxSessions 200
            AcceptEnv LANG LC_*
            Subsystem sftp internal-sftp
            """
        )
        self.process = Process([*prefix, program, "-D", "-e", "-f", folder / "sshd_config"], folder, "sshd")
        wait_for(lambda: "Server listening" in self.process.err(), self.process.describe)

    def options(self, port):
        return [
            "-i", str(self.key), "-F", "/dev/null",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20",
        ]

    def ssh(self, port, *command, input=None, timeout=60):
        return subprocess.run(
            ["ssh", *self.options(port), "-p", str(port), f"{self.user}@localhost", *command],
            input=input, capture_output=True, text=True, timeout=timeout, env=clean_environment(),
        )

    def shell(self, port):
        """An ssh session that stays open; talk to it through its pipes."""
        return subprocess.Popen(
            ["ssh", *self.options(port), "-p", str(port), f"{self.user}@localhost", "cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(),
        )

    def end(self):
        self.process.kill()


def end_shell(session):
    session.kill()
    session.communicate(timeout=10)


class PasswordSshd:
    """An sshd with an RSA host key whose root has a password of ours, in a mount namespace of its own."""

    def __init__(self, folder, password):
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.user = free_port(), "root"
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", folder / "host_key"], check=True, timeout=60)
        hashed = subprocess.run(
            ["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()
        (folder / "shadow").write_text(f"root:{hashed}:20000:0:99999:7:::\nsshd:!:20000::::::\n")
        (folder / "shadow").chmod(0o600)
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\nUsePAM no\n"
            "PasswordAuthentication yes\nPubkeyAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
        )
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        script = 'mount --bind "$1" /etc/shadow && exec "$2" -D -e -f "$3"'
        command = ["unshare", "--mount", "sh", "-c", script, "sh", folder / "shadow", program, folder / "sshd_config"]
        if os.getuid() != 0:
            command = ["sudo", "-n", *command]
        self.process = Process(command, folder, "sshd")
        wait_for(lambda: "Server listening" in self.process.err(), self.process.describe)

    def end(self):
        self.process.kill()
