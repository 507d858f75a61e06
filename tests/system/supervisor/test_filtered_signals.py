"""Jobs are stopped where a filter of system calls (seccomp) refuses pidfd_send_signal(2)."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import wait_until
from processes import is_alive
from raw_desk import RawDesk, kill_and_wait, serving, start_pair
from requirements import can_run

# Executes a command under a filter that lets one system call fail; see seccomp(2) and bpf(2).
FILTER = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None)
load, is_equal, answer = 0x20, 0x15, 0x06
fails, allowed = 0x00050000 | int(sys.argv[1]), 0x7FFF0000
pidfd_send_signal = 424  # on every architecture
steps = [(load, 0, 0, 0), (is_equal, 0, 1, pidfd_send_signal), (answer, 0, 0, fails), (answer, 0, 0, allowed)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
    sys.exit("the kernel does not know it")
os.execvp(sys.argv[2], sys.argv[2:])
"""
REASON = "the system call pidfd_send_signal fails here: "


def filtered(code: int) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", FILTER, str(code))


@pytest.fixture(params=[errno.ENOSYS, errno.EPERM], ids=["unknown", "forbidden"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RawDesk]:
    if not can_run(*filtered(request.param), "true"):
        pytest.skip("no filter can be set here")
    start_pair(tmp_path, *filtered(request.param))
    with serving(tmp_path) as one:
        yield one


@pytest.fixture
def without_cgroups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBWIRE_CGROUPS", "off")


@pytest.mark.usefixtures("any_box")
def test_the_first_process_of_a_job_is_signalled_and_killed_by_its_parent(desk: RawDesk) -> None:
    handle = desk.start("/bin/sleep", "600")
    desk.started(handle)
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=600_000)
    assert desk.ended(handle)["signal"] == signal.SIGTERM

    handle = desk.start("/bin/sleep", "600")
    desk.started(handle)
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=0)
    assert desk.ended(handle)["signal"] == signal.SIGKILL


@pytest.mark.usefixtures("without_cgroups")
def test_other_processes_are_named_at_once_with_the_reason_if_no_cgroup_ends_them(desk: RawDesk, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    gate = (tmp_path / "gate").open("r+b", buffering=0)
    with gate:
        handle = desk.start("/bin/sh", "-c", f"trap : USR2; sh -c 'echo $$; read x' < {tmp_path}/gate & while :; do sleep 0.1; done")
        child = int(wait_until((desk.folder(desk.started(handle)) / "stdout").read_bytes, "the child"))
        desk.wish(do="signal", job=handle, signal=signal.SIGUSR2)
        assert f"process {child} cannot be signalled" in desk.fact("signalled", handle)["why"]
        desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=600_000)
        fact = desk.fact("stuck", handle)
        assert child in fact["pids"]
        assert f"process {child} cannot be ended" in fact["why"]
        assert REASON in fact["why"]
        gate.write(b"end\n")
        assert desk.ended(handle)["signal"] == signal.SIGTERM
        assert not is_alive(child)


def test_with_a_cgroup_one_that_another_process_started_is_killed_and_the_reason_is_told(desk: RawDesk) -> None:
    if not desk.cgroups:
        pytest.skip("cgroups cannot be used here")
    handle = desk.start("/bin/sleep", "600")
    pid = desk.started(handle)["pid"]
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=200)
    told = f"process {pid} cannot be told to end: {REASON}"
    assert desk.fact("stuck", handle)["why"].startswith(told)
    ended = desk.ended(handle)
    assert ended["signal"] == signal.SIGKILL
    assert ended["sentence"].startswith(f"was killed (SIGKILL) after 0.2 s; {told}")
