"""The output of a job: its descriptors, and what is reported if its logs are incomplete."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from daemons import wait_until
from raw_desk import Fact, RawDesk, kill_and_wait, kill_both, serving, start_pair

from jobwire.schemas.naming import format_time, parse_time
from jobwire.worker.keeper import process
from jobwire.worker.state.log_folders.timed_log import TimedFollower

SH = "/bin/sh"


@pytest.mark.parametrize("killed", [False, True])
def test_missing_output_is_reported_also_by_the_next_supervisor(desk: RawDesk, tmp_path: Path, killed: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    # EFBIG from now on, for this supervisor alone.
    resource.prlimit(desk.supervisor, resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    handle = desk.start(SH, "-c", f"head -c 1500 /dev/zero; echo whole >&2; read x < {gate}; exit 3")
    folder = desk.folder(desk.started(handle))
    wait_until(lambda: (folder / "stdout.problem").exists() and (folder / "stdout.problem").read_bytes(), "the note of what is missing")
    if killed:
        kill_and_wait(desk.supervisor)
        desk.reconnect()
    gate.write_bytes(b"\n")
    fact = desk.ended(handle)
    assert (fact["kind"], fact["exit_status"]) == ("exited", 3)
    assert (fact["stdout_problem"], fact["stderr_problem"]) == ("File too large", "")
    assert fact["sentence"] == "exited with status 3; its stdout is incomplete: File too large"
    assert desk.output(fact) == (b"\0" * 1000, b"whole\n")
    desk.settle(handle)


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_output_whose_log_somebody_moved_away_is_reported_as_missing(desk: RawDesk, tmp_path: Path, name: str) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    handle = desk.start(SH, "-c", f"echo one; echo two >&2; read x < {gate}; echo three")
    folder = desk.folder(desk.started(handle))
    wait_until(lambda: (folder / name).stat().st_size, "it has printed something")
    (folder / name).rename(folder / f"{name}.1")
    gate.write_bytes(b"\n")
    fact = desk.ended(handle)
    assert fact["sentence"] == f"exited with status 0; its {name} is incomplete: its log was moved away while it ran"
    desk.settle(handle)


@pytest.mark.parametrize("both", [False, True], ids=["supervisor", "supervisor and keeper"])
@pytest.mark.parametrize("how", ["removed or moved away", "shortened"])
def test_output_whose_log_was_lost_while_no_supervisor_had_it_open_is_reported_as_missing(
    desk: RawDesk, tmp_path: Path, how: str, *, both: bool
) -> None:
    gate, again = tmp_path / "gate", tmp_path / "again"
    os.mkfifo(gate)
    os.mkfifo(again)
    # When the other stream arrives, the size of the first is recorded.
    handle = desk.start(SH, "-c", f"echo one; read x < {again}; echo two >&2; read x < {gate}; echo three; exit 3")
    folder = desk.folder(desk.started(handle))
    wait_until(lambda: (folder / "stdout").stat().st_size, "it has printed something")
    again.write_bytes(b"\n")
    wait_until(lambda: (folder / "stderr").stat().st_size and (folder / "times").exists(), "when it came is recorded")
    os.kill(desk.supervisor, signal.SIGSTOP)
    if how == "shortened":
        os.truncate(folder / "stdout", 0)
    else:
        (folder / "stdout").unlink()
    if both:
        kill_both(desk)
        process.start(desk.state)
    else:
        kill_and_wait(desk.supervisor)
    desk.reconnect()
    # Also by the one after the next.
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    gate.write_bytes(b"\n")
    fact = desk.ended(handle)
    assert (fact["stdout_problem"], fact["stderr_problem"]) == (f"its log was {how} while it ran", "")
    assert f"; its stdout is incomplete: its log was {how} while it ran" in fact["sentence"]
    desk.settle(handle)


@pytest.mark.parametrize("both", [False, True], ids=["supervisor", "supervisor and keeper"])
def test_a_log_that_cannot_be_opened_again_delays_the_output_of_its_job_and_nothing_else(
    desk: RawDesk, tmp_path: Path, *, both: bool
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    handle = desk.start(SH, "-c", f"echo one; read x < {gate}; echo three; exit 3")
    other = desk.start(SH, "-c", f"echo one; read x < {gate}; echo three; exit 4")
    folders = [desk.folder(desk.started(one)) for one in (handle, other)]
    for folder in folders:
        wait_until(lambda folder=folder: (folder / "stdout").stat().st_size, "it has printed something")
    log = folders[0] / "stdout"
    # ETXTBSY: nobody can open a program to write that is being executed.
    log.unlink()
    shutil.copy("/bin/sleep", log)
    busy = subprocess.Popen([log, "600"])
    try:
        if both:
            kill_both(desk)
            process.start(desk.state)
        else:
            kill_and_wait(desk.supervisor)
        desk.reconnect()
        desk.recover()
        assert {fact["job"] for fact in desk.facts} == {handle, other}
        end = os.open(gate, os.O_RDWR)
        os.write(end, b"\n\n")
        assert desk.ended(other)["exit_status"] == 4
    finally:
        busy.kill()
        busy.wait()
    fact = desk.ended(handle)
    os.close(end)
    assert (fact["kind"], fact["exit_status"]) == ("exited", 3)
    wait_until(lambda: desk.output(fact)[0].endswith(b"three\n"), "what waited in the pipe")
    desk.settle(handle, other)


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_output_of_which_the_log_became_a_link_is_reported_as_missing_wherever_that_leads(desk: RawDesk, tmp_path: Path, name: str) -> None:
    for target in ("/etc/hostname", "/nothing/there"):
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        handle = desk.start(SH, "-c", f"echo one; echo two >&2; read x < {gate}; echo three")
        folder = desk.folder(desk.started(handle))
        wait_until(lambda folder=folder: (folder / name).stat().st_size, "it has printed something")
        (folder / name).unlink()
        (folder / name).symlink_to(target)
        gate.write_bytes(b"\n")
        gate.unlink()
        fact = desk.ended(handle)
        assert f"its {name} is incomplete: its log was " in fact["sentence"]
        desk.settle(handle)


@pytest.mark.parametrize("is_adopted", [False, True])
@pytest.mark.parametrize("name", ["stdout", "stderr", "times"])
def test_a_fifo_in_the_place_of_a_log_is_waited_for_by_nobody(desk: RawDesk, tmp_path: Path, name: str, *, is_adopted: bool) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    handle = desk.start(SH, "-c", f"echo one; echo two >&2; read x < {gate}; echo three; echo four >&2; exit 3")
    folder = desk.folder(desk.started(handle))
    wait_until(lambda: (folder / "stdout").stat().st_size and (folder / "stderr").stat().st_size, "it has printed something")
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    if is_adopted:
        kill_and_wait(desk.supervisor)
        desk.reconnect()
    gate.write_bytes(b"\n")
    fact = desk.ended(handle)
    assert fact["exit_status"] == 3
    lost = f"its {name} is incomplete: its log was "
    assert (lost in fact["sentence"]) == (name != "times")
    desk.settle(handle)


def test_what_a_job_writes_cannot_be_read_back_and_looks_open(desk: RawDesk) -> None:
    # As `tail -f` of coreutils 8.28 to 8.32, which takes a stdout that is readable for a closed pipe.
    look = "import os, select; os.write(1, b'x'); print(select.select([1, 2], [], [], 0)[0])"
    assert desk.run(sys.executable, "-S", "-c", look)[1] == b"x[]\n"
    steal = (
        "import os\n"
        "for number in range(100):\n"
        "    for fd in (1, 2):\n"
        "        os.write(fd, b'precious %d\\n' % number)\n"
        "        try: os.read(fd, 100)\n"
        "        except OSError as error: assert error.errno == 9\n"
        "        else: os._exit(1)"
    )
    fact, stdout, stderr = desk.run(sys.executable, "-S", "-c", steal)
    assert fact["exit_status"] == 0
    assert stdout == stderr == b"".join(b"precious %d\n" % number for number in range(100))


@pytest.mark.parametrize("mode", ["666", "0", "1700"])
def test_what_a_job_does_to_the_mode_of_its_stdout_loses_nothing(
    anybodys: tuple[RawDesk, tuple[str, ...]], tmp_path: Path, mode: str
) -> None:
    desk, prefix = anybodys
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    handle = desk.start(SH, "-c", f"chmod {mode} /dev/stdout /dev/stderr; echo early; read x < {gate}; echo late; echo error >&2")
    folder = desk.folder(desk.started(handle))
    wait_until((folder / "stdout").read_bytes, "the first line")
    kill_both(desk)
    start_pair(tmp_path, *prefix)
    desk.reconnect()
    gate.write_bytes(b"\n")
    fact = desk.ended(handle)
    assert desk.output(fact) == (b"early\nlate\n", b"error\n")
    assert (fact["stdout_problem"], fact["stderr_problem"]) == ("", "")
    desk.settle(handle)


@pytest.mark.usefixtures("any_box")
def test_no_process_of_a_job_gets_sigpipe_while_all_daemons_are_dead(desk: RawDesk, tmp_path: Path) -> None:
    """Its first process, and one that left its session; each records in a file whether its writes succeeded."""
    gates = [tmp_path / name for name in ("one", "two", "end")]
    for gate in gates:
        os.mkfifo(gate)
    # Without an end of the other's pipe: the first closes its stderr, the second its stdout.
    script = (
        f"setsid sh -c 'exec >&-; read x < {gates[1]}; echo late error >&2; echo $? > {tmp_path}/second' & "
        f"exec 2>&-; read x < {gates[0]}; echo late; echo $? > {tmp_path}/first; read x < {gates[2]}"
    )
    handle = desk.start(SH, "-c", script)
    desk.started(handle)
    # Each of them waits at its own gate.
    ends = [os.open(gate, os.O_WRONLY) for gate in gates[:2]]
    kill_both(desk)
    for end in ends:
        os.write(end, b"\n")
        os.close(end)
    for name in ("first", "second"):
        assert wait_until(lambda name=name: (tmp_path / name).exists() and (tmp_path / name).read_text(), "its write") == "0\n"
    process.start(tmp_path)
    desk.reconnect()
    gates[2].write_bytes(b"\n")
    fact = desk.ended(handle)
    assert desk.output(fact) == (b"late\n", b"late error\n")
    assert (fact["stdout_problem"], fact["stderr_problem"]) == ("", "")
    desk.settle(handle)


def test_the_order_of_output_survives_the_supervisor(desk: RawDesk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    handle = desk.start(SH, "-c", f"echo 1; sleep 0.1; echo 2 >&2; sleep 0.1; echo 3; read x < {gate}; echo 4 >&2; sleep 0.1; echo 5")
    started = desk.started(handle)
    folder = tmp_path / "logs" / f"{started['pid']}_{format_time(started['started_at_us'])}"
    wait_until(lambda: (folder / "stdout").read_bytes() == b"1\n3\n", "it has written")
    kill_and_wait(desk.supervisor)
    with (folder / "times").open("ab") as times:
        times.write(b"torn")
    desk.reconnect()
    gate.write_bytes(b"\n")
    fact = desk.ended(handle)
    (ended,) = (tmp_path / "logs").glob(f"{folder.name}_*")
    follower = TimedFollower(str(ended), ("stdout", "stderr"), (0, 0), None, lambda: None)
    assert follower.read(100) == b"1\n2\n3\n4\n5\n"
    moments = [piece.at_us for piece in follower.pieces]
    assert fact["started_at_us"] <= moments[0] + 10_000
    assert moments == sorted(set(moments))
    follower.close()
    desk.settle(handle)


def test_a_program_that_closes_all_it_inherits_loses_no_byte_while_one_daemon_is_alive(desk: RawDesk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    closing = f"import os; os.closerange(3, 300); open({str(gate)!r}).read(); os.write(1, b'late'); os._exit(4)"
    handle = desk.start(sys.executable, "-S", "-c", closing)
    desk.started(handle)
    end = os.open(gate, os.O_WRONLY)
    kill_and_wait(desk.supervisor)
    desk.reconnect()
    os.close(end)
    fact = desk.ended(handle)
    assert (fact["exit_status"], desk.output(fact)[0]) == (4, b"late")
    desk.settle(handle)


def test_a_pipe_that_was_lost_with_all_daemons_is_reported(desk: RawDesk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    closing = f"import os; os.closerange(3, 300); os.close(2); open({str(gate)!r}).read(); os.write(1, b'late'); os._exit(4)"
    handle = desk.start(sys.executable, "-S", "-c", closing)
    desk.started(handle)
    end = os.open(gate, os.O_WRONLY)
    kill_both(desk)
    process.start(tmp_path)
    desk.reconnect()
    os.close(end)
    fact = desk.ended(handle)
    assert desk.output(fact) == (b"late", b"")
    assert fact["stdout_problem"] == ""
    assert fact["sentence"].endswith(
        "; its stderr is incomplete: output that was still in its pipe when supervisor and keeper were killed is lost"
    )
    desk.settle(handle)


@pytest.mark.parametrize("limit", [64, 251, 252, 1024])
def test_the_read_ends_are_below_the_limit_of_descriptors(tmp_path: Path, limit: int) -> None:
    start_pair(tmp_path, files_limit=limit)
    with serving(tmp_path) as desk:
        stdout = desk.run(SH, "-c", "ls /proc/self/fd; ulimit -n")[1].split()
    highest = min(limit - 1, 251)
    assert {str(highest).encode(), str(highest - 1).encode(), str(limit).encode()} < set(stdout)


def test_more_jobs_run_than_a_job_may_have_descriptors(tmp_path: Path) -> None:
    """The limit of a job is lower than that of its supervisor, which has seven descriptors for each job, also 250 and 251."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    start_pair(tmp_path, files_limit=256)
    with serving(tmp_path) as desk:
        jobs = {desk.start(SH, "-c", f"echo {number}; read x < {gate}; echo err {number} >&2"): number for number in range(45)}
        for handle in jobs:
            desk.started(handle)
        end = os.open(gate, os.O_RDWR)
        os.write(end, b"\n" * len(jobs))
        for handle, number in jobs.items():
            assert desk.output(desk.ended(handle)) == (b"%d\n" % number, b"err %d\n" % number)
        os.close(end)
        desk.settle(*jobs)


# Not dumpable: the kernel requires CAP_SYS_PTRACE to read it.
SHY = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"
    "os.write(1, b'early\\n')\n"
    "open(sys.argv[1]).read()\n"
    "os.write(1, b'late\\n')\n"
    "os._exit(5)"
)


def end_of_adopted(anybodys: tuple[RawDesk, tuple[str, ...]], tmp_path: Path, program: str) -> Fact:
    """Kill supervisor and keeper while a program waits at its gate, start others, let it pass, and return the fact of its end."""
    desk, prefix = anybodys
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    handle = desk.start(sys.executable, "-S", "-c", program, str(gate))
    started = desk.started(handle)
    wait_until((desk.folder(started) / "stdout").read_bytes, "the first line")
    end = os.open(gate, os.O_WRONLY)
    kill_both(desk)
    start_pair(tmp_path, *prefix)
    desk.reconnect()
    os.close(end)
    return desk.ended(handle)


def test_a_status_that_the_kernel_hides_is_not_taken_for_0_and_unread_output_is_reported(
    anybodys: tuple[RawDesk, tuple[str, ...]], tmp_path: Path
) -> None:
    desk, prefix = anybodys
    fact = end_of_adopted(anybodys, tmp_path, SHY)
    # Its parent may reap it late, or never.
    assert (fact["kind"], fact["exit_status"]) in [("exited", 5), ("lost", 0)]
    if prefix:
        assert "its stdout and stderr are incomplete: output that was still in its pipe" in fact["sentence"]
        assert fact["stdout_problem"].endswith(f"(the descriptors of process {fact['pid']} are not visible)")
        assert desk.output(fact)[0] == b"early\n"
    else:
        assert (desk.output(fact)[0], fact["stdout_problem"]) == (b"early\nlate\n", "")
    desk.settle(fact["job"])


# /proc/PID/status begins with its name.
NAMED = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(15, b'\\rSigPnd:\\tzz', 0, 0, 0)\n"
    "os.write(1, b'early\\n')\n"
    "open(sys.argv[1]).read()\n"
    "os.write(1, b'late\\n')\n"
    "os._exit(5)"
)


def test_a_job_whose_name_looks_like_a_line_of_the_kernel_is_found_again(anybodys: tuple[RawDesk, tuple[str, ...]], tmp_path: Path) -> None:
    desk, _ = anybodys
    fact = end_of_adopted(anybodys, tmp_path, NAMED)
    assert desk.output(fact)[0] == b"early\nlate\n"
    assert (fact["kind"], fact["exit_status"]) in [("exited", 5), ("lost", 0)]
    desk.settle(fact["job"])


def test_a_job_is_identified_by_its_pipes_if_it_changed_its_mark_and_the_clock_was_set(desk: RawDesk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    script = f"import resource; resource.setrlimit(resource.RLIMIT_RTTIME, (10**9, 10**9)); print(open({str(gate)!r}).read())"
    handle = desk.start(sys.executable, "-S", "-c", script)
    folder = desk.folder(desk.started(handle))
    end = os.open(gate, os.O_WRONLY)
    kill_both(desk)
    # As if the clock had been an hour behind when it started.
    pid, start = folder.name.split("_")
    folder.rename(folder.with_name(f"{pid}_{format_time(parse_time(start) - 3_600_000_000)}"))
    process.start(tmp_path)
    desk.reconnect()
    os.write(end, b"through")
    os.close(end)
    fact = desk.ended(handle)
    assert (fact["kind"], desk.output(fact)[0]) == ("exited", b"through\n")
    desk.settle(handle)


def test_a_job_whose_first_thread_has_ended_is_adopted_and_ends_when_it_ends(desk: RawDesk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    # /proc shows it as a zombie.
    script = (
        "import ctypes, os, sys, threading\n"
        "def work():\n"
        "    data = open(sys.argv[1]).read()\n"
        "    os.write(1, data.encode())\n"
        "    os._exit(6)\n"
        "threading.Thread(target=work).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)"
    )
    handle = desk.start(sys.executable, "-S", "-c", script, str(gate))
    started = desk.started(handle)
    end = os.open(gate, os.O_WRONLY)
    wait_until(lambda: Path(f"/proc/{started['pid']}/stat").read_text().split(") ")[1][0] == "Z", "its first thread has ended")
    kill_both(desk)
    process.start(tmp_path)
    desk.reconnect()
    os.write(end, b"work")
    os.close(end)
    fact = desk.ended(handle)
    assert (fact["kind"], fact["exit_status"]) in [("exited", 6), ("lost", 0)]
    assert desk.output(fact)[0] == b"work"
    desk.settle(handle)
