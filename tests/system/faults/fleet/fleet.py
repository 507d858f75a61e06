"""A broker and its workers, each on a machine of its own, as victims: killed, stopped, cut off, drained, and put right again.

The machines are network namespaces at one switch, which the clients are plugged into too. Where there are none, all of it runs on the
loopback, and who is cut off is stopped by a signal instead.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from brokers import Broker
from daemons import wait_until
from evidence import Gap, Row, read_store
from house import PATIENCE_SECONDS, House, Victim
from namespaces import Machine, Switch
from submitters import Address

from jobwire.client.library.client import Client
from jobwire.keys.identity import KEY_BYTES, Identity, format_public
from jobwire.keys.members import roster
from jobwire.keys.proofs import attestation
from jobwire.schemas.jobs.states import OutcomeKind, State
from jobwire.schemas.naming import format_id
from jobwire.schemas.refusal import Refused
from jobwire.worker.supervisor.containment.processes import all_pids

BROKER = "broker"
WORKERS = ("lab1", "lab2", "lab3")
_PORT = 7341
_CLIENTS_ADDRESS = "10.79.0.254"
# A connection in use is given up after some three seconds of silence, so that a cut of seconds has both kinds of end.
_TCP_RETRIES = 3
_TRUSTED, _DISTRUSTED = 'vouch = "submitter"', "# vouches for nobody"
_PIECE_BYTES = 1024 * 1024
_CGROUPS = Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")


class _Machines:
    """The switch, and a machine for each daemon."""

    def __init__(self) -> None:
        self.switch = Switch(_CLIENTS_ADDRESS, _TCP_RETRIES)
        self.by_name = {name: Machine(f"10.79.0.{number}") for number, name in enumerate((BROKER, *WORKERS), 1)}
        for name, machine in self.by_name.items():
            self.switch.plug(name, machine)

    def close(self) -> None:
        for machine in self.by_name.values():
            machine.close()


class _Attempt(NamedTuple):
    """An attempt at a job of the broker, and the key of the worker that it was placed on."""

    owner: bytes
    id: bytes
    number: int
    worker: bytes


class Fleet:
    """All of them, running. `separated`: each on a machine of its own; this process then is in a network namespace of its own."""

    def __init__(self, folder: Path, *, slots: int, separated: bool) -> None:
        self.folder = folder
        self.slots = slots
        self.clock_slack_us = 0
        self._machines = _Machines() if separated else None
        self.houses: dict[str, House] = {}
        try:
            self._make(folder)
        except BaseException:
            self.clean()
            raise

    def _make(self, folder: Path) -> None:
        self.broker = Broker(folder / BROKER, **self._place(BROKER))
        self.other = self.broker.add("other", "submitter")
        self.broker.start()
        for name in WORKERS:
            place = self._place(name)
            listen = ["--listen", place["listen"]] if place else []
            house = House(folder / name, slots=self.slots, options=[*listen, "--jobs-as-root", *self.broker.joining])
            house.worker.prefix = place.get("prefix", [])
            self.houses[name] = house.start()
            roster.add_member(self.broker.roster, name, house.worker.public, "worker")
        self.await_whole()

    def _place(self, name: str) -> dict[str, object]:
        if self._machines is None:
            return {}
        machine = self._machines.by_name[name]
        host = f"tcp://{machine.address}"
        return {"listen": f"{host}:{_PORT}", "prefix": machine.prefix} | ({"events": f"{host}:{_PORT + 1}"} if name == BROKER else {})

    # --- what is done to them

    def pid_of(self, name: str, victim: Victim = Victim.WORKER) -> int:
        """Return the pid of the broker, or of a daemon of a worker; 0 if it is not running."""
        if name != BROKER:
            return self.houses[name].pid_of(victim)
        process = self.broker.process
        return process.pid if process is not None and process.poll() is None else 0

    def kill_broker(self) -> None:
        """Kill the broker, if it is running."""
        if self.pid_of(BROKER):
            self.broker.kill()

    def start_broker(self) -> None:
        """Start the broker, if it is not running."""
        if not self.pid_of(BROKER):
            self.broker.start()

    def start(self) -> None:
        """Start whoever is not running."""
        self.start_broker()
        for house in self.houses.values():
            house.start()

    def cut(self, name: str, *, noticed: bool) -> None:
        """Let nothing pass to or from a machine. `noticed`: it is told so by the kernel."""
        if self._machines is None:
            self._signal(name, signal.SIGSTOP)
        elif noticed:
            self._machines.switch.unplug(name)
        else:
            self._machines.switch.isolate(name)

    def mend(self, name: str) -> None:
        """End a cut."""
        if self._machines is None:
            self._signal(name, signal.SIGCONT)
        else:
            self._machines.switch.mend(name)

    def silence_clients(self, *, silent: bool) -> None:
        """Let nothing that clients send reach the broker, or let it reach it again; not on the loopback."""
        if self._machines is not None:
            address = self._machines.by_name[BROKER].address
            (self._machines.switch.silence if silent else self._machines.switch.speak)(address)

    def _signal(self, name: str, number: int) -> None:
        if pid := self.pid_of(name):
            os.kill(pid, number)

    def drain(self, name: str, *, drained: bool) -> None:
        """Have the broker place no jobs on a worker, or place them there again."""
        with self.connect() as client:
            client.workers.drain(name, drained=drained)

    def trust(self, name: str, *, trusted: bool) -> None:
        """Have a worker accept jobs of members whom only the broker knows, or not any more."""
        path = self.houses[name].worker.roster
        text = path.read_text()
        changed = path.with_suffix(".changed")
        changed.write_text(text.replace(_DISTRUSTED, _TRUSTED) if trusted else text.replace(_TRUSTED, _DISTRUSTED))
        changed.chmod(0o600)
        changed.rename(path)

    def close_gaps(self) -> None:
        """End the gaps of workers whose jobs are held again."""
        for house in self.houses.values():
            house.close_gap()

    # --- as a desk

    @property
    def admin(self) -> Identity:
        return self.broker.admin

    @property
    def address(self) -> Address:
        return Address(self.broker.state / "worker.json", self.broker.listen, format_public(self.broker.public))

    def connect(self, identity: Identity | None = None) -> Client:
        """Return a client, even while the broker is dead."""
        listen = self.broker.listen
        return Client.connect(listen, self.broker.public, identity or self.admin, connect_timeout=PATIENCE_SECONDS, revive=lambda: listen)

    def await_whole(self) -> None:
        """Wait until all daemons are running, and all workers are ready."""
        for house in self.houses.values():
            house.await_whole()
        with self.connect() as client:
            wait_until(lambda: {one.state for one in client.workers.list()} == {"ready"}, "all workers are ready", PATIENCE_SECONDS)

    # --- for the comparison

    @property
    def store(self) -> Path:
        return self.broker.state / "state.db"

    def rows(self) -> dict[bytes, Row]:
        """Return the jobs of the broker, by their ids."""
        return {row.id: row for row in read_store(self.store)[0]}

    @cached_property
    def _placed(self) -> dict[str, _Attempt]:
        """Every attempt that was placed, by its name in the ledger."""
        with closing(sqlite3.connect(self.store)) as connection:
            rows = connection.execute("SELECT owner, id, n, machine FROM placements JOIN jobs ON jobs.row = job").fetchall()
        found = (_Attempt(owner, job_id, number, machine[:KEY_BYTES]) for owner, job_id, number, machine in rows)
        return {_name(attempt): attempt for attempt in found}

    def place_of(self, name: str) -> str:
        """Return the worker that an attempt was placed on; empty: none."""
        attempt = self._placed.get(name)
        return next((name for name, house in self.houses.items() if attempt and house.worker.public == attempt.worker), "")

    def gaps_of(self, row: Row) -> Sequence[Gap]:
        """Return when nobody held the jobs of the worker where this one was."""
        house = self.houses.get(self.place_of(_name(_Attempt(row.owner, row.id, row.attempt, b""))))
        return house.gaps if house is not None else []

    @cached_property
    def _reader(self) -> Client:
        return self.connect()

    def log_of(self, row: Row, stream: str) -> bytes | None:
        """Return what the broker gives of a log."""
        job = self._reader.job_by_key(row.owner, row.id)
        data = b""
        while True:
            try:
                part, _ = job.read_range(stream, len(data), _PIECE_BYTES)
            except Refused:
                return None
            if not part:
                return data
            data += part

    def leftovers(self) -> Iterator[str]:
        """Return what is left of jobs at the workers and on this machine, and what a worker had that was not placed there."""
        for name, house in self.houses.items():
            yield from (f"{name}: {sentence}" for sentence in house.leftovers())
            yield from (f"{name}: {sentence}" for sentence in self._astray(house))
        yield from filter(None, map(self._forged, self.rows().values()))
        mark = f"LEDGER={self.folder}/".encode()
        for pid in all_pids():
            with suppress(OSError):
                if mark in Path(f"/proc/{pid}/environ").read_bytes():
                    yield f"the process {pid} of a job still runs: {Path(f'/proc/{pid}/cmdline').read_bytes()!r}"

    def _forged(self, row: Row) -> str:
        """Return what is wrong with what a worker has signed of an end; what never had a process may have ended at the broker."""
        name = _name(_Attempt(row.owner, row.id, row.attempt, b""))
        if row.outcome is None or not row.pid or row.outcome.kind is OutcomeKind.LOST:
            return ""
        if not row.attestation:
            return f"the end of {name} is not signed"
        worker, end = attestation.read(row.attestation)
        signed = (worker, end.key.owner, end.key.id, end.attempt, end.pid, end.outcome.exit_status, end.outcome.signal)
        told = (self._placed[name].worker, row.owner, row.id, row.attempt, row.pid, row.outcome.exit_status, row.outcome.signal)
        return "" if signed == told else f"the end of {name} is {told}, and {signed} was signed"

    def _astray(self, house: House) -> Iterator[str]:
        rows, _ = read_store(house.store)
        yield from (f"{format_id(row.id)} is in state {State(row.state).name}" for row in rows if row.state != State.FINISHED)
        with closing(sqlite3.connect(house.store)) as connection:
            had = connection.execute("SELECT owner, id, attempt, settled FROM relayed").fetchall()
        if len(rows) != len(had):
            yield f"it has {len(rows)} jobs, and {len(had)} of the broker"
        for *key, settled in had:
            name = _name(attempt := _Attempt(*key, house.worker.public))
            if not settled:
                yield f"{name} is not settled"
            if self._placed.get(name) != attempt:
                yield f"{name} was placed on {self.place_of(name) or 'no worker'}, and is here too"

    # --- the end

    def logged(self) -> str:
        parts = [f"== {name}\n{house.logged()}" for name, house in self.houses.items()]
        return "\n".join([f"== {BROKER}\n{self.broker.logged()}", *parts])

    def keep(self, folder: Path) -> None:
        """Copy what is needed to analyse a fault."""
        folder.mkdir()
        shutil.copytree(self.broker.state, folder / BROKER, symlinks=True)
        for name, house in self.houses.items():
            house.keep(folder / name)

    def clean(self) -> None:
        """Stop everything. Raises AssertionError if a cgroup is left."""
        if "_reader" in self.__dict__:
            self._reader.close()
        names = []
        try:
            for name in self.houses:
                self.mend(name)
            for house in self.houses.values():
                status = house.worker.state.stat()
                names.append(f"jobwire-{status.st_dev:x}-{status.st_ino:x}")
                house.clean()
        finally:
            self.kill_broker()
            if self._machines is not None:
                self._machines.close()
        paths = [root / name for name in names for root in _CGROUPS]
        wait_until(lambda: not any(path.exists() for path in paths), "no cgroup is left")


def _name(attempt: _Attempt) -> str:
    name = format_id(attempt.id)
    return name if attempt.number == 1 else f"{name}.{attempt.number}"
