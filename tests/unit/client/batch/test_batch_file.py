import json
from pathlib import Path

import pytest
from batch_texts import AROUND, WHOLE, read, record, refusal

from jobwire.client.batch.batch_file import read_batch
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.schemas.jobs.retry import RetryRule
from jobwire.schemas.jobs.states import OnFailure


def test_a_whole_file_is_understood() -> None:
    batch = read(WHOLE)
    assert (batch.name, batch.parallel) == ("nightly", 4)
    fetch, load = batch.jobs
    assert fetch.argv == (b"/usr/bin/curl", b"-fO")
    assert dict(fetch.environment) == {b"LANG": b"C.UTF-8", b"A": b"own"}
    assert fetch.time_limit_ms == 1_800_000
    assert (load.directory, load.stdin, load.time_limit_ms) == (b"/srv", b"yes\n", 90_000)
    assert (load.stop_signal, load.grace_ms) == (2, 20_000)
    assert dict(load.labels) == {"night": "yes", "team": "x"}


def test_json_lines_say_the_same() -> None:
    batch = read(b'{"name": "a", "argv": ["x"], "stop": {"signal": 9}}\n\n  {"argv": ["y", "\\u00e9"]}\n')
    assert [job.argv for job in batch.jobs] == [(b"x",), (b"y", "é".encode())]
    assert batch.jobs[0].stop_signal == 9


def test_lines_are_split_like_a_shell_splits_words_and_nothing_is_expanded() -> None:
    batch = read(b"# all of it\n\necho 'a b' \"$HOME\" c\\ d a#b # end\n  wc -l *.txt '|' cat\n", lines=True)
    assert [job.argv for job in batch.jobs] == [
        (b"echo", b"a b", b"$HOME", b"c d", b"a#b"),
        (b"wc", b"-l", b"*.txt", b"|", b"cat"),
    ]


def test_the_same_run_gives_the_same_ids() -> None:
    batch = read(b'{"argv":["x"]}\n{"argv":["x"]}\n{"name":"fetch","argv":["x"]}\n{"name":"fetch","argv":["x"]}')
    one, other = bytes(16), bytes([1]) * 16
    assert batch.ids(one) == batch.ids(one)
    assert len(set(batch.ids(one) + batch.ids(other))) == 8


def test_a_named_job_keeps_its_id_when_others_are_put_before_it() -> None:
    before = read(b'{"name":"fetch","argv":["x"]}')
    after = read(b'{"argv":["new"]}\n{"name":"fetch","argv":["x"]}')
    assert before.ids(bytes(16))[0] == after.ids(bytes(16))[1]


def test_retries_are_understood_key_by_key_and_a_job_may_have_none() -> None:
    text = (
        b"[defaults]\nretry = { max = 3, delay = '10s', on_exit = [28, 6] }\n[[job]]\nargv = ['a']\n"
        b"[[job]]\nargv = ['b']\nretry = { max = 1, backoff = 2 }\n[[job]]\nargv = ['c']\nretry = 0"
    )
    jobs = read_batch(text, "jobs.toml", AROUND).jobs
    assert [job.retry for job in jobs] == [RetryRule(3, 10_000, 1.0, (6, 28)), RetryRule(1, 10_000, 2.0, (6, 28)), None]
    assert "line 3, key 'job.retry.delay': 'soon' is not a time" in refusal(b"[[job]]\nargv = ['a']\nretry = { max = 1, delay = 'soon' }")
    assert "line 3, key 'job.retry.times': there is no key 'times' here; write max" in refusal(
        b"[[job]]\nargv = ['a']\nretry = { times = 1 }"
    )
    again = record(argv=["a"], retry={"max": 3, "delay_ms": 500, "backoff": 2.0, "on_exit": [6]}, attempts=[{"attempt": 1}], attempt=1)
    assert read(again).jobs[0].retry == RetryRule(3, 500, 2.0, (6,))


def test_a_planned_job_keeps_its_time_and_one_that_ran_does_not() -> None:
    moment = "2026-12-24T18:00:00.000000Z"
    for state, kept in (("planned", (3_600_000, 1_798_135_200_000_000)), ("finished", (None, None))):
        (later,) = read(record(argv=["a"], state=state, start_at=None, start_in_ms=3_600_000)).jobs
        (then,) = read(record(argv=["a"], state=state, start_at=moment, start_in_ms=None)).jobs
        assert (later.start_in_ms, then.start_at_us) == kept


def test_an_output_limit_and_lingering_are_understood_and_a_jobs_own_value_counts() -> None:
    text = b"[defaults]\noutput_limit = '2K'\nlinger = true\n[[job]]\nargv = ['a']\n[[job]]\nargv = ['b']\noutput_limit = 5\nlinger = false"
    jobs = read_batch(text, "jobs.toml", AROUND).jobs
    assert [(job.output_limit_bytes, job.linger) for job in jobs] == [(2048, True), (5, False)]
    assert "line 3, key 'job.output_limit': 'lots' is not a size" in refusal(b"[[job]]\nargv = ['a']\noutput_limit = 'lots'")


def test_a_batch_says_what_a_failure_does_to_the_rest() -> None:
    assert read_batch(b"[[job]]\nargv=['a']", "jobs.toml", AROUND).on_failure is OnFailure.CONTINUE
    for said, meant in (("cancel-rest", OnFailure.CANCEL_REST), ("stop-rest", OnFailure.STOP_REST)):
        text = f"[batch]\non_failure='{said}'\n[[job]]\nargv=['a']".encode()
        assert read_batch(text, "jobs.toml", AROUND).on_failure is meant
    told = refusal(b"[batch]\non_failure='stop'\n[[job]]\nargv=['a']")
    assert "line 2, key 'batch.on_failure': 'stop' is not a value that it can have; it can be 'continue', 'cancel-rest' or" in told


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_form_is_read_whatever_an_editor_made_of_it(mark: bytes, end: bytes) -> None:
    files = [
        (b"echo 'gr\xc3\xbcn'\ntrue\n", True),
        (b'{"argv": ["echo", "gr\xc3\xbcn"]}\n{"argv": ["true"]}', False),
        (b"[[job]]\nargv = ['echo', 'gr\xc3\xbcn']\n\n[[job]]\nargv = ['true']", False),
    ]
    for text, lines in files:
        jobs = read(mark + text.replace(b"\n", end), lines=lines).jobs
        assert [job.argv for job in jobs] == [(b"echo", "grün".encode()), (b"true",)]


def test_json_is_read_as_a_list_over_many_lines_or_as_a_whole_file() -> None:
    jobs = [{"argv": ["a"]}, {"argv": ["b"], "time_limit": 5}]
    for text in (json.dumps(jobs), json.dumps(jobs, indent=2), "\n".join(json.dumps(job, indent=2) for job in jobs)):
        assert [(job.argv, job.time_limit_ms) for job in read(text.encode()).jobs] == [((b"a",), None), ((b"b",), 5000)]
    whole = {"batch": {"name": "night", "parallel": 2}, "defaults": {"dir": "/srv"}, "job": jobs}
    batch = read(json.dumps(whole, indent=1).encode())
    assert (batch.name, batch.parallel, batch.jobs[1].directory) == ("night", 2, b"/srv")


def test_a_variable_without_a_value_is_copied_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JW_TEST", "here")
    text = b"[defaults]\nenv = ['JW_TEST', 'B=']\n[[job]]\nargv = ['a']\nenv = ['A=1']\n"
    assert dict(read(text).jobs[0].environment) == {b"JW_TEST": b"here", b"B": b"", b"A": b"1"}
    assert "line 3, key 'job.env': the environment variable 'NOT_SET_HERE_1' is not set here" in refusal(
        b"[[job]]\nargv = ['a']\nenv = ['NOT_SET_HERE_1']"
    )


def test_files_that_begin_with_a_byte_order_mark_are_read_one_after_the_other() -> None:
    lines = read(b"\xef\xbb\xbfecho hi\n\xef\xbb\xbfecho ho\n\xef\xbb\xbf# no job\n", lines=True)
    assert [job.argv for job in lines.jobs] == [(b"echo", b"hi"), (b"echo", b"ho")]
    objects = read(b'\xef\xbb\xbf{"argv":["a"]}\n\xef\xbb\xbf{"argv":["b"]}\n')
    assert [job.argv for job in objects.jobs] == [(b"a",), (b"b",)]


def test_the_standard_input_of_all_jobs_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    monkeypatch.setattr("jobwire.client.batch.options.option_values.read_whole", lambda file, _: read.append(file) or b"once")
    text = b"[defaults]\nstdin = 'in'\n[[job]]\nargv = ['a']\n[[job]]\nargv = ['b']\n[[job]]\nargv = ['c']\nstdin = { text = 'own' }\n"
    batch = read_batch(text, "FILE", Surroundings(tmp_path))
    assert [job.stdin for job in batch.jobs] == [b"once", b"once", b"own"]
    assert len(read) == 1
