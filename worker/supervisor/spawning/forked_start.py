"""Start a process with a nice value, a umask and limits of its own: fork, set them, execute the program.

posix_spawn(3) cannot set them. This process cannot set them for itself meanwhile: a hard limit or a nice value cannot be taken back without
privileges, and with the limits of some jobs (address space, processes, CPU time) this process could not continue. A child can: they are
there from the first instruction of the program, and nobody needs a privilege. It costs a fork of this process, a few times a posix_spawn,
so only jobs that ask for them are started in this way.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Sequence

from ....schemas.jobs.reserved_statuses import OWN_FAILURE
from ....schemas.private_parts.light_typing import NamedTuple
from ..precedence import nice_of_children

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

# By the names of prlimit(1), which are those of a job file.
_LIMITS = {name.removeprefix("RLIMIT_").lower(): getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
_REFUSED = {errno.EPERM, errno.EACCES}
_EXECUTION = "exec"
_LONGEST_REPORT = 4096


class Attributes(NamedTuple):
    """The attributes of a process. `rlimits`: name, soft and hard limit, None is unlimited. `files`: its default descriptor limits."""

    nice: int | None
    umask: int | None
    rlimits: Sequence[tuple[str, int | None, int | None]]
    files: tuple[int, int]


class CannotGive(Exception):  # noqa: N818 -- a fact about the job, not an error in this program
    """Raised, with a sentence, if a process cannot be given one of its attributes."""

    status = OWN_FAILURE


def start(
    program: str,
    argv: list[str],
    environment: dict[str, str],
    actions: Sequence[tuple[int | str, ...]],
    defaults: Sequence[int],
    attributes: Attributes,
    report_fd: int,
) -> int:
    """Return the pid of a new process in a session of its own, once it executes the program.

    `actions`: as the file actions of posix_spawn. `defaults`: signals that are ignored here. `report_fd`: a descriptor number that is free
    for a moment and not among those of the actions. Raises OSError if the program cannot be executed, CannotGive.
    """
    hear, tell = os.pipe2(os.O_CLOEXEC)
    os.dup2(tell, report_fd, inheritable=False)
    os.close(tell)
    try:
        pid = os.fork()
        if pid == 0:
            _become(program, argv, environment, actions, defaults, attributes, report_fd)
    finally:
        os.close(report_fd)
    try:
        # At its end when the program is executed, or when the process is dead.
        report = os.read(hear, _LONGEST_REPORT).decode()
    finally:
        os.close(hear)
    if not report:
        return pid
    os.waitpid(pid, 0)
    what, _, number = report.partition(" ")
    code = int(number)
    if what == _EXECUTION:
        raise OSError(code, os.strerror(code))
    raise CannotGive(_why_not(what, code, attributes))


def _become(
    program: str,
    argv: list[str],
    environment: dict[str, str],
    actions: Sequence[tuple[int | str, ...]],
    defaults: Sequence[int],
    attributes: Attributes,
    report_fd: int,
) -> NoReturn:
    what, code = _EXECUTION, errno.EIO
    try:
        os.setsid()
        for action in actions:
            _act(action)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for number in defaults:
            signal.signal(number, signal.SIG_DFL)
        if attributes.umask is not None:
            os.umask(attributes.umask)
        if attributes.nice is not None:
            what = "nice"
            os.setpriority(os.PRIO_PROCESS, 0, attributes.nice)
        resource.setrlimit(resource.RLIMIT_NOFILE, attributes.files)
        for name, soft, hard in attributes.rlimits:
            what = name
            resource.setrlimit(_LIMITS[name], (_number(soft), _number(hard)))
        what = _EXECUTION
        os.execve(program, argv, environment)  # noqa: S606 -- no shell is wanted
    except OSError as error:
        code = error.errno or 0
    except (ValueError, OverflowError):
        # setrlimit says so if only root may do that.
        code = errno.EPERM
    except MemoryError:
        code = errno.ENOMEM
    finally:
        # Whatever happens, this must not continue as a second supervisor.
        try:
            os.write(report_fd, f"{what} {code}".encode())
        finally:
            os._exit(OWN_FAILURE)


def _act(action: tuple[int | str, ...]) -> None:
    match action:
        case (os.POSIX_SPAWN_DUP2, int(source), int(number)):
            os.dup2(source, number)
            # If they are the same, dup2 does nothing.
            os.set_inheritable(number, True)  # noqa: FBT003 -- it takes no name
        case (os.POSIX_SPAWN_OPEN, int(number), str(path), int(flags), int(mode)):
            opened = os.open(path, flags, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        case _:
            raise ValueError(f"{action!r} is not a file action")


def _number(limit: int | None) -> int:
    return resource.RLIM_INFINITY if limit is None else limit


def _why_not(what: str, code: int, attributes: Attributes) -> str:
    is_root = os.geteuid() == 0
    if what == "nice":
        why = only_root(f"use a value below that of the worker ({nice_of_children()})", "CAP_SYS_NICE", is_root=is_root)
        return f"its nice value of {attributes.nice} was refused: {why if code in _REFUSED else os.strerror(code)}"
    _, soft, hard = next(limit for limit in attributes.rlimits if limit[0] == what)
    ours = resource.getrlimit(_LIMITS[what])[1]
    why = why_limit_refused(what, hard, ours, _most_files(), is_root=is_root) if code in _REFUSED else os.strerror(code)
    return f"its limit {what}={_written(soft)}:{_written(hard)} was refused: {why}"


def why_limit_refused(name: str, hard: int | None, ours: int, most_files: int, *, is_root: bool) -> str:
    """Return why the kernel refuses a hard limit (None: unlimited). `ours`: the worker's; `most_files`: fs.nr_open, 0 if not known."""
    if name == "nofile" and 0 < most_files < (hard if hard is not None else most_files + 1):
        return f"nobody may have more than {most_files} (fs.nr_open); to change that, root types: sysctl fs.nr_open=NUMBER"
    return f"the hard limit of the worker is {_written(ours)}, and {only_root('go above it', 'CAP_SYS_RESOURCE', is_root=is_root)}"


def only_root(may: str, capability: str, *, is_root: bool) -> str:
    """Return, in words, who may do something that the kernel refused."""
    # In a container, or started with fewer rights by a service manager. Those over its own user namespace do not count.
    return f"root may {may} only with the capability {capability}, which the worker lacks" if is_root else f"only root may {may}"


def _most_files() -> int:
    """Return how many descriptors a process may have, even one of root: see proc_sys_fs(5). 0: not known."""
    try:
        with open("/proc/sys/fs/nr_open", "rb") as file:  # noqa: PTH123 -- pathlib is not light
            return int(file.read())
    except (OSError, ValueError):
        return 0


def _written(number: int | None) -> str:
    return "unlimited" if number in {None, resource.RLIM_INFINITY} else str(number)
