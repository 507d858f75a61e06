"""The private worker of this user: find it, or start it if it is not running.

Knows its state folder and how it is started, not how it works. Nothing is polled: locks, a pipe and inotify tell.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...keys import private_files
from ...keys.holder import DESCRIPTION, Whereabouts, holder_of, locate
from ...keys.identity import Identity, fingerprint, load_or_make, parse_public
from ...keys.ownership import reason_of
from ...keys.user_folders import identity_path, roster_path, worker_folder
from ...schemas.refusal import Code, Refused
from ..sockets.addressee import EMBEDDED, Context
from . import caller

if TYPE_CHECKING:
    import subprocess

_LAST_LOG_LINES = 8
_LARGEST_LOG_TAIL = 4096
_READY_SECONDS = 20
# An idle worker ends sooner; with a busy one a command should not wait longer.
_MAKE_WAY_SECONDS = 0.5
# On their own machine a user may run a thousand commands at once, each with a connection and up to three streams.
_OWN_LIMITS = {"connections": 1024, "streams": 4096}
# Folders, one or several, in which the interpreter and the loader of libraries look (ld.so(8) takes a semicolon too).
_SEARCHED = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX", "LD_LIBRARY_PATH")
_PYTHON_STEP = "start it yourself (jobwire worker run --embedded), or set sys.executable to the Python that has jobwire"

# Workers that this process started; reaped at the next start, so that none stays a zombie.
_started: list[subprocess.Popen[bytes]] = []


def ensure() -> Context:
    """Return the embedded worker. Starts it if necessary and waits until it is ready; of several commands at once, one starts it.

    Raises `Refused(UNAVAILABLE)` with the last lines of its log if it cannot be started.
    """
    folder = worker_folder()
    # Shared: wait while another process starts a worker, and never hold the worker's own lock when it needs it.
    with _locked(folder / "starting.lock", fcntl.LOCK_SH):
        running = _running(folder)
    # Without an identity, the worker was started by hand and does not know this user yet.
    if running is None or not identity_path().exists() or _is_poor(folder):
        with _locked(folder / "starting.lock", fcntl.LOCK_EX):
            _enroll(load_or_make(identity_path()))
            if _is_poor(folder):
                _ask_to_make_way(folder)
            running = _running(folder) or _start_or_join(folder)
    return running


def revive() -> str:
    """Start the embedded worker if it is not running, after a lost connection, and return its endpoint, which may have changed."""
    return ensure().endpoint


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    try:
        fd = _open_locked(path, how)
    except OSError as error:
        raise _unusable(path.parent, error) from None
    try:
        yield
    finally:
        os.close(fd)


def _open_locked(path: Path, how: int) -> int:
    while True:
        fd = _open_private(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(fd, how)
            if os.path.samestat(os.fstat(fd), path.stat()):
                return fd
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(fd)
            raise
        # It was removed meanwhile, and others lock a new one.
        os.close(fd)


def _open_private(path: Path, flags: int) -> int:
    try:
        fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        private_files.make_folder(path.parent)
        fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
    with suppress(OSError):
        # Whatever the umask.
        os.fchmod(fd, 0o600)
    return fd


def _running(folder: Path) -> Context | None:
    """Return the running worker once it is ready; None if none is running."""
    holder = _holder_of(folder)
    if holder is None:
        return None
    return _described(folder, holder) or _await_ready(folder)


def _holder_of(folder: Path) -> str | None:
    try:
        return holder_of(folder)
    except OSError as error:
        raise _unusable(folder, error) from None


def _unusable(folder: Path, error: OSError) -> Refused:
    return Refused(
        Code.UNAVAILABLE,
        f"the state folder {folder} cannot be used: {reason_of(error, folder / 'lock')}",
        "use another folder: JOBWIRE_STATE=DIR",
    )


def _described(folder: Path, holder: str) -> Context | None:
    """Read what the holder says of itself; None where it is not ready, and its predecessor's words are there or none that can be read.

    Where its description was removed or overwritten it is written anew in a moment. Where its lock was removed nobody knows its pid; then
    the description counts if its process is here.
    """
    try:
        said = (folder / DESCRIPTION).read_bytes()
        fields, context = _understand(said)
    except (OSError, Refused):
        return None
    where = locate(fields)
    is_holder = str(fields["pid"]) == holder if holder else where is Whereabouts.HERE
    return context if is_holder and where is not Whereabouts.GONE else None


def _is_poor(folder: Path) -> bool:
    """Return whether the worker inherited a nice value, limits or groups that this process could improve."""
    said = _said(folder)
    return bool(said.get("surroundings") and said.get("caller")) and caller.is_poorer(said["caller"], caller.facts())


def _said(folder: Path) -> dict[str, Any]:
    try:
        said = json.loads((folder / "worker.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _ask_to_make_way(folder: Path) -> None:
    """Ask the worker to exit if it is idle; a busy one stays, and a later command asks again."""
    said = _said(folder)
    holder = _holder_of(folder) or ""
    if str(said.get("pid")) != holder:
        return
    try:
        process = os.pidfd_open(int(holder))
    except (OSError, ValueError):
        return
    try:
        # Checked once the pidfd is open: the pid may have been reused by now.
        if locate(said) is Whereabouts.HERE:
            signal.pidfd_send_signal(process, signal.SIGUSR1)
            select.select([process], [], [], _MAKE_WAY_SECONDS)
    except OSError:
        return
    finally:
        os.close(process)


def _await_ready(folder: Path) -> Context | None:
    """Wait for a worker that is being started by hand, or for the end of one that is exiting; return None if none is left."""
    from inotify_simple import INotify, flags  # type: ignore[import-untyped] # noqa: PLC0415 -- reason: untyped; rarely needed

    deadline = time.monotonic() + _READY_SECONDS
    with INotify() as watch:
        # Its description is moved into its place; the lock that it wrote to is closed at its end.
        watch.add_watch(folder, flags.MOVED_TO | flags.CLOSE_WRITE)
        while (holder := _holder_of(folder)) is not None:
            if found := _described(folder, holder):
                return found
            if not watch.read(timeout=max(0, int((deadline - time.monotonic()) * 1000))):
                end = f"; or end it: kill {holder}" if holder else ""
                raise Refused(
                    Code.UNAVAILABLE,
                    f"your private worker (pid {holder or 'not known'}) is not ready after {_READY_SECONDS} s",
                    f"check its log: tail {folder / 'worker.log'}{end}",
                )
    return None


def _understand(said: bytes) -> tuple[dict[str, Any], Context]:
    """Return what a worker says about itself, in `worker.json` and when it is ready: all of it, and how to reach it."""
    try:
        fields: dict[str, Any] = json.loads(said)
        fields["pid"]
        return fields, Context(EMBEDDED, fields["endpoint"], parse_public(fields["key"]), identity_path(), embedded=True)
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(Code.INTERNAL, f"the description of the embedded worker is not valid: {error!r}") from None


def _start_or_join(folder: Path) -> Context:
    """Start the worker and return it, or one that was started by hand at the same moment and holds the folder now."""
    try:
        return _start(folder)
    except Refused:
        if (running := _running(folder)) is None:
            raise
        return running


def _start(folder: Path) -> Context:
    import subprocess  # noqa: PLC0415 -- 20 ms that only the command pays that starts the worker

    for worker in [worker for worker in _started if worker.poll() is not None]:
        _started.remove(worker)
    log_path = folder / "worker.log"
    _demand_python()
    log = _open_private(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    begins = os.fstat(log).st_size
    ready, told = os.pipe()
    # -P: a folder of the user must not hide a module.
    command = [sys.executable, "-P", "-m", "jobwire.client.cli.main", "worker", "run", "--embedded", "--ready-fd", str(told)]
    command += ["--state", str(folder), "--roster", str(roster_path()), "--caller", json.dumps(caller.facts())]
    try:
        try:
            worker = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=_working_folder(),
                env=_environment(),
                pass_fds=[told],
                start_new_session=True,
            )
        finally:
            os.close(told)
            os.close(log)
        with open(ready, "rb") as pipe:  # noqa: PTH123 -- a descriptor
            said = pipe.readline()
    except OSError as error:
        raise Refused(
            Code.UNAVAILABLE, f"your private worker cannot be started: {error.strerror}: {error.filename or sys.executable}", _PYTHON_STEP
        ) from None
    _started.append(worker)
    if not said.endswith(b"\n"):
        raise _failed(log_path, begins)
    return replace(_understand(said)[1], notes=tuple(json.loads(said).get("surroundings", ())))


def _demand_python() -> None:
    """Refuse if this process does not know the path of its Python, for example inside another program: the worker needs it."""
    if not sys.executable:
        raise Refused(Code.UNAVAILABLE, "your private worker cannot be started: sys.executable is empty", _PYTHON_STEP)


def _environment() -> dict[str, str]:
    """Return an environment in which the worker finds the same modules and libraries, though it runs in another folder."""
    searched = {name: os.environ[name] for name in _SEARCHED if os.environ.get(name)}
    return {**os.environ, **{name: _from_here(folders) for name, folders in searched.items()}}


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


def _enroll(identity: Identity) -> None:
    """Add this user to the roster of the user's own workers."""
    from ...keys import roster  # noqa: PLC0415 -- only a start needs it

    path = roster_path()
    if any(member.key == identity.public for member in roster.list_members(path)):
        return
    name = f"uid-{os.getuid()}"
    with suppress(KeyError):
        # A directory service may allow characters that a roster does not.
        name = re.sub(r"[^A-Za-z0-9_-]", "-", pwd.getpwuid(os.getuid()).pw_name)
    try:
        roster.add_member(path, name, identity.public, "admin", _OWN_LIMITS)
    except Refused as refused:
        if refused.code is not Code.ALREADY_EXISTS:
            raise
        # An older identity of the same person.
        roster.add_member(path, f"{name}-{fingerprint(identity.public)[:4]}", identity.public, "admin", _OWN_LIMITS)


def _failed(log_path: Path, begins: int) -> Refused:
    """Return why a worker did not start, with what it added to its log, which may be old and long."""
    with log_path.open("rb") as log:
        log.seek(max(begins, log.seek(0, os.SEEK_END) - _LARGEST_LOG_TAIL))
        lines = log.read().decode(errors="replace").splitlines()[-_LAST_LOG_LINES:]
    if any("jobwire" in line and "No module named" not in line for line in lines):
        refused = Refused(
            Code.UNAVAILABLE,
            f"your private worker did not start; the last lines of {log_path} follow",
            "fix that, or run it in the foreground: jobwire worker run --embedded",
        )
    else:
        # A worker would have identified itself: perhaps this was none.
        wrote = "what follows" if lines else "nothing"
        refused = Refused(
            Code.UNAVAILABLE,
            f"your private worker did not start; sys.executable, which is {sys.executable}, wrote {wrote}",
            f"if that is not a Python that has jobwire, {_PYTHON_STEP}",
        )
    for line in lines:
        refused.add_note(f"  {line}")
    return refused
