"""Create a process from a job's spec: environment, working folder, program, posix_spawn (or forked_start.py).

If that fails, the outcome has a sentence and an exit status as in the shell: 127 the program was not found, 126 it cannot be executed, or
not in that folder; and 125 if the cause is not the program but this machine or jobwire.

A job's environment, where later entries replace earlier ones:
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    HOME, USER, LOGNAME, SHELL   of the Unix user that it runs as
    LANG=C.UTF-8
    TERM=xterm                   of a job on a terminal
    the job's own variables
    JOBWIRE_JOB_ID               its id, a UUID in text; of a job that came through a broker, the id there
    JOBWIRE_JOB_DIR              its own folder, if it has one
    JOBWIRE_KEY_FILE             the file with its own key, if it may start jobs
    JOBWIRE_GPUS                 the ids of its GPUs, if it was handed out any; CUDA_VISIBLE_DEVICES and ROCR_VISIBLE_DEVICES are the same.
                                 HIP_VISIBLE_DEVICES counts among those that ROCR_VISIBLE_DEVICES leaves, from 0 on. And unless its own
                                 variables have it, CUDA_DEVICE_ORDER=PCI_BUS_ID, so that CUDA numbers them as /dev/nvidiaN does
It has a session of its own, umask 022, and no signal blocked or ignored. Limits, nice value, policy, CPUs, I/O priority and oom score are
those that the worker started with: for a private worker those of own_process/surroundings.py, for others those of the service manager. The
soft RLIMIT_NOFILE is the value before the worker raised it, for a private worker 1024. Nice value, umask and limits may be set by the spec.

One limit differs: the soft RLIMIT_RTTIME (setrlimit(2)) of a job is its mark, a value of more than a hundred thousand years. That limit is
hardly ever used, it is set from the moment of the fork, all descendants inherit it, and /proc shows it even for a zombie. With it, a
supervisor can find the job of a process that an earlier supervisor started just before it was killed, and jobs are contained without
cgroups.
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

from ....schemas.jobs.reserved_statuses import NOT_EXECUTABLE, NOT_FOUND, OWN_FAILURE
from ....schemas.naming import KNOWN_AS
from ....schemas.private_parts.c_blake2 import blake2b
from ...keeper.light_process import DEFAULT_SIGNALS
from ...state.log_folders.job_files import JobFile
from ..containment.containment import Place
from ..containment.processes import LEAST_MARK, can_mark
from ..streams.pipes import Pipe
from .forked_start import Attributes, CannotGive, start
from .scripts import why_not_executed, why_not_here

_MARK_BYTES = 7
# Of a name in a sentence: a fact is one datagram (worker/wire/datagrams.py), and JSON makes seven characters of a byte that is not text.
_MOST_SHOWN = 2000
# What a terminal is said to be if the job's own variables do not say so.
_USUAL_TERM = "xterm"
# The descriptors of the read ends in the job; if its limit of descriptors is lower, the two highest that it allows.
RIDING_NUMBERS = (250, 251)

_WHY = {
    errno.ENOEXEC: "it is neither a program for this machine nor a script that begins with #!",
    errno.ENOENT: "its interpreter does not exist",
    errno.EACCES: "permission denied, for it or for its interpreter",
    errno.EPERM: "the system does not permit it",
    errno.ETXTBSY: "it is open for writing",
    errno.E2BIG: "arguments and environment are longer than the system allows",
    errno.ELOOP: "too many symbolic links",
    errno.EAGAIN: "the system does not allow another process",
    errno.ENOMEM: "there is not enough memory for another process",
    errno.EMFILE: "there is no free file descriptor",
    errno.ENFILE: "the machine has no free file descriptor",
}
# The errors that are not caused by the program.
_SHORTAGES = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


def _gpu_variables(gpus: Sequence[str]) -> dict[str, str]:
    ids = ",".join(gpus)
    among_them = ",".join(map(str, range(len(gpus))))
    return {"JOBWIRE_GPUS": ids, "CUDA_VISIBLE_DEVICES": ids, "ROCR_VISIBLE_DEVICES": ids, "HIP_VISIBLE_DEVICES": among_them}


class CannotStart(Exception):  # noqa: N818 -- a fact about the job, not an error in this program
    """Raised if a job cannot be started, with its exit status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class Spawner:
    """Starts processes. Changes folder, cgroup and limits of this process for a moment, so it must have only one thread."""

    def __init__(self, files_limit: int) -> None:
        self._home = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        _, self._most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._files_limit = files_limit
        # The descriptors of a job: the usual three, and the read ends of its pipes, with numbers that do not disturb programs.
        highest = files_limit if 0 <= files_limit <= RIDING_NUMBERS[-1] else RIDING_NUMBERS[-1] + 1
        self._numbers = (0, 1, 2, highest - 2, highest - 1)
        self._slots = [fcntl.fcntl(self._null, fcntl.F_DUPFD_CLOEXEC, 3) for _ in self._numbers]
        # For the report of a process that is forked.
        self._report = fcntl.fcntl(self._null, fcntl.F_DUPFD_CLOEXEC, 3)
        self._can_mark = can_mark()
        self._own_mark, self._most_mark = resource.getrlimit(resource.RLIMIT_RTTIME)
        # exec(2) resets signals with a handler, but not ignored ones.
        self._ignored = [number for number in DEFAULT_SIGNALS if signal.getsignal(number) in {signal.SIG_IGN, None}]
        self._environment = _base_environment()

    def spawn(
        self, job: JobFile, mark: int, folder: str, pipes: Sequence[Pipe], box: Place, stdin_pipe: int = -1, terminal: Sequence[int] = ()
    ) -> int:
        """Start the job's leader with `pipes` as its stdout and stderr, and return its pid. Raises `CannotStart`.

        `stdin_pipe` is the read end for its stdin; -1: its stdin is a file, or /dev/null. `terminal`: instead of all these, a slave, its
        master, and the read end of a pipe.
        """
        environment = {**self._environment, **dict(job.environment)}
        if terminal:
            environment.setdefault("TERM", _USUAL_TERM)
        # A job of a broker has another id here from its second attempt on, which nobody there knows.
        environment["JOBWIRE_JOB_ID"] = environment.pop(KNOWN_AS, "") or _uuid(job.handle)
        if job.job_folder:
            environment["JOBWIRE_JOB_DIR"] = job.job_folder
        if job.key_file:
            environment["JOBWIRE_KEY_FILE"] = job.key_file
        if job.handed_out:
            environment = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} | environment | _gpu_variables(job.handed_out)
        stdin = self._null if stdin_pipe < 0 else stdin_pipe
        if job.has_stdin:
            stdin = os.open(f"{folder}/stdin", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter_folder(_expanded(job.directory, environment["HOME"]))
            # A path is used unchanged: the kernel checks it anyway.
            program = job.argv[0] if "/" in job.argv[0] else find_program(job.argv[0], environment["PATH"])
            self._set_mark(mark)
            return self._run(program, job, environment, terminal or _sources(job, stdin, *pipes), box)
        finally:
            self._set_mark(self._own_mark)
            os.fchdir(self._home)
            if job.has_stdin:
                os.close(stdin)

    def _set_mark(self, mark: int) -> None:
        # Without a mark, the job is identified only by its cgroup, or its session.
        if self._can_mark:
            resource.setrlimit(resource.RLIMIT_RTTIME, (mark, self._most_mark))

    def _run(self, program: str, job: JobFile, environment: dict[str, str], sources: Sequence[int], box: Place) -> int:
        argv = job.argv
        box.enter()
        self._limit_files(self._files_limit)
        slots = self._fill_slots(sources) if max(sources) >= self._numbers[-2] else []
        try:
            if job.has_attributes:
                return self._fork(program, job, environment, slots or sources)
            return os.posix_spawn(
                program,
                argv,
                environment,
                file_actions=self._descriptors(slots or sources),
                setsid=True,
                setsigmask=(),
                # All of them: of each other one, glibc asks what its disposition is before it resets it, and meanwhile this process waits.
                setsigdef=DEFAULT_SIGNALS,
            )
        except CannotGive as refused:
            raise CannotStart(refused.status, str(refused)) from None
        except OSError as error:
            number = error.errno or 0
            if "/" in argv[0] and number not in _SHORTAGES:
                find_program(program, "")
            why = why_not_executed(program, number) or _WHY.get(number, error.strerror)
            status = OWN_FAILURE if number in _SHORTAGES else NOT_EXECUTABLE
            raise CannotStart(status, f"the program {_quoted(program)} cannot be executed: {why}") from None
        except ValueError as error:
            raise CannotStart(NOT_EXECUTABLE, f"the program {_quoted(program)} cannot be executed: {error}") from None
        finally:
            for slot in slots:
                os.dup2(self._null, slot, inheritable=False)
            self._limit_files(self._most_files)
            box.leave()

    def _fork(self, program: str, job: JobFile, environment: dict[str, str], sources: Sequence[int]) -> int:
        attributes = Attributes(job.nice, job.umask, job.rlimits, (self._files_limit, self._most_files))
        try:
            return start(program, job.argv, environment, self._descriptors(sources), self._ignored, attributes, self._report)
        finally:
            # The number stays reserved.
            os.dup2(self._null, self._report, inheritable=False)

    def _limit_files(self, limit: int) -> None:
        # The limit of this process is usually raised; programs that use select(2) would break with it.
        if self._files_limit != self._most_files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, self._most_files))

    def _descriptors(self, sources: Sequence[int]) -> list[tuple[int | str, ...]]:
        """Return the file actions that give a process these descriptors, in the order of their numbers there."""
        if len(sources) == len(self._numbers):
            return [(os.POSIX_SPAWN_DUP2, *pair) for pair in zip(sources, self._numbers, strict=True)]
        slave, *riding = sources
        # Opened after setsid, it becomes the controlling terminal of the new session; see tty(4).
        open_slave = (os.POSIX_SPAWN_OPEN, 0, f"/proc/self/fd/{slave}", os.O_RDWR, 0)
        duplicates = [(0, 1), (0, 2), *zip(riding, self._numbers[-2:], strict=True)]
        return [open_slave, *((os.POSIX_SPAWN_DUP2, *pair) for pair in duplicates)]

    def _fill_slots(self, sources: Sequence[int]) -> list[int]:
        """Return low-numbered duplicates: glibc refuses numbers above the job's limit, and no dup2 may overwrite a later source."""
        # There are fewer of a job on a terminal.
        return [os.dup2(source, slot, inheritable=False) for source, slot in zip(sources, self._slots, strict=False)]


def _sources(job: JobFile, stdin: int, stdout: Pipe, stderr: Pipe) -> Sequence[int]:
    # Without a writer, the pipe of stderr is at its end at once.
    error = stdout if job.stderr_to_stdout else stderr
    return stdin, stdout.write_end, error.write_end, stdout.read_end, stderr.read_end


def mark_for(state: str, handle: str) -> int:
    """Return the mark of a job. It differs between workers, and nobody can choose an id with the mark of another user's job."""
    digest = blake2b(handle.encode(), digest_size=_MARK_BYTES, key=state.encode()).digest()
    return LEAST_MARK | int.from_bytes(digest, "big")


def find_program(name: str, path: str) -> str:
    """Return the path of argv[0]: a path unchanged, anything else looked up in the job's PATH. Raises `CannotStart`."""
    candidates = [name] if "/" in name else [f"{folder or '.'}/{name}" for folder in path.split(":")]
    found = ""
    for candidate in candidates:
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
        if not found and os.path.lexists(candidate):
            found = candidate
    if not found:
        where = "" if "/" in name else f" in {_quoted(path)}"
        raise CannotStart(NOT_FOUND, f"the program {_quoted(name)} was not found{where}")
    if os.path.isdir(found):
        raise CannotStart(NOT_EXECUTABLE, f"{found!r} is a folder, not a program")
    try:
        os.stat(found)  # noqa: PTH116 -- as above
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise CannotStart(NOT_FOUND, f"the program {found!r} is a broken symbolic link") from None
        # For example, a link that leads to itself.
        why = _WHY.get(error.errno or 0, error.strerror) if error.errno != errno.EACCES else "a folder on the way to it cannot be searched"
        raise CannotStart(NOT_EXECUTABLE, f"the program {found!r} cannot be executed: {why}") from None
    raise CannotStart(NOT_EXECUTABLE, f"the program {found!r} is not executable{why_not_here(found)}")


def _quoted(text: str) -> str:
    return repr(text) if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]!r}..."


def _expanded(folder: str, home: str) -> str:
    """Return a working folder with the job's HOME for a leading `~`, as a shell would."""
    if folder[:1] != "~":
        return folder
    if not home.startswith("/"):
        raise CannotStart(
            NOT_EXECUTABLE, f"the working folder {folder!r} is not known: HOME is {_quoted(home)}, which is not an absolute path"
        )
    return f"{home}{folder[1:]}"


def _enter_folder(folder: str) -> None:
    try:
        os.chdir(folder)
    except FileNotFoundError:
        raise CannotStart(NOT_EXECUTABLE, f"the working folder {folder!r} does not exist") from None
    except NotADirectoryError:
        raise CannotStart(NOT_EXECUTABLE, f"the working folder {folder!r} is not a folder") from None
    except PermissionError:
        raise CannotStart(NOT_EXECUTABLE, f"the working folder {folder!r} is not accessible: permission denied") from None
    except OSError as error:
        raise CannotStart(NOT_EXECUTABLE, f"the working folder {folder!r} is not accessible: {error.strerror}") from None


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
