"""Makes a process out of a job's spec: environment, working folder, program, posix_spawn.

Where that is impossible the reason is told in words, with the statuses of the shell: 127 the program was not found, 126 it cannot be
executed, or not there; and 125 where the program is not at fault, but this machine or we.

A job's environment is, later ones winning:
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    HOME, USER, LOGNAME, SHELL   of the Unix user it runs as
    LANG=C.UTF-8
    the job's own variables
    JOBWIRE_JOB_ID               its id, a UUID in text
It has a session of its own, umask 022, no signal blocked or ignored. Limits, nice value, policy, CPUs, I/O priority and oom score are those
that the worker began with: for a private worker surroundings.py tells which, another has them from its service manager. The soft
RLIMIT_NOFILE is what it was before the worker raised it, for a private worker 1024.

Except one: its soft RLIMIT_RTTIME (setrlimit(2)) is its mark, a number of more than a hundred thousand years. That limit is hardly ever
used, it is there from the moment of the fork, all descendants inherit it, and /proc shows it even of a zombie. By it a supervisor tells
which job a process belongs to that its predecessor started in the moment it was killed, and it holds jobs together without cgroups.
"""

# ruff: noqa: PTH112 -- pathlib is not light
from __future__ import annotations

import errno
import fcntl
import os
import pwd
import resource
import signal
from collections.abc import Sequence

from ...keeper.light_process import DEFAULT_SIGNALS
from ...state.job_files import JobFile
from ..c_blake2 import blake2b
from ..containment.containment import Box
from ..containment.processes import LEAST_MARK
from .pipes import Pipe
from .scripts import why_not_executed, why_not_here

NOT_FOUND = 127
NOT_EXECUTABLE = 126
OWN_FAILURE = 125
_MARK_BYTES = 7
# The reading ends of a job's pipes; where its limit of descriptors is lower, the two highest that it allows.
RIDING_NUMBERS = (250, 251)

_WHY = {
    errno.ENOEXEC: "it is neither a program for this machine nor a script that begins with #!",
    errno.ENOENT: "the interpreter that it names does not exist",
    errno.EACCES: "permission denied, for it or for its interpreter",
    errno.EPERM: "the system does not permit it",
    errno.ETXTBSY: "it is open for writing",
    errno.E2BIG: "arguments and environment are longer than the system takes",
    errno.ELOOP: "too many symbolic links",
    errno.EAGAIN: "the system allows no further process",
    errno.ENOMEM: "there is not enough memory for a further process",
    errno.EMFILE: "no file descriptor is left",
    errno.ENFILE: "the machine has no file descriptor left",
}
# Of those, what says nothing about the program.
_SHORTAGES = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


class CannotStart(Exception):  # noqa: N818 -- a fact about the job, not an error of ours
    """Says with which status and sentence a job ends that has no process."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class Spawner:
    """Starts processes. Changes the folder, the cgroup and a limit of this very process for a moment, which must have one thread."""

    def __init__(self, files_limit: int) -> None:
        self._home = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        _, self._most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._files_limit = files_limit
        # Which descriptors a job gets: three as usual, and the reading ends of its pipes, out of the way of all programs.
        highest = files_limit if 0 <= files_limit <= RIDING_NUMBERS[-1] else RIDING_NUMBERS[-1] + 1
        self._numbers = (0, 1, 2, highest - 2, highest - 1)
        self._slots = [fcntl.fcntl(self._null, fcntl.F_DUPFD_CLOEXEC, 3) for _ in self._numbers]
        self._own_mark, self._most_mark = resource.getrlimit(resource.RLIMIT_RTTIME)
        # What is handled becomes the default with exec(2), what is ignored does not.
        self._ignored = [number for number in DEFAULT_SIGNALS if signal.getsignal(number) in {signal.SIG_IGN, None}]
        self._environment = _base_environment()

    def spawn(self, job: JobFile, mark: int, folder: str, pipes: Sequence[Pipe], box: Box) -> int:
        """Start the job's leader with `pipes` as its stdout and stderr; gives its pid. Raises `CannotStart`."""
        environment = {**self._environment, **dict(job.environment)}
        environment["JOBWIRE_JOB_ID"] = _uuid(job.handle)
        stdin = os.open(f"{folder}/stdin", os.O_RDONLY | os.O_CLOEXEC) if job.has_stdin else self._null
        try:
            _enter_folder(job.directory)
            # A path is tried as it stands: the kernel looks at it anyway.
            program = job.argv[0] if "/" in job.argv[0] else find_program(job.argv[0], environment["PATH"])
            self._set_mark(mark)
            sources = [stdin, *(pipe.write_end for pipe in pipes), *(pipe.read_end for pipe in pipes)]
            return self._run(program, job.argv, environment, sources, box)
        finally:
            self._set_mark(self._own_mark)
            os.fchdir(self._home)
            if stdin != self._null:
                os.close(stdin)

    def _set_mark(self, mark: int) -> None:
        # Where somebody has set a hard limit no mark can be given: then what is known of a job is its cgroup, or its session.
        if self._most_mark == resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_RTTIME, (mark, self._most_mark))

    def _run(self, program: str, argv: list[str], environment: dict[str, str], sources: list[int], box: Box) -> int:
        box.enter()
        self._limit_files(self._files_limit)
        slots = self._fill_slots(sources) if max(sources) >= self._numbers[-2] else []
        try:
            return os.posix_spawn(
                program,
                argv,
                environment,
                file_actions=[(os.POSIX_SPAWN_DUP2, *pair) for pair in zip(slots or sources, self._numbers, strict=True)],
                setsid=True,
                setsigmask=(),
                setsigdef=self._ignored,
            )
        except OSError as error:
            number = error.errno or 0
            if "/" in argv[0] and number not in _SHORTAGES:
                find_program(program, "")
            why = why_not_executed(program, number) or _WHY.get(number, error.strerror)
            status = OWN_FAILURE if number in _SHORTAGES else NOT_EXECUTABLE
            raise CannotStart(status, f"the program {program!r} cannot be executed: {why}") from None
        except ValueError as error:
            raise CannotStart(NOT_EXECUTABLE, f"the program {program!r} cannot be executed: {error}") from None
        finally:
            for slot in slots:
                os.dup2(self._null, slot, inheritable=False)
            self._limit_files(self._most_files)
            box.leave()

    def _limit_files(self, limit: int) -> None:
        # Our own limit is raised, by most workers; programs that use select(2) break where theirs is.
        if self._files_limit != self._most_files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, self._most_files))

    def _fill_slots(self, sources: list[int]) -> list[int]:
        """Give what a job gets low numbers: one above its limit is refused by glibc, and no step may overwrite what a later one needs."""
        return [os.dup2(source, slot, inheritable=False) for source, slot in zip(sources, self._slots, strict=True)]


def mark_for(state: str, handle: str) -> int:
    """Make the mark of a job. Another worker's may have the same key, and nobody can choose an id whose mark is that of another's job."""
    digest = blake2b(handle.encode(), digest_size=_MARK_BYTES, key=state.encode()).digest()
    return LEAST_MARK | int.from_bytes(digest, "big")


def find_program(name: str, path: str) -> str:
    """Find what argv[0] names: a path as it stands, anything else in the job's PATH. Raises `CannotStart`."""
    candidates = [name] if "/" in name else [f"{folder or '.'}/{name}" for folder in path.split(":")]
    found = ""
    for candidate in candidates:
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
        if not found and os.path.lexists(candidate):
            found = candidate
    if not found:
        where = "" if "/" in name else f" in {path!r}"
        raise CannotStart(NOT_FOUND, f"the program {name!r} was not found{where}")
    if os.path.isdir(found):
        raise CannotStart(NOT_EXECUTABLE, f"{found!r} is a folder, not a program")
    if not os.path.exists(found):  # noqa: PTH110 -- as above
        raise CannotStart(NOT_FOUND, f"the program {found!r} is a symbolic link to nothing")
    raise CannotStart(NOT_EXECUTABLE, f"the program {found!r} may not be executed{why_not_here(found)}")


def _enter_folder(folder: str) -> None:
    try:
        os.chdir(folder)
    except FileNotFoundError:
        raise CannotStart(NOT_EXECUTABLE, f"the working folder {folder!r} does not exist") from None
    except NotADirectoryError:
        raise CannotStart(NOT_EXECUTABLE, f"the working folder {folder!r} is not a folder") from None
    except PermissionError:
        raise CannotStart(NOT_EXECUTABLE, f"the working folder {folder!r} may not be entered") from None
    except OSError as error:
        raise CannotStart(NOT_EXECUTABLE, f"the working folder {folder!r} cannot be entered: {error.strerror}") from None


def _base_environment() -> dict[str, str]:
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    try:
        user = pwd.getpwuid(os.getuid())
    except KeyError:
        # A user without an entry, as in many containers.
        return environment | {"HOME": "/", "USER": str(os.getuid()), "LOGNAME": str(os.getuid()), "SHELL": "/bin/sh"}
    return environment | {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name, "SHELL": user.pw_shell or "/bin/sh"}


def _uuid(handle: str) -> str:
    digits = handle[:32]
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
