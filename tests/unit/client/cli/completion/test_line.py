from pathlib import Path

import pytest

from jobwire.client.cli.completion import line
from jobwire.client.cli.completion.line import understand
from jobwire.client.cli.completion.table import COMMANDS
from jobwire.client.cli.completion.words import Asks, find_words
from jobwire.keys.identity import generate
from jobwire.keys.members.roster import add_member
from jobwire.schemas.generated import job_pb2, request_pb2


@pytest.mark.parametrize(
    ("words", "kind", "typed"),
    [
        ([], line.SUBCOMMAND, ""),
        (["li"], line.SUBCOMMAND, "li"),
        (["--context"], line.FLAG, "--context"),
        (["--context", "la"], line.CONTEXT, "la"),
        (["--context=la"], line.CONTEXT, "la"),
        (["--context", "lab", "show", "x"], line.JOB, "x"),
        (["worker", ""], line.SUBCOMMAND, ""),
        (["worker", "run", "--state", "/x"], line.DIR, "/x"),
        (["context", "use", ""], line.CONTEXT, ""),
        (["context", "add", ""], "", ""),
        (["keys", "add", "me", "key", "--role", ""], line.ROLE, ""),
        (["keys", "rm", "a"], line.MEMBER, "a"),
        (["keys", "set-role", "--roster", "/r", ""], line.MEMBER, ""),
        (["keys", "set-role", "ada", ""], line.ROLE, ""),
        (["keys", "rename", ""], line.MEMBER, ""),
        (["keys", "rename", "ada", ""], "", ""),
        (["list", "--user", "a"], line.OWNER, "a"),
        (["help", ""], line.SUBCOMMAND, ""),
        (["help", "keys", "a"], line.SUBCOMMAND, "a"),
        (["show", "one", "t"], line.JOB, "t"),
        (["forget", ""], line.JOB, ""),
        (["logs", "one", ""], line.FLAG, ""),
        (["logs", "one", "t"], "", "t"),
        (["logs", "-f", ""], line.JOB, ""),
        (["logs", "--tail", "3"], "", "3"),
        (["signal", "one", "T"], line.SIGNAL, "T"),
        (["stop", "--signal=T"], line.SIGNAL, "T"),
        (["stop", "-"], line.FLAG, "-"),
        (["stop", "--", "-"], line.JOB, "-"),
        (["list", ""], line.BATCH, ""),
        (["list", "--batch", "n"], line.BATCH, "n"),
        (["schedule", "pause", "n"], line.SCHEDULE, "n"),
        (["schedule", "add", ""], "", ""),
        (["batch", "f"], line.FILE, "f"),
        (["batch", "--lines", "-"], line.FLAG, "-"),
        (["run", "-e", "PA"], line.VARIABLE, "PA"),
        (["run", "-ePA"], line.VARIABLE, "PA"),
        (["run", "-l", ""], "", ""),
        (["run", "--stdin", ""], line.FILE, ""),
        (["events", "--from", "s"], line.CURSOR, "s"),
        (["completion", "install", ""], line.SHELL, ""),
        (["put", "j"], line.JOB, "j"),
        (["put", "j", "f"], line.FILE, "f"),
        (["run", "--put", "f"], line.FILE, "f"),
        (["run", "--after", "b"], line.AFTER, "b"),
        (["submit", "--after=failed:b"], line.AFTER, "b"),
        (["submit", "--after", "other:b"], line.AFTER, "other:b"),
        (["list", "--columns", "id,na"], line.COLUMN, "na"),
        (["list", "--state", "queued,r"], line.STATE, "r"),
        (["list", "--sort", "-e"], line.SORT, "-e"),
        (["list", "--sort", "e"], line.SORT, "e"),
        (["run", "--rlimit", "no"], line.LIMIT, "no"),
        (["schedule", "add", "n", "--overlap", ""], line.OVERLAP, ""),
        (["schedule", "add", "n", "--missed", ""], line.MISSED, ""),
        (["convert", "--from", "s"], line.FORM, "s"),
        (["nosuch", "x"], "", "x"),
        (["--nosuch", "li"], line.SUBCOMMAND, "li"),
        (["show", "--nosuch", "x"], line.JOB, "x"),
        (["-", "x"], "", "x"),
    ],
)
def test_what_is_typed_is_understood_as_the_parser_would(words: list[str], kind: str, typed: str) -> None:
    wish = understand(words)
    assert (wish.kind, wish.typed) == (kind, typed)


@pytest.mark.parametrize(
    ("words", "at"),
    [
        (["run", "l"], 1),
        (["run", "-n", "x", "--", "l"], 4),
        (["run", "ls", "-"], 1),
        (["run", "-n", "run", "run", "x"], 3),
        (["submit", "-q", "sh", "-c", "--"], 2),
    ],
)
def test_a_program_begins_where_options_end(words: list[str], at: int) -> None:
    wish = understand(words)
    assert (wish.kind, wish.at) == (line.PROGRAM, at)


def test_an_option_is_offered_once_unless_it_can_be_repeated() -> None:
    def offered(*words: str) -> list[str]:
        return [word.text for word in find_words(understand(words), Asks(lambda _: ()))]

    assert "--name" in offered("run", "--")
    assert "--name" not in offered("run", "-n", "x", "--")
    assert "--env" in offered("run", "-e", "A=b", "--")
    assert offered("stop", "--gra") == ["--grace"]
    assert offered("keys", "add", "a", "b", "--role=ad") == ["--role=admin"]
    assert offered("work") == ["worker"]
    assert offered("list", "--state", "") == ["queued", "running", "stopping", "finished"]
    assert "TERM" in offered("signal", "x", "")
    assert offered("signal", "x", "SIGTER") == ["SIGTERM"]
    assert offered("list", "--columns", "id,na") == ["id,name"]
    assert offered("list", "--state=queued,ru") == ["--state=queued,running"]
    assert offered("run", "--rlimit", "nof") == ["nofile="]


def test_members_are_those_of_the_worker_that_is_named_and_else_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path))
    monkeypatch.delenv("JOBWIRE_CONTEXT", raising=False)

    def offered(*words: str) -> list[str]:
        ada = request_pb2.RosterMember(name="ada", role="admin")
        return [word.text for word in find_words(understand(words), Asks(lambda _: (), members=lambda _: [ada]))]

    assert offered("--context", "lab", "keys", "rm", "") == ["ada"]
    assert offered("--context", "lab", "keys", "rename", "b") == []
    assert offered("--context", "embedded", "keys", "rm", "") == []
    assert offered("keys", "rm", "") == []
    monkeypatch.setenv("JOBWIRE_CONTEXT", "lab")
    assert offered("keys", "set-role", "a") == ["ada"]


# What nobody can guess, what is new, or what only another machine knows.
_FREE = """
1-N[%W] AGE BYTE COMMAND ENDPOINT FACTOR KEY KEYS K=V LABEL[=VALUE] MASK N NAME NAME=N NAME[=VALUE] NEW_NAME N|LIST N|auto PATH PATH[:DEST]
RUN SIZE SLOTS STATUS[,STATUS] TIME TIMES TOKEN TOKEN|-|@FILE UUID WORKER WORKER_KEY ZONE QUEUE|OPTION tcp://ADDR:PORT tcp://HOST:PORT
slurm|local|list|pause|resume|rm
"""
FREE = frozenset(_FREE.split())


def test_every_value_is_completed_or_cannot_be_guessed() -> None:
    unknown = set()
    for path, command in COMMANDS.items():
        words = path.split()[1:]
        flags = [(words, flags.split()[-1], placeholder) for flags, placeholder, _ in command.options if placeholder]
        places = [] if command.ends_options else [([*words, *["x"] * at], "", place) for at, place in enumerate(command.arguments)]
        for before, flag, placeholder in [*flags, *places]:
            bare = placeholder.removesuffix("...").removeprefix("[").removesuffix("]") if not flag else placeholder.removesuffix("...")
            wish = understand([*before, *([flag] if flag else []), "x"])
            if not wish.kind and bare not in FREE:
                unknown.add((path, flag, bare))
    assert not unknown


def test_jobs_and_batches_are_offered_where_a_job_is_waited_for() -> None:
    job = job_pb2.Job(spec=job_pb2.JobSpec(name="build"), state=job_pb2.STATE_FINISHED)
    job.key.id, job.batch.id, job.batch.name = b"j" * 16, b"r" * 16, "nightly"

    def offered(*words: str) -> list[str]:
        return [word.text for word in find_words(understand(words), Asks(lambda _: [job]))]

    assert offered("run", "--after", "") == ["last", "build", "nightly"]
    assert offered("run", "--after", "any:b") == ["any:build"]
    assert offered("batch", "--after=ok:n") == ["--after=ok:nightly"]


def test_every_command_has_its_own_entry_and_no_hidden_one() -> None:
    assert {"jobwire", "jobwire run", "jobwire worker", "jobwire worker run", "jobwire keys add"} <= set(COMMANDS)
    assert "jobwire ps" not in COMMANDS
    assert not any("--embedded" in flags for flags, _, _ in COMMANDS["jobwire worker run"].options)


def test_the_members_of_the_roster_and_the_owners_of_jobs_are_offered(tmp_path: Path) -> None:
    roster = tmp_path / "roster.toml"
    for name in ("ada", "ann", "bob"):
        add_member(roster, name, generate().public, "admin")

    def words(*typed: str, jobs: tuple[str, ...] = ()) -> list[str]:
        return [word.text for word in find_words(understand(typed), Asks(lambda _: [job_pb2.Job(owner_name=name) for name in jobs]))]

    assert words("keys", "rm", "--roster", str(roster), "a") == ["ada", "ann"]
    assert words("keys", "rename", f"--roster={roster}", "b") == ["bob"]
    roster.write_text("nonsense")
    assert words("keys", "rm", "--roster", str(roster), "a") == []
    assert words("list", "--user", "a", jobs=("ada", "bob", "ada", "")) == ["ada"]
