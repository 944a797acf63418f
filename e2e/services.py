"""Real servers behind an agent."""

import subprocess
from pathlib import Path

from harness import Process, free_port, wait_for


class Vnc:
    """TigerVNC's server with an empty screen, on loopback; `prefix` puts it into a namespace."""

    def __init__(self, folder, prefix=()):
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        display = next(n for n in range(100, 1000) if not Path(f"/tmp/.X11-unix/X{n}").exists() and not Path(f"/tmp/.X{n}-lock").exists())
        self.process = Process(
            [*prefix, "Xtigervnc", f":{display}", "-rfbport", self.port, "-SecurityTypes", "None", "-localhost", "-geometry", "320x240", "-depth", "24", "-wr"],
            folder, "xtigervnc",
        )
        self.process.wait_text(f"port {self.port}")

    def end(self):
        self.process.stop()


class Ftp:
    """vsftpd with a folder that anybody may read and write; its data connections use one port. Needs root."""

    def __init__(self, folder, prefix=()):
        self.root, empty = folder / "root", folder / "empty"
        self.files = self.root / "files"
        for each in (self.files, empty):
            each.mkdir(parents=True)
        # It becomes another user, who must reach its folder through those of the test.
        self.files.chmod(0o777)
        for each in self.root.parents:
            if each.is_relative_to("/tmp") and str(each) != "/tmp":
                each.chmod(each.stat().st_mode | 0o055)
        self.port, self.data_port = free_port(), free_port()
        config = folder / "vsftpd.conf"
        config.write_text(
            f"listen=YES\nlisten_address=127.0.0.1\nlisten_port={self.port}\nbackground=NO\n"
            f"anonymous_enable=YES\nlocal_enable=NO\nno_anon_password=YES\nanon_root={self.root}\n"
            "write_enable=YES\nanon_upload_enable=YES\nanon_umask=022\nseccomp_sandbox=NO\n"
            f"pasv_min_port={self.data_port}\npasv_max_port={self.data_port}\nsecure_chroot_dir={empty}\n"
        )
        self.process = Process([*prefix, "vsftpd", config], folder, "vsftpd")
        asks = ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{self.port} && head -c 3 <&3"]
        wait_for(lambda: subprocess.run([*prefix, *asks], capture_output=True, timeout=5).stdout == b"220", self.process.describe)

    def end(self):
        self.process.stop()


def run(*program, timeout=60, **more):
    done = subprocess.run([str(each) for each in program], capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL, **more)
    assert done.returncode == 0, f"{' '.join(map(str, program))}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout
