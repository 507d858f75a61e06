"""How a worker switches to the installed version while its jobs continue: on SIGHUP, which `jobwire worker reload` sends.

    1  the new installation is run to report what it can take over; one that is broken or too old is refused, and nothing changes
    2  the supervisor exits, the keeper executes itself, and starts the next supervisor, which adopts the running jobs
    3  the worker closes its sockets and executes itself, with the same pid, lock and endpoints

Steps 2 and 3 lose no more than a `kill -9` of each process would: nothing. Meanwhile jobs continue, and wait only if their pipes are full.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..broker.own_process.handled_signals import SIGNALS
from ..broker.store import tables
from ..schemas.json_text import object_of
from ..schemas.refusal import Code, Refused
from .keeper.light_process import command
from .own_process import orphans
from .wire.words import VERSION as LINK_VERSION

PROBE = "probe"
_PROBE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Reloads:
    """How often this worker was told to reload, and the result of the last time: why it failed, or a note; empty if there is neither."""

    count: int = 0
    problem: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a worker passes on when it executes itself: its lock, the descriptor limit for jobs, its endpoints."""

    lock: int
    files_limit: int
    reloads: Reloads
    listen: str
    event_listen: str


def from_json(fields: dict[str, Any] | None) -> Resumed | None:
    """Return what `become_anew` wrote."""
    return None if fields is None else Resumed(**{**fields, "reloads": Reloads(**fields["reloads"])})


def probe() -> int:
    """In the new installation: import the code of all three processes, print what it can take over, return the exit status."""
    told = subprocess.run(command("probe import tell; tell()"), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if told.returncode:
        print(told.stderr, file=sys.stderr)  # noqa: T201 -- the answer
        return 1
    answer = {"version": __version__, "store": tables.VERSION, "link": LINK_VERSION, "handovers": [int(one) for one in told.stdout.split()]}
    print(json.dumps(answer))  # noqa: T201 -- the answer
    return 0


async def demand_successor(keeper_form: int) -> None:
    """Check that the installation on the disk can take over from this process.

    `keeper_form`: the version of the handover of this worker's keeper; 0: it has none. Raises Refused(FAILED_PRECONDITION).
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *_python(PROBE), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        orphans.awaited.add(process.pid)
        try:
            said, complaint = await asyncio.wait_for(process.communicate(), _PROBE_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise _refuse(f"it does not start within {_PROBE_SECONDS} s") from None
        finally:
            orphans.awaited.discard(process.pid)
    except OSError as error:
        raise _refuse(f"{sys.executable} cannot be executed: {error.strerror}") from error
    try:
        answer = object_of(said)
        version, store, link, handovers = (answer[name] for name in ("version", "store", "link", "handovers"))
    except (ValueError, KeyError, TypeError):
        lines = complaint.decode(errors="replace").strip().splitlines() or [f"exit status {process.returncode}"]
        raise _refuse(f"it does not start: {lines[-1]}") from None
    judge(version, store, link, handovers, keeper_form)


def judge(version: str, store: int, link: int, handovers: list[int], keeper_form: int) -> None:
    """Check whether a version can take over from this process.

    Raises Refused(FAILED_PRECONDITION).
    """
    if store < tables.VERSION:
        raise _refuse(f"jobwire {version} supports store version {store}, but the store has version {tables.VERSION}")
    if link < LINK_VERSION:
        raise _refuse(f"jobwire {version} uses version {link} of the protocol with its supervisor, but this worker uses {LINK_VERSION}")
    if keeper_form and keeper_form not in handovers:
        raise _refuse(f"jobwire {version} cannot read version {keeper_form} of the keeper's handover")


# SIGHUP was ignored when this process was started, as by nohup: it continues after its terminal is closed.
_outlives_terminal = False


def become_anew(settings: dict[str, str | int | bool], resumed: Resumed) -> None:
    """Execute the installed version; does not return."""
    os.set_inheritable(resumed.lock, True)  # noqa: FBT003 -- it takes no name
    told = {"settings": settings, "ready_fd": -1, "announce": False, "resumed": asdict(resumed)}
    if _outlives_terminal:
        # The next version inherits that; a SIGHUP that arrives meanwhile stays pending, as it is blocked.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv(sys.executable, _python(json.dumps(told)))  # noqa: S606 -- no shell is wanted


def forget_dispositions() -> None:
    """Reset signals that were ignored at the start of this process, except those that Python ignores; block only `SIGNALS`."""
    global _outlives_terminal  # noqa: PLW0603 -- as dispositions, it is the process's
    _outlives_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, SIGNALS)


def outlives_terminal() -> bool:
    """Return whether this process was started to continue after its terminal is closed."""
    return _outlives_terminal


def ends_with_terminal() -> bool:
    """Return whether this process has a terminal and exits with it: a closed terminal sends SIGHUP too, and is gone then."""
    if _outlives_terminal:
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _python(word: str) -> list[str]:
    return [sys.executable, "-P", "-m", f"{__package__}.main", word]


def _refuse(reason: str) -> Refused:
    home = Path(sys.prefix)
    return Refused(
        Code.FAILED_PRECONDITION, f"the version in {home} cannot take over: {reason}", "install another version; this one continues to run"
    )
