"""A worker with its supervisor and keeper as victims: found by the kernel's word, killed and stopped by pid, and started again.

Knows when supervisor and keeper were dead together, because only then a job may be lost.
"""

from __future__ import annotations

import enum
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from daemons import Worker, wait_until
from evidence import Gap, Row
from submitters import Address

from jobwire.client.library.client import Client
from jobwire.keys.identity import Identity
from jobwire.schemas.naming import format_folder
from jobwire.worker.supervisor.containment.processes import all_pids, read_stat, started_at_us

PATIENCE_SECONDS = 120.0
_SCHEDULING_SECONDS = 60.0
# What /proc tells of a start is rounded to ticks.
_TICK_US = 20_000


class Victim(enum.Enum):
    """The processes that may be killed."""

    WORKER = "worker"
    SUPERVISOR = "supervisor"
    KEEPER = "keeper"


_CALLS = {Victim.SUPERVISOR: b"supervisor.main import main", Victim.KEEPER: b"keeper import main"}


class House:
    """One worker, its state folder, and its members."""

    def __init__(self, folder: Path, *, slots: int = 4, env: dict[str, str] | None = None, options: Sequence[str] = ()) -> None:
        folder.mkdir(exist_ok=True)
        # In an hour, jobs bring and leave more than the 10 GiB that are kept by default; what was forgotten would look as if it was lost.
        self.worker = Worker(folder, slots=slots, env=env, options=["--keep-jobs", "all", "--keep-bytes", "all", *options])
        self.other = self.worker.add("other", "submitter")
        self.gaps: list[Gap] = []
        # By how much the worker's clock was set off.
        self.clock_slack_us = 0
        self._supervisor_killed_us = 0

    # --- which processes there are

    def pid_of(self, victim: Victim) -> int:
        """Return the pid of one of the daemons; 0 if there is none."""
        if victim is Victim.WORKER:
            process = self.worker.process
            return process.pid if process is not None and process.poll() is None else 0
        found = self._find(_CALLS[victim])
        # Between fork and exec a child looks like its parent.
        return next((pid for pid, parent in found.items() if parent not in found), 0)

    def is_whole(self) -> bool:
        """Return whether keeper and supervisor are running, and the supervisor has finished its adoption."""
        keeper, supervisor = self.pid_of(Victim.KEEPER), self.pid_of(Victim.SUPERVISOR)
        stat = read_stat(supervisor) if supervisor else None
        return bool(keeper) and stat is not None and stat.parent == keeper and self._has_adopted(supervisor)

    def _has_adopted(self, supervisor: int) -> bool:
        stat = read_stat(supervisor)
        with suppress(OSError):
            # Written after the adoption.
            written_us = (self.worker.state / "boot").stat().st_mtime_ns // 1000
            return stat is not None and stat.alive and written_us >= started_at_us(stat.start_ticks) + _TICK_US
        return False

    def _find(self, call: bytes) -> dict[int, int]:
        found: dict[int, int] = {}
        # Known by where it logs: its current folder is that of a job while it starts one.
        log = self.worker.state / "supervisor.log"
        for pid in all_pids():
            with suppress(OSError):
                if call in Path(f"/proc/{pid}/cmdline").read_bytes() and Path(f"/proc/{pid}/fd/2").readlink() == log:
                    stat = read_stat(pid)
                    if stat is not None and stat.alive:
                        found[pid] = stat.parent
        return found

    # --- what is done to them

    def kill(self, *victims: Victim) -> None:
        """Kill them together, and return when they have ended."""
        adopted = self._has_adopted(self.pid_of(Victim.SUPERVISOR))
        holder = self._holder()
        now_us = time.time_ns() // 1000
        pidfds = [os.pidfd_open(pid) for victim in victims if (pid := self.pid_of(victim))]
        for pidfd in pidfds:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        for pidfd in pidfds:
            await_end(pidfd)
        if Victim.WORKER in victims and self.worker.process is not None:
            self.worker.process.wait()
        # Whichever keeper was meant: one that waits may have been killed instead.
        kept = holder in self._find(_CALLS[Victim.KEEPER])
        self._note(set(victims), now_us, adopted=adopted, kept=kept)

    def _holder(self) -> int:
        """Return the pid of the keeper that holds what the supervisor holds; 0: there is none.

        That is not one that a worker started meanwhile, and that waits for the lock.
        """
        supervisor = self.pid_of(Victim.SUPERVISOR)
        stat = read_stat(supervisor) if supervisor else None
        if stat is None:
            return self.pid_of(Victim.KEEPER)
        return stat.parent if stat.parent in self._find(_CALLS[Victim.KEEPER]) else 0

    def _note(self, victims: set[Victim], now_us: int, *, adopted: bool, kept: bool) -> None:
        """Record when neither process held the jobs."""
        self.close_gap()
        begin_us = now_us
        if Victim.SUPERVISOR in victims:
            unheld = not kept
            self._supervisor_killed_us = now_us
        elif Victim.KEEPER in victims:
            # Its supervisor continues alone. One that had not adopted yet has no keeper to get the handover from.
            unheld = not (adopted and self.pid_of(Victim.SUPERVISOR))
            begin_us = self._supervisor_killed_us or now_us
        else:
            return
        if unheld and not (self.gaps and not self.gaps[-1].end_us):
            self.gaps.append(Gap(begin_us))

    def allow_loss_until_whole(self) -> None:
        """Record that both die by a fault of the test."""
        self.gaps.append(Gap(time.time_ns() // 1000))

    def close_gap(self) -> None:
        """End the gap, if the jobs are held again."""
        if self.gaps and not self.gaps[-1].end_us and self.is_whole():
            self.gaps[-1].end_us = time.time_ns() // 1000

    def await_whole(self) -> None:
        """Wait until keeper and supervisor are both running."""
        wait_until(self.is_whole, "a supervisor that has taken over", PATIENCE_SECONDS)
        self.close_gap()

    def signal(self, victim: Victim, number: int) -> int:
        """Send a signal, if it is running; return the pid that got it, or 0."""
        pid = self.pid_of(victim)
        with suppress(ProcessLookupError):
            if pid:
                os.kill(pid, number)
        return pid

    def start(self) -> House:
        """Start the worker, if it is not running."""
        if not self.pid_of(Victim.WORKER):
            self.worker.start()
        return self

    def await_death_of_worker(self) -> None:
        """Wait until the worker has killed itself."""
        assert self.worker.process is not None
        assert self.worker.process.wait(PATIENCE_SECONDS) == -signal.SIGKILL

    # --- its clients

    def connect(self, identity: Identity | None = None) -> Client:
        """Return a client, even while the worker is dead: its endpoint is known."""

        def endpoint() -> str:
            return str(self.worker.described_or_last()["endpoint"])

        return Client.connect(
            endpoint(), self.worker.public, identity or self.worker.admin, connect_timeout=PATIENCE_SECONDS, revive=endpoint
        )

    @property
    def admin(self) -> Identity:
        return self.worker.admin

    @property
    def address(self) -> Address:
        return Address(self.worker.state / "worker.json", self.worker.endpoint, str(self.worker.description["key"]))

    # --- for the comparison

    @property
    def store(self) -> Path:
        return self.worker.state / "state.db"

    @property
    def slots(self) -> int:
        return self.worker.slots

    def gaps_of(self, row: Row) -> Sequence[Gap]:
        """Return when a job may have been lost, whichever it is."""
        del row
        return self.gaps

    def log_of(self, row: Row, stream: str) -> bytes | None:
        """Return what is in the folder of a job."""
        path = self.worker.logs / format_folder(row.pid, row.started_at_us, row.ended_at_us) / stream
        return path.read_bytes() if path.exists() else None

    def place_of(self, name: str) -> str:
        """Return the same for all: everything is shared here."""
        del name
        return ""

    def leftovers(self) -> Iterator[str]:
        """Return the folders of jobs that look as if they ran."""
        for path in self.worker.logs.iterdir():
            if path.name.count("_") != 2:  # pid, start, end
                yield f"the folder {path.name} is still there, and nothing runs"

    def logged(self) -> str:
        return self.worker.logged()

    def keep(self, folder: Path) -> None:
        """Copy what is needed to analyse a fault."""
        shutil.copytree(self.worker.state, folder, symlinks=True, ignore=lambda *_: ["supervisor.sock"])

    # --- the end

    def clean(self) -> None:
        """Stop everything, also after a test that failed halfway."""
        for victim in Victim:
            self.signal(victim, signal.SIGCONT)
        self.worker.env = {}
        try:
            if self.worker.process is not None:
                # Only a running worker can stop all jobs.
                self.start()
            self.worker.clean()
        except BaseException:
            self._clean_by_force()
            raise

    def _clean_by_force(self) -> None:
        self.kill(*Victim)
        mark = f"LEDGER={self.worker.folder.parent}/".encode()
        for pid in all_pids():
            with suppress(OSError):
                if mark in Path(f"/proc/{pid}/environ").read_bytes():
                    os.kill(pid, signal.SIGKILL)


def await_end(pidfd: int) -> None:
    """Wait for the end of a process that need not be a child, and close its pidfd."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    ended = poll.poll(_SCHEDULING_SECONDS * 1000)
    os.close(pidfd)
    assert ended, "a process outlived SIGKILL"
