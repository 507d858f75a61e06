"""Supervisor and keeper are killed, in every order: no job notices, and no status and no byte is lost."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest
from daemons import wait_until
from processes import is_alive, open_files
from raw_desk import RawDesk, kill_and_wait, kill_both, our_cgroups

from jobwire.worker.keeper import process
from jobwire.worker.state.presence import hold
from jobwire.worker.supervisor.containment import cgroups

SH = "/bin/sh"
# Writes a line, waits for the gate to open, writes more than a pipe holds, and ends with its own status.
WRITER = (
    "echo begin; echo err >&2; read x < {gate}; i=0; while [ $i -lt 3000 ]; do echo line $i of a long log; i=$((i+1)); done; exit {status}"
)
LINES = b"begin\n" + b"".join(b"line %d of a long log\n" % number for number in range(3000))


def start_writers(desk: RawDesk, tmp_path: Path, count: int) -> tuple[dict[str, int], Path]:
    """Start jobs that write and wait at a gate; return their handles with the statuses that they will end with."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    writers = {desk.start(SH, "-c", WRITER.format(gate=gate, status=status)): status for status in range(1, count + 1)}
    for handle in writers:
        folder = desk.folder(desk.started(handle))
        wait_until(lambda folder=folder: (folder / "stdout").read_bytes() and (folder / "stderr").read_bytes(), "the first lines")
    return writers, gate


def check_writers(desk: RawDesk, writers: dict[str, int]) -> None:
    for handle, status in writers.items():
        fact = desk.ended(handle)
        assert (fact["kind"], fact["exit_status"]) == ("exited", status), fact["sentence"]
        assert desk.output(fact) == (LINES, b"err\n")
        assert (fact["stdout_bytes"], fact["stderr_bytes"]) == (len(LINES), 4)


def pass_gate(gate: Path, count: int) -> None:
    """Let this many writers through: each reads one line."""
    fd = os.open(gate, os.O_RDWR)
    try:
        os.write(fd, b"\n" * count)
        wait_until(lambda: not _bytes_in(fd), "all writers to pass")
    finally:
        os.close(fd)


def _holds_pidfds(pid: int) -> bool:
    return any("pidfd" in one for one in open_files(pid))


def _bytes_in(fd: int) -> int:
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"), "little")


@pytest.mark.usefixtures("any_box")
def test_a_killed_supervisor_loses_nothing_of_jobs_that_continue(desk: RawDesk, tmp_path: Path) -> None:
    writers, gate = start_writers(desk, tmp_path, 10)
    former = desk.supervisor, desk.keeper
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    assert desk.supervisor != former[0]
    assert desk.keeper == former[1]
    desk.recover()
    assert {fact["job"] for fact in desk.facts} == set(writers)
    pass_gate(gate, len(writers))
    check_writers(desk, writers)


@pytest.mark.usefixtures("any_box")
def test_a_killed_supervisor_loses_nothing_of_jobs_that_end_before_the_next(desk: RawDesk, tmp_path: Path) -> None:
    writers, gate = start_writers(desk, tmp_path, 10)
    # A stopped supervisor notices nothing; the jobs wait with full pipes until the next one reads.
    os.kill(desk.supervisor, signal.SIGSTOP)
    pass_gate(gate, len(writers))
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    check_writers(desk, writers)


def test_a_killed_supervisor_loses_no_status_of_jobs_already_dead(desk: RawDesk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    jobs = {desk.start(SH, "-c", f"read x < {gate}; echo out {status}; exit {status}"): status for status in range(20)}
    pids = [desk.started(handle)["pid"] for handle in jobs]
    os.kill(desk.supervisor, signal.SIGSTOP)
    pass_gate(gate, len(jobs))
    wait_until(lambda: not any(is_alive(pid) for pid in pids), "the end of all jobs")
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    for handle, status in jobs.items():
        fact = desk.ended(handle)
        assert (fact["kind"], fact["exit_status"], desk.output(fact)) == ("exited", status, (b"out %d\n" % status, b""))
        assert fact["max_resident_bytes"] > 0


def test_a_supervisor_killed_again_and_again_loses_nothing(desk: RawDesk, tmp_path: Path) -> None:
    writers, gate = start_writers(desk, tmp_path, 3)
    for _ in range(3):
        kill_and_wait(desk.supervisor)
        desk.reconnect()
    pass_gate(gate, len(writers))
    desk.recover()
    check_writers(desk, writers)


@pytest.mark.usefixtures("any_box")
def test_what_a_job_left_behind_while_the_supervisor_was_dead_is_ended(desk: RawDesk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    leave = f"setsid sh -c 'trap \"\" TERM; echo $$; while :; do read x < /proc/self/stat; done' & read x < {gate}; exit 9"
    handle = desk.start(SH, "-c", leave, grace_ms=100)
    started = desk.started(handle)
    wait_until((desk.folder(started) / "stdout").read_bytes, "the pid of what is left behind")
    left = int((desk.folder(started) / "stdout").read_bytes())
    os.kill(desk.supervisor, signal.SIGSTOP)
    pass_gate(gate, 1)
    wait_until(lambda: not is_alive(started["pid"]), "the end of the leader")
    assert is_alive(left)
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    assert desk.ended(handle)["exit_status"] == 9
    assert not is_alive(left)


@pytest.mark.usefixtures("any_box")
def test_a_killed_keeper_loses_nothing_and_is_replaced_when_nothing_runs(desk: RawDesk, tmp_path: Path) -> None:
    writers, gate = start_writers(desk, tmp_path, 3)
    kill_and_wait(desk.keeper)
    assert desk.run("echo", "still")[1] == b"still\n"
    hello = desk.fact("hello")
    assert (hello["pid"], hello["keeper_pid"]) == (desk.supervisor, 0)
    pass_gate(gate, len(writers))
    check_writers(desk, writers)
    former = desk.supervisor
    desk.settle(*writers)
    assert desk.socket.recv(65_536) == b""
    desk.reconnect()
    assert desk.keeper == former
    assert desk.run("echo", "again")[1] == b"again\n"


@pytest.mark.usefixtures("any_box")
def test_if_both_are_killed_the_next_pair_adopts_what_runs(desk: RawDesk, tmp_path: Path) -> None:
    writers, gate = start_writers(desk, tmp_path, 3)
    kill_both(desk)
    process.start(tmp_path)
    desk.reconnect()
    desk.recover()
    assert {fact["job"] for fact in desk.facts} == set(writers)
    pass_gate(gate, len(writers))
    major, minor = (int(part) for part in os.uname().release.split(".")[:2])
    if (major, minor) >= (6, 15):
        check_writers(desk, writers)


@pytest.mark.usefixtures("any_box")
def test_after_both_were_killed_the_next_supervisor_may_be_killed_too(desk: RawDesk, tmp_path: Path) -> None:
    """Then the jobs are children of neither, and the keeper holds the pidfds that report their ends."""
    if tuple(int(part) for part in os.uname().release.split(".")[:2]) < (6, 15):
        pytest.skip("this kernel tells the status of a process to its parent only")
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    jobs = {desk.start(SH, "-c", f"read x < {gate}; echo out; exit {status}"): status for status in range(3)}
    pids = [desk.started(handle)["pid"] for handle in jobs]
    kill_both(desk)
    process.start(tmp_path)
    desk.reconnect()
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    os.kill(desk.supervisor, signal.SIGSTOP)
    pass_gate(gate, len(jobs))
    wait_until(lambda: not any(is_alive(pid) for pid in pids), "the end of all jobs")
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    for handle, status in jobs.items():
        fact = desk.ended(handle)
        assert (fact["kind"], fact["exit_status"], desk.output(fact)) == ("exited", status, (b"out\n", b"")), fact["sentence"]
    desk.settle(*jobs)
    wait_until(lambda: not _holds_pidfds(desk.keeper), "the keeper to let go of them")


@pytest.mark.usefixtures("any_box")
def test_if_both_are_killed_jobs_that_ended_meanwhile_are_lost_with_a_reason(desk: RawDesk, tmp_path: Path) -> None:
    (handle,), _ = start_writers(desk, tmp_path, 1)
    kill_both(desk)
    pid = next(int(path.name.split("_")[0]) for path in desk.logs.iterdir())
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), "the end of the job")
    process.start(tmp_path)
    desk.reconnect()
    desk.recover()
    fact = desk.ended(handle)
    assert (fact["kind"], fact["pid"]) == ("lost", pid)
    why = "it ended while neither the supervisor nor its keeper was running"
    assert fact["sentence"] == f"how it ended is not known: {why}; the end of its stdout and stderr may be missing"
    assert (fact["stdout_problem"], fact["stderr_problem"]) == (why, why)
    assert desk.output(fact)[0] == b"begin\n"


def test_jobs_of_an_earlier_boot_are_lost(desk: RawDesk, tmp_path: Path) -> None:
    writers, _ = start_writers(desk, tmp_path, 1)
    pid = next(int(path.name.split("_")[0]) for path in desk.logs.iterdir())
    kill_both(desk)
    kill_and_wait(pid)
    (tmp_path / "boot").write_text("another\n")
    process.start(tmp_path)
    desk.reconnect()
    desk.recover()
    fact = desk.ended(*writers)
    assert fact["kind"] == "lost"
    assert fact["sentence"] == (
        "how it ended is not known: the machine was restarted while it ran; the end of its stdout and stderr may be missing"
    )


@pytest.mark.parametrize("target", ["/proc/version", "boot"])
def test_a_boot_that_cannot_be_noted_costs_neither_the_supervisor_nor_its_jobs(desk: RawDesk, tmp_path: Path, target: str) -> None:
    kill_both(desk)
    (tmp_path / "boot").unlink()
    # The one stands for an earlier boot, and no write to it succeeds; the other cannot be read either.
    (tmp_path / "boot").symlink_to(target)
    process.start(tmp_path)
    desk.reconnect()
    handle = desk.start("sleep", "60")
    pid = desk.started(handle)["pid"]
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    assert desk.started(handle)["pid"] == pid
    assert (tmp_path / "boot").read_text().startswith(Path("/proc/sys/kernel/random/boot_id").read_text())
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=60_000)
    assert desk.ended(handle)["signal"] == signal.SIGTERM


@pytest.mark.parametrize("both", [False, True])
def test_a_supervisor_that_cannot_list_the_logs_waits_until_it_can(desk: RawDesk, tmp_path: Path, *, both: bool) -> None:
    """As on a disk that fails or is away. It starts none of its kind, and adopts when the disk is back."""
    writers, gate = start_writers(desk, tmp_path, 2)
    desk.logs.rename(tmp_path / "aside")
    desk.logs.write_bytes(b"")
    if both:
        kill_both(desk)
        process.start(tmp_path)
    else:
        kill_and_wait(desk.supervisor)
    log = tmp_path / "supervisor.log"
    wait_until(lambda: b"logs cannot be listed: " in log.read_bytes(), "it says so")
    time.sleep(1.2)  # It has looked again at least once.
    assert log.read_bytes().count(b"cannot be listed") == 1
    desk.logs.unlink()
    (tmp_path / "aside").rename(desk.logs)
    desk.reconnect()
    desk.recover()
    assert b"logs can be listed again" in log.read_bytes()
    pass_gate(gate, len(writers))
    check_writers(desk, writers)


def test_jobs_whose_folders_were_made_again_are_adopted_with_all_their_output(desk: RawDesk, tmp_path: Path) -> None:
    writers, gate = start_writers(desk, tmp_path, 3)
    folders = [path.name for path in desk.logs.iterdir()]
    jobs = [(desk.logs / name / "job").read_bytes() for name in folders]
    shutil.rmtree(desk.logs)
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    assert desk.facts == []
    for name, job in zip(folders, jobs, strict=True):
        (desk.logs / name).mkdir(parents=True)
        (desk.logs / name / "job").write_bytes(job)
    missing, damaged = (f"{number}{folders[0][folders[0].index('_') :]}" for number in (8, 9))
    (desk.logs / damaged).mkdir()
    (desk.logs / damaged / "job").write_bytes(b"{")
    desk.wish(do="adopt", folders=[missing, damaged, *folders])
    desk.recover()
    assert {fact["job"] for fact in desk.facts} == set(writers)
    pass_gate(gate, len(writers))
    for handle in writers:
        fact = desk.ended(handle)
        assert desk.output(fact)[0] == LINES.removeprefix(b"begin\n")
        assert fact["stdout_problem"] == fact["stderr_problem"] == "its log was removed or moved away while it ran"
        desk.settle(handle)


@pytest.mark.parametrize("linger", [False, True])
def test_a_damaged_job_file_costs_the_next_supervisor_and_other_jobs_nothing(desk: RawDesk, tmp_path: Path, *, linger: bool) -> None:
    """Of a running job, or of one that has ended and left a process that may still write."""
    (writer,), gate = start_writers(desk, tmp_path, 1)
    command = ("sh", "-c", "sleep 600 & echo $!") if linger else ("sleep", "600")
    damaged = desk.start(*command, linger=linger)
    file = desk.folder(desk.ended(damaged) if linger else desk.started(damaged)) / "job"
    whole = file.read_text()
    for wrong in ("[" * 100_000, json.dumps(json.loads(whole) | {"time_limit_ms": "x"})):
        file.write_text(wrong)
        kill_and_wait(desk.supervisor)
        desk.reconnect()
        desk.recover()
        assert writer in {fact["job"] for fact in desk.facts}
        assert desk.run("true")[0]["exit_status"] == 0
    pass_gate(gate, 1)
    assert desk.output(desk.ended(writer))[0] == LINES
    desk.settle(writer)
    file.write_text(whole)
    if linger:
        os.kill(int((file.parent / "stdout").read_text()), signal.SIGKILL)
    else:
        desk.wish(do="adopt", folders=[file.parent.name])
        desk.wish(do="end", job=damaged, signal=signal.SIGKILL, grace_ms=0)
        desk.ended(damaged)
    desk.settle(damaged)


def test_a_job_that_ends_before_its_damaged_file_is_written_again_says_why_its_status_is_unknown(desk: RawDesk) -> None:
    handle = desk.start("sh", "-c", "echo $$; exec sleep 600")
    folder = desk.folder(desk.started(handle))
    pid = int(wait_until((folder / "stdout").read_text, "its first line"))
    job = (folder / "job").read_bytes()
    (folder / "job").write_bytes(b"")
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    kill_and_wait(pid)
    (folder / "job").write_bytes(job)
    desk.wish(do="adopt", folders=[folder.name])
    fact = desk.ended(handle)
    assert fact["kind"] == "lost"
    assert "removed or damaged, and it ended before the next supervisor could use them" in fact["sentence"]
    assert desk.output(fact)[0] == b"%d\n" % pid


@pytest.mark.parametrize("how", ["settled", "retire", "not adopted"])
def test_a_job_whose_folder_was_removed_and_is_not_made_again_does_not_wait_in_its_writes(desk: RawDesk, tmp_path: Path, how: str) -> None:
    (handle,), gate = start_writers(desk, tmp_path, 1)
    (folder,) = desk.logs.iterdir()
    pid = int(folder.name.split("_")[0])
    job = (folder / "job").read_bytes()
    shutil.rmtree(desk.logs)
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    pass_gate(gate, 1)
    if how == "not adopted":
        # Where its pipes are noted is something that cannot be removed.
        (folder / "pipes").mkdir(parents=True)
        (folder / "job").write_bytes(job)
        desk.wish(do="adopt", folders=[folder.name])
        desk.recover()
        assert desk.facts == []
    if how != "retire":
        desk.settle(handle)
    else:
        # `hello` takes that back. Both come at once: the supervisor has nothing else to do, and would be gone before a second message.
        desk.wishes({"do": "retire"}, {"do": "hello"})
    wait_until(lambda: not is_alive(pid), "it writes all of its output and ends")


def test_an_intent_that_may_have_been_started_is_lost_and_another_is_kept(desk: RawDesk, tmp_path: Path) -> None:
    untried, tried = desk.intend("echo", "once"), desk.intend("echo", "never")
    kill_both(desk)
    (desk.logs / f".new-{tried}" / "stderr").touch()
    process.start(tmp_path)
    desk.reconnect()
    desk.recover()
    fact = desk.ended(tried)
    assert (fact["kind"], fact["pid"]) == ("lost", 0)
    desk.wish(do="start", job=untried)
    assert desk.output(desk.ended(untried))[0] == b"once\n"


def test_hidden_folders_of_other_programs_are_left_alone(desk: RawDesk, tmp_path: Path) -> None:
    others = [desk.logs / name for name in (".new-x", ".new-x\nretire", ".lingers-x\nretire")]
    for other in others:
        other.mkdir()
        (other / "stderr").touch()
    for kill in (lambda: kill_and_wait(desk.supervisor), lambda: kill_both(desk)):
        kill()
        if not is_alive(desk.keeper):
            process.start(tmp_path)
        desk.reconnect()
        desk.recover()
        assert desk.facts == []
    assert all((other / "stderr").exists() for other in others)


def test_an_intent_that_was_not_forked_is_started_on_request(desk: RawDesk) -> None:
    handle = desk.intend("echo", "once")
    (desk.logs / f".new-{handle}" / "stderr").touch()
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    assert desk.facts == []
    desk.wish(do="start", job=handle)
    assert desk.output(desk.ended(handle))[0] == b"once\n"


def test_a_fork_whose_folder_was_not_yet_renamed_is_found(desk: RawDesk, tmp_path: Path) -> None:
    if not desk.cgroups:
        pytest.skip("by its cgroup")
    handle = desk.start("sleep", "60")
    started = desk.started(handle)
    os.kill(desk.supervisor, signal.SIGSTOP)
    desk.folder(started).rename(desk.logs / f".new-{handle}")
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    assert desk.started(handle)["pid"] == started["pid"]
    desk.wish(do="end", job=handle, signal=signal.SIGTERM, grace_ms=60_000)
    assert desk.ended(handle)["signal"] == signal.SIGTERM


def test_a_fork_that_ended_before_its_folder_was_renamed_keeps_its_status(desk: RawDesk, tmp_path: Path) -> None:
    if not desk.cgroups:
        pytest.skip("by its cgroup")
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    handle = desk.start(SH, "-c", f"echo out; read x < {gate}; exit 6")
    started = desk.started(handle)
    wait_until((desk.folder(started) / "stdout").read_bytes, "the output")
    os.kill(desk.supervisor, signal.SIGSTOP)
    desk.folder(started).rename(desk.logs / f".new-{handle}")
    pass_gate(gate, 1)
    wait_until(lambda: not is_alive(started["pid"]), "the end of the job")
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    fact = desk.ended(handle)
    assert (fact["pid"], fact["exit_status"], desk.output(fact)[0]) == (started["pid"], 6, b"out\n")


def test_a_job_ends_though_somebody_removed_its_cgroup(desk: RawDesk, tmp_path: Path) -> None:
    """As by a supervisor that cleans up after an earlier one while an adopted job is ending."""
    if not desk.cgroups:
        pytest.skip("it has none")
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    handle = desk.start(SH, "-c", f"echo out; read x < {gate}; exit 6")
    started = desk.started(handle)
    wait_until((desk.folder(started) / "stdout").read_bytes, "the output")
    tree = cgroups.find_tree()
    assert tree is not None
    own = Path(tree.folder_of(started["pid"]))
    (Path(tree.folder_of(desk.supervisor)) / "cgroup.procs").write_text(str(started["pid"]))
    own.rmdir()
    pass_gate(gate, 1)
    assert desk.ended(handle)["exit_status"] == 6
    # The removed one is not used for another job.
    assert desk.run("echo", "next")[1] == b"next\n"


def test_everything_continues_after_somebody_removed_the_cgroup_of_the_state_folder(desk: RawDesk) -> None:
    if not desk.cgroups:
        pytest.skip("it has none")
    assert desk.run("true")[0]["kind"] == "exited"
    for _ in range(2):
        remove_cgroups(desk)
        assert desk.run("echo", "on")[1] == b"on\n"
    # It also ends without it; the fixture checks that.
    remove_cgroups(desk)


def test_a_cgroup_that_cannot_be_created_again_is_named(desk: RawDesk) -> None:
    if not desk.cgroups:
        pytest.skip("it has none")
    assert desk.run("true")[0]["kind"] == "exited"
    (base,) = remove_cgroups(desk)
    # No cgroup can be created below one that may have no descendants.
    base.mkdir()
    # Or a supervisor that ends meanwhile, in a container of another test, regards it as left behind.
    held = hold(str(base))
    (base / "cgroup.max.descendants").write_text("0")
    fact, _, _ = desk.run("true")
    assert (fact["kind"], fact["exit_status"]) == ("failed_to_start", 125)
    assert fact["sentence"].startswith(f"its cgroup {base}/job-")
    (base / "cgroup.max.descendants").write_text("max")
    assert desk.run("echo", "on")[1] == b"on\n"
    os.close(held)


@pytest.mark.parametrize("made", ["before", "after"])
def test_a_frozen_cgroup_is_named_and_not_entered(desk: RawDesk, made: str) -> None:
    """What starts jobs would be frozen with it, and no job would be started, stopped or read any more."""
    if not desk.cgroups:
        pytest.skip("it has none")
    # One in the pool; and for the other, one that is made in what is frozen already.
    assert desk.run("true")[0]["kind"] == "exited"
    running = desk.start("sleep", "600") if made == "after" else ""
    if running:
        desk.started(running)
    (base,) = our_cgroups(desk.state)
    (base / "cgroup.freeze").write_text("1")
    try:
        fact, _, _ = desk.run("true")
        assert (fact["kind"], fact["exit_status"]) == ("failed_to_start", 125)
        assert "is frozen, or one above it is" in fact["sentence"]
        if running:
            desk.wish(do="end", job=running, signal=signal.SIGTERM, grace_ms=0)
            assert desk.ended(running)["signal"] == signal.SIGKILL
            desk.settle(running)
    finally:
        (base / "cgroup.freeze").write_text("0")
    assert desk.run("echo", "on")[1] == b"on\n"


def remove_cgroups(desk: RawDesk) -> list[Path]:
    """Remove the cgroup of the state folder with everything in it, as an administrator may do."""
    found = our_cgroups(desk.state)
    for base in found:
        for folder in [*(path for path in base.iterdir() if path.is_dir()), base]:
            folder.rmdir()
    return found


def test_an_end_that_was_written_but_whose_folder_was_not_renamed_is_reported(desk: RawDesk) -> None:
    handle = desk.start("true")
    fact = desk.ended(handle)
    os.kill(desk.supervisor, signal.SIGSTOP)
    desk.folder(fact).rename(desk.logs / desk.folder(fact).name.rpartition("_")[0])
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    desk.recover()
    again = desk.ended(handle)
    assert again["exit_status"] == 0
    assert {key: again[key] for key in ("pid", "started_at_us", "ended_at_us")} == {
        key: fact[key] for key in ("pid", "started_at_us", "ended_at_us")
    }
    assert desk.folder(again).exists()


def test_time_limits_keep_counting_across_a_death(desk: RawDesk) -> None:
    handle = desk.start("sleep", "60", time_limit_ms=4_000)
    started = desk.started(handle)
    # The time itself is tested here: there is no event to wait for.
    signal.sigtimedwait([], 2)
    kill_and_wait(desk.supervisor)
    killed_at_us = time.time_ns() // 1000
    desk.reconnect()
    fact = desk.ended(handle)
    assert fact["kind"] == "timed_out"
    assert fact["ended_at_us"] - started["started_at_us"] > 3_900_000
    # If the limit started again, the job would end four seconds after that at the earliest.
    assert fact["ended_at_us"] - killed_at_us < 3_900_000


def test_a_process_under_the_pid_of_a_stale_record_is_never_signalled(desk: RawDesk, tmp_path: Path) -> None:
    """A record says that a job is running with this pid, but the pid was reused since."""
    (handle,), _ = start_writers(desk, tmp_path, 1)
    kill_both(desk)
    (folder,) = desk.logs.iterdir()
    kill_and_wait(int(folder.name.split("_")[0]))
    innocent = subprocess.Popen(["sleep", "60"])
    try:
        folder.rename(desk.logs / f"{innocent.pid}_20200101T000000.000000Z")
        process.start(tmp_path)
        desk.reconnect()
        desk.wish(do="signal", job=handle, signal=signal.SIGKILL)
        desk.wish(do="pause", job=handle)
        desk.wish(do="end", job=handle, signal=signal.SIGKILL, grace_ms=0)
        desk.recover()
        assert desk.ended(handle)["kind"] == "lost"
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()
