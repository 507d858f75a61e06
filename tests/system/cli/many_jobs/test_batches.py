"""Batches by hand: `sweep`, `submit --array`, and what `batch` says of a file before anything is sent."""

import json
import subprocess
from pathlib import Path

from home import Home, command


def test_a_sweep_runs_each_combination_once_and_gets_no_further_ones(home: Home) -> None:
    run = "11111111-1111-4111-8111-111111111111"
    command = ["sweep", "-q", "-n", "s", "--id", run, "sh", "-c", "echo {name} $1", "sh", "{a} x;y"]
    home.jobwire(*command, ":::", "a=1..2")
    assert home.jobwire(*command, ":::", "a=1..2").stderr == b""
    assert b"without 1 of these 3 jobs, such as s[a:3], " in home.jobwire(*command, ":::", "a=1..3", status=1).stderr
    assert sorted(home.jobwire("logs", "s").stdout.splitlines()) == [b"s[a:%d] %d x;y" % (number, number) for number in (1, 2)]


def test_a_sweep_takes_values_from_a_pipe_and_fails_if_one_fails(home: Home) -> None:
    ended = home.jobwire("sweep", "test", "{}", "!=", "b", "::::", "-", stdin=b"a\nb\n\nc\r\n", status=1)
    assert b"1 of 3 jobs failed" in ended.stderr
    assert b"test[b]: exited with status 1" in ended.stderr


def test_an_array_is_a_run_of_jobs_with_indexes(home: Home) -> None:
    submitted = home.jobwire("submit", "-q", "--array", "2-6:2%1", "--", "sh", "-c", "echo $JOBWIRE_ARRAY_INDEX")
    (run,) = submitted.stdout.split()
    home.jobwire("wait", run.decode())
    assert home.jobwire("logs", run.decode()).stdout == b"2\n4\n6\n"
    listed = [json.loads(line) for line in home.jobwire("list", "-a", "--json", run.decode()).stdout.splitlines()]
    assert [job["name"] for job in listed] == ["sh[2]", "sh[4]", "sh[6]"]
    assert {job["batch"]["parallel"] for job in listed} == {1}


def test_the_jobs_of_a_dry_run_can_be_submitted(home: Home) -> None:
    planned = home.jobwire("sweep", "--dry-run", "--json", "-l", "k={x}", "echo", "{x}", ":::", "x=a b,c")
    assert [json.loads(line)["argv"] for line in planned.stdout.splitlines()] == [["echo", "a b"], ["echo", "c"]]
    home.jobwire("batch", "-q", "--parallel", "1", "-", stdin=planned.stdout)
    listed = [json.loads(line) for line in home.jobwire("list", "-a", "--json").stdout.splitlines()]
    assert [job["labels"] for job in listed] == [{"k": "a b"}, {"k": "c"}]


def test_all_mistakes_are_told_and_nothing_is_sent(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "jobs.toml"
    file.write_text('[[job]]\nargv = ["a", "{x}"]\nfor_each = []\n[[job]]\nargv = ["b"]\nnope = 1\ntime_limit = 0\n')
    lines = home.jobwire("batch", str(file), "--set", "x=1", status=2).stderr.decode().splitlines()
    assert ", line 3, key 'job.for_each'" in lines[0]
    assert ", line 6, key 'job.nope'" in lines[1]
    assert ", line 7, key 'job.time_limit'" in lines[2]
    assert lines[3:] == ["these are 3 mistakes; nothing was submitted"]
    assert home.jobwire("list", "-a").stdout == b""


def test_the_schema_is_printed_as_json(home: Home) -> None:
    schema = json.loads(home.jobwire("batch", "--schema").stdout)
    assert "for_each" in schema["$defs"]["JobTable"]["properties"]


def test_what_a_batch_ends_with_is_waited_for_and_told(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "jobs.toml"
    file.write_text(
        "[batch]\nname = 'n'\non_finish = ['sh', '-c', 'echo $JOBWIRE_RUN_NAME $JOBWIRE_RUN_OUTCOME $A; echo oh >&2; exit 7']\n"
        "[defaults]\nenv = { A = 'b' }\n[[job]]\nargv = ['true']\n"
    )
    ended = home.jobwire("batch", str(file))
    told = ended.stderr.decode()
    assert "on_finish: exited with status 7\n    oh\n" in told
    assert "on_finish failed; the result of the run is not affected" in told
    assert home.jobwire("logs", "--stdout", "on_finish").stdout == b"n ok b\n"
    shown = json.loads(home.jobwire("show", "--json", "n").stdout)
    assert (shown["state"], shown["jobs"], shown["on_finish"]["outcome"]["exit_status"]) == ("ok", 1, 7)
    assert b"on_finish: exited with status 7" in home.jobwire("wait", "n").stderr
    assert b"exited with status 7" in home.jobwire("show", "n").stdout
    again = home.jobwire("rerun", "--wait", "n")
    assert b"on_finish: exited with status 7" in again.stderr
    assert b": 1 job\n" in again.stderr
    assert len(home.jobwire("list", "-a").stdout.splitlines()) == 4


def test_the_end_of_a_sweep_and_of_an_array_runs_where_the_jobs_do(home: Home, tmp_path: Path) -> None:
    command = "sh -c 'pwd; echo $A $JOBWIRE_RUN_JOBS'"
    home.jobwire("sweep", "-C", str(tmp_path), "-e", "A=b", "-e", "B={item}", "--on-finish", command, "true", "{}", ":::", "1", "2")
    assert home.jobwire("logs", "last").stdout == b""
    assert home.jobwire("logs", "on_finish").stdout == b"%s\nb 2\n" % bytes(tmp_path)
    home.jobwire("submit", "--wait", "-C", "/", "--array", "1-3", "--on-finish", command, "true")
    (newest, *_) = [job for job in home.records("list", "-a", "--json") if job["name"] == "on_finish"][::-1]
    assert home.jobwire("logs", newest["id"]).stdout == b"/\n3\n"
    refused = home.jobwire("batch", "--on-finish", "a | b", "-", stdin=b'{"argv": ["true"]}', status=2).stderr
    assert b"--on-finish: " in refused
    assert b"--on-finish is about the jobs of a run" in home.jobwire("submit", "--on-finish", "a", "true", status=2).stderr


def test_a_large_batch_is_staged_and_watched_and_can_be_repeated(home: Home, tmp_path: Path) -> None:
    run = "22222222-2222-4222-8222-222222222222"
    file = tmp_path / "jobs.txt"
    file.write_text("no-such-program\n" + "sleep 1000\n" * 1000 + "true\n")
    submitted = home.jobwire("batch", "--lines", str(file), "--id", run, "--no-wait", "--hold")
    assert submitted.stdout.split() == [run.encode()]
    assert b"1002 jobs submitted" in submitted.stderr
    assert b"1002 queued" in home.jobwire("show", run).stdout
    assert b"all of them submitted before" in home.jobwire("batch", "--lines", str(file), "--id", run, "--no-wait", "--hold").stderr
    home.jobwire("stop", run)
    ended = home.jobwire("batch", "--lines", str(file), "--id", run, "--hold", status=1)
    assert b"1002 of 1002 jobs failed" in ended.stderr
    file.write_text("true\n" * 1003)
    assert b"staged before with other jobs" in home.jobwire("batch", "--lines", str(file), "--id", run, status=1).stderr


def test_output_is_shown_job_after_job_as_each_ends(home: Home) -> None:
    # The first one goes on until the second one has ended and was reaped.
    says = "for n in 1 2; do echo out $1; echo err $1 >&2; done"
    waits = "{ until test -e pid && ! kill -0 $(cat pid); do sleep 0.05; done; } 2> /dev/null; exit 4"
    command = f"{says}; test $1 = late || {{ echo $$ > pid~; mv pid~ pid; exit 0; }}; {waits}"
    there = ("-C", str(home.folder))
    ended = home.jobwire("sweep", *there, "--show-output", "sh", "-c", command, "sh", "{}", ":::", "late", "early", status=1)
    assert ended.stdout == b"out early\nout early\nout late\nout late\n"
    lines = ended.stderr.decode().splitlines()
    assert [line for line in lines if line.startswith("err")] == ["err early", "err early", "err late", "err late"]
    assert [line for line in lines if "exited with" in line] == [line for line in lines if "sh[late]: " in line]
    # What failed is not repeated below its output.
    assert not [line for line in lines if line.startswith("    ")]


def test_output_is_shown_in_the_order_of_the_jobs(home: Home) -> None:
    lines = b"sh -c 'sleep 0.3; printf one'\ntrue\nno-such-program\necho three\n"
    ended = home.jobwire("batch", "--lines", "--keep-order", "-", stdin=lines, status=1)
    assert ended.stdout == b"onethree\n"
    ended = home.jobwire("batch", "--lines", "--keep-order", "--tag", "-", stdin=lines, status=1)
    assert ended.stdout == b"sh -c 'sleep 0.3; printf one': one\necho three: three\n"


def test_output_that_is_shown_ends_with_the_job_whatever_it_leaves_behind(home: Home) -> None:
    for ways in (["--show-output"], ["--tag"]):
        shown = home.jobwire("sweep", "-q", *ways, "--linger", "sh", "-c", "(sleep 2; echo late) & echo {}", ":::", "now")
        assert shown.stdout.endswith(b"now\n")
    home.jobwire("sweep", "--tag", "--no-wait", "true", ":::", "1", status=2)


def test_a_reader_of_shown_output_that_leaves_ends_only_the_command(home: Home) -> None:
    words = command("sweep", "-n", "kept", "--show-output", "seq", "{}", ":::", "1000000")
    ended = subprocess.run(["sh", "-c", '"$@" | head -n 1', "sh", *words], env=home.env, capture_output=True, check=False)
    assert ended.stdout == b"1\n"
    assert b"the jobs continue" in ended.stderr
    assert home.jobwire("wait", "kept").returncode == 0
