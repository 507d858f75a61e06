"""The process of the supervisor: creates the parts, carries out the worker's requests, and exits when it is not needed.

It is not needed when no job is left, and either it was told to retire or no worker has connected for a minute.
"""

# ruff: noqa: PTH116 -- pathlib is not light
from __future__ import annotations

import os
import sys

from ...schemas.clock import boot_id
from ..keeper import handover
from ..keeper.light_process import command, say
from ..state import layout
from ..state.log_folders.folders import is_handle
from ..state.presence import move_in
from ..state.small_files import read_file, write_file
from ..wire.supervisor_socket import unlink_socket
from ..wire.words import DO, VERSION, ToSupervisor
from . import facts
from .adoption.adopt import Adoption
from .containment.cgroup_tree import name_for
from .containment.cgroups import Cgroups, open_cgroups
from .containment.containment import Boxes
from .containment.memory import Memory, NoMemory
from .containment.memory_controller import open_memory
from .containment.processes import can_mark
from .containment.sessions import Sessions
from .containment.union import Unions
from .home import Home
from .jobs.launcher import Launcher
from .jobs.registry import Jobs
from .keeper_line import KeeperLine
from .loop import Loop, Timer
from .precedence import go_first, step_back
from .services import Services
from .spawning.spawner import Spawner
from .worker_line import Link, Wish

_LARGEST_SIGNAL = 64
# A worker that was killed is usually started again sooner.
_ALONE_SECONDS = 60
_ALONE_VARIABLE = "JOBWIRE_ALONE_SECONDS"
_CGROUPS_VARIABLE = "JOBWIRE_CGROUPS"


class Supervisor:
    """Carries out the requests of the worker."""

    def __init__(self, line: int, listener: int, lock: int, files_limit: int) -> None:
        self._lock = lock
        self._files_limit = files_limit
        self._retiring = False
        # Runs while there is nothing to do and no worker is connected.
        self._alone: Timer | None = None
        told = os.environ.get(_ALONE_VARIABLE, "")
        self._alone_seconds = int(told) if told.isdecimal() else _ALONE_SECONDS
        # Removed, so that it is not inherited.
        self._handover = int(os.environ.pop(handover.VARIABLE, "0"))
        self._loop = Loop()
        self._home = Home(self._loop, self._look_at_home)
        self._line = KeeperLine(self._loop, line, self._say_hello)
        self._link = Link(self._loop, listener, self._do, self._worker_left)
        name = name_for(os.stat("."))
        cgroups = open_cgroups(name) if os.environ.get(_CGROUPS_VARIABLE) != "off" else None
        self._boxes = self._open_boxes(cgroups)
        self._memory = self._open_memory(name, cgroups)
        self._services = Services(self._loop, self._line, self._boxes, layout.LOGS, self._link.tell, self._link.hand, self._memory)
        self._jobs = Jobs(self._services, Launcher(self._services, Spawner(files_limit), name), self._link.tell_start, self._link.tell_end)

    def run(self) -> None:
        """Adopt the running jobs, and serve until retired."""
        boot, noted = f"{boot_id()}\n".encode(), _last_boot()
        here = os.stat(".")
        place = f"{here.st_dev} {here.st_ino}\n".encode()
        why_gone = _why_gone(boot, place, noted)
        Adoption(self._services, self._jobs, self._line.take_over(), why_gone=why_gone).run()
        _note_boot(boot + place, is_noted=bool(noted) and not why_gone)
        self._boxes.remove_empty()
        self._memory.remove_empty()
        self._link.open()
        self._loop.before_sleep(self._end_if_done)
        self._loop.run()

    def _open_memory(self, name: str, cgroups: Cgroups | None) -> Memory:
        if os.environ.get(_CGROUPS_VARIABLE) == "off":
            return NoMemory(f"the worker was told not to use cgroups ({_CGROUPS_VARIABLE}=off)")
        return open_memory(name, cgroups.tree if cgroups is not None else None)

    def _open_boxes(self, cgroups: Cgroups | None) -> Boxes:
        sessions = Sessions(self._line.keeper)
        return Unions(cgroups, sessions) if cgroups is not None else sessions

    def _do(self, wish: Wish) -> None:
        """Carry out one request. Raises KeyError, TypeError or ValueError if it cannot be parsed."""
        if "job" in wish:
            self._do_to_job(wish[DO], _handle(wish["job"]), wish)
            return
        match wish[DO]:
            case ToSupervisor.HELLO:
                self._retiring = False
                self._link.greet()
                if "feed_wait_ms" in wish:
                    self._jobs.wait_for_feeders(_number(wish["feed_wait_ms"], 1, sys.maxsize) / 1000)
                self._say_hello()
            case ToSupervisor.SETTLED:
                for handle in _list(wish["jobs"]):
                    self._jobs.settle(_handle(handle))
            case ToSupervisor.ADOPT:
                Adoption(self._services, self._jobs, None).take_over([str(name) for name in _list(wish["folders"])])
            case ToSupervisor.RECOVER:
                self._jobs.tell_all()
                self._link.tell(facts.recovered())
            case ToSupervisor.RETIRE:
                self._retiring = True
                # The desk does not know them: otherwise it would not be idle.
                self._jobs.unclaimed.settle_all()
            case ToSupervisor.RELOAD:
                self._make_way()
            case unknown:
                raise ValueError(f"{unknown!r} is not a request")

    def _do_to_job(self, what: object, handle: str, wish: Wish) -> None:
        match what:
            case ToSupervisor.START:
                self._jobs.start(
                    handle,
                    _number(wish.get("queued_at_us", 0), 0, sys.maxsize),
                    wish.get("file"),
                    at_once=wish.get("at_once") is True,
                )
            case ToSupervisor.SIGNAL:
                self._jobs.send(handle, _number(wish["signal"], 1, _LARGEST_SIGNAL))
            case ToSupervisor.END:
                self._jobs.end(handle, _number(wish["signal"], 1, _LARGEST_SIGNAL), _number(wish["grace_ms"], 0, sys.maxsize))
            case ToSupervisor.LIMIT:
                self._jobs.limit(handle, _number(wish["time_limit_ms"], 0, sys.maxsize))
            case ToSupervisor.FEED:
                self._jobs.attach(handle, str(wish["token"]))
            case ToSupervisor.TERMINAL:
                self._jobs.show_terminal(handle)
            case ToSupervisor.FED:
                self._jobs.move_input(handle, str(wish.get("problem", "")))
            case ToSupervisor.UNFED:
                self._jobs.detach(handle)
            case ToSupervisor.PAUSE | ToSupervisor.RESUME:
                self._jobs.pause(handle, paused=what == ToSupervisor.PAUSE)
            case unknown:
                raise ValueError(f"{unknown!r} is not a request about a job")

    def _worker_left(self) -> None:
        self._jobs.detach_all()

    def _say_hello(self) -> None:
        handing = self._handover if self._line.is_up else 0
        keeper = self._line.keeper if self._line.is_up else 0
        self._link.tell(
            facts.hello(
                version=VERSION,
                pid=os.getpid(),
                keeper_pid=keeper,
                cgroups=self._boxes.cgroups,
                handover=handing,
                # Whether `signal` is answered.
                answers=True,
                feeds=True,
                terminals=True,
                joins_streams=True,
                limits=True,
                memory=self._memory.why_not,
                sets_gpus=True,
                names_keys=True,
                marks=can_mark(),
            )
        )

    def _make_way(self) -> None:
        """Exit so that a supervisor of the installed version can take over, as after a kill. The keeper holds what the jobs need."""
        if not self._handover or not self._line.is_up:
            raise ValueError("there is no keeper that could start another supervisor")
        self._line.reload()
        self._loop.end()

    def _look_at_home(self) -> None:
        if not self._home.is_gone:
            self._link.listen_again()

    def _end_if_done(self) -> None:
        if self._home.is_gone and not self._link.is_connected:
            # No worker can connect any more, to which an end could be reported.
            self._retiring = True
            self._jobs.settle_all()
        nothing_left = not (self._jobs or self._services.unfinished()) and self._link.is_quiet()
        self._wait_for_a_worker(needed=not nothing_left or self._link.is_connected)
        if not nothing_left:
            return
        if self._retiring:
            self._boxes.close()
            self._memory.close()
            self._line.retire()
            if not self._line.is_up:
                unlink_socket()
            self._loop.end()
        elif not self._line.is_up:
            self._become_keeper()

    def _wait_for_a_worker(self, *, needed: bool) -> None:
        """Exit after a while without a worker: one that was killed could not send `retire`."""
        if needed:
            self._loop.cancel(self._alone)
            self._alone = None
        elif self._alone is None:
            self._alone = self._loop.after(self._alone_seconds, self._retire_alone)

    def _retire_alone(self) -> None:
        # A worker may have connected in this turn.
        self._retiring = self._retiring or not self._link.is_connected

    def _become_keeper(self) -> None:
        # No job is running, so this process can replace the keeper that died. The worker reconnects to the same socket.
        say("the supervisor becomes the keeper, and starts a new supervisor")
        self._boxes.close()
        self._memory.close()
        listener = self._link.detach_listener()
        for fd in (listener, self._lock):
            os.set_inheritable(fd, True)  # noqa: FBT003 -- it takes no name
        argv = command(f"keeper import main; main('.', {self._files_limit}, {listener}, {self._lock})")
        step_back()
        os.execv(sys.executable, argv)  # noqa: S606 -- no shell is wanted


def _last_boot() -> bytes:
    try:
        return read_file(layout.BOOT)
    except FileNotFoundError:
        return b""
    except OSError as error:
        # As without any: it is written anew, or removed.
        say(f"{layout.BOOT} cannot be read: {error.strerror}")
        return b""


def _note_boot(note: bytes, *, is_noted: bool) -> None:
    try:
        if is_noted:
            # Its time is the time of the last adoption. Not written again: the disk may be full by now.
            os.utime(layout.BOOT)
        else:
            write_file(layout.BOOT, note)
    except OSError as error:
        say(f"{layout.BOOT} cannot be written: {error.strerror}")
        if not is_noted and os.path.lexists(layout.BOOT):
            # With the note of an earlier boot, the next supervisor would regard the jobs of this one as gone. Without any, it looks.
            os.unlink(layout.BOOT)  # noqa: PTH108 -- as above


def _why_gone(boot: bytes, place: bytes, noted: bytes) -> str:
    """Return why jobs that ran when `noted` was written no longer belong to this supervisor; empty if they do."""
    if noted and not noted.startswith(boot):
        return "the machine was restarted while it ran"
    # An earlier version did not note the place.
    return "the state folder is a copy that was made while it ran" if noted not in {b"", boot, boot + place} else ""


def _handle(value: object) -> str:
    if not isinstance(value, str) or not is_handle(value):
        raise TypeError(f"{value!r:.200} is not the handle of a job")
    return value


def _number(value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{value!r:.100} is not between {least} and {most}")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r:.100} is not a list")
    return value


def main(line: int, listener: int, lock: int, files_limit: int) -> None:
    """Run as the supervisor, with the descriptors that the keeper passed."""
    # For jobs, which inherit it; files of the supervisor are created with explicit modes.
    os.umask(0o022)
    go_first()
    os.set_inheritable(lock, False)  # noqa: FBT003 -- it takes no name
    move_in()
    Supervisor(line, listener, lock, files_limit).run()
