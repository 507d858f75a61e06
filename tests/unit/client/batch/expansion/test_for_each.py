"""Tables with `for_each`, placeholders and values, read as a whole file."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.batch.batch_file import Batch, read_batch
from jobwire.client.batch.options.job_options import Surroundings, Wishes
from jobwire.schemas.refusal import Refused

AROUND = Surroundings(Path("/tmp"))


def read(text: str, **options: Any) -> Batch:
    return read_batch(text.encode("utf-8", "surrogateescape"), "jobs.toml", AROUND, **options)


def words(batch: Batch) -> list[str]:
    return [b" ".join(job.argv).decode() for job in batch.jobs]


def mistakes(text: str, **options: Any) -> list[str]:
    with pytest.raises(Refused) as refused:
        read(text, **options)
    return [str(refused.value), *getattr(refused.value, "__notes__", ())]


@pytest.mark.parametrize(
    ("for_each", "argv", "expected"),
    [
        ('["a", "b c"]', "{item}", ["a", "b c"]),
        ('["a", "b"]', "{index}{item}{name}", ["0aj[0]", "1bj[1]"]),
        ("[3.10, 3.9, 1e-3, 1_000, true]", "{item}", ["3.10", "3.9", "1e-3", "1000", "true"]),
        ('[{ host = "a", port = 1 }, { host = "b", port = 2 }]', "{item.host}:{item.port}", ["a:1", "b:2"]),
        ('"08..10"', "{item}", ["08", "09", "10"]),
        ('{ lr = [0.1, 0.01], seed = "1..2" }', "{lr},{seed}", ["0.1,1", "0.1,2", "0.01,1", "0.01,2"]),
        ('{ zip = { a = "1..2", b = ["x", "y"] } }', "{a}{b}", ["1x", "2y"]),
        ('{ n = "1..2", zip = { a = "1..2", b = ["x", "y"] } }', "{n}{a}{b}", ["11x", "12y", "21x", "22y"]),
        ('{ host = [{ ip = "10.0.0.1" }] }', "{host.ip}", ["10.0.0.1"]),
        ('["{item}", "{{x}", "${y}"]', "{item}", ["{item}", "{{x}", "${y}"]),
        ('["", "-rf", "--", "a,b", "ü", "\\n", "\'"]', "{item}", ["", "-rf", "--", "a,b", "ü", "\n", "'"]),
    ],
)
def test_each_form_of_for_each_makes_its_jobs(for_each: str, argv: str, expected: list[str]) -> None:
    batch = read(f'[[job]]\nname = "j"\nargv = ["p", "{argv}"]\nfor_each = {for_each}\n')
    assert [job.argv[1].decode() for job in batch.jobs] == expected
    assert [job.name for job in batch.jobs] == [f"j[{number}]" for number in range(len(expected))]


def test_placeholders_are_replaced_in_every_text_of_a_job_and_of_the_defaults() -> None:
    text = """
[defaults]
env = { D = "{item}", PLAIN = "x" }
dir = "/data/{item}"
[[job]]
name = "n-{item}"
argv = ["p"]
env = { A = "{name}" }
stdin = { text = "in {item}" }
labels = { l = "{index}" }
time_limit = "{item}m"
stop = { signal = "{item}" }
for_each = "1..2"
"""
    _, job = read(text).jobs
    assert (job.name, job.directory, job.stdin, job.labels) == ("n-2", b"/data/2", b"in 2", (("l", "1"),))
    assert dict(job.environment) == {b"D": b"2", b"PLAIN": b"x", b"A": b"n-2"}
    assert (job.time_limit_ms, job.stop_signal) == (120_000, 2)


def test_options_of_the_command_line_have_placeholders_too() -> None:
    over = Wishes(dir="/runs/{item}", env=["E={item}"], stdin=None)
    jobs = read('[[job]]\nargv = ["p"]\nfor_each = ["a", "b"]', over=over).jobs
    assert [(job.directory, job.environment) for job in jobs] == [(b"/runs/a", ((b"E", b"a"),)), (b"/runs/b", ((b"E", b"b"),))]


def test_what_is_copied_from_the_caller_has_no_placeholders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JW_TEST", "{item}")
    (job,) = read('[[job]]\nargv = ["p"]\nenv = ["JW_TEST"]\nfor_each = ["a"]').jobs
    assert dict(job.environment) == {b"JW_TEST": b"{item}"}


def test_the_lines_of_a_file_are_values_whole_and_in_any_bytes(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_bytes(b"\xef\xbb\xbfone\r\n\r\n  two # \r\n\xff\n\xe2\x80\xa8x\n")
    batch = read_batch(b'[[job]]\nargv = ["p", "{item}"]\nfor_each = { lines = "hosts" }', "j", Surroundings(tmp_path))
    assert [job.argv[1] for job in batch.jobs] == [b"one", b"  two # ", b"\xff", b"\xe2\x80\xa8x"]


def test_without_for_each_and_values_braces_are_text() -> None:
    argv = ["awk", "{print $1}", "{item}", "${x}", "{{", '{"a":{}}']
    batch = read(f"[[job]]\nargv = {json.dumps(argv)}\nenv = {{ A = '{{b}}' }}")
    assert [word.decode() for word in batch.jobs[0].argv] == argv
    assert batch.jobs[0].environment == ((b"A", b"{b}"),)
    assert batch.warnings == ("jobs.toml, line 2: {item} is passed on unchanged, because this job has no for_each",)


def test_values_are_replaced_in_all_jobs_and_those_of_the_command_line_count_more() -> None:
    text = "[set]\nx = 1\ny = 0.50\n[[job]]\nargv = ['p', '{x}', '{y}']\n[[job]]\nargv = ['q', '{item}{x}']\nfor_each = ['a']\n"
    assert words(read(text)) == ["p 1 0.50", "q a1"]
    assert words(read(text, values={"x": "{y}"})) == ["p {y} 0.50", "q a{y}"]
    assert words(read('{"argv": ["p", "{x}"]}', values={"x": "1"})) == ["p 1"]
    assert words(read("p '{x} y' {x}\n", values={"x": "a b"}, lines=True)) == ["p a b y a b"]


def test_a_value_that_no_job_has_a_placeholder_for_is_refused() -> None:
    assert mistakes("[[job]]\nargv = ['p', '{xx}']", values={"xx": "1", "x": "1"}) == [
        "jobs.toml: --set x: no job has a placeholder {x}; there are {xx}"
    ]


def test_a_shells_variable_stays_and_is_warned_of_if_it_has_the_name_of_a_value() -> None:
    batch = read("[[job]]\nargv = ['sh', '-c', 'echo ${item} ${HOME}']\nfor_each = ['a']")
    assert words(batch) == ["sh -c echo ${item} ${HOME}"]
    assert len(batch.warnings) == 1
    assert "line 2: ${item} is passed on unchanged" in batch.warnings[0]


@pytest.mark.parametrize(
    ("for_each", "said"),
    [
        ("[]", "there are no values, so it makes no job"),
        ("{}", "there are no axes"),
        ('"x"', "'x' is not a range such as 1..20"),
        ('"1..5..0"', "step of 0"),
        ('"0.1..0.3"', "no step"),
        ("7", "the number 7 is not a set of values"),
        ("true", "true is not a set of values"),
        ("[['a']]", "value 1: a list is not a value"),
        ("['a', 2026-01-01]", "value 2: a date or time is not a value"),
        ("[{}]", "value 1: this table has no keys"),
        ("[{ 'a b' = 1 }]", "'a b' cannot be a key"),
        ("{ lr = [] }", "there are no values"),
        ("{ index = [1] }", "'index' cannot be the name of an axis"),
        ("{ 'a b' = [1] }", "'a b' cannot be the name of an axis"),
        ("{ zip = [1] }", "zip is not a table of axes"),
        ("{ zip = { a = [1], b = [1, 2] } }", "different numbers of values: a has 1, b has 2"),
        ("{ a = [1], zip = { a = [1] } }", "there are two axes 'a'"),
        ("{ lines = 'no-such-file-here' }", "cannot be read: No such file or directory"),
        ("{ lines = '-' }", "cannot come from standard input"),
        ('"1..100001"', "this makes 100001 jobs, and the limit for a batch is 100000"),
        ('{ a = "1..1000", b = "1..1000" }', "this makes 1000000 jobs (1000 x 1000)"),
        ('"1..999999999999999999"', "this makes 999999999999999999 jobs"),
        ("{ item = ['a'], b = '1..x' }", "'1..x' is not a range"),
    ],
)
def test_values_that_make_no_jobs_are_refused_with_their_line(for_each: str, said: str) -> None:
    (message,) = mistakes(f"[[job]]\nargv = ['p']\n\nfor_each = {for_each}\n")
    assert message.startswith("jobs.toml, line 4, key 'job.for_each")
    assert said in message


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = """[batch]
parallel = -1
[[job]]
argv = ["a", "{itm}", "{x}"]
for_each = ["a"]
[[job]]
argv = ["b"]
nope = 1
env = { A = 1 }
time_limit = 0
[[job]]
argv = ["c"]
time_limit = "soon"
name = "a b"
[[job]]
name = "no-argv"
[[job]]
argv = ["p", "{item}"]
for_each = [1, [2], [3]]
"""
    found = mistakes(text)
    assert [message.split(": ")[0] for message in found] == [
        "jobs.toml, line 2, key 'batch.parallel'",
        "jobs.toml, line 4, key 'job.argv'",
        "jobs.toml, line 4, key 'job.argv'",
        "jobs.toml, line 8, key 'job.nope'",
        "jobs.toml, line 9, key 'job.env.A'",
        "jobs.toml, line 10, key 'job.time_limit'",
        "jobs.toml, line 13, key 'job.time_limit'",
        "jobs.toml, line 14, key 'job.name'",
        "jobs.toml, line 15, key 'job'",
        "jobs.toml, line 19, key 'job.for_each'",
        "jobs.toml, line 19, key 'job.for_each'",
        "these are 11 mistakes; nothing was submitted",
    ]


def test_all_mistakes_in_json_and_in_lines_are_told_too() -> None:
    assert len(mistakes('{"argv": ["a"], "x": 1}\n{"argv": 3}\n{"argv": ["a"], "name": ""}\n')) == 3
    assert mistakes("true\na | b\nfalse\necho 'x\n", lines=True)[1].startswith("jobs.toml, line 4")


def test_a_job_of_many_that_is_not_valid_is_named_by_its_values() -> None:
    (message,) = mistakes("[[job]]\nargv = ['p']\ntime_limit = '{item}'\nfor_each = ['1m', 'x', 'y']\n")
    assert message.startswith("jobs.toml, line 3, key 'job.time_limit': 'x' is not a time (with item = 'x'); ")


def test_a_key_that_only_some_tables_have_is_refused_for_those_without() -> None:
    (message,) = mistakes("[[job]]\nargv = ['p', '{item.b}']\nfor_each = [{ a = 1, b = 2 }, { a = 3 }]\n")
    assert message == "jobs.toml, line 2, key 'job.argv': there is no value for {item.b} (with item.a = '3')"


def test_an_axis_with_the_name_of_a_value_is_refused() -> None:
    (message,) = mistakes("[set]\nlr = 1\n[[job]]\nargv = ['p', '{lr}']\nfor_each = { lr = [1] }\n")
    assert "the axis 'lr' has the name of a value" in message


def test_a_template_of_another_tool_stays_or_is_refused() -> None:
    """As in casey/just#352."""
    line = "[[job]]\nargv = ['docker', 'ps', '--format', '{{.Repository}}{{ .Tag }}%s', '{item}']\nfor_each = ['a']"
    assert words(read(line % "")) == ["docker ps --format {{.Repository}}{{ .Tag }} a"]
    assert words(read(line % "{{{{end}}")) == ["docker ps --format {{.Repository}}{{ .Tag }}{{end}} a"]
    assert mistakes(line % "{{end}}") == [
        "jobs.toml, line 2, key 'job.argv': {{end}} can be read in two ways; write {end} for a value, {{{{end}} for the text itself"
    ]
    assert "{{ item }} is passed on unchanged; to replace it, write {item}" in read(line % "{{ item }}").warnings[0]


@pytest.mark.parametrize("key", ["item", "index", "name", "lines", "zip", "'a b'", "'1'"])
def test_a_value_cannot_have_a_name_with_another_meaning(key: str) -> None:
    assert "cannot be the name of a value" in mistakes(f"[set]\n{key} = 1\n[[job]]\nargv = ['p']\n")[0]


def test_names_are_made_of_what_a_name_can_have_and_are_cut() -> None:
    jobs = read("[[job]]\nname = 'gz-{item}'\nargv = ['p']\nfor_each = ['a/b c', 'ü', '%s']" % ("x" * 200)).jobs
    assert [job.name for job in jobs[:2]] == ["gz-a_b_c", "gz-_"]
    assert len(jobs[2].name) == 128
    assert jobs[2].name.endswith("x+2")


VALUES = st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8), min_size=1, max_size=5)


@given(VALUES, st.booleans())
def test_no_value_adds_an_argument_and_the_same_file_makes_the_same_jobs_and_ids(values: list[str], is_named: bool) -> None:  # noqa: FBT001
    job = {"argv": ["p", "a{item}b", "{item}"], "for_each": values, "env": {"A": "{item}"}}
    text = json.dumps(job | ({"name": "n-{item}"} if is_named else {}))
    one, other = read(text), read(text)
    assert one == other
    assert [[word.decode() for word in made.argv] for made in one.jobs] == [["p", f"a{value}b", value] for value in values]
    assert [made.environment for made in one.jobs] == [((b"A", value.encode()),) for value in values]
    run = bytes(16)
    assert one.ids(run) == other.ids(run)
    assert len(set(one.ids(run))) == len(values)


AXES = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.lists(st.integers(-3, 3), min_size=1, max_size=3), min_size=1)


@given(AXES)
def test_axes_are_nested_loops(axes: dict[str, list[int]]) -> None:
    text = json.dumps({"argv": ["p", *(f"{{{name}}}" for name in axes)], "for_each": axes})
    expected: list[list[str]] = [[]]
    for values in axes.values():
        expected = [[*before, str(value)] for before in expected for value in values]
    assert [[word.decode() for word in job.argv[1:]] for job in read(text).jobs] == expected


@pytest.mark.parametrize(
    ("keys", "whats"),
    [
        (
            'argv = ["echo", "{itm}"]\nname = "a b"\ntime_limit = "soon"',
            ["no value for {itm}", "the name 'a b[0]'", "'soon' is not a time"],
        ),
        (
            'argv = ["echo", "{item}"]\nenv = { A = "{{x}}" }\nname = "{nam}"\nmemory = "{item}x"',
            ["two ways", "for {nam}", "'1x' is not a size"],
        ),
    ],
)
def test_the_other_mistakes_of_a_table_with_an_unknown_placeholder_are_told_too(keys: str, whats: list[str]) -> None:
    found = mistakes(f'[[job]]\nfor_each = "1..3"\n{keys}\n')
    assert all(any(what in one for one in found) for what in whats), found
