"""`logs --merged`, `--timestamps`, `--since` and `--until`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from home import Home

TURNS = "for i in 1 2 3; do echo out $i; sleep 0.05; echo err $i >&2; sleep 0.05; done"
IN_TURN = "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n"
STAMP = re.compile(r"(?m)^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ")


def submitted(home: Home, script: str, *options: str) -> str:
    job = home.submit(*options, "--", "sh", "-c", script)
    home.jobwire("wait", job)
    return job


def shown(home: Home, *arguments: str) -> str:
    return home.jobwire(*arguments).stdout.decode()


def test_both_streams_are_printed_in_order(home: Home) -> None:
    job = submitted(home, TURNS)
    assert shown(home, "logs", "--merged", job) == IN_TURN
    assert shown(home, "logs", "--merged", "--tail", "3", job) == "err 2\nout 3\nerr 3\n"
    assert shown(home, "logs", "--merged", "--tail", "0", job) == ""
    assert shown(home, "logs", "--merged", "-f", "--tail", "1", job) == "err 3\n"
    assert shown(home, "logs", job) == "out 1\nout 2\nout 3\n"


def test_each_line_has_its_time(home: Home) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    job = submitted(home, TURNS)
    lines = shown(home, "logs", "--merged", "--timestamps", job)
    assert STAMP.sub("", lines) == IN_TURN
    times = [datetime.fromisoformat(one) for one in STAMP.findall(lines)]
    assert len(times) == 6
    assert times == sorted(times)
    assert before <= times[0]
    assert times[-1] <= datetime.now(UTC)
    assert times[-1] - times[0] > timedelta(milliseconds=200)
    done = home.jobwire("logs", "-t", job)
    assert STAMP.sub("", done.stdout.decode()) == "out 1\nout 2\nout 3\n"
    assert STAMP.sub("", done.stderr.decode()) == "err 1\nerr 2\nerr 3\n"
    since = times[3].isoformat()
    assert shown(home, "logs", "--merged", "--since", since, job) == "err 2\nout 3\nerr 3\n"
    assert shown(home, "logs", "--merged", "--until", times[1].isoformat(), job) == "out 1\nerr 1\n"
    assert shown(home, "logs", "--merged", "--since", "0s", job) == ""


def test_a_running_job_is_followed_in_order(home: Home) -> None:
    job = home.submit("--", "sh", "-c", f"{TURNS}; printf end")
    assert shown(home, "logs", "--merged", "-f", job) == IN_TURN + "end"


def test_one_pipe_keeps_the_exact_order(home: Home) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done"
    job = submitted(home, script, "--stderr-to-stdout")
    assert shown(home, "logs", "--stdout", job) == "".join(f"out {i}\nerr {i}\n" for i in range(1, 10))
    assert shown(home, "logs", "--stderr", job) == ""
    assert shown(home, "run", "--stderr-to-stdout", "--", "sh", "-c", script) == shown(home, "logs", "--merged", job)
    (record,) = home.records("show", job)
    assert record["stderr_to_stdout"] is True


def test_bytes_that_are_no_text_come_unchanged(home: Home) -> None:
    job = submitted(home, "head -c 300000 /dev/urandom")
    assert home.jobwire("logs", "--merged", job).stdout == home.jobwire("logs", job).stdout


@pytest.mark.parametrize("part", [("--from", "3"), ("--bytes", "3"), ("--to", "x")])
def test_lines_and_bytes_do_not_go_together(home: Home, part: tuple[str, str]) -> None:
    assert b"about lines" in home.jobwire("logs", "--merged", *part, "last", status=2).stderr


def test_no_line_is_lost_or_torn_where_both_streams_are_written_at_once(home: Home) -> None:
    job = submitted(home, "seq 20000 >&2 & seq 20000; wait")
    lines = shown(home, "logs", "--merged", job).splitlines()
    assert sorted(map(int, lines)) == sorted([*range(1, 20001)] * 2)


def test_a_tail_has_all_its_lines_while_the_job_writes(home: Home) -> None:
    job = home.submit("-n", "writer", "--", "sh", "-c", "seq 3000; while :; do echo more; done")
    home.until_running(job)
    home.jobwire("logs", "--merged", "--tail", "1", job)
    for _ in range(3):
        assert len(shown(home, "logs", "--merged", "--tail", "2000", job).splitlines()) in range(1, 2001)
    home.jobwire("stop", "--now", job)
    assert len(shown(home, "logs", "--merged", "--tail", "2000", job).splitlines()) == 2000


def test_a_long_line_has_one_time(home: Home) -> None:
    job = submitted(home, "head -c 200000 /dev/zero | tr '\\0' A; echo; printf 'next\\r\\n'")
    lines = shown(home, "logs", "-t", job)
    assert len(STAMP.findall(lines)) == 2
    assert STAMP.sub("", lines) == "A" * 200_000 + "\nnext\r\n"
