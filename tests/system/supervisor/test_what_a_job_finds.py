"""The table of docs/protocol.md, section "What a job finds", compared with a real job; and with what is started as its worker was."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from raw_desk import RawDesk

PAGE = Path(__file__).resolve().parents[3] / "docs" / "protocol.md"
# What a process can report about itself. Python ignores some signals and catches others, so another program reports those.
PROBE = r"""
import ctypes, fcntl, json, os, platform, resource, sys
libc = ctypes.CDLL(None)
with open("/proc/self/status") as file:
    status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
stat = open("/proc/self/stat").read().rpartition(") ")[2].split()
def descriptor(number):
    link = os.readlink(f"/proc/self/fd/{number}")
    mode = ("read", "write", "read and write")[fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE]
    return ("a pipe" if link.startswith("pipe:") else link) + ", to " + mode
def call(x86_64, other, *arguments):
    return libc.syscall(ctypes.c_long(x86_64 if platform.machine() == "x86_64" else other), *arguments)
death = ctypes.c_int()
libc.prctl(2, ctypes.byref(death))
numbers = []
for name in os.listdir("/proc/self/fd"):
    try: os.fstat(int(name))
    except OSError: continue
    numbers.append(int(name))
limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")}
mark = limits.pop("RLIMIT_RTTIME")
files = limits.pop("RLIMIT_NOFILE"), limits.pop("RLIMIT_OFILE")
named = [0, 1, 2, 250, 251]
told = {f"descriptor {number}": descriptor(number) if number in numbers else "none" for number in named}
told["other descriptors"] = ", ".join(map(str, sorted(set(numbers) - set(named)))) or "none"
told["session"] = "its own" if os.getsid(0) == os.getpid() else "another's"
told["process group"] = "its own" if os.getpgid(0) == os.getpid() else "another's"
told["controlling terminal"] = "none" if stat[4] == "0" else stat[4]
told["parent"] = os.getppid()
told["parent-death signal"] = str(death.value) if death.value else "none"
told["umask"] = status["Umask"][-3:]
told["cgroup"] = next((line[3:-1] for line in open("/proc/self/cgroup") if line.startswith("0::")), "")
memory = [line.rstrip("\n").split(":", 2) for line in open("/proc/self/cgroup")]
told["memory cgroup, where there is version 1"] = next((path for _, names, path in memory if "memory" in names.split(",")), "")
told["limit of descriptors"] = files
told["soft limit of real-time CPU time (RLIMIT_RTTIME)"] = "a mark" if mark[0] > 1 << 62 and mark[1] == -1 else mark
told["other limits"] = limits
told["nice value"] = os.getpriority(os.PRIO_PROCESS, 0)
told["scheduling policy"] = os.sched_getscheduler(0)
told["CPU affinity"] = sorted(os.sched_getaffinity(0))
told["I/O priority"] = call(252, 31, 1, 0)
told["timer slack"] = libc.prctl(30, 0, 0, 0, 0)
told["oom_score_adj"] = open("/proc/self/oom_score_adj").read()
told["user, groups"] = [status[name] for name in ("Uid", "Gid", "Groups")]
told["capabilities"] = [status[name] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")]
told["securebits"] = libc.prctl(27, 0, 0, 0, 0)
told["no_new_privs"] = status["NoNewPrivs"]
told["session keyring"] = call(250, 219, 0, -3, 0)
told["namespaces"] = {name: os.readlink(f"/proc/self/ns/{name}") for name in os.listdir("/proc/self/ns")}
told["root folder"] = os.readlink("/proc/self/root")
print(json.dumps(told))
"""
SCRIPT = 'cat /proc/self/status >&2; exec "$0" -S -c "$1"'


def look(status: bytes, told: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(told)
    masks = dict(re.findall(r"^(Sig\w+):\t(\w+)$", status.decode(), re.MULTILINE))
    # Two real-time signals belong to the C library.
    for name, mask in (("blocked signals", "SigBlk"), ("ignored signals", "SigIgn")):
        found[name] = "none" if not int(masks[mask], 16) & ~(3 << 31) else masks[mask]
    return found


@pytest.mark.usefixtures("any_box")
def test_the_page_and_a_job_agree_for_root_and_for_an_ordinary_user(anybodys: tuple[RawDesk, tuple[str, ...]]) -> None:
    desk, prefix = anybodys
    section = PAGE.read_text().partition("\n## What a job finds\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|(?: [^|]+)? \|$", section, re.MULTILINE)
    page = {what: value for what, value in rows if what != "what"}
    ended, stdout, stderr = desk.run("/bin/sh", "-c", SCRIPT, sys.executable, PROBE)
    assert ended["exit_status"] == 0, stderr
    found = look(stderr, stdout)
    worker = subprocess.run([*prefix, "/bin/sh", "-c", SCRIPT, sys.executable, PROBE], capture_output=True, check=True)
    as_started = look(worker.stderr, worker.stdout)
    if found["parent"] == desk.supervisor:
        found["parent"] = "the supervisor"
    here, elsewhere = "cgroup, where cgroup v2 can be used", "cgroup, where it cannot"
    if not desk.cgroups:
        here, elsewhere = elsewhere, here
    page.pop(elsewhere)
    cgroup, as_started[here] = str(found.pop("cgroup")), str(as_started.pop("cgroup"))
    found[here] = "its own" if cgroup.startswith(f"{as_started[here].rstrip('/')}/jobwire-") else cgroup
    expected = {what: as_started[what] if value == "the worker's" else value for what, value in page.items()}
    assert found == expected
