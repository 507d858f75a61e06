"""How the private worker is started: as a process of its own, in the user's home, with this process's environment."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ...keys import more_processes
from ...keys.files.user_folders import roster_path
from ...schemas.refusal import Code, Refused
from ..sockets.addressee import Context
from . import caller
from .running import understand
from .state_folder import open_private, unusable

if TYPE_CHECKING:
    import subprocess

_LAST_LOG_LINES = 8
_LARGEST_LOG_TAIL = 4096
_MOST_STARTS = 3
_END_SECONDS = 1
# Folders, one or several, in which the interpreter and the loader of libraries look (ld.so(8) takes a semicolon too).
_SEARCHED = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX", "LD_LIBRARY_PATH")
_PYTHON_STEP = "start it yourself (jobwire worker run --embedded), or set sys.executable to the Python that has jobwire"
# What is not the fault of Python.
_SHORTAGES = (errno.EAGAIN, errno.ENOMEM)
_NULL_STEP = f"make it: mknod -m 666 {os.devnull} c 1 3"

# Workers that this process started; reaped at the next start, so that none stays a zombie.
_started: list[subprocess.Popen[bytes]] = []


class _KilledError(Refused):
    """Raised if a worker was killed before it was ready."""


def start(folder: Path) -> Context:
    """Start the worker of a state folder and return it when it is ready; retried a few times if it is killed before that.

    Raises `Refused(UNAVAILABLE)` with the last lines of its log.
    """
    for _ in range(_MOST_STARTS - 1):
        with suppress(_KilledError):
            return _start(folder)
    return _start(folder)


def has_started() -> bool:
    """Return whether this process has started a worker."""
    return bool(_started)


def _start(folder: Path) -> Context:
    import subprocess  # noqa: PLC0415 -- 20 ms that only the command pays that starts the worker

    for worker in [worker for worker in _started if worker.poll() is not None]:
        _started.remove(worker)
    log_path = folder / "worker.log"
    _demand_python()
    _demand_loopback()
    # -P: a folder of the user must not hide a module.
    command = [sys.executable, "-P", "-m", "jobwire.client.cli.main", "worker", "run", "--embedded"]
    command += ["--state", str(folder), "--roster", str(roster_path()), "--caller", json.dumps(caller.facts())]
    with ExitStack() as opened:
        try:
            log = opened.enter_context(os.fdopen(open_private(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab"))
        except OSError as error:
            raise unusable(folder, error) from None
        begins = os.fstat(log.fileno()).st_size
        ready, told = (opened.enter_context(os.fdopen(fd, mode)) for fd, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
        try:
            worker = subprocess.Popen(
                [*command, "--ready-fd", str(told.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=_working_folder(),
                env=_environment(),
                pass_fds=[told.fileno()],
                start_new_session=True,
            )
        except OSError as error:
            raise _not_started(error) from None
        told.close()
        said = ready.readline()
    _started.append(worker)
    if not said.endswith(b"\n"):
        # It has ended, or is about to.
        with suppress(subprocess.TimeoutExpired):
            if worker.wait(_END_SECONDS) == -signal.SIGKILL:
                step = "the kernel does that when memory is short: look for what it was, and try again"
                raise _KilledError(Code.UNAVAILABLE, "your private worker was ended by SIGKILL before it was ready", step)
        raise _failed(log_path, begins)
    fields, context = understand(said)
    return context._replace(notes=tuple(fields.get("surroundings", ())))


def _not_started(error: OSError) -> Refused:
    """Return why no process could be made, or it could not execute Python."""
    if error.errno in _SHORTAGES:
        what = f"your private worker cannot be started: the system does not allow another process ({error.strerror})"
        return Refused(Code.UNAVAILABLE, what, more_processes.next_step(error.errno))
    because = f"{error.strerror}: {error.filename or sys.executable}"
    step = _NULL_STEP if error.filename == os.devnull else _PYTHON_STEP
    return Refused(Code.UNAVAILABLE, f"your private worker cannot be started: {because}", step)


def _demand_python() -> None:
    """Refuse if this process does not know the path of its Python, for example inside another program: the worker needs it."""
    if not sys.executable:
        raise Refused(Code.UNAVAILABLE, "your private worker cannot be started: sys.executable is empty", _PYTHON_STEP)


def _demand_loopback() -> None:
    """Refuse if the worker could not be reached, as in a network namespace whose loopback interface is down."""
    import socket  # noqa: PLC0415 -- as above

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Sends nothing.
            probe.connect(("127.0.0.1", 9))
        except OSError as error:
            raise Refused(
                Code.UNAVAILABLE,
                f"your private worker could not be reached: the loopback interface of this host or container is not up ({error.strerror})",
                "set it up: ip link set lo up",
            ) from None


def _environment() -> dict[str, str]:
    """Return an environment in which the worker finds the same modules and libraries, although it runs in another folder."""
    # Of an isolated interpreter (python -I), what it ignores.
    given = {name: value for name, value in os.environ.items() if not (sys.flags.ignore_environment and name.startswith("PYTHON"))}
    searched = {name: given[name] for name in _SEARCHED if given.get(name)}
    if sys.flags.no_user_site:
        given["PYTHONNOUSERSITE"] = "1"
    return {**given, **{name: _from_here(folders) for name, folders in searched.items()}}


def _from_here(folders: str) -> str:
    """Return search folders as absolute paths; an empty one is the current folder."""
    parts = re.split("[:;]", folders)
    try:
        here = os.getcwd()  # noqa: PTH109 -- Path would take the dots of what is joined to it for steps
    except FileNotFoundError:
        # It was removed, and nothing is found there.
        return os.pathsep.join(filter(os.path.isabs, parts))
    return os.pathsep.join(os.path.join(here, part) for part in parts)  # noqa: PTH118 -- as above


def _working_folder() -> Path:
    """Return the working directory of the worker, and of jobs that set none. A system account may have no home, or a missing one."""
    with suppress(RuntimeError):
        if (home := Path.home()).is_absolute() and os.access(home, os.X_OK):
            return home
    return Path("/")


def _failed(log_path: Path, begins: int) -> Refused:
    """Return why a worker did not start, with the lines it added to its log, which may be old and long."""
    with log_path.open("rb") as log:
        log.seek(max(begins, log.seek(0, os.SEEK_END) - _LARGEST_LOG_TAIL))
        lines = log.read().decode(errors="replace").splitlines()[-_LAST_LOG_LINES:]
    largest = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    if not lines and resource.RLIM_INFINITY != largest <= begins + _LARGEST_LOG_TAIL:
        refused = Refused(
            Code.UNAVAILABLE,
            f"your private worker did not start; it may write files of at most {largest} bytes, and could not write {log_path}",
            "raise the limit in the shell or service where it was set (ulimit -f), or start the worker elsewhere",
        )
    elif any("jobwire" in line and "No module named" not in line for line in lines):
        refused = Refused(
            Code.UNAVAILABLE,
            f"your private worker did not start; the last lines of {log_path} follow",
            "fix that, or run it in the foreground: jobwire worker run --embedded",
        )
    else:
        # A worker would have identified itself, so perhaps this was another program.
        wrote = "what follows" if lines else "nothing"
        refused = Refused(
            Code.UNAVAILABLE,
            f"your private worker did not start; sys.executable, which is {sys.executable}, wrote {wrote}",
            f"if that is not a Python that has jobwire, {_PYTHON_STEP}",
        )
    for line in lines:
        refused.add_note(f"  {line}")
    return refused
