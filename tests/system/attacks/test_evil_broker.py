"""A broker that lies, with real workers: each lie fails, and is named. docs/security.md has a table of these tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from daemons import wait_until
from evil_broker import EvilBroker, Link, proof_of, shell, signed, start_of

from jobwire.client.cli.proofs.checked_logs import check_files
from jobwire.client.proofs import text
from jobwire.client.proofs.ends import twice
from jobwire.client.proofs.verification import Wanted, verify
from jobwire.keys.identity import Identity, format_public, generate
from jobwire.keys.proofs import attestation, delegation
from jobwire.keys.proofs.input_seal import Fed, RunningHash
from jobwire.schemas.batches.parts import hash_of_job, hash_of_part
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import AttemptKey, JobKey, scheduled_job_id


@dataclass
class Scene:
    """An evil broker, a worker that lets it vouch for submitters, one that does not, and a client whom both let in."""

    broker: EvilBroker
    left: Link
    right: Link
    ada: Identity

    def run(self, script: str, link: Link | None = None) -> tuple[bytes, request_pb2.Fact]:
        """Run a job as an honest broker would; return its signed start, and what its worker has reported."""
        start, (job,) = start_of(self.ada, self.broker.public, shell(script))
        assert not self.broker.deliver(link or self.left, start)
        return start, self.broker.await_end(link or self.left, job)

    def wanted(self) -> Wanted:
        return Wanted(workers=frozenset(link.worker.public for link in (self.left, self.right)))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("evil")
    with EvilBroker() as broker:
        left, right = broker.hire(folder / "left"), broker.hire(folder / "right", "--trust-broker", "none")
        yield Scene(broker, left, right, right.worker.admit("ada", "submitter"))


def failures(proof: request_pb2.JobProof, wanted: Wanted) -> str:
    """Return in words what `jobwire verify` finds wrong."""
    return "; ".join(f"{check.name}: {check.sentence}" for check in verify(proof, wanted).checks if not check.holds)


def wrong_logs(proof: request_pb2.JobProof, wanted: Wanted, content: bytes, folder: Path, attempt: int | None = None) -> str:
    """Return in words what `jobwire verify --logs` finds wrong with a standard output."""
    file = folder / "stdout"
    file.write_bytes(content)
    return "; ".join(check.sentence for check in check_files(verify(proof, wanted), proof, file, attempt) if not check.holds)


# --- lies to workers


@pytest.mark.parametrize("passed_on", [b"pay bob 100\n", b"pay bob 900\n"], ids=["as it was sent", "altered"])
def test_a_streamed_input_that_was_altered_fails_its_job_and_is_named(scene: Scene, passed_on: bytes) -> None:
    sent, token = b"pay bob 100\n", b"t" * 16
    start, (job,) = start_of(scene.ada, scene.broker.public, job_pb2.JobSpec(argv=[b"/bin/cat"], feed=True))
    assert not scene.broker.deliver(scene.left, start)
    scene.broker.await_state(scene.left, job, job_pb2.STATE_RUNNING)
    wanted = request_pb2.Feed(key=job_pb2.JobKey(owner=scene.ada.public, id=job), token=token, sealed=True)
    told = RunningHash()
    told.add(sent)
    seal = told.seal(scene.ada, Fed(JobKey(scene.ada.public, job), token))
    asked = signed(scene.ada, scene.broker.public, feed=wanted)
    end = scene.broker.feed(scene.left, scene.ada.public, job, asked, passed_on, seal)
    outcome = scene.broker.await_end(scene.left, job).report.outcome
    assert end.reached == len(passed_on)
    if passed_on == sent:
        assert (end.why, outcome.stdin_problem) == ("", "")
    else:
        assert "are not what was sent: its sender signed other bytes" in end.why
        assert outcome.stdin_problem == end.why


@pytest.mark.parametrize(("size", "evil"), [(12, True), (3_300_000, False)], ids=["altered", "of several blocks, as it was sent"])
def test_an_input_that_was_altered_before_a_restart_of_the_worker_is_named(scene: Scene, tmp_path: Path, size: int, evil: bool) -> None:  # noqa: FBT001 -- both
    sent, token, half = os.urandom(size), b"t" * 16, size // 2
    passed_on = (bytes([sent[0] ^ 1]) if evil else sent[:1]) + sent[1:]
    link = scene.broker.hire(tmp_path / "worker")
    start, (job,) = start_of(scene.ada, scene.broker.public, job_pb2.JobSpec(argv=[b"/usr/bin/cksum"], feed=True))
    assert not scene.broker.deliver(link, start)
    scene.broker.await_state(link, job, job_pb2.STATE_RUNNING)
    wanted = request_pb2.Feed(key=job_pb2.JobKey(owner=scene.ada.public, id=job), token=token, sealed=True)
    told = RunningHash()
    told.add(sent)
    seal = told.seal(scene.ada, Fed(JobKey(scene.ada.public, job), token))
    asked = signed(scene.ada, scene.broker.public, feed=wanted)
    scene.broker.feed_some(link, scene.ada.public, job, asked, passed_on[:half])
    link = scene.broker.again(link)
    scene.broker.await_state(link, job, job_pb2.STATE_RUNNING)
    # In pieces, as one push is limited.
    if size > 200_000:
        scene.broker.feed_some(link, scene.ada.public, job, asked, passed_on[: size - 100_000])
    end = scene.broker.feed(link, scene.ada.public, job, asked, passed_on[-100_000:] if size > 200_000 else passed_on[half:], seal)
    assert end.reached == size
    outcome = scene.broker.await_end(link, job).report.outcome
    assert ("its sender signed other bytes" in outcome.stdin_problem) is evil, outcome
    assert bool(outcome.stdin_problem) is evil
    # Its notes are gone with its end.
    name = request_pb2.AttemptName(owner=scene.ada.public, id=job, attempt=1)
    scene.broker.ask(link, settle=request_pb2.Settle(jobs=[name]))
    wait_until(lambda: not [*(link.worker.state / "inputs").glob("*")], "what was noted of the input is removed")


def test_a_forged_start_is_refused(scene: Scene) -> None:
    start, _ = start_of(scene.broker.identity, scene.broker.public, shell("true"))
    envelope = request_pb2.Envelope.FromString(start)
    envelope.proof.signer = scene.ada.public
    assert scene.broker.deliver(scene.left, envelope.SerializeToString()) == "the signature does not match the request"
    envelope.ClearField("proof")
    assert "is not signed" in scene.broker.deliver(scene.left, envelope.SerializeToString())


ALTERED: dict[str, Callable[[request_pb2.NewJob], object]] = {
    "argv": lambda job: job.spec.argv.append(b"; evil"),
    "environment": lambda job: job.spec.environment.add(name=b"LD_PRELOAD", value=b"/tmp/evil.so"),
    "directory": lambda job: setattr(job.spec, "directory", b"/"),
    "stdin": lambda job: setattr(job.spec, "stdin", b"evil"),
    "files": lambda job: job.spec.files.add(path=b"evil", digest=bytes(32), size=1, kind=job_pb2.FILE_KIND_FILE),
    "retry": lambda job: setattr(job.spec.retry, "max", 100),
    "time limit": lambda job: setattr(job.spec, "time_limit_ms", 1),
    "id": lambda job: setattr(job, "id", os.urandom(16)),
}


@pytest.mark.parametrize("what", ALTERED)
def test_a_start_of_which_anything_was_altered_is_refused(scene: Scene, what: str) -> None:
    start, _ = start_of(scene.ada, scene.broker.public, shell("true"))
    envelope = request_pb2.Envelope.FromString(start)
    request = request_pb2.Request.FromString(envelope.request)
    ALTERED[what](request.start.jobs[0])
    envelope.request = request.SerializeToString()
    assert scene.broker.deliver(scene.left, envelope.SerializeToString()) == "the signature does not match the request"


def test_an_attempt_that_nobody_has_asked_for_is_refused(scene: Scene) -> None:
    start, _ = start_of(scene.ada, scene.broker.public, shell("true"))
    assert "asked for at most 1 attempts, and this is attempt 2" in scene.broker.deliver(scene.left, start, (0, 2))


def test_a_start_that_was_signed_for_another_broker_is_refused(scene: Scene) -> None:
    start, _ = start_of(scene.ada, generate().public, shell("true"))
    assert "signed for another" in scene.broker.deliver(scene.left, start)


def test_a_start_that_was_kept_back_for_too_long_is_refused(scene: Scene) -> None:
    start, _ = start_of(scene.ada, scene.broker.public, shell("true"), not_after_us=time.time_ns() // 1000 - 1_000_000)
    assert "the start was signed until" in scene.broker.deliver(scene.left, start)


def test_a_start_that_is_delivered_again_runs_once(scene: Scene, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    start, fact = scene.run(f"echo x >> {ledger}")
    name = request_pb2.AttemptName(owner=scene.ada.public, id=fact.report.key.id, attempt=1)
    scene.broker.ask(scene.left, settle=request_pb2.Settle(jobs=[name]))
    assert not scene.broker.deliver(scene.left, start)
    assert scene.broker.await_end(scene.left, fact.report.key.id).report.pid == fact.report.pid
    # Forgotten, it is still known.
    scene.broker.ask(scene.left, discard=request_pb2.Discard(jobs=[name]))
    assert "was forgotten" in scene.broker.deliver(scene.left, start)
    assert ledger.read_text() == "x\n"


def test_of_a_batch_of_a_schedule_nothing_else_runs_and_nothing_for_another_time(scene: Scene, tmp_path: Path) -> None:
    ledger, hour_us = tmp_path / "ledger", 3_600_000_000
    jobs = [request_pb2.NewJob(id=os.urandom(16), spec=shell(f"echo {number} >> {ledger}")) for number in range(2)]
    hashes = b"".join(hash_of_job(job.id, job.spec.SerializeToString()) for job in jobs)
    now_us = time.time_ns() // 1000
    schedule = request_pb2.AddSchedule(
        id=os.urandom(16), name="night", batch=job_pb2.Batch(id=os.urandom(16)), parts=[hash_of_part([hashes])], cron="@hourly", zone="UTC"
    )
    schedule.from_us = now_us - 3 * hour_us
    due_us = now_us - now_us % hour_us
    start = signed(scene.ada, scene.broker.public, add_schedule=schedule)

    def bring(job: request_pb2.NewJob, due_us: int, *, start: bytes = start, shown: bytes = hashes) -> str:
        delivery = request_pb2.Delivery(attempt=1, due_us=due_us, staged_job=job.SerializeToString())
        return scene.broker.bring(scene.left, start, delivery, shown)

    evil = request_pb2.NewJob(id=jobs[0].id, spec=shell(f"echo evil >> {ledger}"))
    own = hash_of_job(evil.id, evil.spec.SerializeToString())
    assert "is none of those of part 0" in bring(evil, due_us)
    assert "of part 0 were not delivered" in bring(evil, due_us, start=start + b"\xfa\x07\0", shown=own)
    schedule.parts[0] = hash_of_part([own])
    request = request_pb2.Envelope.FromString(start)
    request.request = request_pb2.Request(id=1, add_schedule=schedule).SerializeToString()
    assert "the signature does not match" in bring(evil, due_us, start=request.SerializeToString(), shown=own)
    for other_us, why in (
        (due_us + 1, "is no time of"),
        (due_us + 2 * hour_us, "came before"),
        (due_us - 4 * hour_us, "was signed for times after"),
    ):
        assert why in bring(jobs[0], other_us)
    # A job of one run is none of another.
    run = uuid.uuid5(uuid.UUID(bytes=schedule.id), str(due_us)).bytes
    for _ in range(2):
        assert not bring(jobs[1], due_us)
    scene.broker.await_end(scene.left, scheduled_job_id(run, jobs[1].id))
    assert ledger.read_text() == "1\n"


def test_the_key_of_a_job_is_believed_only_where_the_job_runs(scene: Scene, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    parent, (job,) = start_of(scene.ada, scene.broker.public, shell("sleep 600", may_submit=True))
    assert not scene.broker.deliver(scene.left, parent)
    said = scene.broker.await_state(scene.left, job, job_pb2.STATE_RUNNING).delegation
    files = list((scene.left.worker.state / "keys").glob(f"{job.hex()}.*"))
    key = delegation.read(files[0]).identity
    assert (said.worker, said.owner, said.key) == (scene.left.worker.public, scene.ada.public, key.public)

    def child(by: Identity, said: request_pb2.Delegation) -> bytes:
        start, _ = start_of(by, scene.broker.public, shell(f"echo x >> {ledger}"))
        return start + request_pb2.Envelope(delegation=said).SerializeToString()

    # Keys and workers that the broker has made; and what is true, shown to a worker that knows nothing of it.
    evil, speaker = generate(), generate()
    forged = delegation.delegate(speaker, AttemptKey(scene.ada.public, job, 1), evil, scene.broker.public, said.store)
    claimed = request_pb2.Delegation(owner=scene.ada.public, job=os.urandom(16), attempt=1, key=key.public, worker=speaker.public)
    claimed.audience, claimed.store, claimed.possession = scene.broker.public, said.store, said.possession
    claimed.signature = speaker.sign(delegation._signed(claimed))
    for link in (scene.left, scene.right):
        assert "at the worker" in scene.broker.deliver(link, child(evil, forged))
        assert "not signed by the key of the job" in scene.broker.deliver(link, child(evil, said))
        assert "has not signed that it is that of the job" in scene.broker.deliver(link, child(key, claimed))
    assert "not on the roster of this worker" in scene.broker.deliver(scene.right, child(key, said))
    assert not ledger.exists()
    start = child(key, said)
    assert not scene.broker.deliver(scene.left, start)
    scene.broker.await_end(scene.left, request_pb2.Request.FromString(request_pb2.Envelope.FromString(start).request).start.jobs[0].id)
    assert ledger.read_text() == "x\n"
    stop = signed(scene.ada, scene.broker.public, stop=request_pb2.Stop(keys=[job_pb2.JobKey(id=job)], grace_ms=0))
    assert scene.broker.relay(scene.left, scene.ada.public, job, stop) == ""
    scene.broker.await_end(scene.left, job)


def test_a_broker_that_vouches_above_its_right_is_refused(scene: Scene) -> None:
    start, _ = start_of(generate(), scene.broker.public, shell("true"))
    assert "is not on the roster of this worker, and broker may not vouch" in scene.broker.deliver(scene.right, start)
    # And where it may vouch for submitters, those are no operators.
    job, link = scene.run("true")[1].report.key.id, scene.left
    stop = signed(generate(), scene.broker.public, stop=request_pb2.Stop(keys=[job_pb2.JobKey(owner=scene.ada.public, id=job)]))
    assert "may not stop or signal jobs of others" in scene.broker.relay(link, scene.ada.public, job, stop)


def test_a_stop_of_another_job_a_forged_one_and_an_old_signal_are_refused(scene: Scene) -> None:
    start, (one, two) = start_of(scene.ada, scene.broker.public, shell("sleep 1000"), shell("sleep 1000"))
    assert not scene.broker.deliver(scene.left, start, (0, 1), (1, 1))
    scene.broker.await_state(scene.left, one, job_pb2.STATE_RUNNING)
    stop = signed(scene.ada, scene.broker.public, stop=request_pb2.Stop(keys=[job_pb2.JobKey(id=two)], grace_ms=0))
    relay = scene.broker.relay
    assert relay(scene.left, scene.ada.public, one, stop) == "the signed request is not about this job"
    of_ada = request_pb2.Stop(keys=[job_pb2.JobKey(owner=scene.ada.public, id=one)])
    forged = signed(scene.broker.identity, scene.broker.public, stop=of_ada)
    assert "may not stop or signal jobs of others" in relay(scene.left, scene.ada.public, one, forged)
    assert "nobody has signed a stop" in relay(scene.left, scene.ada.public, one, b"")
    late = signed(scene.ada, scene.broker.public, 1, signal=request_pb2.Signal(key=job_pb2.JobKey(id=one), signal=9))
    assert "the request was signed until" in relay(scene.left, scene.ada.public, one, late)
    # What was signed for the other one ends the other one only.
    assert relay(scene.left, scene.ada.public, two, stop) == ""
    scene.broker.await_end(scene.left, two)
    assert scene.left.facts[one, 1].report.state == job_pb2.STATE_RUNNING
    stop = signed(scene.ada, scene.broker.public, stop=request_pb2.Stop(keys=[job_pb2.JobKey(id=one)], grace_ms=0))
    assert relay(scene.left, scene.ada.public, one, stop) == ""
    scene.broker.await_end(scene.left, one)


def test_a_signal_that_is_passed_on_twice_arrives_once(scene: Scene, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    script = f"trap 'echo got >> {ledger}' USR1; trap 'exit 7' USR2; echo ready; while :; do sleep 0.02; done"
    start, (job,) = start_of(scene.ada, scene.broker.public, shell(script))
    assert not scene.broker.deliver(scene.left, start)
    fact = scene.broker.await_state(scene.left, job, job_pb2.STATE_RUNNING)
    while not scene.broker.log(scene.left, fact):
        time.sleep(0.01)
    until_us = time.time_ns() // 1000 + 600_000_000
    key = job_pb2.JobKey(id=job)
    first = signed(scene.ada, scene.broker.public, until_us, signal=request_pb2.Signal(key=key, signal=10))
    last = signed(scene.ada, scene.broker.public, until_us, signal=request_pb2.Signal(key=key, signal=12))
    for request in (first, first, first, last):
        assert scene.broker.relay(scene.left, scene.ada.public, job, request) == ""
        while not ledger.exists():
            time.sleep(0.01)
    assert scene.broker.await_end(scene.left, job).report.outcome.exit_status == 7
    assert ledger.read_text() == "got\n"


def test_an_order_for_another_job_or_one_that_was_carried_out_before_changes_nothing(scene: Scene, tmp_path: Path) -> None:
    ledger, until_us = tmp_path / "ledger", time.time_ns() // 1000 + 600_000_000
    start, (one, two) = start_of(
        scene.ada, scene.broker.public, shell(f"while :; do echo >> {ledger}; sleep 0.02; done"), shell("sleep 1000")
    )
    assert not scene.broker.deliver(scene.left, start, (0, 1), (1, 1))
    scene.broker.await_state(scene.left, one, job_pb2.STATE_RUNNING)

    def relay(job: bytes, **verb: Any) -> str:
        return scene.broker.relay(scene.left, scene.ada.public, job, signed(scene.ada, scene.broker.public, until_us, **verb))

    # A limit, a file and a pause that are meant for another job.
    other = [job_pb2.JobKey(id=two)]
    for verb in ({"change": request_pb2.Change(keys=other, time_limit_ms=1)}, {"pause": request_pb2.Pause(keys=other)}):
        assert relay(one, **verb) == "the signed request is not about this job"
    assert relay(one, place=request_pb2.Place(key=other[0])) == "the signed request is not about this job"
    # A change of what is the broker's own is none for a worker.
    assert "does not pass on" in relay(one, change=request_pb2.Change(keys=[job_pb2.JobKey(id=one)], priority=9))
    # A pause that was carried out, shown again after the job was resumed.
    pause = signed(scene.ada, scene.broker.public, until_us, pause=request_pb2.Pause(keys=[job_pb2.JobKey(id=one)]))
    assert scene.broker.relay(scene.left, scene.ada.public, one, pause) == ""
    assert relay(one, resume=request_pb2.Resume(keys=[job_pb2.JobKey(id=one)])) == ""
    assert scene.broker.relay(scene.left, scene.ada.public, one, pause) == ""
    size = ledger.stat().st_size
    wait_until(lambda: ledger.stat().st_size > size, "it goes on")
    # What has not ended is neither settled nor discarded.
    name = request_pb2.AttemptName(owner=scene.ada.public, id=one, attempt=1)
    scene.broker.ask(scene.left, settle=request_pb2.Settle(jobs=[name]))
    scene.broker.ask(scene.left, discard=request_pb2.Discard(jobs=[name]))
    size = ledger.stat().st_size
    wait_until(lambda: ledger.stat().st_size > size, "it still goes on")
    for job in (one, two):
        relay(job, stop=request_pb2.Stop(keys=[job_pb2.JobKey(id=job)], grace_ms=0))
    scene.broker.await_end(scene.left, two)


def test_the_seal_of_another_job_or_feed_is_none_and_typing_is_no_way_around_it(scene: Scene) -> None:
    def run(token: bytes, sealed_for: bytes, *, types: bool = False) -> str:
        start, (job,) = start_of(scene.ada, scene.broker.public, job_pb2.JobSpec(argv=[b"/bin/cat"], feed=True))
        assert not scene.broker.deliver(scene.left, start)
        scene.broker.await_state(scene.left, job, job_pb2.STATE_RUNNING)
        told = RunningHash()
        told.add(b"pay bob")
        seal = told.seal(scene.ada, Fed(JobKey(scene.ada.public, sealed_for or job), token))
        feed = request_pb2.Feed(key=job_pb2.JobKey(owner=scene.ada.public, id=job), token=b"t" * 16, sealed=True)
        scene.broker.feed(
            scene.left, scene.ada.public, job, signed(scene.ada, scene.broker.public, feed=feed), b"pay bob", seal, types=types
        )
        return scene.broker.await_end(scene.left, job).report.outcome.stdin_problem

    assert run(b"t" * 16, b"") == run(b"t" * 16, b"", types=True) == ""
    for problem in (run(b"u" * 16, b""), run(b"t" * 16, os.urandom(16)), run(b"t" * 16, os.urandom(16), types=True)):
        assert "its sender signed other bytes" in problem


def test_a_schedule_that_is_started_at_once_is_started_once_whatever_time_a_broker_says(scene: Scene, tmp_path: Path) -> None:
    ledger, run = tmp_path / "ledger", os.urandom(16)
    change = request_pb2.ChangeSchedule(key=job_pb2.JobKey(id=os.urandom(16)), run_now=run, spec=shell(f"echo x >> {ledger}"))
    start = signed(scene.ada, scene.broker.public, change_schedule=change)
    for due_us in (0, 0, time.time_ns() // 1000, 1):
        assert not scene.broker.bring(scene.left, start, request_pb2.Delivery(attempt=1, due_us=due_us))
    assert "at most 1 attempts" in scene.broker.bring(scene.left, start, request_pb2.Delivery(attempt=2))
    scene.broker.await_end(scene.left, run)
    paused = signed(scene.ada, scene.broker.public, change_schedule=request_pb2.ChangeSchedule(key=change.key, paused=True))
    assert scene.broker.bring(scene.left, paused, request_pb2.Delivery(attempt=1))
    assert ledger.read_text() == "x\n"


def test_a_removal_that_is_forged_altered_or_meant_for_another_worker_stops_nothing(scene: Scene) -> None:
    root = scene.left.worker.admit("root", "operator")
    start, (job,) = start_of(scene.ada, scene.broker.public, shell("sleep 1000"))
    assert not scene.broker.deliver(scene.left, start)
    scene.broker.await_state(scene.left, job, job_pb2.STATE_RUNNING)

    def removal(by: Identity, key: bytes, at_us: int = 0) -> bytes:
        said = request_pb2.RemoveWorker(name="lab", declare_lost=True, key=key, asked_at_us=at_us or time.time_ns() // 1000)
        return signed(by, scene.broker.public, remove_worker=said)

    def show(raw: bytes) -> str:
        return str(scene.broker.ask(scene.left, removed=request_pb2.Removed(request=raw)).refusal.message)

    left, right = scene.left.worker.public, scene.right.worker.public
    for liar in (scene.broker.identity, generate()):
        assert "1 of 1 jobs continue" in show(removal(liar, left))
    # What was signed to remove the other one; with the key of this one in it instead; one that was kept back while the worker was let in
    # again; and one that removes a worker without jobs.
    assert "removes another worker" in show(removal(root, right))
    envelope = request_pb2.Envelope.FromString(removal(root, right))
    envelope.request = envelope.request.replace(right, left)
    assert show(envelope.SerializeToString()) == "the signature does not match the request"
    assert show(removal(root, left, 1)) == ""
    assert "after now, by the clock of this worker" in show(removal(root, left, time.time_ns() // 1000 + 86_400_000_000))
    empty = request_pb2.RemoveWorker(name="lab", key=left, asked_at_us=time.time_ns() // 1000)
    assert "removes no worker with jobs" in show(signed(root, scene.broker.public, remove_worker=empty))
    assert scene.left.facts[job, 1].report.state == job_pb2.STATE_RUNNING
    assert show(removal(root, left)) == ""
    assert scene.broker.await_end(scene.left, job).report.outcome.signal == signal.SIGTERM


# --- lies to clients


def test_what_an_honest_broker_shows_holds(scene: Scene, tmp_path: Path) -> None:
    start, fact = scene.run("head -c 3000000 /dev/zero | tr '\\0' a")
    proof = proof_of(start, fact)
    assert verify(proof, scene.wanted()).is_proven
    assert wrong_logs(proof, scene.wanted(), b"a" * 3_000_000, tmp_path) == ""


def test_an_end_that_was_dropped_and_another_one_invented_is_named(scene: Scene) -> None:
    start, fact = scene.run("exit 3")
    proof = proof_of(start, fact)
    proof.told[0].outcome.exit_status = 0
    assert failures(proof, scene.wanted()) == "end: attempt 1: the report differs from what the worker signed: exit status"
    del proof.ends[:]
    assert failures(proof, scene.wanted()) == "end: attempt 1: no worker has signed its reported end"


def test_an_end_that_the_broker_has_signed_itself_never_verifies(scene: Scene, tmp_path: Path) -> None:
    start, fact = scene.run("exit 3")
    proof = proof_of(start, fact)
    _, end = attestation.read(proof.ends[0])
    end.outcome.exit_status = proof.told[0].outcome.exit_status = 0
    for liar in (scene.broker.identity, generate()):
        proof.ends[0] = attestation.attest(liar, end)
        assert "signed by none of the workers that were expected" in failures(proof, scene.wanted())
        # Whoever names no workers is told the key, and that it is nobody's whom he trusts.
        file = tmp_path / "proof.json"
        file.write_text(text.write(proof))
        argv = [sys.executable, "-P", "-m", "jobwire.client.cli.main", "verify", str(file)]
        config = {"JOBWIRE_CONFIG": str(tmp_path / "config"), "JOBWIRE_STATE": str(tmp_path / "state")}
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, **config})
        assert done.returncode == 3, done
        assert f"which is not one of the workers that you trust; its key is {format_public(liar.public)}" in done.stdout


def test_an_end_that_nobody_has_signed_is_not_proven(scene: Scene) -> None:
    start, fact = scene.run("true")
    proof = proof_of(start, fact)
    del proof.ends[:]
    proof.told[0].Clear()
    proof.told[0].attempt = 1
    proof.told[0].outcome.kind = job_pb2.OUTCOME_KIND_CANCELLED
    verdict = verify(proof, scene.wanted())
    assert not verdict.is_proven
    assert "nobody else has signed that" in verdict.checks[-1].sentence


def test_the_end_of_another_job_is_named(scene: Scene) -> None:
    start, fact = scene.run("exit 3")
    _, other = scene.run("exit 0")
    proof = proof_of(start, fact)
    proof.ends[0] = other.report.outcome.attestation
    assert "it is the end of job" in failures(proof, scene.wanted())


def test_output_of_which_bytes_were_altered_is_named_with_its_block(scene: Scene, tmp_path: Path) -> None:
    start, fact = scene.run("head -c 3000000 /dev/zero | tr '\\0' a")
    proof, content = proof_of(start, fact), b"a" * 3_000_000
    evil = content[:1_500_000] + b"b" + content[1_500_001:]
    said = wrong_logs(proof, scene.wanted(), evil, tmp_path)
    assert said.endswith("stdout differs from what is signed in block 2, bytes 1048576 to 2097151")
    # With other hashes that fit the other bytes, too.
    hashes = bytearray(proof.log_hashes[0].stdout)
    hashes[32] ^= 1
    proof.log_hashes[0].stdout = bytes(hashes)
    assert "the hashes of the parts of stdout are not those that are signed" in failures(proof, scene.wanted())


def test_output_that_was_shortened_or_made_longer_is_named(scene: Scene, tmp_path: Path) -> None:
    start, fact = scene.run("echo hello")
    proof = proof_of(start, fact)
    assert scene.broker.log(scene.left, fact) == b"hello\n"
    assert wrong_logs(proof, scene.wanted(), b"hello", tmp_path).endswith("stdout has 5 bytes, and 6 are signed")
    assert "is longer than the 6 bytes that are signed" in wrong_logs(proof, scene.wanted(), b"hello\n\n", tmp_path)
    proof.told[0].outcome.stdout_bytes = 5
    assert "what the worker signed: stdout bytes" in failures(proof, scene.wanted())


def test_output_of_another_job_is_named(scene: Scene, tmp_path: Path) -> None:
    start, fact = scene.run("echo one")
    _, other = scene.run("echo two")
    evil = scene.broker.log(scene.left, other)
    assert "in block 1, bytes 0 to 3" in wrong_logs(proof_of(start, fact), scene.wanted(), evil, tmp_path)


def test_output_of_another_attempt_is_named(scene: Scene, tmp_path: Path) -> None:
    spec = shell("echo $$ | tail -c 4; exit 1", retry=job_pb2.Retry(max=1))
    start, (job,) = start_of(scene.ada, scene.broker.public, spec)
    facts = []
    for attempt in (1, 2):
        assert not scene.broker.deliver(scene.left, start, (0, attempt))
        facts.append(scene.broker.await_end(scene.left, job, attempt))
    proof = proof_of(start, *facts)
    first, second = (scene.broker.log(scene.left, fact) for fact in facts)
    assert wrong_logs(proof, scene.wanted(), first, tmp_path, 1) == wrong_logs(proof, scene.wanted(), second, tmp_path, 2) == ""
    assert "differs from what is signed" in wrong_logs(proof, scene.wanted(), first, tmp_path, 2)
    # And the end of one as that of the other.
    proof.ends[1] = proof.ends[0]
    assert "no worker has signed its reported end" in failures(proof, scene.wanted())


def test_hashes_that_are_kept_back_are_missed(scene: Scene, tmp_path: Path) -> None:
    start, fact = scene.run("echo hello")
    proof = proof_of(start, fact)
    # What the worker of a large log signs first.
    _, end = attestation.read(proof.ends[0])
    end.outcome.stdout_root, end.outcome.hash_follows = b"", True
    worker = generate()
    proof.ends[0] = attestation.attest(worker, end)
    wanted = replace(scene.wanted(), workers=frozenset({worker.public}))
    (tmp_path / "stdout").write_bytes(b"hello\n")
    (check,) = check_files(verify(proof, wanted), proof, tmp_path / "stdout", None)
    assert not check.proven
    assert "get the proof again" in check.sentence


def test_one_start_that_was_shown_to_two_workers_is_proven_by_both(scene: Scene) -> None:
    start, (job,) = start_of(scene.ada, scene.broker.public, shell("true"))
    proofs = []
    for link in (scene.left, scene.right):
        assert not scene.broker.deliver(link, start)
        proofs.append(proof_of(start, scene.broker.await_end(link, job)))
        assert verify(proofs[-1], scene.wanted()).is_proven
    (said,) = twice(proofs)
    assert "ran on 2 workers, as they have signed" in said
