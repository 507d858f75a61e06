"""The environment and process attributes that a private worker starts with, whatever its first caller has. Knows no job and no socket.

A private worker is started by the first command that needs it, perhaps under `nice`, from a CI job or in a shell with limits, and serves
all later ones. So it first sets the following for itself, and so for supervisor, keeper and jobs:

    environment        PATH and LANG of its own; from the caller only the variables in `PASSED`
    limits             hard ones as the caller has them, for root those of the machine; soft ones equal to the hard ones, except those
                       for which the kernel's initial value is lower: no core files, 8 MiB of stack, and for jobs 1024 descriptors
    scheduling         nice 0, SCHED_OTHER, no I/O priority, all CPUs, the default memory policy and timer slack
    kernel             oom_score_adj 0, no personality, no ambient capabilities, huge pages, how broken memory is reported and what core
                       files contain as for process 1, no merging of equal pages; for root the groups of the user database
    keys               a session keyring of its own with the user's in it, see session-keyring(7)
    cgroup             not the caller's: leaving.py
    session            its own, without a terminal (set by the client), in the home folder, umask 077 (jobs: 022)

Each daemon sets its own signal dispositions and mask. A worker that is started with `jobwire worker run` keeps what its service manager
set. What cannot be reset is shown when a worker starts, and in `worker status`: constraints.py.
"""

from __future__ import annotations

import ctypes
import os
import platform
import pwd
import resource
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# They configure the daemons, or tell the interpreter where to find itself and this package.
PASSED = (
    "HOME",
    "JOBWIRE_ALONE_SECONDS",
    "JOBWIRE_CGROUPS",
    "JOBWIRE_FAULT",
    "JOBWIRE_FAULT_SPENT",
    "LD_LIBRARY_PATH",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHOME",
    "PYTHONNOUSERSITE",
    "PYTHONPATH",
    "PYTHONPYCACHEPREFIX",
    "PYTHONUSERBASE",
    # With it, coverage measures processes that a test starts.
    "COVERAGE_PROCESS_CONFIG",
)
# The soft limits of the first process; all other soft limits are set to the hard limit.
_SOFT = {resource.RLIMIT_CORE: 0, resource.RLIMIT_STACK: 8 * 1024 * 1024, resource.RLIMIT_NOFILE: 1024}
# Programs that close every possible descriptor take very long if there may be 10^9.
_MOST_FILES = 524_288

_PR_SET_TIMERSLACK = 29
_TIMERSLACK_NANOSECONDS = 50_000
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_PR_SET_THP_DISABLE = 41
_PR_MCE_KILL = 33
_PR_MCE_KILL_CLEAR = 0
_PR_SET_MEMORY_MERGE = 67
_IOPRIO_WHO_PROCESS = 1
_KEYCTL_JOIN_SESSION_KEYRING = 1
_KEYCTL_LINK = 8
_KEY_SPEC_SESSION_KEYRING = -3
_KEY_SPEC_USER_KEYRING = -4
# ioprio_set(2), set_mempolicy(2) and keyctl(2) have no function in libc.
_NUMBERS = {"x86_64": (251, 238, 250), "aarch64": (30, 237, 219), "riscv64": (30, 237, 219)}.get(platform.machine())


def environment(caller: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a private worker."""
    return {"PATH": _PATH, "LANG": "C.UTF-8"} | {name: caller[name] for name in PASSED if name in caller}


def reset() -> None:
    """Reset the inherited attributes of this process, as far as permitted."""
    for step in (_reset_limits, _reset_scheduling, _reset_oom_score, _reset_groups, _reset_kernel):
        step()


def _reset_limits() -> None:
    for which in _limits():
        soft, hard = resource.getrlimit(which)
        if os.geteuid() == 0:
            hard = _raise_hard(which, hard)
        wanted = _SOFT.get(which, hard)
        soft = wanted if hard == resource.RLIM_INFINITY or 0 <= wanted <= hard else hard
        _attempt(partial(resource.setrlimit, which, (soft, hard)))


def _raise_hard(which: int, hard: int) -> int:
    """Raise a hard limit to that of process 1, which has the machine's, and return it."""
    try:
        _, machine = resource.prlimit(1, which)
        if which == resource.RLIMIT_NOFILE and not 0 <= machine <= _MOST_FILES:
            machine = _MOST_FILES
        if hard == resource.RLIM_INFINITY or (machine != resource.RLIM_INFINITY and machine <= hard):
            return hard
        resource.setrlimit(which, (resource.getrlimit(which)[0], machine))
    except (OSError, ValueError):
        return hard
    return machine


def _limits() -> list[int]:
    return [getattr(resource, name) for name in sorted(dir(resource)) if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"]


def _reset_scheduling() -> None:
    _attempt(lambda: os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0)))
    _attempt(lambda: os.setpriority(os.PRIO_PROCESS, 0, 0))
    # The kernel uses those CPUs of the set that exist and that a cpuset allows.
    _attempt(lambda: os.sched_setaffinity(0, range(os.sysconf("SC_NPROCESSORS_CONF"))))
    if _NUMBERS is not None:
        call = ctypes.CDLL(None).syscall
        call(ctypes.c_long(_NUMBERS[0]), _IOPRIO_WHO_PROCESS, 0, 0)
        call(ctypes.c_long(_NUMBERS[1]), 0, None, ctypes.c_ulong(0))


def _reset_oom_score() -> None:
    _attempt(lambda: Path("/proc/self/oom_score_adj").write_text("0"))


def _reset_groups() -> None:
    with suppress(KeyError):
        user = pwd.getpwuid(os.geteuid())
        _attempt(lambda: os.initgroups(user.pw_name, user.pw_gid))
        _attempt(lambda: os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid))


def _reset_kernel() -> None:
    libc = ctypes.CDLL(None)
    libc.personality(ctypes.c_ulong(0))
    libc.prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(_TIMERSLACK_NANOSECONDS), 0, 0, 0)
    libc.prctl(_PR_CAP_AMBIENT, ctypes.c_ulong(_PR_CAP_AMBIENT_CLEAR_ALL), 0, 0, 0)
    libc.prctl(_PR_SET_THP_DISABLE, ctypes.c_ulong(0), 0, 0, 0)
    libc.prctl(_PR_MCE_KILL, ctypes.c_ulong(_PR_MCE_KILL_CLEAR), 0, 0, 0)
    libc.prctl(_PR_SET_MEMORY_MERGE, ctypes.c_ulong(0), 0, 0, 0)
    _attempt(_reset_core_filter)
    if _NUMBERS is not None:
        # That of a login session is revoked when the session ends, and then every use of keys fails. As for a session of pam_keyinit(8).
        keyctl = partial(libc.syscall, ctypes.c_long(_NUMBERS[2]))
        if keyctl(_KEYCTL_JOIN_SESSION_KEYRING, None) >= 0:
            keyctl(_KEYCTL_LINK, _KEY_SPEC_USER_KEYRING, _KEY_SPEC_SESSION_KEYRING)


def _reset_core_filter() -> None:
    """Set what core files contain to the setting of process 1, which has the machine's, see core(5)."""
    Path("/proc/self/coredump_filter").write_text(f"0x{Path('/proc/1/coredump_filter').read_text()}")


def _attempt(change: Callable[[], object]) -> None:
    with suppress(OSError, ValueError):
        change()
