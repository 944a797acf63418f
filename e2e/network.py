"""A network of one's own with a NAT router in the middle, whose faults a test switches on and off:

    server (this host) -- router (a namespace: NAT, nftables, tbf) -- device (a namespace)

Needs root. Nothing but packets between these three goes through it.
"""

import itertools
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HOST = "adit.test"

_count = itertools.count()

# Flows that were seen less than `IDLE` ago. Unlike the kernel's own connection tracking, which picks flows up again, this
# table never learns a flow but from its first packet: what cheap routers and carriers do.
RULES = """
table ip router {
    set flows {
        type ipv4_addr . inet_service . ipv4_addr . inet_service
        flags dynamic, timeout
        timeout 1h
        size 65535
    }
    chain fault { }
    chain forward {
        type filter hook forward priority 0; policy accept;
        jump fault
        ip protocol != tcp accept
        iifname "device" tcp flags & (syn | ack) == syn update @flows { ip saddr . tcp sport . ip daddr . tcp dport TIMEOUT } accept
        iifname "device" ip saddr . tcp sport . ip daddr . tcp dport @flows update @flows { ip saddr . tcp sport . ip daddr . tcp dport TIMEOUT } accept
        iifname "server" ip daddr . tcp dport . ip saddr . tcp sport @flows update @flows { ip daddr . tcp dport . ip saddr . tcp sport TIMEOUT } accept
        drop
    }
    chain postrouting {
        type nat hook postrouting priority 100;
        oifname "server" masquerade
    }
}
"""


def ip(*args, check=True):
    return subprocess.run(["ip", *map(str, args)], check=check, capture_output=True, text=True)


class Network:
    """One device's way to the server."""

    def __init__(self, idle=3600):
        if os.getuid() != 0:
            pytest.skip("needs root: network namespaces of its own")
        self.number = next(_count)
        self.name = f"adit{os.getpid()}x{self.number}"
        self.router, self.device = f"{self.name}r", f"{self.name}d"
        self.outside = f"ad{os.getpid()}x{self.number}"[:15]
        net = f"10.{200 + os.getpid() % 50}.{self.number % 256}"
        self.server_address, router_out = f"{net}.1", f"{net}.2"
        self.gateway, self.device_address, self.other_address = f"{net}.9", f"{net}.10", f"{net}.11"
        if ip("netns", "add", self.router, check=False).returncode:
            pytest.skip("this machine does not allow network namespaces")
        try:
            ip("netns", "add", self.device)
            self.etc = Path(f"/etc/netns/{self.device}")
            self.etc.mkdir(parents=True)
            (self.etc / "resolv.conf").write_text(f"nameserver {self.gateway}\noptions timeout:1 attempts:1\n")
            (self.etc / "hosts").touch()
            self.name_known(True)
            ip("link", "add", self.outside, "type", "veth", "peer", "server", "netns", self.router)
            ip("-n", self.router, "link", "add", "device", "type", "veth", "peer", "up0", "netns", self.device)
            ip("addr", "add", f"{self.server_address}/30", "dev", self.outside)
            ip("link", "set", self.outside, "up")
            for namespace, interface, address in (
                (self.router, "server", f"{router_out}/30"), (self.router, "device", f"{self.gateway}/29"),
                (self.device, "up0", f"{self.device_address}/29"),
            ):
                ip("-n", namespace, "addr", "add", address, "dev", interface)
                ip("-n", namespace, "link", "set", interface, "up")
                ip("-n", namespace, "link", "set", "lo", "up")
            ip("-n", self.device, "route", "add", "default", "via", self.gateway)
            self.in_router("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
            self.idle(idle)
        except BaseException:
            self.close()
            raise

    @property
    def inside(self):
        """What goes before a command that runs on the device."""
        return ["ip", "netns", "exec", self.device]

    def in_router(self, *args, text=None):
        done = subprocess.run(["ip", "netns", "exec", self.router, *args], input=text, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(args)}: {done.stderr}"
        return done.stdout

    def fault(self, *rules):
        """Every packet meets these rules first; none: no fault."""
        text = "flush chain ip router fault\n" + "".join(f"add rule ip router fault {rule}\n" for rule in rules)
        self.in_router("nft", "-f", "-", text=text)

    def blackhole(self):
        """Packets vanish without a word, both ways."""
        self.fault("drop")

    def one_way(self):
        """What the server says is lost; what the device says arrives."""
        self.fault('iifname "server" drop')

    def reject(self):
        """New and old connections are reset."""
        self.fault("ip protocol tcp reject with tcp reset", "reject")

    def idle(self, seconds):
        """The router forgets a flow that is silent for so long, and drops its packets without a word. It forgets all now."""
        rules = RULES.replace("TIMEOUT", f"timeout {seconds}s")
        self.in_router("nft", "-f", "-", text="table ip router\ndelete table ip router\n" + rules)

    def forget(self):
        """The router forgets all flows, now, without a word."""
        self.in_router("nft", "flush", "set", "ip", "router", "flows")

    def slow(self, rate="64kbit"):
        """Both directions get a narrow pipe with a long queue; None: wide again."""
        for interface in ("server", "device"):
            if rate:
                self.in_router("tc", "qdisc", "replace", "dev", interface, "root", "tbf", "rate", rate, "burst", "4kb", "latency", "2s")
            else:
                self.in_router("tc", "qdisc", "del", "dev", interface, "root")

    def held_back(self):
        """Times that the narrow pipe kept a packet waiting."""
        said = self.in_router("tc", "-s", "qdisc", "show")
        return sum(int(count) for count in re.findall(r"qdisc tbf.*?overlimits (\d+)", said, re.DOTALL))

    def unplug(self):
        """The device's link goes down and its route with it."""
        ip("-n", self.device, "link", "set", "up0", "down")

    def plug(self):
        ip("-n", self.device, "link", "set", "up0", "up")
        ip("-n", self.device, "route", "replace", "default", "via", self.gateway)

    def readdress(self):
        """The device gets another address, as when a modem dials in again; its old flows are nobody's."""
        ip("-n", self.device, "addr", "flush", "dev", "up0")
        ip("-n", self.device, "addr", "add", f"{self.other_address}/29", "dev", "up0")
        ip("-n", self.device, "route", "replace", "default", "via", self.gateway)

    def name_known(self, known):
        """Whether the device can resolve the server's name."""
        (self.etc / "hosts").write_text("127.0.0.1 localhost\n" + (f"{self.server_address} {HOST}\n" if known else ""))

    def flows(self):
        """Flows that the router knows."""
        return self.in_router("nft", "list", "set", "ip", "router", "flows").count(" expires ")

    def close(self):
        for namespace in (self.device, self.router):
            ip("netns", "del", namespace, check=False)
        ip("link", "del", self.outside, check=False)
        shutil.rmtree(f"/etc/netns/{self.device}", ignore_errors=True)
