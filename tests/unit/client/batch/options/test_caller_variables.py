import re
from pathlib import Path

import pytest
from documents import ROOT
from hypothesis import given
from hypothesis import strategies as st

import jobwire
from jobwire.client.batch.batch_file import read_batch
from jobwire.client.batch.options.caller_variables import (
    SECRET_ENDINGS,
    SECRET_WORDS,
    SESSION,
    Variables,
    as_table,
    find,
    looks_secret,
    merge,
    note_of,
    read_variables,
)
from jobwire.client.batch.options.job_options import Surroundings, Wishes, spec_from
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.refusal import Refused

CALLER = {
    "PATH": "/venv/bin:/usr/bin", "LC_ALL": "C", "LC_TIME": "de_DE", "HOME": "/home/ada", "PWD": "/x", "_": "/usr/bin/env",
    "JOBWIRE_CONTEXT": "lab", "SITE_TOKEN": "s3cret", "SITE": "lab", "BASH_FUNC_module%%": "() {  eval; }",
}  # fmt: skip
AROUND = Surroundings(Path("/"))


def environment(*jobs: JobSpec) -> list[dict[str, str]]:
    return [{name.decode(): value.decode() for name, value in job.environment} for job in jobs]


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "GITHUB_TOKEN", "github_token", "PGPASSWORD", "SSHPASS", "MYSQL_PWD", "API_KEY2",
        "OPENAI_APIKEY", "npm_config__authToken", "SENTRY_DSN", "GITLAB_PAT", "SSH_AUTH_SOCK", "SLACK_WEBHOOK_URL", "DB-PASSWORD.1",
    ],
)  # fmt: skip
def test_what_is_named_like_a_secret_is_known_as_one(name: str) -> None:
    assert looks_secret(name, "")


@pytest.mark.parametrize(
    "name",
    ["PATH", "TOKENIZERS_PARALLELISM", "KEYBOARD", "XKB_LAYOUT", "SSH_ASKPASS", "GIT_ASKPASS", "PASSENGER", "AUTHOR", "PATTERN", "TERM"],
)
def test_what_is_only_spelled_like_a_secret_is_none(name: str) -> None:
    assert not looks_secret(name, "/usr/bin:x=y")


@pytest.mark.parametrize(
    "value",
    [
        "postgres://ada:pw@db/x",
        "http://:pw@proxy:3128",
        "host=db user=ada password=pw",
        "Endpoint=x;AccountKey=abc",
        "-----BEGIN RSA PRIVATE KEY-----",
    ],
)
def test_a_value_with_a_password_is_known_as_a_secret(value: str) -> None:
    assert looks_secret("SITE", value)


@pytest.mark.parametrize(
    "value", ["http://proxy:3128", "https://ada@host/x", "git@host:x.git", "file:///a:b@c", "password=", "a://b:c/d@e"]
)
def test_a_value_without_a_password_is_none(value: str) -> None:
    assert not looks_secret("SITE", value)


@pytest.mark.parametrize("piece", ["x", "x:", "x://", "://:", "a:@", "password=;", "-----BEGIN ", "A ", "=", "/", "\udcff"])
@pytest.mark.timeout(20)
def test_a_value_as_long_as_linux_allows_is_looked_through_at_once(piece: str) -> None:
    looks_secret("SITE", piece * (131_000 // len(piece)))


def test_a_pattern_takes_what_matches_and_neither_the_session_nor_secrets() -> None:
    assert read_variables(["LC_*"], CALLER) == Variables({}, {"LC_ALL": "C", "LC_TIME": "de_DE"})
    assert read_variables(["SITE*"], CALLER) == Variables({}, {"SITE": "lab"}, ("SITE_TOKEN",))
    assert read_variables(["NONE_*", "H?ME", "JOBWIRE_*", "[_P]*D"], CALLER) == Variables({}, {})
    assert find(CALLER).found.keys() == {"PATH", "LC_ALL", "LC_TIME", "SITE", "BASH_FUNC_module%%"}


def test_a_name_takes_anything_and_counts_more_than_a_pattern() -> None:
    taken = read_variables(["HOME", "SITE_TOKEN", "LC_ALL=POSIX", "LC_*"], CALLER)
    assert as_table(taken) == {"HOME": "/home/ada", "SITE_TOKEN": "s3cret", "LC_ALL": "POSIX", "LC_TIME": "de_DE"}
    with pytest.raises(Refused, match="'NOBODY' is not set here; write NOBODY=VALUE"):
        read_variables(["NOBODY"], CALLER)
    with pytest.raises(Refused, match="an environment variable has no name; write NAME or NAME=VALUE"):
        read_variables([""], CALLER)


def test_a_secret_that_is_named_is_not_called_left_out() -> None:
    everything = find(CALLER)
    assert merge([everything]).withheld == ("SITE_TOKEN",)
    assert merge([everything, read_variables(["SITE_TOKEN"], CALLER)]).withheld == ()
    assert note_of(()) == ""
    assert note_of(["B", "A"]) == "not passed on, because they look like secrets: A, B; to pass one on: -e A"
    assert "N9 and 5 more;" in note_of(f"N{number:01x}" for number in range(15))


@given(st.dictionaries(st.text(), st.text()), st.text())
def test_whatever_the_caller_has_nothing_is_taken_twice_or_invented(caller: dict[str, str], pattern: str) -> None:
    taken = find(caller, pattern)
    assert taken.found.items() <= caller.items()
    assert taken.found.keys().isdisjoint(taken.withheld)
    assert "" not in taken.found


def test_the_page_lists_all_that_is_left_out() -> None:
    text = (ROOT / "docs/commands.md").read_text().split("### What a job takes from its caller\n")[1].split("\n## ")[0]
    session, by_word, by_ending = re.findall(r"(?:shell session: |in any case\) is |or ends with )((?:`\w+\*?`(?:, | and | or )?)+)", text)
    assert [re.findall("`(.+?)`", listed) for listed in (session, by_word, by_ending)] == [
        [*SESSION],
        [*SECRET_WORDS],
        [*sorted(SECRET_ENDINGS[:7]), *sorted(SECRET_ENDINGS[7:])],
    ]


def test_all_of_the_callers_variables_count_less_than_those_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobwire.client.batch.options.job_options.of_this_process", lambda: CALLER)
    spec = spec_from(["true"], Wishes(env=["SITE=here", "NEW=1"], env_all=True), AROUND)
    assert environment(spec)[0].items() >= {"SITE": "here", "NEW": "1", "PATH": CALLER["PATH"]}.items()
    assert "SITE_TOKEN" not in environment(spec)[0]
    monkeypatch.setattr("jobwire.client.batch.options.caller_variables.of_this_process", lambda: CALLER)
    assert jobwire.job_spec(["true"], env={b"SITE": "here", b"NEW": "1"}, env_all=True).environment == spec.environment
    assert jobwire.job_spec(["true"]).environment == ()


def test_options_for_all_jobs_count_more_than_the_file_and_add_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobwire.client.batch.table_specs.of_this_process", lambda: CALLER)
    text = b"""
    [defaults]
    env = ["A=default", "B=default", "LC_*"]
    labels = { team = "blue" }
    time_limit = "1m"
    [[job]]
    argv = ["one"]
    env = { A = "one", C = "one" }
    dir = "/one"
    stop = { signal = "INT", grace = "1s" }
    [[job]]
    argv = ["two"]
    labels = { night = "" }
    time_limit = "3m"
    env_all = true
    """
    over = Wishes(
        env=["C=over", "LC_TIME=over"],
        dir="sub",
        time_limit="5m",
        labels=["team=red"],
        stop_signal="HUP",
        grace="2s",
        output_limit="1K",
        linger=True,
    )
    plan = read_batch(text, "f", Surroundings(Path("/"), jobs="/here"), over=over)
    one, two = environment(*plan.jobs)
    assert one == {"A": "one", "B": "default", "C": "over", "LC_ALL": "C", "LC_TIME": "over"}
    assert two.items() >= {"A": "default", "C": "over", "LC_TIME": "over", "PATH": CALLER["PATH"], "SITE": "lab"}.items()
    assert [dict(job.labels) for job in plan.jobs] == [{"team": "red"}, {"team": "red", "night": ""}]
    facts = {(job.directory, job.time_limit_ms, job.stop_signal, job.grace_ms, job.output_limit_bytes, job.linger) for job in plan.jobs}
    assert facts == {(b"/here/sub", 300_000, 1, 2000, 1024, True)}
    assert plan.warnings == (note_of(["SITE_TOKEN"]),)
    untouched = read_batch(text, "f", AROUND)
    assert [job.time_limit_ms for job in untouched.jobs] == [60_000, 180_000]


def test_each_line_of_commands_gets_the_options_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobwire.client.batch.table_specs.of_this_process", lambda: CALLER)
    plan = read_batch(b"one\ntwo $X\n", "f", AROUND, lines=True, over=Wishes(env_all=True, dir="/d"))
    assert [job.directory for job in plan.jobs] == [b"/d", b"/d"]
    assert all(job["PATH"] == CALLER["PATH"] for job in environment(*plan.jobs))
    assert [warning.split(":")[0] for warning in plan.warnings] == ["not passed on, because they look like secrets", "f, line 2"]


def test_env_all_of_a_job_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobwire.client.batch.table_specs.of_this_process", lambda: CALLER)
    text = b'[defaults]\nenv_all = true\n[[job]]\nargv = ["a"]\nenv_all = false\n[[job]]\nargv = ["b"]\n'
    assert [bool(job) for job in environment(*read_batch(text, "f", AROUND).jobs)] == [False, True]
    assert all(environment(*read_batch(text, "f", AROUND, over=Wishes(env_all=True)).jobs))
