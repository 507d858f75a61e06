"""The commands, with a real worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from home import Home, Terminal, command, read_until, select_line

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def slow(home: Home) -> str:
    """A job that runs until it is stopped."""
    return home.submit("-n", "slow", "--", "sleep", "600")


def test_run_exits_with_the_status_of_the_job_and_says_why(home: Home) -> None:
    assert home.jobwire("run", "true").stderr == b""
    assert home.jobwire("run", "--", "sh", "-c", "exit 7", status=7).stderr == b""
    assert b"SIGKILL" in home.jobwire("run", "sh", "-c", "kill -9 $$", status=137).stderr
    assert b"time limit" in home.jobwire("run", "-t", "100ms", "sleep", "60", status=124).stderr
    assert home.jobwire("run", "/etc/passwd", status=126).stderr.count(b"could not be started") == 1
    assert b"could not be started" in home.jobwire("run", "/etc/passwd", status=126).stderr
    assert b"'no-such-program' was not found" in home.jobwire("run", "no-such-program", status=127).stderr


def test_run_keeps_every_byte_and_each_stream_apart(home: Home, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(os.urandom(3_000_000))
    ended = home.jobwire("run", "sh", "-c", f"cat {tmp_path}/data; head -c 100000 {tmp_path}/data >&2")
    assert ended.stdout == (tmp_path / "data").read_bytes()
    assert ended.stderr == (tmp_path / "data").read_bytes()[:100_000]


def test_options_end_where_the_command_begins(home: Home) -> None:
    assert home.jobwire("run", "-n", "x", "echo", "-n", "a", "--help").stdout == b"a --help"
    assert home.jobwire("run", "-n", "y", "--", "echo", "--", "-n").stdout == b"-- -n\n"


def test_job_options_reach_the_job(home: Home) -> None:
    script = "pwd; echo $A; cat"
    given = ("-C", "/", "-e", "A=1=2", "--stdin", "-", "-l", "team=x", "-l", "night=", "-t", "1h", "--stop-signal", "INT", "--grace", "3s")
    assert home.jobwire("run", "-n", "opts", *given, "sh", "-c", script, stdin=b"\xff\0").stdout == b"/\n1=2\n\xff\0"
    job = home.records("show", "opts")[0]
    assert job["labels"] == {"team": "x", "night": ""}
    assert (job["time_limit_ms"], job["stop_signal"], job["grace_ms"]) == (3_600_000, 2, 3000)
    assert job["env"] == {"A": "1=2"}


def test_arguments_need_not_be_text(home: Home) -> None:
    arguments = [*map(os.fsencode, command("run", "printf", "%s")), b"a\xffb"]
    ended = subprocess.run(arguments, env=home.env, capture_output=True, check=True)
    assert ended.stdout == b"a\xffb"
    assert home.records("show", "last")[0]["argv"] == ["printf", "%s", "a\udcffb"]
    assert rb"a\xffb" in home.jobwire("show", "last").stdout


def test_submit_prints_the_id_and_wait_exits_with_the_status_of_the_job(home: Home) -> None:
    said = home.jobwire("submit", "sh", "-c", "exit 3")
    job = said.stdout.decode().strip()
    assert job[:8] in said.stderr.decode()
    home.jobwire("wait", job, status=3)
    home.jobwire("wait", job[:8], status=3)
    assert home.jobwire("submit", "-q", "--wait", "sh", "-c", "exit 4", status=4).stderr == b""
    assert home.jobwire("submit", "--follow", "sh", "-c", "echo x; exit 5", status=5).stdout == b"x\n"


def test_the_same_id_starts_one_job_and_another_job_is_refused_it(home: Home) -> None:
    for _ in range(2):
        assert (
            home.jobwire("run", "-C", str(home.folder), "--id", NOBODY, "sh", "-c", "echo once >> ledger; cat ledger").stdout == b"once\n"
        )
    assert len(home.records("list", "-a")) == 1
    assert b"belongs to another job" in home.jobwire("run", "--id", NOBODY, "false", status=1).stderr


def test_the_json_of_a_job_has_the_documented_fields(home: Home) -> None:
    home.jobwire("run", "-n", "one", "echo", "hi")
    (job,) = home.records("list", "-a")
    assert set(job) == {
        *("id", "name", "state", "argv", "dir", "env", "labels", "owner", "owner_name", "batch", "process", "pid"),
        *("queued_at", "started_at", "ended_at", "time_limit_ms", "grace_ms", "stop_signal", "waits_for", "outcome", "late_end"),
        *("output_limit_bytes", "linger", "paused", "attempt", "stdin_bytes", "feed", "rerun_of", "files", "get", "terminal"),
        *("priority", "held", "held_by", "stderr_to_stdout", "memory_bytes", "nice", "umask", "rlimits"),
        *("start_at", "start_in_ms", "not_after", "not_after_ms", "starts_at", "starts_in_us", "expires_in_us", "after", "retry"),
        *("attempts", "cpus", "gpus", "resources", "only_one", "on", "not_on", "gpu_ids", "may_submit", "started_by"),
        *("lends_slots", "worker"),
    }
    assert set(job["outcome"]) == {
        *("kind", "exit_status", "signal", "sentence", "user_us", "system_us", "max_resident_bytes", "stdout_bytes", "stderr_bytes"),
        *("cpu_us", "peak_memory_bytes", "read_bytes", "written_bytes"),
        *("stdout_problem", "stderr_problem", "stdin_problem", "unneeded", "expired"),
    }
    assert (job["state"], job["outcome"]["kind"], job["outcome"]["stdout_bytes"], job["owner_name"]) == ("finished", "exited", 3, home.name)
    assert job["queued_at"] <= job["started_at"] <= job["ended_at"]
    assert home.records("show", job["process"]) == [job]


def test_list_shows_what_runs_and_with_a_what_has_ended(home: Home, slow: str) -> None:
    home.jobwire("run", "-n", "done", "true")
    home.until_running(slow)
    assert [line.split("\t")[1:3] for line in home.jobwire("list").stdout.decode().splitlines()] == [["slow", "running"]]
    assert [line.split("\t")[1:3] for line in home.jobwire("ps", "-a").stdout.decode().splitlines()] == [
        ["slow", "running"],
        ["done", "exit 0"],
    ]


def test_show_says_in_a_sentence_why_a_job_failed_with_its_last_lines(home: Home) -> None:
    home.jobwire("run", "-n", "bad", "sh", "-c", "echo the reason >&2; exit 2", status=2)
    shown = home.jobwire("show", "bad").stdout.decode()
    assert "exited with status 2" in shown
    assert "    the reason\n" in shown


def test_a_job_that_does_not_exist_is_refused_by_every_verb(home: Home) -> None:
    for arguments in (["show", "no"], ["logs", "no"], ["wait", "no"], ["stop", "no"], ["signal", "no", "TERM"], ["events", "--job", "no"]):
        assert home.jobwire(*arguments, status=1).stderr.startswith(b"jobwire: there is no job no; ")


def test_what_cannot_name_a_job_is_refused_by_every_verb(home: Home) -> None:
    for name in ("", "a b", "a\udcffb", "1@x"):
        for arguments in (["show"], ["logs"], ["wait"], ["stop"], ["events", "--job"], ["list", "--batch"]):
            assert b" does not name a job: " in home.jobwire(*arguments, name, status=1).stderr


def test_logs_are_cut_as_asked(home: Home) -> None:
    home.jobwire("run", "-n", "talk", "sh", "-c", "seq 100000; seq 3 >&2")
    whole = b"".join(b"%d\n" % number for number in range(1, 100_001))
    assert home.jobwire("logs", "talk").stdout == whole
    assert home.jobwire("logs", "talk").stderr == b"1\n2\n3\n"
    assert home.jobwire("logs", "-f", "talk", "--stdout").stderr == b""
    assert home.jobwire("logs", "talk", "--stderr").stdout == b""
    for lines in (0, 1, 2, 5000, 60_000, 100_000, 200_000):
        expected = b"".join(whole.splitlines(keepends=True)[-lines:]) if lines else b""
        assert home.jobwire("logs", "talk", "--tail", str(lines), "--stdout").stdout == expected
    assert home.jobwire("logs", "talk", "--stdout", "--from", "588800").stdout == whole[588_800:]
    assert home.jobwire("logs", "talk", "--stdout", "--from", "10", "--bytes", "7").stdout == whole[10:17]
    assert home.jobwire("logs", "talk", "--stdout", "--from", "99999999").stdout == b""
    assert home.jobwire("logs", "-f", "talk", "--tail", "1").stdout == b"100000\n"


def test_logs_without_a_last_newline(home: Home) -> None:
    home.jobwire("run", "-n", "cut", "printf", "a\nb\nc")
    assert home.jobwire("logs", "cut", "--tail", "2").stdout == b"b\nc"
    assert home.jobwire("logs", "cut", "--tail", "1").stdout == b"c"


def test_logs_of_a_running_job_end_now_and_with_f_at_its_end(home: Home, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    job = home.submit("sh", "-c", f"echo first; read x < {gate}; echo $x")
    with home.start("logs", "-f", job) as follower:
        assert follower.stdout
        read_until(follower.stdout, b"first\n")
        assert home.jobwire("logs", job).stdout == b"first\n"
        gate.write_text("second\n")
        assert follower.stdout.read() == b"second\n"
        assert follower.wait() == 0


def test_logs_f_that_is_interrupted_leaves_the_job_alone(home: Home) -> None:
    job = home.submit("sh", "-c", "echo up; exec sleep 600")
    with home.start("logs", "-f", job) as follower:
        assert follower.stdout
        read_until(follower.stdout, b"up\n")
        follower.send_signal(signal.SIGINT)
        assert follower.wait() == 130
        assert follower.stderr
        assert follower.stderr.read() == b""
    assert home.records("show", job)[0]["state"] == "running"


def test_events_and_logs_f_end_when_their_reader_does_though_nothing_happens(home: Home) -> None:
    job = home.submit("-n", "quiet", "sh", "-c", "echo up; exec sleep 600")
    with home.start("logs", "-f", job) as follower:
        assert follower.stdout
        read_until(follower.stdout, b"up\n")
        follower.stdout.close()
        assert follower.wait() == 141
    assert home.records("show", job)[0]["state"] == "running"
    with home.start("events", "--json") as listener:
        assert listener.stdout
        marker = wait_until(lambda: home.jobwire("run", "true") and select_line(listener), "it listens")
        listener.kill()
    quiet = home.submit("sleep", "600")
    with home.start("events", "--from", json.loads(marker)["cursor"], "--job", quiet) as listener:
        assert listener.stdout
        read_until(listener.stdout, b"started")
        listener.stdout.close()
        assert listener.wait() == 141
        assert listener.stderr
        assert listener.stderr.read() == b""


def test_wait_gives_up_after_its_timeout(home: Home, slow: str) -> None:
    assert b"50ms passed; the job continues" in home.jobwire("wait", "slow", "--timeout", "0.05", status=124).stderr
    home.jobwire("run", "-n", "done", "true")
    home.jobwire("wait", slow, "done", "--timeout", "50ms", status=124)
    home.jobwire("wait", slow, "done", "--any")


def test_wait_takes_a_timeout_of_weeks(home: Home) -> None:
    """poll(2) takes an int of milliseconds, which is less than 25 days."""
    with home.start("wait", home.submit("sleep", "0.5"), "--timeout", "25d") as waits:
        assert waits.wait(60) == 0
    assert home.jobwire("run", "-t", "100w", "--", "echo", "hi").stdout == b"hi\n"


def test_wait_for_several_exits_with_1_if_any_failed(home: Home) -> None:
    good, bad = home.submit("true"), home.submit("false")
    home.jobwire("wait", good, good)
    home.jobwire("wait", good, bad, status=1)


@pytest.mark.parametrize("name", ["TSTP", "TTIN"])
def test_a_signal_that_does_nothing_is_not_passed_over_in_silence(home: Home, name: str) -> None:
    job = home.submit("sleep", "600")
    home.until_running(job)
    assert b"jobwire pause suspends the job" in home.jobwire("signal", job, name).stderr
    assert home.jobwire("signal", job, "CONT").stderr == b""


def test_stop_ends_a_job_and_signal_only_sends_a_signal(home: Home) -> None:
    job = home.submit("sh", "-c", "trap 'echo told' USR1; echo up; while :; do sleep 600 & wait $!; done")
    wait_until(lambda: home.jobwire("logs", job).stdout == b"up\n", "it is up")
    home.jobwire("signal", job, "SIGUSR1")
    wait_until(lambda: b"told" in home.jobwire("logs", job).stdout, "it was told")
    assert f"stopped by {home.name}" in home.jobwire("stop", job).stderr.decode()
    assert home.records("show", job)[0]["outcome"]["exit_status"] == 143
    home.jobwire("signal", job, "TERM", status=1)
    assert b"has already ended: ended by SIGTERM" in home.jobwire("stop", job).stderr


def test_a_name_means_the_only_job_that_has_not_ended_if_that_matters(home: Home) -> None:
    home.jobwire("run", "-n", "nightly", "true")
    job = home.submit("-n", "nightly", "sleep", "600")
    home.until_running(job)
    home.jobwire("pause", "nightly")
    home.jobwire("resume", "nightly")
    home.jobwire("signal", "nightly", "CONT")
    other = home.submit("-n", "nightly", "sleep", "600")
    assert b"names more than one job" in home.jobwire("stop", "nightly", status=1).stderr
    home.jobwire("stop", other)
    home.jobwire("stop", "nightly")
    assert home.records("show", job)[0]["outcome"]["exit_status"] == 143


def test_stop_can_name_the_signal_and_be_at_once(home: Home) -> None:
    script = "trap '' TERM; trap 'exit 9' INT; echo up; while :; do sleep 0.1; done"
    for arguments, status in ((["--signal", "INT", "--grace", "1m"], 9), (["--now"], 137), (["--grace", "100ms"], 137)):
        job = home.submit("sh", "-c", script)
        wait_until(lambda job=job: home.jobwire("logs", job).stdout == b"up\n", "it is up")
        home.jobwire("stop", *arguments, job)
        assert home.records("show", job)[0]["outcome"]["exit_status"] == status


def test_stop_all_ends_every_job_of_its_user_and_none_of_others(own_home: Home, worker: Worker, tmp_path: Path, bytecode: Path) -> None:
    other = Home(tmp_path / "other", bytecode, "ada")
    other.use(worker, worker.admit("ada", "submitter"))
    hers = other.submit("sleep", "600")
    # More than one at a time: a queued one starts in the place of one that is stopped, unless it is cancelled before.
    jobs = [own_home.submit("sleep", "600") for _ in range(12)]
    held = own_home.submit("--hold", "true")
    own_home.until_running(jobs[0])
    other.until_running(hers)
    # An admin may stop the jobs of others, but does not mean them.
    assert own_home.jobwire("stop", "--all").stderr == b"jobwire: 13 jobs stopped\n"
    ends = [record["outcome"]["kind"] for record in own_home.records("list", "-a", "--user", "admin")]
    assert set(ends) == {"signaled", "cancelled"}
    assert own_home.records("show", held)[0]["outcome"]["kind"] == "cancelled"
    assert other.records("show", hers)[0]["state"] == "running"
    assert other.jobwire("stop", "--all", "--now").stderr == b"jobwire: 1 job stopped\n"
    assert other.jobwire("stop", "--all").stderr == b"jobwire: none of your jobs is queued or running\n"
    assert b"cannot be combined" in other.jobwire("stop", "--all", hers, status=2).stderr
    assert b"name jobs, or use --all" in other.jobwire("stop", status=2).stderr


def test_all_leaves_out_the_job_in_which_the_command_runs(own_home: Home) -> None:
    around, other = own_home.submit("sleep", "600"), own_home.submit("sleep", "600")
    own_home.env["JOBWIRE_JOB_ID"] = around
    assert own_home.jobwire("stop", "--all").stderr == b"jobwire: 1 job stopped\n"
    assert own_home.records("show", other)[0]["state"] == "finished"
    assert own_home.records("show", around)[0]["state"] != "finished"
    # It would wait for itself for ever.
    assert own_home.jobwire("wait", "--all", "--timeout", "1m").stderr == b"jobwire: none of your jobs is queued or running\n"


def test_wait_all_returns_when_every_job_of_its_user_has_ended(
    own_home: Home, worker: Worker, tmp_path: Path, bytecode: Path, terminal: Callable[..., Terminal]
) -> None:
    other = Home(tmp_path / "other", bytecode, "ada")
    other.use(worker, worker.admit("ada", "submitter"))
    other.submit("sleep", "600")
    assert own_home.jobwire("wait", "--all").stderr == b"jobwire: none of your jobs is queued or running\n"
    gate = tmp_path / "gate"
    waiting = ["sh", "-c", f"until [ -e {gate} ]; do sleep 0.05; done; exit $0"]
    jobs = [own_home.submit(*waiting, status) for status in ("0", "3", "0")]
    said = own_home.jobwire("wait", "--all", "--timeout", "100ms", status=124).stderr
    assert said == b"jobwire: 100ms passed; some jobs have not ended\n"
    waits = terminal(own_home, "wait", "--all")
    waits.until("waiting for 3 jobs to end")
    gate.touch()
    assert waits.ended() == 1
    assert f"jobwire: job {jobs[1][:8]}: exited with status 3" in waits.screen.decode()
    assert "jobwire: 1 of 3 jobs failed" in waits.screen.decode()
    gate.unlink()
    own_home.submit(*waiting, "3")
    waits = terminal(own_home, "wait", "--all")
    waits.until("waiting for")
    gate.touch()
    assert waits.ended() == 1
    assert "jobwire: the job failed" in waits.screen.decode()
    for combined in (["--all", jobs[0]], ["--all", "--any"], []):
        assert b"--all" in own_home.jobwire("wait", *combined, status=2).stderr


def test_events_are_printed_as_they_happen_and_continue_after_a_cursor(home: Home) -> None:
    with home.start("events", "--json") as listener:
        assert listener.stdout
        # An existing subscriber gets all events; this shows when it is subscribed.
        marker = wait_until(lambda: home.jobwire("run", "true") and select_line(listener), "it listens")
        listener.send_signal(signal.SIGINT)
        assert listener.wait() == 130
    first = json.loads(marker)
    home.jobwire("run", "-n", "named", "sh", "-c", "exit 3", status=3)
    job = home.records("show", "named")[0]
    with home.start("events", "--json", "--from", first["cursor"], "--job", "named") as listener:
        assert listener.stdout
        events = [json.loads(listener.stdout.readline()) for _ in range(3)]
        listener.kill()
    assert [event["kind"] for event in events] == ["queued", "started", "finished"]
    assert {event["id"] for event in events} == {job["id"]}
    assert events[2]["outcome"] == job["outcome"]
    assert set(events[0]) == {
        *("cursor", "kind", "at", "id", "owner", "name", "labels", "batch", "attempt", "process", "pid", "sentence", "outcome"),
        "next_delay_ms",
    }


BATCH = b"""
[batch]
name = "pair"
[[job]]
name = "good"
argv = ["sh", "-c", "echo ran >> LEDGER"]
[[job]]
name = "bad"
argv = ["sh", "-c", "echo the reason >&2; exit 3"]
"""


def test_a_batch_reports_each_end_and_exits_with_1_if_any_failed(home: Home, tmp_path: Path) -> None:
    text = BATCH.replace(b"LEDGER", bytes(tmp_path / "ledger"))
    ended = home.jobwire("batch", "-", stdin=text, status=1)
    assert b" good: exited with status 0\n" in ended.stdout
    assert b" bad: exited with status 3\n    the reason\n" in ended.stderr
    home.jobwire("wait", "pair", status=1)
    assert len(home.records("list", "-a", "--batch", "pair")) == 2
    assert home.jobwire("batch", "-", stdin=text.replace(b"exit 3", b"exit 0")).returncode == 0


def test_a_run_that_is_repeated_starts_each_job_once(home: Home, tmp_path: Path) -> None:
    text = BATCH.replace(b"LEDGER", bytes(tmp_path / "ledger"))
    assert home.jobwire("batch", "-", "--id", NOBODY, "--no-wait", stdin=text).stdout.decode().strip() == NOBODY
    home.jobwire("wait", NOBODY, status=1)
    home.jobwire("batch", "-", "--id", NOBODY, stdin=text, status=1)
    assert (tmp_path / "ledger").read_text() == "ran\n"
    refused = home.jobwire("batch", "-", "--id", NOBODY, stdin=text.replace(b"exit 3", b"exit 4"), status=1)
    assert b"job 2 (bad): the id" in refused.stderr
    refused = home.jobwire("batch", "-", "--id", NOBODY, "--no-wait", stdin=text.replace(b"exit 3", b"exit 4"), status=1)
    assert b"job 2 (bad): the id" in refused.stderr
    more = text + b"[[job]]\nname = 'more'\nargv = ['true']\n"
    refused = home.jobwire("batch", "-", "--id", NOBODY, stdin=more, status=1)
    assert b"was submitted before without 1 of these 3 jobs, such as more, or it was forgotten since; no job was sub" in refused.stderr
    assert b"without this job (true)" in home.jobwire("batch", "--lines", "-", "--id", NOBODY, stdin=b"true", status=1).stderr
    assert len(home.records("list", "-a", "--batch", NOBODY)) == 2
    assert b"2 jobs submitted, all of them submitted before;" in home.jobwire("batch", "-", "--id", NOBODY, "--no-wait", stdin=text).stderr


def test_a_batch_runs_at_most_its_number_of_parallel_jobs(home: Home, tmp_path: Path) -> None:
    line = f"mkdir {tmp_path}/only && sleep 0.05 && rmdir {tmp_path}/only"
    lines = "".join(f"sh -c '{line}'\n" for _ in range(5))
    home.jobwire("batch", "--lines", "--parallel", "1", "-", stdin=lines.encode())


def test_a_batch_can_be_stopped_by_its_name(home: Home) -> None:
    home.jobwire(
        "batch", "-", "--no-wait", stdin=b"[batch]\nname = 'many'\n[[job]]\nargv = ['sleep', '600']\n[[job]]\nargv = ['sleep', '601']"
    )
    home.jobwire("stop", "many")
    assert [job["outcome"]["exit_status"] for job in home.records("list", "-a")] == [143, 143]
    assert b"have already ended" in home.jobwire("stop", "many").stderr


def test_a_run_that_goes_on_is_meant_rather_than_a_job_of_its_name_that_has_ended(home: Home) -> None:
    home.jobwire("run", "-n", "nightly", "true")
    home.jobwire("sweep", "-q", "--no-wait", "--hold", "-n", "nightly", "sleep", "{}", ":::", "600", "601")
    home.jobwire("release", "nightly")
    assert b"batch nightly: 2 jobs stopped" in home.jobwire("stop", "nightly").stderr
    assert b"has already ended: exited with status 0" in home.jobwire("stop", "nightly").stderr


def test_a_worker_that_cannot_be_reached_is_distinguished_by_status_125(own_home: Home, worker: Worker) -> None:
    worker.kill()
    said = own_home.jobwire("list", status=125).stderr
    assert said.startswith(b"jobwire: no connection to ")
    assert said.count(b"\n") == 1
    worker.start()


def test_an_identity_that_is_not_on_the_roster_is_not_admitted(own_home: Home) -> None:
    (own_home.config / "identity").unlink()
    own_home.jobwire("keys", "new")
    assert b"does not let your key in" in own_home.jobwire("list", status=125).stderr
