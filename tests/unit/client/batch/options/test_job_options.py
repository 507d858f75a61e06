import inspect
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import jobwire
from jobwire.client.batch.options.definitions import FILE_OPTIONS, OPTIONS
from jobwire.client.batch.options.job_options import Surroundings, Wishes, spec_from
from jobwire.client.batch.options.option_values import Misunderstood, parse_signal
from jobwire.client.library.client import Client
from jobwire.schemas.refusal import Refused

AROUND = Surroundings(Path("/tmp"))


@pytest.mark.parametrize("said", ["TERM", "SIGTERM", "sigterm", "15", 15])
def test_a_signal_is_read_by_name_or_number(said: str | int) -> None:
    assert parse_signal(said) == signal.SIGTERM


@pytest.mark.parametrize("said", ["", "0", "65", "-9", "NOPE", "SIGSIGTERM", -1, "SIG15"])
def test_what_is_not_a_signal_is_refused(said: str | int) -> None:
    with pytest.raises(Refused, match="is not a signal"):
        parse_signal(said)


def test_each_option_is_a_wish() -> None:
    assert {option.key for option in (*OPTIONS, *FILE_OPTIONS)} == set(Wishes.__dataclass_fields__)


def test_of_two_values_for_one_variable_the_last_counts() -> None:
    spec = spec_from(["true"], Wishes(env=["A=1", "B=x=y", "A=2", "C="]), AROUND)
    assert spec.environment == ((b"A", b"2"), (b"B", b"x=y"), (b"C", b""))


def test_a_variable_without_value_is_copied_from_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JW_TEST", "here")
    assert spec_from(["true"], Wishes(env=["JW_TEST"]), AROUND).environment == ((b"JW_TEST", b"here"),)
    monkeypatch.delenv("JW_TEST")
    with pytest.raises(Misunderstood, match="not set here") as problem:
        spec_from(["true"], Wishes(env=["JW_TEST"]), AROUND)
    assert problem.value.key == "env"


def test_bytes_that_are_not_text_are_kept() -> None:
    assert spec_from(["a\udcff"], Wishes(), AROUND).argv == (b"a\xff",)


def test_a_relative_folder_needs_a_worker_that_is_here() -> None:
    with pytest.raises(Misunderstood, match="not an absolute path"):
        spec_from(["true"], Wishes(dir="x"), AROUND)
    here = Surroundings(Path("/tmp"), jobs="/srv/data")
    assert spec_from(["true"], Wishes(dir="x"), here).directory == b"/srv/data/x"
    assert spec_from(["true"], Wishes(dir="/x"), here).directory == b"/x"
    assert spec_from(["true"], Wishes(), here).directory == b"/srv/data"
    assert spec_from(["true"], Wishes(), AROUND).directory == b""


@pytest.mark.parametrize("around", [AROUND, Surroundings(Path("/tmp"), jobs="/a$b"), Surroundings(Path(), jobs=".", is_gone=True)])
def test_a_folder_below_the_home_of_the_job_is_left_to_the_worker(around: Surroundings) -> None:
    for said in ("~", "$HOME", "${HOME}"):
        assert spec_from(["true"], Wishes(dir=said), around).directory == b"~"
        assert spec_from(["true"], Wishes(dir=f"{said}/a b/~"), around).directory == b"~/a b/~"
        assert spec_from(["true"], Wishes(dir=rf"{said}/\$HOME"), around).directory == b"~/$HOME"


@pytest.mark.parametrize(
    "said", ["$DATA", "/x/$HOME", "~/$USER", "${HOME:-/}", "$HOMER/x", "$HOME\n", "$(pwd)", "a$", r"/\$a/$b", "~ada", "~+/x", "~\n"]
)
def test_what_a_shell_would_expand_in_a_folder_is_refused_and_never_taken_as_letters(said: str) -> None:
    with pytest.raises(Misunderstood, match=r"no shell expands it|only ~ itself") as problem:
        spec_from(["true"], Wishes(dir=said), Surroundings(Path("/tmp"), jobs="/srv"))
    assert problem.value.key == "dir"


def test_a_folder_whose_name_has_a_sign_of_the_shell_can_be_written() -> None:
    here = Surroundings(Path("/tmp"), jobs="/a$b/~c")
    for said, meant in (
        (None, "/a$b/~c"),
        ("d", "/a$b/~c/d"),
        (r"\$d", "/a$b/~c/$d"),
        ("./~c", "/a$b/~c/./~c"),
        (r"/x\$\$y", "/x$$y"),
        ("x~", "/a$b/~c/x~"),
    ):
        assert spec_from(["true"], Wishes(dir=said), here).directory == meant.encode()


@pytest.mark.parametrize("jobs", ["", "."], ids=["another machine's worker", "the private worker"])
def test_a_current_folder_that_was_removed_is_missed_only_where_it_is_needed(tmp_path: Path, jobs: str) -> None:
    gone = Surroundings(Path(), jobs=jobs, is_gone=True)
    (tmp_path / "in").write_bytes(b"x")
    assert spec_from(["true"], Wishes(dir="/x", stdin=str(tmp_path / "in")), gone).directory == b"/x"
    needing = [Wishes(dir="/x", stdin="in"), *([Wishes(), Wishes(dir="x")] if jobs else [])]
    for wishes in needing:
        with pytest.raises(Refused, match="current folder was removed") as refused:
            spec_from(["true"], wishes, gone)
        assert not isinstance(refused.value, Misunderstood)
    if not jobs:
        assert spec_from(["true"], Wishes(), gone).directory == b""


def test_standard_input_is_read_from_a_file_beside(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"\xff\n")
    assert spec_from(["cat"], Wishes(stdin="in"), Surroundings(tmp_path)).stdin == b"\xff\n"


def test_standard_input_that_is_missing_or_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(1024 * 1024 + 1))
    for name, reason in (("no", "No such file"), ("large", "more than 1048576 bytes"), ("a\0b", "null byte"), (".", "directory")):
        with pytest.raises(Misunderstood, match=reason) as problem:
            spec_from(["cat"], Wishes(stdin=name), Surroundings(tmp_path))
        assert problem.value.key == "stdin"


@pytest.mark.parametrize(
    ("said", "number"), [("RTMIN+1", 35), ("SIGRTMIN+15", 49), ("rtmax-2", 62), ("RTMAX-14", 50), ("RTMIN", 34), ("RTMIN+0", 34)]
)
def test_a_signal_for_real_time_programs_is_written_as_kill_lists_it(said: str, number: int) -> None:
    assert parse_signal(said) == number


@pytest.mark.parametrize("said", ["RTMIN+31", "RTMAX-31", "RTMIN-1", "RTMAX+1", "RTMIN+", "SIGRTMIN+1x"])
def test_what_is_beyond_the_signals_for_real_time_programs_is_refused(said: str) -> None:
    with pytest.raises(Refused, match="is not a signal"):
        parse_signal(said)


def test_a_label_has_a_value_which_may_be_empty() -> None:
    assert spec_from(["true"], Wishes(labels=["a=", "b=1"]), AROUND).labels == (("a", ""), ("b", "1"))
    with pytest.raises(Misunderstood, match="the label 'a' has no value; write it like team=blue"):
        spec_from(["true"], Wishes(labels=["a"]), AROUND)


def test_a_label_is_printable_text() -> None:
    for label in ("a\udcff=", "a=\n"):
        with pytest.raises(Misunderstood, match="not printable text"):
            spec_from(["true"], Wishes(labels=[label]), AROUND)


def test_the_library_spells_out_each_option_of_a_job_in_its_signatures() -> None:
    defaults = {"name": "", "priority": 0, "cpus": 1, "gpus": 0, "only_one": ""}
    expected = {option.parameter: False if option.switch else defaults.get(option.key) for option in OPTIONS}
    expected |= {option.parameter: () if option.many else None for option in FILE_OPTIONS}
    text = {"text", "encoding", "errors"}
    of_their_own = {
        Client.run: {"self", "argv", "check", "timeout", "id", "stdin", *text},
        Client.submit: {"self", "argv", "watch", "id", *text},
        jobwire.job_spec: {"argv"},
    }
    kinds = set()
    for function, own in of_their_own.items():
        parameters = inspect.signature(function).parameters
        assert parameters.keys() - own == expected.keys()
        for name, default in expected.items():
            assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
            assert parameters[name].default == default
            kinds.add((name, parameters[name].annotation))
        # One reads a signature in help() and in an editor; it must not be that of a wrapper.
        assert not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    # With `text`, the input may be text too.
    kinds.discard(("input", "bytes | str | None"))
    assert len(kinds) == len(expected), "an option has one type, wherever it is"


def test_what_the_library_takes_is_what_the_command_line_takes() -> None:
    said = Wishes(
        name="n",
        dir="/d",
        env=["A=b"],
        stdin=b"x",
        time_limit="1m",
        stop_signal="INT",
        grace="2s",
        output_limit="3K",
        labels=["l=m"],
        priority="-7",
        hold=True,
        retry="3",
        retry_delay="10s",
        retry_backoff="2",
        retry_on_exit="28,6",
        memory="1G",
        nice="5",
        umask="027",
        rlimits=["nofile=64", "core=0:unlimited"],
        cpus="2",
        gpus="1",
        resources=["license=3"],
        only_one="site",
        on=["gpu=a100", "lab"],
        not_on=["host=lab3"],
        at="+1h",
        not_after="2h",
    )
    typed = spec_from(["true"], replace(said, linger=True, stderr_to_stdout=True, may_submit=True), Surroundings(Path("/")))
    given: dict[str, object] = {
        "name": "n", "cwd": "/d", "env": {"A": "b"}, "env_all": False, "input": b"x", "time_limit": 60, "stop_signal": 2,
        "grace": timedelta(seconds=2),
        "output_limit": "3K", "linger": True, "stderr_to_stdout": True, "labels": {"l": "m"}, "priority": -7, "hold": True,
        "retry": jobwire.Retry(3, delay=10, backoff=2, on_exit=[6, 28]),
        "memory": 1 << 30, "nice": 5, "umask": 0o27, "rlimits": {"nofile": 64, "core": (0, None)},
        "cpus": 2, "gpus": 1, "resources": {"license": 3}, "only_one": "site", "on": ["gpu=a100", "lab"], "not_on": "host=lab3",
        "at": timedelta(hours=1),
        "not_after": timedelta(hours=2),
        "may_submit": True,
    }  # fmt: skip
    # What it waits for is known to a worker only, see test_conditions.py.
    assert given.keys() == {option.parameter for option in OPTIONS} - {"after"}
    function: Callable[..., object] = jobwire.job_spec
    assert function(["true"], **given) == typed


@pytest.mark.parametrize("key", ["script", "dir", "only_one"])
def test_an_empty_text_is_not_taken_for_an_option_that_was_not_given(key: str) -> None:
    with pytest.raises(Misunderstood, match="''") as problem:
        spec_from(["true"], Wishes(**{key: ""}), AROUND)
    assert problem.value.key == key
