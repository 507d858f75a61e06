"""The roster entry of a user changes while their commands wait."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from home import SECONDS, Home, read_until, select_line

from jobwire.keys.identity import fingerprint, format_public, from_seed


def _alter(worker: Worker, name: str, role: str | None) -> str:
    """Change the role of a member, or (None) remove them; return the roster as it was."""
    before = worker.roster.read_text()
    first, *members = before.split("[[member]]")
    own = next(member for member in members if f'name = "{name}"' in member)
    if role is None:
        members.remove(own)
    else:
        members[members.index(own)] = own.replace('"submitter"', f'"{role}"')
    worker.roster.write_text("[[member]]".join([first, *members]))
    return before


_UNTIL_A_FILE = 'echo begun; until [ -e "$0" ]; do sleep 0.05; done; echo done; exit 4'
_STATUS = 4


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_a_member_with_a_new_role_continues_to_wait_as_after_a_lost_connection(
    home: Home, shared_worker: Worker, tmp_path: Path, role: str
) -> None:
    go_on = tmp_path / "go on"
    script = ("--", "sh", "-c", _UNTIL_A_FILE, str(go_on))
    name = home.submit(*script)
    waiting = home.start("wait", name)
    running = home.start("run", *script)
    submitted = home.start("submit", "-q", "--wait", *script)
    listening = home.start("events", "--json")
    commands = [waiting, running, submitted, listening]
    assert running.stdout
    assert submitted.stdout
    assert listening.stdout
    read_until(running.stdout, b"begun\n")
    submitted.stdout.readline()
    wait_until(lambda: home.jobwire("run", "true") and select_line(listening), "it listens")
    _alter(shared_worker, home.name, role)
    for command in (running, submitted, listening):
        assert command.stderr
        read_until(command.stderr, b"again\n")
    go_on.touch()
    try:
        assert [command.wait(60) for command in (waiting, running, submitted)] == [_STATUS] * 3
        heard = (json.loads(line) for line in iter(listening.stdout.readline, b""))
        ended = (event for event in heard if event["kind"] == "finished" and event["outcome"]["exit_status"] == _STATUS)
        assert len({next(ended)["id"] for _ in range(3)}) == 3
    finally:
        for command in commands:
            command.kill()
            command.communicate()


def test_every_command_that_waits_reports_that_the_member_was_removed(home: Home, shared_worker: Worker) -> None:
    script = ("--", "sh", "-c", "echo begun; exec sleep 600")
    name = home.submit(*script)
    listening = home.start("events", "--json")
    following = home.start("logs", "-f", name)
    submitted = home.start("submit", "-q", "--wait", *script)
    assert following.stdout
    assert submitted.stdout
    read_until(following.stdout, b"begun\n")
    other = submitted.stdout.readline().decode().strip()
    wait_until(lambda: home.jobwire("run", "true") and select_line(listening), "it listens")
    before = _alter(shared_worker, home.name, None)
    for command in (listening, following, submitted):
        _, said = command.communicate(timeout=SECONDS)
        assert b"does not let your key in" in said
        assert command.returncode == 125
    with shared_worker.client() as admin:
        for job in (name, other):
            admin.job(job).stop(grace=0)
    shared_worker.roster.write_text(before)
    wait_until(lambda: home.jobwire("list", status=None).returncode == 0, "the roster is in force")


def test_the_owner_of_a_job_who_was_removed_is_shown_by_the_fingerprint_of_their_key(own_home: Home, worker: Worker) -> None:
    ada = worker.admit("ada", "submitter")
    with worker.client(ada) as client:
        job = client.submit(["true"], name="hers")
        job.wait()
    assert b"owner        ada\n" in own_home.jobwire("show", job.id).stdout
    _alter(worker, "ada", None)
    wait_until(lambda: not own_home.records("show", job.id)[0]["owner_name"], "the roster is in force")
    shown = fingerprint(ada.public)
    assert f"owner        {shown}, no longer on the roster\n".encode() in own_home.jobwire("show", job.id).stdout
    assert f"\t{shown}\t".encode() in own_home.jobwire("list", "-a").stdout


def test_changes_by_command_count_at_once_and_are_in_the_workers_log(own_home: Home, worker: Worker, tmp_path: Path) -> None:
    other = Home(tmp_path / "other", Path(own_home.env["PYTHONPYCACHEPREFIX"]), "eve")
    other.use(worker, worker.admit("eve", "submitter"))
    assert other.records("status")[0]["role"] == "submitter"
    roster = ("--roster", str(worker.roster))
    own_home.jobwire("keys", "set-role", "eve", "viewer", *roster)
    wait_until(lambda: other.records("status")[0]["role"] == "viewer", "the role is in force")
    own_home.jobwire("keys", "rename", "eve", "lab", *roster)
    wait_until(lambda: other.records("status")[0]["name"] == "lab", "the name is in force")
    assert b"the only admin" in own_home.jobwire("keys", "rm", "admin", *roster, status=1).stderr
    own_home.jobwire("keys", "rm", "lab", *roster)
    wait_until(lambda: other.jobwire("status", status=None).returncode == 125, "the member is out")
    logged = worker.logged()
    for line in ("eve added, role submitter", "role viewer, was submitter", "name lab, was eve", "lab removed, role viewer"):
        assert line in logged


def test_an_admin_changes_the_roster_of_a_worker_that_is_elsewhere(own_home: Home, worker: Worker, tmp_path: Path) -> None:
    far = ("--context", "lab")
    eve = worker.admit("eve", "submitter")
    other = Home(tmp_path / "other", Path(own_home.env["PYTHONPYCACHEPREFIX"]), "eve")
    other.use(worker, eve)
    assert other.records("status")[0]["role"] == "submitter"
    # In force before the command ends, so nothing is waited for.
    assert b"operator now, was submitter (the roster of lab)" in own_home.jobwire(*far, "keys", "set-role", "eve", "operator").stderr
    assert other.records("status")[0]["role"] == "operator"
    assert b"eve has the role operator, which may not administer the worker" in other.jobwire(*far, "keys", "list", status=1).stderr
    own_home.jobwire(*far, "keys", "rename", "eve", "lab")
    assert other.records("status")[0]["name"] == "lab"
    bob = format_public(from_seed(b"b" * 32).public)
    assert b"bob added, role viewer" in own_home.jobwire(*far, "keys", "add", "bob", bob, "--role", "viewer").stderr
    assert b"bob is a member already" in own_home.jobwire(*far, "keys", "add", "bob", bob, "--role", "viewer").stderr
    assert b"is you" in own_home.jobwire(*far, "keys", "rm", "admin", status=1).stderr
    assert b"is you" in own_home.jobwire(*far, "keys", "set-role", "admin", "viewer", status=1).stderr
    own_home.jobwire(*far, "keys", "rm", "lab")
    assert other.jobwire("status", status=None).returncode == 125
    listed = own_home.records(*far, "keys", "list")
    assert [(one["name"], one["role"]) for one in listed] == [("admin", "admin"), ("bob", "viewer")]
    assert listed[1]["key"] == bob
    logged = worker.logged()
    for line in ("role operator, was submitter", "name lab, was eve", "bob added, role viewer", "lab removed, role operator"):
        assert line in logged
    assert logged.count("changed over the network by admin") == 4
    for change in (["rm", "eve"], ["set-role", "eve", "viewer"], ["rename", "eve", "bob"]):
        far_away, here = (own_home.jobwire(*where, "keys", *change, status=1).stderr for where in (far, []))
        assert b"no member 'eve'; jobwire --context lab keys list shows all members\n" in far_away
        assert b"; jobwire keys list shows all members\nthis is the roster of workers on this machine; for that of lab: " in here
        assert f"jobwire --context lab keys {change[0]}\n".encode() in here
    assert b"there is no context" in own_home.jobwire("--context", "nowhere", "keys", "rm", "eve", status=1).stderr
    assert b"two rosters" in own_home.jobwire(*far, "keys", "list", "--roster", "x", status=2).stderr
