"""Restrictions that a worker and its jobs inherit from the process that started it, shown at its start and in `worker status`.

They are found by comparison with process 1, which has the defaults of the machine or container. Only reads.
"""

from __future__ import annotations

import math
import os
import pwd
import re
from pathlib import Path

from ...keys import code_pages, namespaces

# By the title in /proc/PID/limits: name, unit, and the hard limit that is always enough.
_LIMITS = {
    "Max cpu time": ("CPU", "second(s) of processor time", math.inf),
    "Max file size": ("FSIZE", "byte(s) in a file", math.inf),
    "Max data size": ("DATA", "byte(s) of data", math.inf),
    "Max stack size": ("STACK", "byte(s) of stack", 8 * 1024 * 1024),
    "Max resident set": ("RSS", "byte(s) in memory", math.inf),
    "Max processes": ("NPROC", "process(es) of this user", 4096),
    "Max open files": ("NOFILE", "file descriptor(s)", 4096),
    "Max address space": ("AS", "byte(s) of address space", math.inf),
    "Max core file size": ("CORE", "byte(s) of a core file", math.inf),
    "Max locked memory": ("MEMLOCK", "byte(s) of locked memory", 64 * 1024),
    "Max pending signals": ("SIGPENDING", "pending signal(s)", 1024),
    "Max msgqueue size": ("MSGQUEUE", "byte(s) in message queues", 819_200),
    "Max realtime timeout": ("RTTIME", "microsecond(s) of realtime, so jobs have no mark", math.inf),
}
_POLICIES = {os.SCHED_BATCH: "SCHED_BATCH", os.SCHED_IDLE: "SCHED_IDLE", os.SCHED_FIFO: "SCHED_FIFO", os.SCHED_RR: "SCHED_RR"}
_MORE_THAN_ONE = re.compile(r"\((\w+)\)")
_MOST_GROUPS_SHOWN = 10
_TITLE = 26


def find() -> list[str]:
    """Return the restrictions, one sentence each; empty if there are none."""
    return [*_limits(), *_scheduling(), *_powers(), *_groups(), *_namespaces()]


def _limits() -> list[str]:
    ours, machine = _hard_limits("self"), _hard_limits("1")
    return [
        f"at most {in_words(hard, unit)} (hard limit RLIMIT_{name})"
        for title, (name, unit, enough) in _LIMITS.items()
        if (hard := ours.get(title, math.inf)) < min(enough, machine.get(title, math.inf))
    ]


def in_words(number: float, unit: str) -> str:
    """Return a number with its unit, in which `(s)` marks the plural."""
    ending = "" if number == 1 else r"\1"
    return f"{number:.0f} {_MORE_THAN_ONE.sub(ending, unit)}"


def _hard_limits(pid: str) -> dict[str, float]:
    """Return the hard limits of a process, by title; see proc_pid_limits(5)."""
    lines = [line for line in _read(f"/proc/{pid}/limits").splitlines() if line[:_TITLE].rstrip() in _LIMITS]
    words = {line[:_TITLE].rstrip(): line[_TITLE:].split()[1] for line in lines}
    return {title: math.inf if hard == "unlimited" else int(hard) for title, hard in words.items()}


def _scheduling() -> list[str]:
    found = []
    if (nice := os.getpriority(os.PRIO_PROCESS, 0)) > 0:
        found.append(f"nice value {nice}")
    if policy := _POLICIES.get(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK):
        found.append(f"scheduling policy {policy}")
    ours, all_cpus = len(os.sched_getaffinity(0)), _cpus_of("1")
    if ours < all_cpus:
        found.append(f"{ours} of {all_cpus} CPUs")
    score = _read("/proc/self/oom_score_adj").strip()
    if score.isdecimal() and int(score) > 0:
        found.append(f"killed early if memory is short (oom_score_adj {score})")
    return found


def _cpus_of(pid: str) -> int:
    return int(_status(pid).get("Cpus_allowed", "0").replace(",", ""), 16).bit_count()


def _powers() -> list[str]:
    ours, machine = _status("self"), _status("1")
    found = []
    if ours.get("NoNewPrivs") == "1" and machine.get("NoNewPrivs") == "0":
        found.append("no program gains privileges, such as sudo (no_new_privs)")
    # In a container, process 1 may have a filter too.
    if any(ours.get(name, "0") != machine.get(name, ours.get(name, "0")) for name in ("Seccomp", "Seccomp_filters")):
        found.append("system calls are filtered (seccomp)")
    if code_pages.are_fixed():
        found.append("no memory can become executable, as interpreters that compile need it (MemoryDenyWriteExecute= of systemd)")
    if os.geteuid() == 0 and int(ours.get("CapBnd", "0"), 16) != int(machine.get("CapBnd", ours.get("CapBnd", "0")), 16):
        found.append("fewer capabilities than root usually has (bounding set)")
    elif os.geteuid() == 0 and ours.get("CapPrm") != ours.get("CapBnd"):
        found.append("fewer capabilities than root usually has (securebits)")
    if (mapped := _read("/proc/1/uid_map").split()) and _read("/proc/self/uid_map").split() != mapped:
        found.append("only the users and groups of a user namespace")
    return found


def _groups() -> list[str]:
    """Return the differences between the groups of this process and those that its user has now."""
    try:
        user = pwd.getpwuid(os.geteuid())
        wanted = set(os.getgrouplist(user.pw_name, user.pw_gid))
    except (KeyError, OSError, UnicodeEncodeError):
        # No name, or one that is not UTF-8, which getgrouplist does not take.
        return []
    ours = {*os.getgroups(), os.getegid()}
    words = (("without", wanted - ours), ("in addition in", ours - wanted))
    return [f"{verb} the groups {_list(groups)}" for verb, groups in words if groups]


def _namespaces() -> list[str]:
    """Return in which namespaces this process differs from process 1, if that may be examined, as by root."""
    other = namespaces.differences(namespaces.of("self"), namespaces.of("1"))
    return [f"in other namespaces than process 1; what differs: {', '.join(other)}"] if other else []


def _list(groups: set[int]) -> str:
    shown = [str(gid) for gid in sorted(groups)]
    return ", ".join(shown[:_MOST_GROUPS_SHOWN] + (["..."] if len(shown) > _MOST_GROUPS_SHOWN else []))


def _status(pid: str) -> dict[str, str]:
    # The name of the process is in there too, which may have any character but a newline.
    lines = (line.partition(":") for line in _read(f"/proc/{pid}/status").split("\n"))
    return {name: value.strip() for name, _, value in lines}


def _read(path: str) -> str:
    try:
        return os.fsdecode(Path(path).read_bytes())
    except OSError:
        return ""
