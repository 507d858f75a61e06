"""What a job finds when it starts, and what is reported if it cannot start."""

import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from raw_desk import RawDesk, serving

from jobwire.schemas.naming import KNOWN_AS
from jobwire.worker.keeper import process

SH = "/bin/sh"


def test_output_and_exit_status_are_reported(desk: RawDesk) -> None:
    fact, stdout, stderr = desk.run(SH, "-c", "echo out; echo err >&2; exit 3")
    assert (stdout, stderr) == (b"out\n", b"err\n")
    assert (fact["kind"], fact["exit_status"], fact["sentence"]) == ("exited", 3, "exited with status 3")
    assert (fact["stdout_bytes"], fact["stderr_bytes"]) == (4, 4)


def test_memory_is_reported_if_it_is_the_jobs_own(desk: RawDesk) -> None:
    """A process that has not called exec yet shares the supervisor's memory, which the kernel counts too."""
    small, _, _ = desk.run(SH, "-c", "exit 0")
    assert small["max_resident_bytes"] == 0
    large, _, _ = desk.run(sys.executable, "-S", "-c", "bytearray(60_000_000)")
    assert 60_000_000 < large["max_resident_bytes"] < 120_000_000


def test_the_folder_explains_itself(desk: RawDesk) -> None:
    fact, _, _ = desk.run(SH, "-c", "exit 4", name="four")
    folder = desk.folder(fact)
    outcome = json.loads((folder / "outcome").read_text())
    assert {key: fact[key] for key in outcome} == outcome
    assert json.loads((folder / "job").read_text())["name"] == "four"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if not path.is_symlink()} == {0o600}
    assert [path.name for path in folder.iterdir() if path.is_symlink()] == ["pipes"]


def test_a_death_by_a_signal_is_reported(desk: RawDesk) -> None:
    fact, _, _ = desk.run(SH, "-c", "kill -9 $$")
    assert (fact["kind"], fact["signal"], fact["exit_status"]) == ("signaled", signal.SIGKILL, 0)
    assert fact["sentence"] == "ended by SIGKILL"


def test_binary_output_arrives_byte_for_byte(desk: RawDesk, tmp_path: Path) -> None:
    data = os.urandom(3_000_001)
    (tmp_path / "data").write_bytes(data)
    fact, stdout, stderr = desk.run(SH, "-c", f"cat {tmp_path}/data; cat {tmp_path}/data >&2")
    assert stdout == data
    assert stderr == data
    assert fact["stdout_bytes"] == fact["stderr_bytes"] == len(data)


def test_an_unknown_program_is_not_found(desk: RawDesk) -> None:
    fact, stdout, _ = desk.run("no-such-program")
    assert (fact["kind"], fact["exit_status"], fact["pid"], stdout) == ("failed_to_start", 127, 0, b"")
    assert "'no-such-program' was not found" in fact["sentence"]


@pytest.mark.parametrize("name", ["x" * 131_071, "./" + "x" * 131_069, "\udcff" * 131_071])
def test_a_very_long_name_of_a_program_is_reported_in_part(desk: RawDesk, name: str) -> None:
    """The whole of it would make a fact that is too long for a datagram."""
    path = b"/" + b"\xff" * 131_000
    fact, _, _ = desk.run(name, environment=((b"PATH", path),))
    assert (fact["kind"], fact["exit_status"]) == ("failed_to_start", 127)
    assert fact["sentence"].startswith(f"the program {name[:2000]!r}... was not found")
    assert desk.run("echo", "next")[1] == b"next\n"


def test_the_reason_why_a_program_cannot_be_executed_is_reported(desk: RawDesk, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    (tmp_path / "odd").write_text("no program\n")
    (tmp_path / "orphan").write_text("#!/no/interpreter\n")
    (tmp_path / "odd").chmod(0o755)
    (tmp_path / "orphan").chmod(0o755)
    for name, words in [("plain", "is not executable"), ("odd", "begins with #!"), ("orphan", "interpreter"), ("", "is a folder")]:
        fact, _, _ = desk.run(f"{tmp_path}/{name}")
        assert (fact["kind"], fact["exit_status"], fact["pid"]) == ("failed_to_start", 126, 0)
        assert words in fact["sentence"]


def test_a_missing_working_folder_is_reported(desk: RawDesk, tmp_path: Path) -> None:
    fact, _, _ = desk.run("true", directory=os.fsencode(tmp_path / "nowhere"))
    assert (fact["kind"], fact["exit_status"]) == ("failed_to_start", 126)
    assert fact["sentence"] == f"the working folder '{tmp_path}/nowhere' does not exist"


def test_arguments_that_are_too_long_are_reported(desk: RawDesk) -> None:
    fact, _, _ = desk.run("true", *["x" * 100_000] * 40)
    assert (fact["exit_status"], "longer than the system allows" in fact["sentence"]) == (126, True)


def test_a_start_without_intent_fails_with_a_sentence(desk: RawDesk) -> None:
    handle = f"{'0' * 32}.{'1' * 64}"
    desk.wish(do="start", job=handle)
    fact = desk.ended(handle)
    desk.settle(handle)
    assert (fact["kind"], fact["pid"], fact["exit_status"]) == ("failed_to_start", 0, 125)
    assert fact["sentence"] == "its log folder is gone"


def test_a_start_that_brings_what_the_job_file_says_reads_no_file(desk: RawDesk) -> None:
    handle = desk.intend("sh", "-c", "echo out")
    path = desk.logs / f".new-{handle}" / "job"
    said = json.loads(path.read_bytes())
    path.unlink()
    desk.wish(do="start", job=handle, file=said)
    fact = desk.ended(handle)
    desk.settle(handle)
    assert (fact["kind"], desk.output(fact)) == ("exited", (b"out\n", b""))


def test_what_a_start_brings_does_not_replace_an_intent(desk: RawDesk) -> None:
    handle = desk.intend("true")
    said = json.loads((desk.logs / f".new-{handle}" / "job").read_bytes())
    shutil.rmtree(desk.logs / f".new-{handle}")
    desk.wish(do="start", job=handle, file=said)
    fact = desk.ended(handle)
    desk.settle(handle)
    assert (fact["kind"], fact["pid"]) == ("failed_to_start", 0)
    assert fact["sentence"] == "its log folder is gone"


def test_a_start_fails_with_a_sentence_if_all_logs_were_removed(desk: RawDesk) -> None:
    handle = desk.intend("true")
    shutil.rmtree(desk.logs)
    desk.wish(do="start", job=handle)
    fact = desk.ended(handle)
    assert (fact["kind"], fact["exit_status"]) == ("failed_to_start", 125)
    assert fact["sentence"] == "its log folder is gone"


def test_stdin_is_what_was_given(desk: RawDesk) -> None:
    assert desk.run("cat", stdin=b"\0given\xff")[1] == b"\0given\xff"
    assert desk.run("cat")[1] == b""


def test_environment_and_folder_are_the_documented_ones(desk: RawDesk, tmp_path: Path) -> None:
    fact, stdout, _ = desk.run(
        SH, "-c", "pwd; umask; env", directory=os.fsencode(tmp_path), environment=((b"OWN", b"\xff"), (b"LANG", b"de"), (b"PWD", b"x"))
    )
    where, umask, *lines = stdout.splitlines()
    variables = dict(line.split(b"=", 1) for line in lines)
    assert (where, umask) == (os.fsencode(tmp_path), b"0022")
    assert variables[b"PATH"] == b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert (variables[b"OWN"], variables[b"LANG"]) == (b"\xff", b"de")
    assert variables[b"JOBWIRE_JOB_ID"].decode().replace("-", "") == json.loads((desk.folder(fact) / "job").read_text())["id"]
    assert set(variables) - {b"_", b"SHLVL", b"OLDPWD"} == {
        b"PATH", b"HOME", b"USER", b"LOGNAME", b"SHELL", b"LANG", b"OWN", b"PWD", b"JOBWIRE_JOB_ID",
    }  # fmt: skip


def test_a_job_of_a_broker_finds_the_id_that_it_has_there(desk: RawDesk) -> None:
    said = desk.run(SH, "-c", f"echo $JOBWIRE_JOB_ID; env | grep -c {KNOWN_AS}", environment=((KNOWN_AS.encode(), b"the-other"),))[1]
    assert said == b"the-other\n0\n"


def test_a_program_is_looked_up_in_the_jobs_own_path(desk: RawDesk, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("#!/bin/sh\necho found $0\n")
    (tmp_path / "mine").chmod(0o755)
    assert desk.run("mine", environment=((b"PATH", os.fsencode(tmp_path)),))[1] == b"found " + os.fsencode(tmp_path / "mine") + b"\n"
    assert desk.run("./mine", directory=os.fsencode(tmp_path))[1].startswith(b"found")


def test_a_job_has_a_session_of_its_own_and_default_signals(desk: RawDesk) -> None:
    fact, stdout, _ = desk.run(SH, "-c", "cat /proc/self/stat /proc/self/status")
    assert int(stdout.split(b")", 1)[1].split()[3]) == fact["pid"]
    status = dict(line.split(b":\t", 1) for line in stdout.splitlines() if b":\t" in line)
    # Not 32 and 33: the C library reserves them, and its posix_spawn makes them ignored.
    assert {int(status[name], 16) & ~(3 << 31) for name in (b"SigBlk", b"SigIgn", b"SigCgt")} == {0}


def test_a_job_inherits_no_descriptors_but_the_read_ends_of_its_pipes(desk: RawDesk) -> None:
    stdout = desk.run(SH, "-c", "exec ls -l /proc/self/fd")[1].decode()
    links = {line.split()[-3]: line.split()[-1] for line in stdout.splitlines()[1:] if "/proc/" not in line.split()[-1]}
    assert sorted(links) == ["0", "1", "2", "250", "251"]
    assert (links["250"], links["251"]) == (links["1"], links["2"])


def test_the_usual_limit_of_descriptors_is_inherited(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (777, hard))
    try:
        desk: RawDesk = request.getfixturevalue("desk")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert desk.run(SH, "-c", "ulimit -Sn; ulimit -Hn")[1].split() == [b"777", str(hard).encode()]


def test_a_second_pair_waits_for_the_first(desk: RawDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_START_SECONDS", 0.3)
    with pytest.raises(OSError, match="the supervisor did not start"):
        process.start(tmp_path)
    desk.recover()


def test_starts_wait_before_descriptors_are_spent(tmp_path: Path, desk: RawDesk) -> None:
    (tmp_path / "small").mkdir()
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))"
    start = f"{limited}; from jobwire.worker.keeper import process; process.start(sys.argv[1])"
    subprocess.run([sys.executable, "-c", start, tmp_path / "small"], check=True)
    with serving(tmp_path / "small") as small:
        jobs = [small.start("sleep", "60") for _ in range(2)]
        for handle in jobs:
            small.started(handle)
        first, second = small.start("true"), small.start("true")
        assert "there are no file descriptors for more" in small.fact("delayed", first)["why"]
        small.fact("delayed", second)
        small.wish(do="end", job=jobs[0], signal=signal.SIGKILL, grace_ms=0)
        # Both: each ends and makes room for the next.
        assert [small.ended(handle)["kind"] for handle in (first, second)] == ["exited", "exited"]
        small.started(small.start("sleep", "60"))
        cancelled = small.start("true")
        small.fact("delayed", cancelled)
        small.wish(do="end", job=cancelled, signal=signal.SIGTERM, grace_ms=0)
        assert small.ended(cancelled)["kind"] == "cancelled"
    assert desk.run("true")[0]["kind"] == "exited"
