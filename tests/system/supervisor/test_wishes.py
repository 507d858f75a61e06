"""What the desk may send, in which order and how often; new connections; retirement."""

import json
import os
import select
import signal
import socket
from pathlib import Path

import pytest
from daemons import wait_until
from processes import is_alive
from raw_desk import RawDesk, kill_and_wait, our_cgroups

from jobwire.worker.keeper import process
from jobwire.worker.state import layout


def test_unsettled_ends_are_reported_again_and_settled_ones_are_not(desk: RawDesk) -> None:
    unsettled, settled, failed = desk.start("true"), desk.start("true"), desk.start("no-such-program")
    for handle in (unsettled, settled, failed):
        desk.ended(handle)
    desk.settle(settled)
    desk.recover()
    assert {fact["job"] for fact in desk.facts} == {unsettled, failed}
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    assert {fact["job"] for fact in desk.facts} - {settled} == {unsettled, failed}
    assert {fact["kind"] for fact in desk.facts} == {"exited", "failed_to_start"}


def test_the_intent_of_a_job_that_was_cancelled_before_its_start_is_removed(desk: RawDesk) -> None:
    cancelled, other, running = desk.intend("true"), desk.intend("true"), desk.start("sleep", "60")
    desk.started(running)
    desk.settle(cancelled)
    desk.settle(running)
    desk.wish(do="hello")
    desk.fact("hello")
    assert {path.name for path in desk.logs.iterdir() if path.name[0] == "."} == {f".new-{other}"}
    assert len(list(desk.logs.iterdir())) == 2
    desk.wish(do="end", job=running, signal=15, grace_ms=1000)
    desk.ended(running)


def test_a_start_that_is_repeated_starts_once(desk: RawDesk) -> None:
    handle = desk.intend("echo", "once")
    for _ in range(3):
        desk.wish(do="start", job=handle)
    desk.started(handle)
    desk.ended(handle)
    desk.wish(do="start", job=handle)
    desk.wish(do="hello")
    desk.fact("hello")
    assert desk.facts == []
    desk.settle(handle)
    desk.wish(do="start", job=handle)
    assert desk.ended(handle)["kind"] == "exited"
    assert len([path for path in desk.logs.iterdir() if path.name[0] != "."]) == 1


def test_a_start_that_is_to_be_told_at_once_is_told_before_the_end_however_soon_that_comes(desk: RawDesk) -> None:
    for _ in range(5):
        handle = desk.intend("true")
        desk.wish(do="start", job=handle, at_once=True)
        desk.fact("started", handle)
        assert desk.ended(handle)["kind"] == "exited"
        desk.settle(handle)


def test_garbage_is_survived(desk: RawDesk) -> None:
    for datagram in (b"\xff\0", b"{}", b"[1]", b'["start"]', b'[{"do":"start"}]', b'[{"do":1}]', b"[" * 50_000, b"[{}]", b" " * 100_000):
        desk.socket.send(datagram)
    for wish in (
        {"do": "start", "job": "../../etc"},
        {"do": "start", "job": 7},
        {"do": "end", "job": f"{'0' * 32}.{'1' * 64}", "signal": 15, "grace_ms": "soon"},
        {"do": "signal", "job": f"{'0' * 32}.{'1' * 64}", "signal": 99},
        {"do": "settled", "jobs": 5},
        {"do": "explode"},
    ):
        desk.socket.send(json.dumps([wish]).encode())
    assert desk.run("echo", "hi")[1] == b"hi\n"


def test_a_new_connection_replaces_the_old_one_after_its_last_words(desk: RawDesk) -> None:
    handle = desk.intend("echo", "said before")
    former = desk.socket
    os.kill(desk.supervisor, signal.SIGSTOP)
    former.send(json.dumps([{"do": "start", "job": handle}]).encode())
    desk.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    desk.socket.settimeout(60)
    desk.socket.connect(str(desk.state / layout.SOCKET))
    os.kill(desk.supervisor, signal.SIGCONT)
    desk.wish(do="hello")
    desk.fact("hello")
    desk.recover()
    former.settimeout(60)
    while former.recv(65_536):
        pass
    former.close()
    assert desk.output(desk.ended(handle))[0] == b"said before\n"


def test_retire_waits_for_running_jobs_and_leaves_nothing(desk: RawDesk, tmp_path: Path) -> None:
    handle = desk.start("sleep", "60")
    desk.started(handle)
    desk.wish(do="retire")
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=60_000)
    desk.ended(handle)
    desk.settle(handle)
    assert desk.socket.recv(65_536) == b""
    wait_until(lambda: not is_alive(desk.keeper) and not is_alive(desk.supervisor), "their end")
    assert our_cgroups(tmp_path) == []
    assert not (tmp_path / layout.SOCKET).exists()
    process.start(tmp_path)


def test_a_hello_cancels_a_retirement(desk: RawDesk) -> None:
    handle = desk.start("sleep", "60")
    desk.started(handle)
    desk.wish(do="retire")
    desk.reconnect()
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=60_000)
    desk.ended(handle)
    desk.settle(handle)
    assert desk.run("echo", "hi")[1] == b"hi\n"


def test_a_pair_without_a_worker_exits_after_everything_is_settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBWIRE_ALONE_SECONDS", "1")
    process.start(tmp_path)
    desk = RawDesk(tmp_path)
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    handle = desk.start("/bin/sh", "-c", f"read x < {gate}; exit 7")
    desk.started(handle)
    desk.socket.close()
    # Longer than it waits: while the job runs, and while its end is not settled.
    stays_for(desk, 1.3)
    gate.write_bytes(b"go\n")
    stays_for(desk, 1.3)
    desk.connect()
    desk.recover()
    assert desk.ended(handle)["exit_status"] == 7
    desk.settle(handle)
    desk.socket.close()
    wait_until(lambda: not is_alive(desk.keeper) and not is_alive(desk.supervisor), "their end")
    assert our_cgroups(tmp_path) == []
    assert not (tmp_path / layout.SOCKET).exists()


def stays_for(desk: RawDesk, seconds: float) -> None:
    process = os.pidfd_open(desk.supervisor)
    try:
        assert not select.select([process], [], [], seconds)[0]
    finally:
        os.close(process)
