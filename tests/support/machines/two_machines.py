"""Two machines on one: network namespaces with a cable between them that can be cut. Processes, files and cgroups are shared."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from daemons import Worker
from home import Home
from namespaces import NOBODYS_CARD, Machine
from requirements import can_run

from jobwire.keys.identity import Identity

LAB_ADDRESS = "10.77.0.1"
_LAPTOP_ADDRESS = "10.77.0.2"
_PORT = 7341
# As fast as a good network: what is under way stays so for seconds.
_RATE = "400mbit"
# What a worker sends for a CURVE handshake: a greeting (64), WELCOME (170) and READY, which names the type of its socket; RFC 23 and 26.
_HANDSHAKE_BYTES = 301

_TRIAL = "ip link add one type veth peer name two && tc qdisc add dev one root tbf rate 400mbit burst 1mb latency 50ms"
needs_namespaces = pytest.mark.skipif(
    not can_run("unshare", "--net", "sh", "-c", _TRIAL),
    reason="here no network namespaces can be made (they need root, ip and tc)",
)


class Cable:
    """The cable between two machines."""

    def __init__(self, one: Machine, other: Machine) -> None:
        self.ends = (one, other)
        one.run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(other.pid))
        for machine in self.ends:
            machine.run("ip", "address", "add", f"{machine.address}/24", "dev", "cable")
            machine.run("ip", "link", "set", "lo", "up")
            machine.run("ip", "link", "set", "cable", "up")
            machine.run("tc", "qdisc", "add", "dev", "cable", "root", "tbf", "rate", _RATE, "burst", "1mb", "latency", "50ms")

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """Take the plug out: the machines know that nothing can be sent."""
        self.ends[0].run("ip", "link", "set", "cable", "down")
        try:
            yield
        finally:
            self.ends[0].run("ip", "link", "set", "cable", "up")

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Let everything that is sent arrive nowhere, which nobody notices."""
        for machine, other in (self.ends, self.ends[::-1]):
            machine.run("ip", "neighbour", "replace", other.address, "lladdr", NOBODYS_CARD, "dev", "cable", "nud", "permanent")
        try:
            yield
        finally:
            for machine, other in (self.ends, self.ends[::-1]):
                machine.run("ip", "neighbour", "delete", other.address, "dev", "cable")


class FarWorker(Worker):
    """A worker on a machine of its own: the test reaches it only from the other one."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        super().__init__(folder, slots=20, options=["--listen", f"tcp://{machine.address}:{_PORT}", "--jobs-as-root"])
        self.prefix = machine.prefix
        self.home: Home | None = None

    def _stop_all_jobs(self) -> None:
        if self.home is not None:
            self.home.stop_all()


class TwoMachines:
    """A worker on `lab`, and a member at home on `laptop`."""

    def __init__(self, folder: Path) -> None:
        self.lab = Machine(LAB_ADDRESS)
        self.laptop = Machine(_LAPTOP_ADDRESS)
        self.cable = Cable(self.lab, self.laptop)
        (folder / "lab").mkdir()
        self.worker = FarWorker(folder / "lab", self.lab)

    def start(self, bytecode: Path) -> Home:
        """Start the worker; return the home of its admin."""
        self.worker.start()
        return self.home(self.worker.folder.parent / "laptop", bytecode, self.worker.admin)

    def home(self, folder: Path, bytecode: Path, identity: Identity) -> Home:
        """Return a home on `laptop`."""
        made = Home(folder, bytecode, "admin")
        made.prefix = self.laptop.prefix
        made.use(self.worker, identity)
        self.worker.home = self.worker.home or made
        return made

    def has_begun(self, pid: int) -> bool:
        """Return whether a command on `laptop` has heard more than a handshake on each of its connections, and so will wait for a lost one.

        A TCP connection is not enough: whoever loses it before the handshake is over gives up soon.
        """
        received = [re.search(r" bytes_received:(\d+)", line) for line in self._connections(pid)]
        return bool(received) and all(found is not None and int(found[1]) > _HANDSHAKE_BYTES for found in received)

    def is_connected(self, pid: int) -> bool:
        """Return whether a command on `laptop` has a TCP connection, whatever was said on it."""
        return any(line.startswith("ESTAB ") for line in self._connections(pid))

    def _connections(self, pid: int) -> list[str]:
        """Return the lines of ss(8) about a process on `laptop`."""
        listed = subprocess.run([*self.laptop.prefix, "ss", "-HtinpO"], capture_output=True, text=True, check=True).stdout
        return [line for line in listed.splitlines() if f",pid={pid}," in line]

    def close(self) -> None:
        """Remove everything."""
        try:
            self.worker.clean()
        finally:
            for machine in (self.lab, self.laptop):
                machine.close()
