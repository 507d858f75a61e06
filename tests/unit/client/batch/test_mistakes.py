"""Mistakes in batch files: each is reported with file, line and key, in plain words, and all of them at once."""

from pathlib import Path

import pytest
from batch_texts import WHOLE, read, refusal

from jobwire.client.batch.batch_file import read_batch
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.schemas.refusal import Refused


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            WHOLE + b"colour = 3",
            "jobs.toml, line 24, key 'job.colour': there is no key 'colour' here; known are after, argv, at, ",
        ),
        (WHOLE.replace(b'"--all"', b"7"), "line 18, key 'job.argv': expected a string, got a whole number; write it in quotes"),
        (WHOLE.replace(b'"own"', b"7"), "line 14, key 'job.env.A': expected a string, got a whole number; write it in quotes"),
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
        (
            b"[[job]]\nargv=['a']\ntime_limit=" + b"9" * 5_000,
            "line 3: this is not TOML: A number or key without quotes has more than 500 characters, at column 12: put it in quotes",
        ),
        (
            b"[[job]]\nargv=['a']\nfor_each=[1, 0x" + b"f" * 5_000 + b"]",
            "line 3: this is not TOML: A number or key without quotes has more than 500",
        ),
        (b'{"argv":["a"],\n "time_limit":' + b"9" * 5_000 + b"}", "line 2: a number has more than 500 characters, at column 15: put it in"),
        (
            b'{"argv":["a"],\n "time_limit":"x"} {"a": 1.' + b"9" * 5_000 + b"}",
            "line 2: a number has more than 500 characters, at column 26",
        ),
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
        # Python's parser of JSON gets deeper than what then looks at the value.
        (b'{"argv":' + b"[" * 900 + b"]" * 900 + b"}", "line 1: this is nested too deeply"),
        (b'{"argv":["a"],"env":' + b'{"a":' * 900 + b"1" + b"}" * 901, "line 1: this is nested too deeply"),
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


def test_a_line_that_cannot_be_split_is_reported() -> None:
    assert refusal(b"true\necho 'a\n", lines=True) == "jobs.toml, line 2: this line cannot be split into words: no closing quotation"


def test_a_statement_over_several_lines_is_found_by_its_first() -> None:
    text = b'[[job]]\nargv = ["""\n[x]\n""",\n  # [ "\n 3]\n[[job]]\nargv = ["b"]\nnope = 1'
    assert "line 2, key 'job.argv'" in refusal(text)
    assert "line 9, key 'job.nope'" in refusal(text.replace(b" 3]", b' "3"]'))


def test_a_large_file_with_a_mistake_is_refused_quickly() -> None:
    text = b"".join(b'[[job]]\nargv = ["echo", "%d"]\n' % number for number in range(5000))
    assert "line 10001, key 'job.nope'" in refusal(text + b"nope = 1")


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


def test_of_a_file_in_yaml_the_message_says_what_is_read() -> None:
    for text in (b"jobs:\n- argv: [ls]\n", b"# mine\n\n---\n- argv: [ls]\n", b"- argv: [ls]\n", b"batch: {}\r\n", b"jobs:"):
        assert refusal(text).endswith("; YAML is not read: write TOML, or JSON with an object for each job")
    for text in (b"scp a:b c\n", b"./run -x\n", b"echo - a\n"):
        assert refusal(text).endswith("batch --lines FILE")


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


@pytest.mark.parametrize("line", ["echo one > one.txt", "a | b", "a && b", "X=1 prog"])
def test_a_line_for_a_shell_is_refused_with_its_number(line: str) -> None:
    assert refusal(f"true\n{line}\n".encode(), lines=True).startswith("jobs.toml, line 2: ")
    assert "without one; to use one: sh -c '...'" in refusal(f"true\n{line}\n".encode(), lines=True)


def test_what_a_shell_would_replace_is_warned_of_with_its_line() -> None:
    batch = read(b"true\necho $HOME ~ `date` *.c\necho '$HOME'\n", lines=True)
    assert len(batch.warnings) == 1
    assert batch.warnings[0].startswith("jobs.toml, line 2: $HOME, ~, `, * are passed on unchanged, as no shell runs")


def test_for_a_file_without_commands_the_message_says_how_to_write_them() -> None:
    with pytest.raises(Refused, match=r"jobs\.toml contains no job; write one command per line"):
        read(b"# nothing\n\n", lines=True)
