"""`status` of a worker near and far, and the warning of a roster that is broken."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from pathlib import Path

import pytest
from brokers import Broker
from daemons import Worker, wait_until
from home import Home

from jobwire import AsyncClient, WorkerStatus
from jobwire.worker.running_worker import is_suspended


def test_a_member_learns_how_busy_the_worker_is_and_who_they_are_there(home: Home) -> None:
    endless = home.submit("sleep", "600")
    home.until_running(endless)
    [said] = home.records("status")
    assert (said["context"], said["name"], said["role"]) == ("lab", home.name, "submitter")
    assert said["your_running"] == 1 <= said["running"]
    assert said["rights"] == ["see jobs", "submit jobs", "stop or signal jobs"]
    assert said["members"] is None
    assert said["roster_problem"] is None
    shown = home.jobwire("status").stdout.decode()
    assert f"you          {home.name}, role submitter: may see jobs" in shown
    assert "(1 yours)" in shown
    home.jobwire("stop", "--now", endless)


def test_a_broken_roster_is_shouted_at_admins_until_it_is_fixed(own_home: Home, worker: Worker) -> None:
    assert own_home.jobwire("status").stderr == b""
    before = worker.roster.read_text()
    worker.roster.write_text(f"{before}x = \n")
    line = f"{worker.roster}, line {before.count(chr(10)) + 1}".encode()
    wait_until(lambda: line in own_home.jobwire("list").stderr, "the worker has read it")
    done = own_home.jobwire("run", "echo", "works")
    assert done.stdout == b"works\n"
    assert done.stderr.count(b"WARNING: the roster of the worker is broken: ") == 1
    assert b"roster       BROKEN: " + line in own_home.jobwire("status").stdout
    assert line.decode() in own_home.records("status")[0]["roster_problem"]
    state = ("--state", str(worker.state))
    assert line.decode() in own_home.records("worker", "status", *state)[0]["roster_problem"]
    assert b"roster       BROKEN: " + line in own_home.jobwire("worker", "status", *state).stdout
    worker.roster.write_text(before)
    wait_until(lambda: not own_home.jobwire("status").stderr, "the worker has read it")
    assert b"in force" in own_home.jobwire("status").stdout
    assert own_home.records("worker", "status", *state)[0]["roster_problem"] is None


@pytest.mark.parametrize("worker", [{"options": ("--keep-free", "9000T")}], indirect=True)
def test_that_new_jobs_are_refused_is_told_near_and_far_with_what_to_do(own_home: Home, worker: Worker) -> None:
    state = ("--state", str(worker.state))
    for command in (["status"], ["worker", "status", *state]):
        line = next(line for line in own_home.jobwire(*command).stdout.splitlines() if line.startswith(b"new jobs "))
        assert line.startswith(b"new jobs     are refused: the disk of the state folder has ")
        assert b"must stay free; " in line
        assert b"forget" in line
        assert own_home.records(*command)[0]["refuses"].endswith("must stay free")


def test_a_worker_or_supervisor_that_is_suspended_is_told_with_what_to_do(own_home: Home, worker: Worker) -> None:
    described = worker.described()
    lines = {"pid": b"suspended    the worker does not respond; resume it with: ", "supervisor_pid": b", suspended, so no job starts "}
    for name, line in lines.items():
        os.kill(described[name], signal.SIGSTOP)
        try:
            wait_until(lambda name=name: is_suspended(described, described[name]), "it is suspended")
            shown = own_home.jobwire("worker", "status", "--state", str(worker.state)).stdout
        finally:
            os.kill(described[name], signal.SIGCONT)
        assert shown.count(b"suspended") == 1
        assert line in shown
        assert f"resume it with: kill -CONT {described[name]}\n".encode() in shown


def test_a_broker_that_refuses_jobs_or_has_a_broken_roster_says_so(empty_home: Home, tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker", options=["--keep-free", "9000T"]).start()
    try:
        whole = broker.roster.read_text()
        broker.roster.write_text(f"{whole}x = \n")
        state = ("--state", str(broker.state))
        shown = empty_home.jobwire("broker", "status", *state).stdout
        assert b"new jobs     are refused: the disk of the state folder has " in shown
        assert f"roster       BROKEN: {broker.roster}, line ".encode() in shown
        [said] = empty_home.records("broker", "status", *state)
        assert said["refuses"].endswith("must stay free")
        assert said["roster_problem"].startswith(str(broker.roster))
        assert said["disk_free_bytes"] > 0
    finally:
        broker.kill(signal.SIGTERM)


def test_near_and_far_and_to_programs_the_same_things_have_the_same_names(own_home: Home, worker: Worker) -> None:
    [far] = own_home.records("status")
    [near] = own_home.records("worker", "status", "--state", str(worker.state))
    shared = {"endpoint", "key", "version", "slots", "running", "queued", "disk_free_bytes", "refuses", "roster_problem", "memory_problem"}
    assert far.keys() & near.keys() == shared
    assert all(far[name] == near[name] for name in shared - {"disk_free_bytes"})

    async def ask() -> WorkerStatus:
        async with AsyncClient.connect(worker.endpoint, worker.public, worker.admin) as client:
            return await client.status()

    with worker.client() as client:
        for said in (client.status(), asyncio.run(ask())):
            assert {field.name for field in dataclasses.fields(said)} - {"up"} == far.keys() - {"context", "up_us"}
            assert (said.name, said.role, said.members) == ("admin", "admin", far["members"])
            assert said.key == worker.public
            assert said.up


def test_a_private_worker_that_is_not_running_is_not_started(empty_home: Home) -> None:
    said = empty_home.jobwire("status", status=1)
    assert b"your private worker is not running" in said.stderr
    assert not (empty_home.state / "worker" / "worker.json").exists()


@pytest.mark.parametrize(("context", "status"), [("nowhere", 1), ("lab", 125)])
def test_a_worker_that_cannot_be_asked_is_an_error(empty_home: Home, context: str, status: int) -> None:
    key = empty_home.jobwire("keys", "show").stdout.decode().strip()
    empty_home.jobwire("context", "add", "lab", "127.0.0.1:1", "--key", key)
    said = empty_home.jobwire("--context", context, "status", status=status)
    assert said.stdout == b""
    assert context.encode() in said.stderr or b"127.0.0.1:1" in said.stderr


def test_after_the_context_in_use_was_removed_nothing_runs_until_one_is_chosen(own_home: Home) -> None:
    assert own_home.jobwire("context", "test").stdout.startswith(b"lab answered in ")
    [shown] = own_home.records("context", "show")
    assert (shown["name"], shown["current"]) == ("lab", True)
    # With a key that is not the worker's.
    own_home.jobwire(
        "context", "add", "--force", "lab", shown["endpoint"], "--key", own_home.jobwire("keys", "show").stdout.decode().strip()
    )
    assert own_home.jobwire("context", "test", status=125).stdout == b""
    own_home.jobwire("context", "add", "--force", "lab", shown["endpoint"], "--key", shown["key"])
    own_home.jobwire("context", "test", "lab")
    assert b"context use NAME" in own_home.jobwire("context", "rm", "lab").stderr
    for command in (["run", "true"], ["submit", "true"], ["list"], ["status"], ["context", "show"], ["context", "test"]):
        said = own_home.jobwire(*command, status=2)
        assert b"choose one with jobwire context use NAME" in said.stderr
        assert said.stdout == b""
    assert not (own_home.state / "worker").exists()
    assert [one["name"] for one in own_home.records("context", "list")] == ["embedded"]
    own_home.jobwire("context", "test", "embedded", status=1)


@pytest.mark.parametrize("breaks", ["identity", "contexts.toml"])
def test_a_command_that_cannot_ask_because_of_the_users_own_files_fails_as_one_without_an_answer(
    own_home: Home, breaks: str, tmp_path: Path
) -> None:
    (tmp_path / "jobs").write_text("true\n")
    (own_home.config / breaks).write_text("[[")
    commands = ["run true", "submit true", "submit --wait true", "wait last", "list", "status", "logs last", "stop last"]
    for command in [*commands, f"batch --lines {tmp_path}/jobs"]:
        said = own_home.jobwire(*command.split(), status=125)
        assert said.stderr.startswith(b"jobwire: "), command
        assert breaks.encode() in said.stderr, command
        assert said.stdout == b"", command
    own_home.jobwire("keys", "show", status=125 if breaks == "identity" else 0)


@pytest.mark.parametrize("how", ["no TOML", "writable", "a folder"])
@pytest.mark.parametrize(
    ("breaks", "commands"),
    [
        ("contexts.toml", ["list", "show", "use lab", "rm lab", "add x localhost:1 --key KEY", "test"]),
        ("roster.toml", ["list", "add x KEY --role viewer", "rm bob", "set-role bob admin", "rename bob rob"]),
    ],
)
def test_commands_about_the_users_own_files_fail_with_the_same_status_if_these_cannot_be_used(
    own_home: Home, breaks: str, commands: list[str], how: str
) -> None:
    key = own_home.jobwire("keys", "show").stdout.decode().strip()
    path = own_home.config / breaks
    path.unlink(missing_ok=True)
    if how == "a folder":
        path.mkdir()
    else:
        path.write_text("[[" if how == "no TOML" else "")
        path.chmod(0o666 if how == "writable" else 0o600)
    about = "context" if breaks == "contexts.toml" else "keys"
    for command in commands:
        said = own_home.jobwire(about, *command.replace("KEY", key).split(), status=125)
        assert breaks.encode() in said.stderr, command
    if breaks == "contexts.toml":
        # Which context is in use does not matter here.
        own_home.jobwire("keys", "list")
    else:
        path.rmdir() if how == "a folder" else path.unlink()
        own_home.jobwire("keys", "add", "bob", key, "--role", "admin")
        assert b"the only admin" in own_home.jobwire("keys", "rm", "bob", status=1).stderr, "that is an answer"
