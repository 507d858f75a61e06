from pathlib import Path

import pytest

from jobwire.client.cli.completion.line import Wish
from jobwire.client.cli.completion.words import Asks
from jobwire.client.cli.shell.prompt import completions
from jobwire.schemas.generated import job_pb2, request_pb2


def ask(wish: Wish) -> list[job_pb2.Job]:
    assert wish.path in {"jobwire show", "jobwire stop"}
    return [job_pb2.Job(key=job_pb2.JobKey(id=bytes(16)), spec=job_pb2.JobSpec(name="etl:1[0]"), state=job_pb2.STATE_RUNNING)]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("sho", ["show "]),
        ("jobwire sho", ["show "]),
        ("show et", ["etl:1\\[0\\] "]),
        ("show 'et", ["'etl:1[0]' "]),
        ("stop --gra", ["--grace "]),
        ("show 'two wor", []),
        ("jobw", []),
        ("show nosuch", []),
    ],
)
def test_a_line_at_the_prompt_is_completed_as_in_a_shell(typed: str, found: list[str]) -> None:
    assert completions(typed, Asks(ask)) == found


def test_files_are_completed_only_where_a_file_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs x.toml").touch()
    (tmp_path / "jobs").mkdir()
    (tmp_path / ".hidden").touch()
    assert completions("batch ", Asks(ask)) == ["jobs/", "jobs\\ x.toml "]
    assert completions("run --stdin=./jobs", Asks(ask)) == ["--stdin=./jobs/", "--stdin=./jobs\\ x.toml "]
    assert completions("batch .h", Asks(ask)) == [".hidden "]
    assert completions("worker status --state j", Asks(ask)) == ["jobs/"]
    assert completions("batch /no/such/", Asks(ask)) == []
    assert completions("stop j", Asks(ask)) == []


def test_what_fails_while_it_is_completed_completes_nothing() -> None:
    def fail(_: Wish) -> list[job_pb2.Job]:
        raise OSError

    assert completions("show x", Asks(fail)) == []


def test_schedules_are_completed_at_the_prompt() -> None:
    nightly = request_pb2.ScheduleInfo(name="nightly")
    assert completions("schedule show ni", Asks(ask, lambda _: [nightly])) == ["nightly "]


def test_the_members_of_the_worker_in_use_are_completed_at_the_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("JOBWIRE_CONTEXT", raising=False)

    def members(wish: Wish) -> list[request_pb2.RosterMember]:
        return [request_pb2.RosterMember(name=f"of-{wish.context}")]

    asks = Asks(ask, members=members)
    assert completions("keys rm of", asks, "lab") == ["of-lab "]
    assert completions("--context far keys rm of", asks, "lab") == ["of-far "]
    # Without one, it is the roster of this user.
    assert completions("keys rm of", asks) == []
