"""Finding jobs: what `list` selects, and how it shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from daemons import Worker
from home import Home, Terminal


def named(home: Home, *arguments: str) -> list[str]:
    return [record["name"] for record in home.records("list", *arguments)]


@pytest.fixture
def past(home: Home) -> Home:
    """Return a home with four jobs that have ended."""
    home.jobwire("run", "-n", "one", "-l", "team=blue", "-l", "for=x", "true")
    home.jobwire("run", "-n", "two", "-l", "team=blue", "sh", "-c", "exit 3", status=3)
    home.jobwire("run", "-n", "three", "no-such-program", status=127)
    home.jobwire("run", "-n", "one", "echo", "again")
    return home


def test_a_list_is_narrowed_by_every_filter_and_all_of_them_must_match(past: Home) -> None:
    home = past
    endless = home.submit("-n", "endless", "sleep", "600")
    home.until_running("endless")
    assert named(home) == ["endless"]
    assert named(home, "--state", "finished") == ["one", "two", "three", "one"]
    assert named(home, "--state", "running,stopping", "--state", "queued") == ["endless"]
    assert named(home, "--state", "running,") == ["endless"]
    assert named(home, "--failed") == ["two", "three"]
    assert named(home, "-a", "--name", "one") == ["one", "one"]
    assert named(home, "-a", "--label", "team=blue") == ["one", "two"]
    assert named(home, "-a", "-l", "team=blue", "-l", "for=x") == ["one"]
    assert named(home, "--failed", "-l", "team=blue", "--since", "1h") == ["two"]
    assert named(home, "-a", "--user", home.name, "--limit", "2") == ["one", "endless"]
    assert named(home, "-a", "--limit", "2", "--sort", "-queued") == ["endless", "one"]
    assert named(home, "--sort", "-ended") == ["one", "three", "two", "one"]
    assert named(home, "-a", "--sort", "started") == ["one", "two", "three", "one", "endless"]
    assert named(home, "-a", "--until", "1d") == []
    assert len(named(home, "-a", "--since", "2026-01-01", "--until", "2999-01-01")) == 5
    middle = home.records("show", "two")[0]["queued_at"]
    assert named(home, "-a", "--until", middle) == ["one", "two"]
    assert home.records("list", "--limit", "0") == []
    home.jobwire("stop", "--now", endless)


def test_what_finds_nothing_says_so_and_what_there_is_not_is_refused(past: Home) -> None:
    assert past.jobwire("list", "-a", "--name", "nobody").stderr == b"jobwire: no matching jobs\n"
    assert b"no matching job is queued or running; jobwire list -a" in past.jobwire("list", "--name", "nobody").stderr
    said = past.jobwire("list", "-a", "--batch", "typo", status=1).stderr
    assert b"there is no batch typo" in said
    assert b"jobwire list --runs" in said
    for words in (["one"], ["--batch", "one"]):
        said = past.jobwire("list", "-a", *words, status=1).stderr
        assert b"there is no batch one; a job has that name: jobwire list -a -n one" in said
    for word, said in (("running", "--state running"), ("failed", "use --failed"), ("last", "it is a job: jobwire show last")):
        assert said in past.jobwire("list", word, status=1).stderr.decode()
    identifier = past.records("list", "-a", "--limit", "1")[0]["id"][:8]
    assert f"it is a job: jobwire show {identifier}" in past.jobwire("list", identifier, status=1).stderr.decode()
    assert b"it is a job" not in past.jobwire("list", "nosuch", status=1).stderr
    assert b"jobs have no numbers" in past.jobwire("show", "3", status=1).stderr
    assert b"jobs have no numbers" not in past.jobwire("show", "1234", status=1).stderr
    # A submitter learns of no other member, not even whether there is one.
    for member in ("admin", "stranger"):
        assert b"may not see others' jobs" in past.jobwire("list", "--user", member, status=1).stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--state", "failed"], "use --failed"),
        (["--state", ""], "--state: a word is missing in ''"),
        (["--state", "running,,queued"], "a word is missing"),
        (["--columns", ","], "a word is missing"),
        (["--columns", "run,id,run"], "run is named twice"),
        (["--state", "sleepy"], "there are queued,running,stopping,finished"),
        (["--state", "running", "--sort", "ended"], "--sort ended cannot be combined with --state running: only finished jobs have ended"),
        (["--state", "queued,running", "--failed"], "--failed cannot be combined with --state queued,running"),
        (["--json", "--header"], "--columns or --header"),
        (["--sort", "size"], "queued, started, ended"),
        (["--since", "30"], "has no unit"),
        (["--limit", "-1"], "whole number"),
        (["--columns", "id,size"], "no column 'size'"),
        (["--columns", "id", "--json"], "cannot be combined"),
        (["--label", "team"], "is not K=V"),
        (["--label", "team=a", "--label", "team=b"], "two values"),
        (["--name", "build-*"], "characters other than"),
    ],
)
def test_what_cannot_be_meant_is_misuse(home: Home, arguments: list[str], word: str) -> None:
    assert word in home.jobwire("list", *arguments, status=2).stderr.decode()


def test_columns_are_chosen_and_headings_come_along_in_a_pipe(past: Home) -> None:
    shown = past.jobwire("list", "-a", "--limit", "1", "--columns", "name,labels,command,state", "--header").stdout.decode()
    assert shown == "NAME\tLABELS\tCOMMAND\tSTATE\none\t\techo again\texit 0\n"
    past.jobwire("run", "-n", "there", "-C", "/usr", "true")
    assert past.jobwire("list", "-a", "-n", "there", "--columns", "name,dir").stdout == b"there\t/usr\n"
    past.jobwire("forget", "there")
    (line,) = past.jobwire("list", "-a", "--limit", "1").stdout.decode().splitlines()
    assert line.split("\t")[1:3] + line.split("\t")[4:] == ["one", "exit 0", past.name, "echo again"]


def test_a_terminal_shows_the_date_and_a_narrow_one_the_command(past: Home, terminal: Callable[..., Terminal]) -> None:
    wide = terminal(past, "list", "-a")
    assert wide.ended() == 0
    heading = wide.screen.split(b"\r\n")[0].split()
    assert heading[:3] == [b"ID", b"NAME", b"STATE"]
    assert heading[-1] == b"COMMAND"
    past.env["COLUMNS"] = "20"
    narrow = terminal(past, "list", "-a")
    assert narrow.ended() == 0
    lines = narrow.screen.decode().splitlines()
    assert lines[0].split() == ["ID", "COMMAND"]
    assert all(len(line) <= 20 for line in lines)
    assert lines[-1].endswith("echo again")


def test_an_admin_lists_the_jobs_of_a_member(worker: Worker, own_home: Home, tmp_path: Path, bytecode: Path) -> None:
    other = Home(tmp_path / "other", bytecode, "ada")
    other.use(worker, worker.admit("ada", "submitter"))
    other.jobwire("run", "-n", "hers", "true")
    own_home.jobwire("run", "-n", "mine", "true")
    assert named(own_home, "-a", "--user", "ada") == ["hers"]
    assert named(own_home, "-a", "--user", "admin") == ["mine"]
    assert b"no member bob" in own_home.jobwire("list", "--user", "bob", status=1).stderr
    assert json.loads(own_home.jobwire("list", "-a", "--user", "ada", "--json").stdout)["owner_name"] == "ada"


def test_a_name_means_the_newest_where_it_is_read_the_one_alive_where_it_is_stopped_and_one_of_several_never(home: Home) -> None:
    home.jobwire("run", "-n", "nightly", "echo", "old")
    new = home.submit("-n", "nightly", "sh", "-c", "echo new; exec sleep 600")
    home.until_running(new)
    assert home.records("show", "nightly")[0]["id"] == new
    assert home.records("show", f"{home.name}/nightly")[0]["id"] == new
    home.jobwire("stop", "nightly")
    assert home.jobwire("logs", "nightly").stdout == b"new\n"
    assert home.jobwire("wait", "nightly", status=143).stderr.count(b"SIGTERM") == 1
    # Both have ended: it is said of the newest.
    assert b"already ended" in home.jobwire("stop", "nightly").stderr
    for arguments in (["forget", "nightly"], ["forget", "--dry-run", "nightly"]):
        said = home.jobwire(*arguments, status=1).stderr.decode()
        assert f"names more than one job: {new} ended 20" in said
        assert said.count(" UTC") == 2
    assert b"no job admin/nightly" in home.jobwire("show", "admin/nightly", status=1).stderr
    assert len(home.records("list", "-a")) == 2


def test_an_admin_names_the_job_of_a_member(worker: Worker, own_home: Home, tmp_path: Path, bytecode: Path) -> None:
    other = Home(tmp_path / "other", bytecode, "ada")
    other.use(worker, worker.admit("ada", "submitter"))
    hers = [other.submit("-n", "build", "sleep", "600") for _ in range(2)]
    mine = own_home.submit("-n", "build", "sleep", "600")
    assert own_home.records("show", "build")[0]["id"] == mine
    assert own_home.records("show", "ada/build")[0]["id"] == hers[1]
    said = own_home.jobwire("stop", "ada/build", status=1).stderr.decode()
    assert "names more than one job that has not ended: " in said
    assert all(job in said for job in hers)
    own_home.jobwire("stop", "--now", "ada/last", "build")
    assert [job["id"] for job in own_home.records("list")] == [hers[0]]
    own_home.jobwire("stop", "--now", "ada/build")


def test_a_watched_list_shows_what_happens_and_gives_the_terminal_back(past: Home, terminal: Callable[..., Terminal]) -> None:
    shown = terminal(past, "list", "--watch", "--columns", "name,state")
    shown.until("\x1b[?1049h")
    shown.until("NAME  STATE")
    shown.until("\r\n")
    endless = past.submit("-n", "endless", "sleep", "600")
    shown.until("endless  running")
    past.jobwire("stop", "--now", endless)
    shown.until("\x1b[2JNAME  STATE\r\n")
    shown.type(b"\3")
    assert shown.ended() == 130
    assert shown.screen.endswith(b"\x1b[?25h\x1b[?1049l")
    assert b"needs a terminal" in past.jobwire("list", "--watch", status=2).stderr
