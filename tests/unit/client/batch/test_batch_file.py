import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from documents import ROOT
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.batch.batch_file import Batch, read_batch
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.client.cli.shown.json_lines import job_record
from jobwire.client.library.values.results import JobInfo
from jobwire.schemas.jobs.retry import RetryRule
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import OnFailure, Outcome, OutcomeKind, State
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Code, Refused

AROUND = Surroundings(Path("/tmp"))

WHOLE = b"""
[batch]
name = "nightly"
parallel = 4

[defaults]
time_limit = "30m"
env = { LANG = "C.UTF-8", A = "default" }
labels = ["night=yes"]

[[job]]
name = "fetch"
argv = ["/usr/bin/curl", "-fO"]
env = { A = "own" }

[[job]]
name = "load"
argv = ["/srv/load", "--all"]
dir = "/srv"
time_limit = 90
stdin = { text = "yes\\n" }
stop = { signal = "INT", grace = "20s" }
labels = { team = "x" }
"""


def read(text: bytes, *, lines: bool = False) -> Batch:
    return read_batch(text, "jobs.toml", AROUND, lines=lines)


def refusal(text: bytes, *, lines: bool = False) -> str:
    with pytest.raises(Refused) as refused:
        read(text, lines=lines)
    assert refused.value.code is Code.INVALID_ARGUMENT
    return str(refused.value)


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            WHOLE + b"colour = 3",
            "jobs.toml, line 24, key 'job.colour': there is no key 'colour' here; known are after, argv, at, ",
        ),
        (WHOLE.replace(b'"--all"', b"7"), "line 18, key 'job.argv': expected a string, got a whole number"),
        (WHOLE.replace(b'"own"', b"7"), "line 14, key 'job.env.A': expected a string, got a whole number"),
        (WHOLE.replace(b'"20s"', b'"soon"'), "line 22, key 'job.stop.grace': 'soon' is not a time"),
        (WHOLE.replace(b'"INT"', b'"BYE"'), "line 22, key 'job.stop.signal': 'BYE' is not a signal"),
        (WHOLE.replace(b'"INT"', b"1.5"), "line 22, key 'job.stop.signal'"),
        (WHOLE.replace(b'"30m"', b'"x"'), "line 7, key 'defaults.time_limit': 'x' is not a time"),
        (WHOLE.replace(b"dir = ", b"cwd = "), "line 19, key 'job.cwd': there is no key 'cwd'"),
        (WHOLE.replace(b"grace", b"after"), "line 22, key 'job.stop.after': there is no key 'after' here; known are grace, signal"),
        (WHOLE.replace(b"parallel = 4", b"parallel = -4"), "line 4, key 'batch.parallel': -4 is not a number of jobs"),
        (WHOLE.replace(b"parallel = 4", b"parallel = true"), "line 4, key 'batch.parallel'"),
        (WHOLE.replace(b'"nightly"', b'"last"'), "line 3, key 'batch.name': the name 'last'"),
        (WHOLE.replace(b'"load"', b'"a b"'), "line 17, key 'job.name': the name 'a b'"),
        (WHOLE.replace(b"[batch]", b"[bunch]"), "line 2, key 'bunch': there is no key 'bunch' here; known are batch, defaults, job"),
        (WHOLE.replace(b'argv = ["/srv/load", "--all"]', b""), "line 16, key 'job': the key 'argv' is missing"),
        (WHOLE.replace(b'argv = ["/srv/load", "--all"]', b"argv = []"), "line 18, key 'job.argv': no program is given"),
        (WHOLE.replace(b'"/srv"', b'"srv"'), "line 19, key 'job.dir': the working folder 'srv' is not an absolute path"),
        (WHOLE.replace(b'{ text = "yes\\n" }', b'"-"'), "line 21, key 'job.stdin': the jobs of a batch cannot share standard input"),
        (WHOLE.replace(b'{ text = "yes\\n" }', b'"no-such-file"'), "line 21, key 'job.stdin': the standard input 'no-such-file'"),
        (WHOLE.replace(b"[[job]]", b"[job]", 1), "line 16: this is not TOML: the table 'job' is set twice; write [[job]] for each"),
        (b"[[job]]\nargv = [\n", "line 3: this is not TOML"),
        (b"x = \n", "line 1: this is not TOML"),
        (b"\n\xff", "line 2: this is not UTF-8"),
        (b"", "jobs.toml contains no job"),
        (b'{"argv":["a"]}\n{"argv":["a"],"x":1}', "line 2, key 'x': there is no key 'x'"),
        (b'{"argv":["a"]}\n{"argv":["a"],"stop":{"grace":"x"}}', "line 2, key 'stop.grace': 'x' is not a time"),
        (b'{"argv":["a"]}\n{"argv":["a"]', "line 2: this is not JSON"),
        (b'{"argv":["a"]}\n[]', "line 2: expected a table, got a list"),
        (b"a=" + b"[" * 100_000, "line 1: this is nested too deeply"),
        (b"[[job]]\nargv=['a']\n[job.env]\nA='1'\nB=2", "line 5, key 'job.env.B': expected a string, got a whole number"),
        (b'{"argv":["a"],\n"labels":{"x":"",\n"stop":null}}', "line 3, key 'labels.stop': expected a string, got null"),
        (b"[[job]]\nargv=['a']\ntime_limit=" + b"9" * 5_000, "line 3: this is not TOML: A number has too many digits"),
        (b'{"argv":["a"],"time_limit":' + b"9" * 5_000 + b"}", "line 1: this is not JSON: a number has more than 1000 digits"),
        (b'{"argv":["a"],"stdin":{"text":"\\ud800"}}', "line 1, key 'stdin': '\\ud800' is not text"),
        (b'{"argv":["a"]},\n{"argv":["a"]}', "line 1: there is a comma between two values"),
        (b"[job]\nargv=['a']", "line 1, key 'job': expected a list, got a table; write a table [[job]] for each"),
        (b"[[job]]\nargv=['a']\nstop='INT'", "line 3, key 'job.stop': expected a table, got a string; write it stop = { signal"),
        (b"[[job]]\nargv=['a']\nstdin={file='x'}", "line 3, key 'job.stdin.file': there is no key 'file' here; write stdin = \"FILE\""),
        (b"[[job]]\nargv=['a']\ntime_limit=2026-01-01", "line 3, key 'job.time_limit': expected a number or a string, got a date"),
        (b"[[job]]\nargv=['a']\nat=2026-12-24T18:00:00", "line 3, key 'job.at': expected a string, got a date; write it in quotes"),
        (
            b"[[job]]\nargv=['a']\nnot_after=02:30:00",
            "line 3, key 'job.not_after': expected a string, got a time of day; write it in quotes",
        ),
        (b"[" * 50_000, "line 1: this is nested too deeply"),
        (b"[[job]]\nargv=['a']\nenv=['A=1', 'B=1', 'A=2']", "line 3, key 'job.env': 'A' is set twice"),
        (b"[defaults]\nlabels=['a=1', 'a=1']\n[[job]]\nargv=['a']", "line 2, key 'defaults.labels': 'a' is set twice"),
        (b'{"argv":' + b"[" * 100_000, "line 1"),
    ],
)
def test_a_mistake_is_reported_with_file_line_and_key(text: bytes, message: str) -> None:
    assert message in refusal(text)


def test_a_file_full_of_mistakes_is_told_all_of_them_at_once() -> None:
    text = b"""[batch]
parallel = -3
name = 7
[defaults]
env = { A = 1, B = "b", C = 2 }
[[job]]
name = "a"
argv = "true"
time_limit = "5 parsecs"
after = "nix"
[[job]]
name = "train-{lr}"
argv = ["true", "{seed}"]
for_each = { lr = [1, 2] }
stop = { signal = [], grace = [] }
after = ["{lr}-data", "nix"]
[[job]]
argv = ["true"]
on_each = 3
after = ["a", "train-1", "train-{lr}", "nothere"]
[[job]]
argv = ["true"]
after = { okay = "a", failed = "nix" }
[[job]]
name = "no-argv"
retry = { max = "x", delay = "soon" }
"""
    with pytest.raises(Refused) as caught:
        read(text)
    mistakes = [str(caught.value), *caught.value.__notes__]
    assert [mistake.partition(", ")[2].split(": ")[0] for mistake in mistakes[:-1]] == [
        "line 2, key 'batch.parallel'",
        "line 3, key 'batch.name'",
        "line 5, key 'defaults.env.A'",
        "line 5, key 'defaults.env.C'",
        "line 8, key 'job.argv'",
        "line 9, key 'job.time_limit'",
        "line 10, key 'job.after'",
        "line 13, key 'job.argv'",
        "line 15, key 'job.stop.signal'",
        "line 15, key 'job.stop.grace'",
        "line 16, key 'job.after'",
        "line 19, key 'job.on_each'",
        "line 20, key 'job.after'",
        "line 23, key 'job.after.okay'",
        "line 23, key 'job.after.failed'",
        "line 24, key 'job'",
        "line 26, key 'job.retry.max'",
        "line 26, key 'job.retry.delay'",
    ]
    said = "\n".join(mistakes)
    assert "there is no job 'nothere' in this file" in said
    assert "there is no key 'okay' here; known are any, failed, ok" in said
    # The job that may have this name is not valid, so nobody knows whether it would.
    assert "train-1" not in said


@pytest.mark.parametrize("key", ["user"])
def test_a_key_that_is_planned_is_refused_as_not_there_yet(key: str) -> None:
    assert refusal(b"[[job]]\nargv = ['a']\n%s = 1" % key.encode()) == (
        f"jobs.toml, line 3, key 'job.{key}': '{key}' is not available yet in this version; remove it"
    )


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


def test_a_line_that_cannot_be_split_is_reported() -> None:
    assert refusal(b"true\necho 'a\n", lines=True) == "jobs.toml, line 2: this line cannot be split into words: no closing quotation"


def test_a_statement_over_several_lines_is_found_by_its_first() -> None:
    text = b'[[job]]\nargv = ["""\n[x]\n""",\n  # [ "\n 3]\n[[job]]\nargv = ["b"]\nnope = 1'
    assert "line 2, key 'job.argv'" in refusal(text)
    assert "line 9, key 'job.nope'" in refusal(text.replace(b" 3]", b' "3"]'))


def test_a_large_file_with_a_mistake_is_refused_quickly() -> None:
    text = b"".join(b'[[job]]\nargv = ["echo", "%d"]\n' % number for number in range(5000))
    assert "line 10001, key 'job.nope'" in refusal(text + b"nope = 1")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("name = 3", "key 'job.name': expected a string, got a whole number"),
        ("time_limit = []", "key 'job.time_limit': expected a number or a string, got a list"),
        ("env = 3", "key 'job.env': expected a table or a list, got a whole number"),
        ('linger = "yes"', "key 'job.linger': expected true or false, got a string"),
        ('labels = ["blue"]', "key 'job.labels': the label 'blue' has no value"),
    ],
)
def test_a_wrong_type_is_reported_in_plain_words(line: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        read_batch(f'[[job]]\nargv = ["true"]\n{line}\n'.encode(), "f.toml", Surroundings(Path("/")))
    assert f"f.toml, line 3, {said}" in str(caught.value)


KEYS = st.sampled_from(["argv", "name", "env", "dir", "stdin", "time_limit", "stop", "labels", "after", "x"])
JOBS = st.fixed_dictionaries({"argv": st.lists(st.text(max_size=4), max_size=3) | VALUES}) | st.dictionaries(KEYS, VALUES, max_size=5)


def toml(value: Any) -> str:
    """Write a value as TOML would have it; what TOML cannot say becomes text."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    # JSON writes NaN and Infinity with capitals.
    return json.dumps(str(value) if value is None else value).replace("NaN", "nan").replace("Infinity", "inf")


@given(st.lists(JOBS, max_size=4), st.dictionaries(st.sampled_from(["name", "parallel", "x"]), VALUES), st.dictionaries(KEYS, VALUES))
def test_any_toml_file_is_read_or_refused(jobs: list[dict[str, Any]], batch: dict[str, Any], defaults: dict[str, Any]) -> None:
    text = f"batch = {toml(batch)}\ndefaults = {toml(defaults)}\n"
    for job in jobs:
        text += "[[job]]\n" + "".join(f"{json.dumps(key)} = {toml(value)}\n" for key, value in job.items())
    attempt(text.encode())


@given(st.lists(JOBS, max_size=4))
def test_any_json_lines_are_read_or_refused(jobs: list[dict[str, Any]]) -> None:
    attempt("\n".join(json.dumps(job) for job in jobs).encode())


@given(st.binary(max_size=200) | st.text(alphabet="[]{}=\"'#\n \\ajob.1,", max_size=80).map(str.encode), st.booleans())
def test_any_bytes_are_read_or_refused(text: bytes, lines: bool) -> None:  # noqa: FBT001
    attempt(text, lines=lines)


def attempt(text: bytes, *, lines: bool = False) -> None:
    with contextlib.suppress(Refused):
        assert read(text, lines=lines).jobs


# What can stand in a TOML file: strings that look like something else, and values that no JSON has.
TOKENS = [
    *'[]{}=,#. "',
    "'",
    "\n",
    "\\",
    '"""',
    "'''",
    "[[job]]\n",
    "[defaults]\n",
    "[batch]\n",
    "argv = ['a']\n",
    "x = 1\n",
    "nan",
    "-inf",
    "1e400",
]
TOKENS += ["time_limit", "stop", "env", "1979-05-27", "07:32:00", "\ufeff", "\r", "\u2028", "\\ud800", "9" * 20]


@given(st.lists(st.sampled_from(TOKENS), max_size=25), st.booleans())
def test_any_pieces_of_toml_are_read_or_refused(pieces: list[str], begun: bool) -> None:  # noqa: FBT001
    attempt((("[[job]]\nargv = ['a']\n" if begun else "") + "".join(pieces)).encode())


@given(
    st.sampled_from(["time_limit", "stop", "env", "dir", "stdin", "name", "labels"]),
    st.sampled_from(TOKENS),
    st.sampled_from(["", "unknown = 1\n"]),
)
def test_any_value_that_only_toml_has_is_read_or_refused(key: str, value: str, then: str) -> None:
    attempt(f"[[job]]\nargv = ['a']\n{key} = {value}\n{then}".encode())


@given(st.text(alphabet=st.characters(), max_size=6), st.sampled_from(["argv", "name", "dir", "stdin", "env", "labels", "x"]))
def test_any_string_in_json_is_read_or_refused(text: str, key: str) -> None:
    value = {"argv": [text], "env": {text: text}, "labels": [text]}.get(key, text)
    attempt(json.dumps({"argv": ["a"], key: value}).encode())


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


def test_a_file_over_the_limit_is_refused_before_it_is_parsed() -> None:
    assert "larger than 32 MiB" in refusal(bytes(32 * 1024 * 1024 + 1))
    assert "more than 100000 jobs" in refusal(b"[[job]]\n" * 100_001)
    assert "more than 100000 jobs" in refusal(b"true\n" * 100_001, lines=True)
    assert "more than 100000 jobs" in refusal(b'{"argv":["a"]}\n' * 100_001)


def test_a_key_of_very_many_parts_is_refused_before_it_is_parsed() -> None:
    assert "line 2: this is not TOML: A key has more than 16 parts" in refusal(b"\n" + b"a." * 30_000 + b"a = 1")
    assert "line 1: this is not TOML: A key has more than 16 parts" in refusal(b"[" + b"'a'." * 30_000 + b"a]")
    many = b"." * 500
    dots = b'[[job]]\nargv = [\'%s\', """\n%s\n"""] # %s' % (many, many, many)
    assert read(dots).jobs[0].argv[0] == b"." * 500


def test_for_a_file_of_commands_the_message_says_how_to_read_it() -> None:
    assert refusal(b"echo hi\n").endswith("; for one command per line use: batch --lines FILE")
    assert refusal(b"#!/bin/sh\n#SBATCH -c 2\necho hi\n").endswith("for one with lines #SBATCH: jobwire convert FILE")
    assert "--lines" not in refusal(WHOLE + b"x")


def test_json_is_read_as_a_list_over_many_lines_or_as_a_whole_file() -> None:
    jobs = [{"argv": ["a"]}, {"argv": ["b"], "time_limit": 5}]
    for text in (json.dumps(jobs), json.dumps(jobs, indent=2), "\n".join(json.dumps(job, indent=2) for job in jobs)):
        assert [(job.argv, job.time_limit_ms) for job in read(text.encode()).jobs] == [((b"a",), None), ((b"b",), 5000)]
    whole = {"batch": {"name": "night", "parallel": 2}, "defaults": {"dir": "/srv"}, "job": jobs}
    batch = read(json.dumps(whole, indent=1).encode())
    assert (batch.name, batch.parallel, batch.jobs[1].directory) == ("night", 2, b"/srv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[\n {"argv": ["a"]},\n {"argv": ["a"],\n  "stop": {\n   "grace": "x"}}]', "line 5, key 'stop.grace': 'x' is not a time"),
        ('[\n {"argv": ["a"]},\n {\n  "colour": 1,\n  "argv": ["a"]}]', "line 4, key 'colour': there is no key 'colour'"),
        ('{"job": [\n {"argv": ["a"]},\n {"argv": ["a"],\n  "time_limit": 0}]}', "line 4, key 'job.time_limit': with a time limit of 0"),
        ('{"job": [], "defaults": {"env": 3}}', "line 1, key 'defaults.env': expected a table or a list"),
        ('{"argv": ["a"],\n "name": "x",\n "name": "y"}', "line 3, key 'name': the key 'name' is set twice"),
        ('[["echo", "a"]]', "jobs.toml"),
        ('["echo", "a"]', "line 1: expected a table, got a string"),
        ('[["echo", "a"], ["true"]]', "line 1: expected a table, got a list"),
        ('["echo a"]\n', "line 1: expected a table, got a string"),
        ('[ ["a"] ]', "line 1: expected a table, got a list"),
        ("[1, 2]", "line 1: expected a table, got a whole number"),
        ('"echo a"\n', "line 1: expected a table, got a string"),
        ("[]", 'contains no job; write {"argv"'),
        ('{\n"jobs": [{"argv": ["a"]}]}', "line 2, key 'jobs': there is no key 'jobs' here; write job"),
        ('{"defaults": {"dir": "/"},\n"tasks": [{"argv": ["a"]}]}', "line 2, key 'tasks': there is no key 'tasks' here; write job"),
        ('{"cmd": "a"}', "key 'cmd': there is no key 'cmd' here; write argv"),
        ('{"argv": ["\\ud800"]}', "line 1, key 'argv': '\\ud800' is not text"),
    ],
)
def test_a_mistake_in_json_is_reported_with_its_own_line(text: str, message: str) -> None:
    assert message in refusal(text.encode())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("command = 'x'", "line 3, key 'job.command': there is no key 'command' here; write argv, as in"),
        ("Argv = ['x']", "line 3, key 'job.Argv': there is no key 'Argv' here; write it argv"),
        ("deps = ['x']", "line 3, key 'job.deps': there is no key 'deps' here; write after, as in after = [\"fetch\"]"),
        ("time-limit = 3", "there is no key 'time-limit' here; write it time_limit"),
        ("time_limits = 3", "there is no key 'time_limits' here; did you mean time_limit?"),
        ("timeout = 3", "there is no key 'timeout' here; write time_limit"),
        ("cwd = '/'", "write dir"),
        ("shell = true", "there is no shell; write argv = ['sh', '-c', '...']"),
        ("stdout = 'x'", "jobwire logs"),
        ("stdin = 'text'", "line 3, key 'job.stdin': the standard input 'text' cannot be read: No such file or directory; for the text"),
        ("time_limit = '1m 10s'", "line 3, key 'job.time_limit': '1m 10s' is not a time; write it without spaces: 1m10s"),
        ("time_limit = 0", "line 3, key 'job.time_limit': with a time limit of 0 the job could never run"),
        ("stdin = ''", "line 3, key 'job.stdin': the file with the standard input has no name; for the text itself write"),
        ("lable = { a = 'b' }", "line 3, key 'job.lable': there is no key 'lable' here; did you mean labels?"),
        ("argv = ['b']", "line 3: this is not TOML: the key 'argv' is set twice"),
        ("stop.grace = 1\nstop.grace = 2", "line 4: this is not TOML: the key 'stop.grace' is set twice"),
        ("[batch]\n[batch]", "line 4: this is not TOML: the table 'batch' is set twice"),
        ("[job]", "line 3: this is not TOML: the table 'job' is set twice; write [[job]] for each"),
        ("time_limit = 99999999999999999999999", "line 3, key 'job.time_limit': 99999999999999999999999 is too long a time"),
        ("stop = { grace = inf }", "line 3, key 'job.stop.grace': inf is too long a time"),
        ("stop = { grace = nan }", "line 3, key 'job.stop.grace': nan is not a time"),
        ("env = { 'A=B' = 'x' }", "line 3, key 'job.env': the environment variable 'A=B'"),
        ("name = 'last'", "line 3, key 'job.name'"),
        ("stop = { timeout = 3 }", "line 3, key 'job.stop.timeout': there is no key 'timeout' here; write grace"),
        ("[stop]\nsignal = 2", "line 3, key 'stop': there is no key 'stop' here; write job: a table [[job]]"),
        ("[[jobs]]\nargv = ['b']", "line 3, key 'jobs': there is no key 'jobs' here; write job"),
    ],
)
def test_the_key_that_was_meant_is_named_on_its_own_line(line: str, message: str) -> None:
    assert message in refusal(f"[[job]]\nargv = ['a']\n{line}\n".encode())


def test_the_message_about_a_string_that_is_too_long_does_not_ask_for_a_string() -> None:
    said = refusal(b"[[job]]\nargv = ['a']\nstdin = { text = '" + b"x" * (1024 * 1024 + 1) + b"' }\n")
    assert "line 3, key 'job.stdin': the standard input has 1048577 bytes" in said
    assert "for the text itself" not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('# jobs\n{"argv": ["true"]}\n', "line 2: this is not a command: the file is JSON; leave --lines out"),
        ('[{"argv": ["true"]}]', "line 1: this is not a command: the file is JSON"),
        ("\n[[job]]\nargv = ['true']\n", "line 2: this is not a command: the file is TOML"),
        ("[defaults]\ndir = '/'\n", "line 1: this is not a command: the file is TOML"),
    ],
)
def test_a_file_of_another_form_is_not_run_as_commands(text: str, said: str) -> None:
    assert said in refusal(text.encode(), lines=True)


def test_for_an_argv_that_is_one_string_the_message_says_how_to_write_it() -> None:
    assert "line 2, key 'job.argv': expected a list, got a string; a program and its" in refusal(b"[[job]]\nargv = 'echo a'\n")


def test_a_mistake_in_the_defaults_is_reported_on_their_line_and_not_the_jobs() -> None:
    text = b"[defaults]\nenv = ['NOT_SET_HERE_1']\nstop = { grace = 'x' }\n[[job]]\nargv = ['a']\nenv = ['A=1']\nstop = { signal = 2 }\n"
    assert "line 2, key 'defaults.env': the environment variable 'NOT_SET_HERE_1' is not set here" in refusal(text)
    assert "line 3, key 'defaults.stop.grace': 'x' is not a time" in refusal(text.replace(b"NOT_SET_HERE_1", b"B=2"))


def test_a_variable_without_a_value_is_copied_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JW_TEST", "here")
    text = b"[defaults]\nenv = ['JW_TEST', 'B=']\n[[job]]\nargv = ['a']\nenv = ['A=1']\n"
    assert dict(read(text).jobs[0].environment) == {b"JW_TEST": b"here", b"B": b"", b"A": b"1"}
    assert "line 3, key 'job.env': the environment variable 'NOT_SET_HERE_1' is not set here" in refusal(
        b"[[job]]\nargv = ['a']\nenv = ['NOT_SET_HERE_1']"
    )


@pytest.mark.parametrize("line", ["echo one > one.txt", "a | b", "a && b", "X=1 prog"])
def test_a_line_for_a_shell_is_refused_with_its_number(line: str) -> None:
    assert refusal(f"true\n{line}\n".encode(), lines=True).startswith("jobs.toml, line 2: ")
    assert "without one; to use one: sh -c '...'" in refusal(f"true\n{line}\n".encode(), lines=True)


def test_what_a_shell_would_replace_is_warned_of_with_its_line() -> None:
    batch = read(b"true\necho $HOME ~ `date` *.c\necho '$HOME'\n", lines=True)
    assert len(batch.warnings) == 1
    assert batch.warnings[0].startswith("jobs.toml, line 2: $HOME, ~, `, * are passed on unchanged, as no shell runs")


def record(**fields: Any) -> bytes:
    unsaid = {"name": "", "dir": "", "env": {}, "labels": {}, "time_limit_ms": None, "grace_ms": None, "output_limit_bytes": None}
    past = {"id": "x", "state": "finished", "owner": "k", "owner_name": "me", "batch": None, "process": None, "pid": 3, "outcome": {}}
    past |= {"queued_at": "t", "started_at": None, "ended_at": None, "paused": False, "waits_for": None, "attempt": 1}
    return json.dumps({**past, **unsaid, "linger": False, "stop_signal": 15, **fields}).encode()


def test_a_record_of_a_job_asks_for_the_same_job_again() -> None:
    (plain,) = read(record(argv=["echo", "\udcff"])).jobs
    assert plain == JobSpec((b"echo", b"\xff"))
    full = record(
        argv=["a"],
        name="n",
        dir="/srv/\udce9",
        env={"A": "\udcff"},
        labels={"x": "y"},
        time_limit_ms=90_001,
        grace_ms=0,
        output_limit_bytes=5,
        linger=True,
        stop_signal=2,
    )
    assert read(full).jobs == (JobSpec((b"a",), ((b"A", b"\xff"),), b"/srv/\xe9", None, "n", (("x", "y"),), 90_001, 2, 0, 5, True),)  # noqa: FBT003


@pytest.mark.parametrize("folder", ["/srv/$HOME/a$", "~", "~/x$y", r"/a\$b", "/~x"])
def test_the_folder_of_a_record_is_the_same_again(folder: str) -> None:
    assert [job.directory for job in read(record(argv=["a"], dir=folder)).jobs] == [folder.encode()]


def test_a_field_of_a_record_that_is_not_known_is_not_dropped_in_silence() -> None:
    assert "key 'user': 'user' is not available yet" in refusal(record(argv=["a"], user=3))
    assert read(record(argv=["a"], priority=3, held=True, held_by="ada")).jobs[0].priority == 3


def test_a_record_of_a_job_that_had_an_input_is_refused_unless_the_input_is_added_or_dropped() -> None:
    had = record(argv=["a"], stdin_bytes=0)
    said = refusal(record(argv=["b"]) + b"\n" + had)
    assert said.startswith("jobs.toml, line 2, key 'stdin_bytes': this job had 0 bytes of standard input")
    assert "jobwire rerun x" in said
    assert read(record(argv=["a"], stdin_bytes=4, stdin={"text": "five!"})).jobs[0].stdin == b"five!"
    assert read(record(argv=["a"], stdin_bytes=None, rerun_of="y")).jobs[0].stdin is None


def test_the_document_says_what_becomes_of_each_field_of_a_record() -> None:
    section = (ROOT / "docs" / "commands.md").read_text().partition("### Jobs from JSON again")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    spec = JobSpec((b"a",), name="n")
    info = JobInfo(JobKey(b"o" * 32, b"i" * 16), spec, State.FINISHED, "me", None, 1, 2, 3, 4, Outcome(OutcomeKind.EXITED), "")
    listed = job_record(info)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(listed)
    assert read(json.dumps(listed).encode()).jobs == (spec,)


def test_files_that_begin_with_a_byte_order_mark_are_read_one_after_the_other() -> None:
    lines = read(b"\xef\xbb\xbfecho hi\n\xef\xbb\xbfecho ho\n\xef\xbb\xbf# no job\n", lines=True)
    assert [job.argv for job in lines.jobs] == [(b"echo", b"hi"), (b"echo", b"ho")]
    objects = read(b'\xef\xbb\xbf{"argv":["a"]}\n\xef\xbb\xbf{"argv":["b"]}\n')
    assert [job.argv for job in objects.jobs] == [(b"a",), (b"b",)]


def test_for_a_file_without_commands_the_message_says_how_to_write_them() -> None:
    with pytest.raises(Refused, match=r"jobs\.toml contains no job; write one command per line"):
        read(b"# nothing\n\n", lines=True)


def test_the_standard_input_of_all_jobs_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    monkeypatch.setattr("jobwire.client.batch.options.option_values.read_whole", lambda file, _: read.append(file) or b"once")
    text = b"[defaults]\nstdin = 'in'\n[[job]]\nargv = ['a']\n[[job]]\nargv = ['b']\n[[job]]\nargv = ['c']\nstdin = { text = 'own' }\n"
    batch = read_batch(text, "FILE", Surroundings(tmp_path))
    assert [job.stdin for job in batch.jobs] == [b"once", b"once", b"own"]
    assert len(read) == 1
