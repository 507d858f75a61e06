"""Jobs that start jobs with keys of their own, with a real worker."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from daemons import Worker, wait_until

from jobwire.client.library.client import Client
from jobwire.client.library.job import Job
from jobwire.client.library.values.job_info import JobInfo
from jobwire.client.library.values.results import BatchInfo
from jobwire.keys.identity import Identity
from jobwire.keys.members import roster, roster_changes
from jobwire.keys.proofs import delegation, signature
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.jobs.states import State
from jobwire.schemas.naming import format_id
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.wire_codec import key_to_wire

ONE_SLOT = pytest.mark.parametrize("worker", [{"slots": 1}], indirect=True)


def jobwire(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "jobwire.client.cli.main", *words]


def key_file_of(worker: Worker, job: Job) -> Path:
    """Return the file with the key of a job, once it is there."""
    return wait_until(lambda: next((worker.state / "keys").glob(f"{job.key.id.hex()}.*[0-9a-f]"), None), "the job has its key")


def key_of(worker: Worker, job: Job) -> Identity:
    return delegation.read(key_file_of(worker, job)).identity


@contextmanager
def refused(code: Code, words: str) -> Iterator[None]:
    with pytest.raises(Refused, match=words) as found:
        yield
    assert found.value.code is code


@ONE_SLOT
def test_three_jobs_that_start_each_other_need_one_slot_and_go_on_after_a_death_of_the_worker(worker: Worker, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    innermost = jobwire("run", "sh", "-c", f"read line < {gate}; echo hi")
    with worker.client() as client:
        outer = client.submit(jobwire("run", "--may-submit", *jobwire("run", "--may-submit", *innermost)), may_submit=True)
        running = wait_until(lambda: _all_of(client, State.RUNNING, 4), "all run that have started each other")
        assert [(one.lends_slots, one.spec.may_submit) for one in running] == [(True, True)] * 3 + [(False, False)]
        assert [one.started_by for one in running] == [None, *(one.key for one in running[:-1])]

        # The commands reconnect, and wait for what they started.
        worker.kill()
        worker.start()
        key = key_of(worker, outer)
        other = client.submit(["echo", "after"])
        wait_until(lambda: [one.lends_slots for one in _all_of(client, State.RUNNING, 4)] == [True] * 3 + [False], "they wait again")
        assert other.info().state is State.QUEUED
        gate.write_text("go\n")
        assert outer.wait() == 0
        assert outer.stdout.read() == b"hi\n"
        assert other.wait() == 0
        wait_until(lambda: not list((worker.state / "keys").iterdir()), "the keys have gone with the jobs")
    # Also after a restart.
    with refused(Code.UNAUTHENTICATED, "the job has ended"), worker.client(key) as late:
        late.hello()
    worker.kill()
    worker.start()
    with refused(Code.UNAUTHENTICATED, "the job has ended"), worker.client(key) as late:
        late.hello()


def _all_of(client: Client, state: State, count: int) -> Sequence[JobInfo]:
    """Return the jobs in a state, oldest first, if there are so many."""
    found = [one for one in client.list() if one.state is state]
    return found if len(found) == count else []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with Worker(tmp_path_factory.mktemp("shared"), options=["--resource", "license=2"]).start() as made:
        yield made


class Acting(NamedTuple):
    """A member, its client, a job of it that acts for it, and the client of that job."""

    owner: Identity
    client: Client
    job: Job
    key: Identity
    delegate: Client


@pytest.fixture
def acting(shared: Worker) -> Iterator[Acting]:
    owner = shared.admit(f"owner-{os.urandom(4).hex()}", "operator")
    with shared.client(owner) as client:
        job = client.submit(["sleep", "600"], may_submit=True, resources={"license": 1}, only_one="alone")
        key = key_of(shared, job)
        with shared.client(key) as delegate:
            yield Acting(owner, client, job, key, delegate)
    with shared.client() as admin:
        for one in admin.list():
            admin.job_by_key(*one.key).stop(grace=0)


def test_what_a_job_starts_belongs_to_its_owner_and_it_sees_that_and_itself(acting: Acting) -> None:
    delegate, other = acting.delegate, acting.client.submit(["sleep", "600"], name="other")
    hello = delegate.hello()
    assert (hello.your_name.startswith(f"job {acting.job.id[:8]} of owner-"), hello.your_role) == (True, "delegate")
    child = delegate.submit(["sleep", "600"], name="child")
    assert child.key.owner == acting.owner.public
    assert acting.client.job_by_key(*child.key).info().started_by == acting.job.key
    assert [one.key for one in delegate.list(all=True)] == [child.key]
    assert delegate.job("child").key == child.key
    assert delegate.job(acting.job.id).info().key == acting.job.key
    for name in ("other", other.id):
        with refused(Code.NOT_FOUND, "there is no job"):
            delegate.job(name).info()
    with refused(Code.NOT_FOUND, "there is no job"):
        delegate.job_by_key(*other.key).kill()
    with refused(Code.PERMISSION_DENIED, "can get events only of jobs that it started"):
        next(delegate.events())


def test_a_job_may_not_do_what_is_for_members(acting: Acting) -> None:
    delegate, child = acting.delegate, acting.delegate.submit(["sleep", "600"])
    run = BatchInfo(os.urandom(16), "of-the-owner", 0)
    acting.client.submit_many([["true"]], batch=run)
    requests = (
        request_pb2.Request(set_slots=request_pb2.SetSlots(slots=2)),
        request_pb2.Request(forget=request_pb2.Forget(keys=[key_to_wire(child.key)])),
        request_pb2.Request(change=request_pb2.Change(keys=[key_to_wire(child.key)], priority=1)),
        request_pb2.Request(list_runs=request_pb2.ListRuns()),
        request_pb2.Request(list_schedules=request_pb2.ListSchedules()),
    )
    for request in requests:
        with refused(Code.PERMISSION_DENIED, "it may not use this request"):
            delegate.connection.call(request)
    with refused(Code.PERMISSION_DENIED, "nice values below 0"):
        delegate.submit(["true"], nice=-1)
    with refused(Code.PERMISSION_DENIED, "was not started by"):
        delegate.submit_many([["true"]], batch=run)
    with refused(Code.NOT_FOUND, "started no run"):
        delegate.batch_run(format_id(run.id))


def test_a_job_cannot_wait_for_what_never_starts_while_it_waits(acting: Acting) -> None:
    delegate = acting.delegate
    with refused(Code.FAILED_PRECONDITION, "keeps 1 of license until it ends"):
        delegate.submit(["true"], resources={"license": 2})
    with refused(Code.FAILED_PRECONDITION, "only one 'alone' runs at once"):
        delegate.submit(["true"], only_one="alone")
    with refused(Code.FAILED_PRECONDITION, "would wait for the end of job"):
        delegate.submit(["true"], after=acting.job)
    # Without waiting, each of them is a successor.
    later = delegate.submit(["true"], after={"any": acting.job}, only_one="alone", resources={"license": 2}, watch=False)
    # Children go on when the job that started them has ended.
    child = delegate.submit(["sleep", "600"])
    acting.job.stop(grace=0)
    assert acting.client.job_by_key(*later.key).wait() == 0
    assert acting.client.job_by_key(*child.key).info().state is State.RUNNING


def test_the_key_of_a_job_is_worth_nothing_when_it_has_ended(acting: Acting, shared: Worker) -> None:
    path = key_file_of(shared, acting.job)
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    child = acting.delegate.submit(["true"])
    # Who asked for it can be shown later.
    with sqlite3.connect(shared.state / "state.db") as store:
        ((stored,),) = store.execute("SELECT envelope FROM proofs JOIN jobs ON jobs.proof = proofs.row WHERE jobs.id = ?", (child.key.id,))
    proof = request_pb2.Envelope.FromString(stored)
    delegation.check(proof.delegation, shared.public)
    said = proof.delegation
    assert (said.owner, said.job, said.attempt, said.key) == (*acting.job.key, 1, acting.key.public)
    assert signature.check(proof, shared.public, proof.proof.nonce) == acting.key.public
    acting.job.stop(grace=0)
    with refused(Code.UNAUTHENTICATED, "the job has ended"):
        acting.delegate.submit(["true"])
    assert not shared.lets_in(acting.key)
    wait_until(lambda: not path.exists(), "its file goes with it")


def test_a_change_of_the_owners_rights_concerns_its_jobs_at_once(acting: Acting, shared: Worker) -> None:
    name = next(one.name for one in roster.list_members(shared.roster) if one.key == acting.owner.public)
    roster_changes.set_role(shared.roster, name, "viewer")

    def role() -> str:
        with shared.client(acting.owner) as client:
            return client.hello().your_role

    wait_until(lambda: role() == "viewer", "the roster is in force")
    with refused(Code.PERMISSION_DENIED, "may not submit jobs"):
        acting.delegate.submit(["true"])
    roster_changes.remove_member(shared.roster, name)
    wait_until(lambda: not shared.lets_in(acting.owner), "the owner is revoked")
    with refused(Code.UNAUTHENTICATED, "no longer on the roster"):
        acting.delegate.submit(["true"])
    with shared.client() as admin:
        assert admin.job_by_key(*acting.job.key).info().state is State.RUNNING
