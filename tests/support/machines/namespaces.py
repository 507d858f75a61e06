"""Machines on one machine: network namespaces, and a switch that they are plugged into. Processes, files and cgroups are shared."""

from __future__ import annotations

import subprocess

# Sends nothing to anybody.
NOBODYS_CARD = "02:00:00:00:00:99"


class Machine:
    """A network namespace, as long as its process lives."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdout is not None
        self._holder.stdout.readline()
        self.pid = self._holder.pid
        # Not `ip netns exec`, which would hide the cgroups.
        self.prefix = ["nsenter", f"--net=/proc/{self.pid}/ns/net"]

    def run(self, *command: str) -> None:
        """Run a command there."""
        subprocess.run([*self.prefix, *command], check=True, stdin=subprocess.DEVNULL)

    def close(self) -> None:
        """Remove it."""
        self._holder.communicate()


class Switch:
    """A switch in the namespace of this process, which is itself plugged into it with an address. The namespace is this one's alone."""

    def __init__(self, address: str, retries: int) -> None:
        """Create it. `retries`: how often TCP sends again, on each machine, before it gives a connection up, tcp(7)."""
        self._retries = f"echo {retries} > /proc/sys/net/ipv4/tcp_retries2"
        _run("ip", "link", "add", "switch", "type", "bridge")
        _run("ip", "address", "add", f"{address}/24", "dev", "switch")
        for link in ("lo", "switch"):
            _run("ip", "link", "set", link, "up")
        _run("sh", "-c", self._retries)

    def plug(self, name: str, machine: Machine) -> None:
        """Connect a machine for the first time."""
        _run("ip", "link", "add", name, "type", "veth", "peer", "name", "cable", "netns", str(machine.pid))
        machine.run("ip", "address", "add", f"{machine.address}/24", "dev", "cable")
        machine.run("ip", "link", "set", "lo", "up")
        machine.run("ip", "link", "set", "cable", "up")
        machine.run("sh", "-c", self._retries)
        self.mend(name)

    def unplug(self, name: str) -> None:
        """Take the plug of a machine out: it knows that nothing can be sent."""
        _run("ip", "link", "set", name, "down")

    def isolate(self, name: str) -> None:
        """Let everything that a machine sends arrive nowhere, and nothing arrive there, which nobody notices."""
        _run("ip", "link", "set", name, "nomaster")

    def mend(self, name: str) -> None:
        """Connect a machine again."""
        _run("ip", "link", "set", name, "master", "switch")
        _run("ip", "link", "set", name, "up")

    def silence(self, address: str) -> None:
        """Let nothing that this process's own machine sends to another one arrive there; what comes from there arrives."""
        _run("ip", "neighbour", "replace", address, "lladdr", NOBODYS_CARD, "dev", "switch", "nud", "permanent")

    def speak(self, address: str) -> None:
        """End the silence."""
        subprocess.run(["ip", "neighbour", "delete", address, "dev", "switch"], check=False, stderr=subprocess.DEVNULL)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
