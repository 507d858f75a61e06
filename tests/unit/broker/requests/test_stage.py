"""stage, commit and unstage: what is checked, what is seen of a batch before and after, and what repeating them does."""

from __future__ import annotations

import asyncio

import pytest
from desk_house import OWNER, House, asked
from staged_batches import RUN, ask, commit, hash_of, job_id, new_job, refusal, stage

from jobwire.broker.jobs.job import BatchRun
from jobwire.broker.staging import staging as staging_module
from jobwire.broker.store.rows.batches import staged_queries
from jobwire.keys.members.limits import Limits
from jobwire.schemas.batches.parts import HASH_BYTES, hash_of_job, hash_of_part, named_again
from jobwire.schemas.frames import LARGEST_PART
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Code, Reason, Refused
from jobwire.schemas.workers.capacity import Capacity

FIRST = [new_job(number) for number in range(3)]
SECOND = [new_job(number) for number in range(3, 5)]


def queued(house: House) -> list[bytes]:
    """Return the ids of the jobs whose `queued` events are in the store, in their order."""
    found: list[bytes] = []
    upto = 0
    while upto < house.store.head:
        events, upto = house.lookup.replay(upto, house.store.head, b"")
        found += [event.key.id for event in events if event.kind == event_pb2.EVENT_KIND_QUEUED]
    return found


async def both(house: House) -> request_pb2.Acknowledged:
    await stage(house, 0, FIRST)
    await stage(house, 1, SECOND)
    done = await commit(house, [FIRST, SECOND])
    await house.durable()
    house.engine.effects.clear()
    return done


async def test_what_is_staged_does_not_exist_for_anybody(house: House) -> None:
    reply = await stage(house, 0, FIRST)
    assert (reply.parts, reply.jobs) == (1, 3)
    assert (await ask(house, list=request_pb2.List())).list.jobs == []
    assert (await ask(house, list_runs=request_pb2.ListRuns())).list_runs.runs == []
    assert (await refusal(ask(house, query_one=request_pb2.QueryOne(name=str(job_id(0).hex()))))).code is Code.NOT_FOUND
    assert (await refusal(ask(house, query_run=request_pb2.QueryRun(name="nightly")))).code is Code.NOT_FOUND
    assert (await ask(house, status=request_pb2.Status())).status.queued == 0
    assert queued(house) == []


async def test_a_commit_starts_all_jobs_in_their_order_each_with_its_event(house: House) -> None:
    done = await both(house)
    assert done.known == 0
    assert queued(house) == [job_id(number) for number in range(5)]
    assert [job.key.id for job in house.live.values()] == [job_id(number) for number in range(5)]
    run = (await ask(house, query_run=request_pb2.QueryRun(name="nightly"))).query_run.run
    assert (run.queued + run.running, run.batch.name) == (5, "nightly")
    assert house.state.staged == {}
    assert staged_queries.pending(house.store.read) == []


async def test_repeating_any_of_the_requests_changes_nothing(house: House) -> None:
    await stage(house, 0, FIRST)
    assert (await stage(house, 0, FIRST)).parts == 1
    await stage(house, 1, SECOND)
    assert (await stage(house, 0, FIRST)).parts == 2
    for known in (0, 5, 5):
        assert (await commit(house, [FIRST, SECOND])).known == known
    assert (await stage(house, 1, SECOND)).jobs == 5
    await house.durable()
    house.engine.effects.clear()
    assert len(queued(house)) == 5
    await house.restart()
    house.engine.effects.clear()
    assert (await commit(house, [FIRST, SECOND])).known == 5
    assert len(queued(house)) == 5


async def test_other_jobs_under_the_same_number_are_refused_before_and_after_the_commit(house: House) -> None:
    await stage(house, 0, FIRST)
    refused = await refusal(stage(house, 0, SECOND))
    assert (refused.code, refused.reason) == (Code.ALREADY_EXISTS, Reason.ID_TAKEN)
    assert (await refusal(commit(house, [SECOND]))).code is Code.ALREADY_EXISTS
    await commit(house, [FIRST])
    assert (await refusal(stage(house, 0, SECOND))).code is Code.ALREADY_EXISTS
    assert (await refusal(commit(house, [SECOND]))).code is Code.ALREADY_EXISTS
    await house.durable()
    house.engine.effects.clear()


async def test_a_part_that_is_missing_is_named(house: House) -> None:
    refused = await refusal(stage(house, 1, SECOND))
    assert (refused.code, refused.reason) == (Code.FAILED_PRECONDITION, Reason.PART_MISSING)
    await stage(house, 0, FIRST)
    refused = await refusal(commit(house, [FIRST, SECOND]))
    assert (refused.code, refused.reason) == (Code.FAILED_PRECONDITION, Reason.PART_MISSING)
    assert "1 of 2" in refused.message
    assert queued(house) == []


async def test_jobs_of_a_batch_run_others_again_with_everything_as_it_was(house: House) -> None:
    times = {"held": True, "not_after_ms": 50_000, "after": [job_pb2.After(condition=job_pb2.CONDITION_ANY, job=job_id(1))]}
    await ask(house, start=request_pb2.Start(jobs=[new_job(1), new_job(2, stdin=b"x", name="two", **times)]))
    jobs = [named_again(job_id(10 + number), JobKey(OWNER, job_id(number)), ()) for number in (1, 2)]
    jobs[1].after.add(condition=job_pb2.CONDITION_OK, job=job_id(11))
    await stage(house, 0, jobs)
    assert (await stage(house, 0, jobs)).jobs == 2
    await house.restart()
    await commit(house, [jobs])
    await house.durable()
    job = house.live[JobKey(OWNER, job_id(12))]
    assert job.rerun_of == JobKey(OWNER, job_id(2))
    assert (job.spec.stdin, job.spec.name, job.spec.held, job.spec.not_after_ms) == (b"x", "two", False, None)
    assert [after.job for after in job.spec.after] == [job_id(11)]
    await house.restart()
    assert house.live[JobKey(OWNER, job_id(12))].rerun_of == JobKey(OWNER, job_id(2))
    assert (await commit(house, [jobs])).known == 2
    house.engine.effects.clear()


async def test_a_job_of_a_batch_runs_nothing_again_that_it_may_not(house: House) -> None:
    await ask(house, start=request_pb2.Start(jobs=[new_job(1)]))
    again = named_again(job_id(2), JobKey(OWNER, job_id(1)), ())
    refused = await refusal(stage(house, 0, [again, named_again(job_id(3), JobKey(OWNER, job_id(9)), ())]))
    assert (refused.code, refused.job_index) == (Code.NOT_FOUND, 1)
    other = request_pb2.NewJob(id=job_id(2), rerun=again.rerun, spec=job_pb2.JobSpec(argv=[b"evil"]))
    assert "a spec other than that of job" in (await refusal(stage(house, 0, [other]))).message
    assert "reruns" in (await refusal(stage(house, 0, [again], for_schedule=True))).message
    again.after.add(condition=job_pb2.CONDITION_OK, job=job_id(1))
    assert "can wait only for jobs that run again with it" in (await refusal(ask(house, start=request_pb2.Start(jobs=[again])))).message
    house.engine.effects.clear()


async def test_a_committed_run_takes_no_further_jobs_and_one_that_was_started_does(house: House) -> None:
    await both(house)
    refused = await refusal(stage(house, 2, [new_job(9)]))
    assert (refused.code, refused.reason) == (Code.ALREADY_EXISTS, Reason.RUN_CLOSED)
    start = request_pb2.Start(jobs=[new_job(9)], batch=job_pb2.Batch(id=RUN))
    assert (await refusal(ask(house, start=start))).reason is Reason.RUN_CLOSED
    # What it has may be submitted again.
    start = request_pb2.Start(jobs=FIRST, batch=job_pb2.Batch(id=RUN))
    assert (await ask(house, start=start)).acknowledged.known == 3
    other = b"s" * 16
    await ask(house, start=request_pb2.Start(jobs=[new_job(10)], batch=job_pb2.Batch(id=other)))
    await stage(house, 0, [new_job(10), new_job(11)], run=other)
    assert (await commit(house, [[new_job(10), new_job(11)]], run=other)).known == 1
    await house.durable()
    house.engine.effects.clear()
    assert len(house.state.runs[house.live[JobKey(OWNER, job_id(11))].key.owner, other]) == 2


async def test_of_two_whole_runs_with_one_id_that_come_at_the_same_moment_one_is_refused(house: House) -> None:
    whole = job_pb2.Batch(id=RUN, is_whole=True)
    starts = [request_pb2.Start(jobs=jobs, batch=whole) for jobs in (FIRST, SECOND)]
    replies = await asyncio.gather(*(ask(house, start=start) for start in starts), return_exceptions=True)
    (refused,) = (one for one in replies if isinstance(one, Refused))
    assert (refused.code, refused.reason) == (Code.ALREADY_EXISTS, Reason.ID_TAKEN)
    assert "without all of these jobs; no job was submitted" in refused.message
    assert [job.key.id for job in house.live.values()] == [job.id for job in FIRST]
    # The same again, or fewer of them, is answered as before; and who says that there are more adds to it.
    for jobs in (FIRST, FIRST[:2]):
        assert (await ask(house, start=request_pb2.Start(jobs=jobs, batch=whole))).acknowledged.known == len(jobs)
    await ask(house, start=request_pb2.Start(jobs=SECOND, batch=job_pb2.Batch(id=RUN)))
    await house.durable()
    house.engine.effects.clear()
    assert len(house.live) == 5


async def test_a_whole_run_is_not_committed_into_one_that_was_started_with_other_jobs(house: House) -> None:
    start = request_pb2.Start(jobs=FIRST, batch=job_pb2.Batch(id=RUN, is_whole=True))
    await stage(house, 0, FIRST + SECOND)
    await ask(house, start=start)
    refused = await refusal(commit(house, [FIRST + SECOND], batch=job_pb2.Batch(id=RUN, is_whole=True)))
    assert (refused.code, refused.reason) == (Code.ALREADY_EXISTS, Reason.ID_TAKEN)
    # And none is started into one that was committed.
    other = b"s" * 16
    await stage(house, 0, [new_job(10)], run=other)
    await commit(house, [[new_job(10)]], batch=job_pb2.Batch(id=other, is_whole=True))
    start = request_pb2.Start(jobs=[new_job(11)], batch=job_pb2.Batch(id=other, is_whole=True))
    assert (await refusal(ask(house, start=start))).reason is Reason.RUN_CLOSED
    await house.durable()
    house.engine.effects.clear()


async def test_an_id_is_checked_against_everything_that_has_it(house: House) -> None:
    await house.accept(asked(7))
    house.engine.effects.clear()
    taken = request_pb2.NewJob(id=asked(7).id, spec=job_pb2.JobSpec(argv=[b"false"]))
    refused = await refusal(stage(house, 0, [*FIRST, taken]))
    assert (refused.code, refused.job_index) == (Code.ALREADY_EXISTS, 3)
    await stage(house, 0, FIRST)
    assert (await refusal(stage(house, 1, [FIRST[0]]))).code is Code.INVALID_ARGUMENT
    assert (await refusal(stage(house, 0, [FIRST[0]], run=b"s" * 16))).code is Code.ALREADY_EXISTS
    # A start with the same spec is the same job; with another one it would be in the way of what is staged.
    assert (await refusal(ask(house, start=request_pb2.Start(jobs=[new_job(1, argv=[b"false"])])))).code is Code.ALREADY_EXISTS
    await ask(house, start=request_pb2.Start(jobs=[new_job(1)]))
    assert (await commit(house, [FIRST])).known == 1
    await house.durable()
    house.engine.effects.clear()
    assert queued(house).count(job_id(1)) == 1


async def test_somebody_else_may_stage_the_same_ids(house: House) -> None:
    await stage(house, 0, FIRST)
    other = b"x" * 32
    await stage(house, 0, FIRST, owner=other)
    await commit(house, [FIRST], owner=other)
    await house.durable()
    house.engine.effects.clear()
    assert {key.owner for key in house.live} == {other}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (request_pb2.Stage(jobs=FIRST), "16 bytes"),
        (request_pb2.Stage(jobs=[], batch=RUN), "no job"),
        (request_pb2.Stage(jobs=FIRST, batch=RUN, number=2000), "at most 2000 parts"),
        (request_pb2.Stage(jobs=[FIRST[0], FIRST[0]], batch=RUN), "twice"),
        (request_pb2.Stage(jobs=[new_job(1, argv=[])], batch=RUN), "no program"),
        (
            request_pb2.Stage(jobs=[request_pb2.NewJob(id=RUN, rerun=job_pb2.JobKey(id=RUN), feed=True)], batch=RUN),
            "cannot have a streamed standard input",
        ),
        (request_pb2.Stage(jobs=[request_pb2.NewJob(id=RUN, after=[job_pb2.After(job=RUN)])], batch=RUN), "only for one that runs again"),
    ],
)
async def test_a_part_is_checked_as_a_start_is(house: House, request_: request_pb2.Stage, words: str) -> None:
    refused = await refusal(ask(house, stage=request_))
    assert refused.code is Code.INVALID_ARGUMENT
    assert words in refused.message


async def test_what_can_never_start_here_is_not_staged(house: House) -> None:
    refused = await refusal(stage(house, 0, [FIRST[0], new_job(1, cpus=100)]))
    assert (refused.code, refused.job_index) == (Code.FAILED_PRECONDITION, 1)


async def test_a_commit_needs_a_hash_for_each_part(house: House) -> None:
    batch = job_pb2.Batch(id=RUN)
    assert "32 bytes" in (await refusal(ask(house, commit=request_pb2.Commit(batch=batch)))).message
    assert "32 bytes" in (await refusal(ask(house, commit=request_pb2.Commit(batch=batch, parts=[b"x"])))).message
    assert "no batch" in (await refusal(ask(house, commit=request_pb2.Commit(parts=[b"x" * 32])))).message


async def test_what_a_run_ends_with_is_checked_with_the_commit(house: House) -> None:
    await stage(house, 0, FIRST)
    for spec, what in (
        (job_pb2.JobSpec(argv=[b"true"], stdin=b"x"), "no standard input"),
        (job_pb2.JobSpec(argv=[b"true"], cpus=1000), "can never start"),
    ):
        assert what in (await refusal(commit(house, [FIRST], batch=job_pb2.Batch(id=RUN, on_finish=spec)))).message


async def test_jobs_that_are_staged_count_as_waiting(house: House) -> None:
    house.limits = Limits(queued_jobs=4)
    await stage(house, 0, FIRST)
    for asking in (stage(house, 1, SECOND), stage(house, 0, SECOND, run=b"s" * 16)):
        assert (await refusal(asking)).reason is Reason.QUEUE_FULL
    assert (await stage(house, 0, FIRST)).jobs == 3
    assert (await ask(house, unstage=request_pb2.Unstage(batch=RUN))).HasField("done")
    await stage(house, 0, SECOND)


async def test_what_the_roster_allows_counts_when_the_batch_is_committed(house: House) -> None:
    part = [new_job(1, priority=5)]
    assert (await refusal(stage(house, 0, part, limits=Limits(highest_priority=0)))).code is Code.PERMISSION_DENIED
    await stage(house, 0, part)
    assert (await refusal(commit(house, [part], limits=Limits(highest_priority=0)))).code is Code.PERMISSION_DENIED
    await commit(house, [part])
    await house.durable()
    house.engine.effects.clear()


async def test_a_full_disk_takes_no_part_and_no_commit_and_a_committed_run_is_known(house: House) -> None:
    await stage(house, 0, FIRST)
    house.shortage = lambda: Refused(Code.RESOURCE_EXHAUSTED, "full", reason=Reason.DISK_FULL)
    assert (await refusal(stage(house, 1, SECOND))).reason is Reason.DISK_FULL
    assert (await refusal(commit(house, [FIRST]))).reason is Reason.DISK_FULL
    assert (await stage(house, 0, FIRST)).jobs == 3
    assert house.state.staged == {OWNER: 3}


async def test_a_job_waits_for_those_that_were_staged_before_it(house: House) -> None:
    after = job_pb2.After(condition=job_pb2.CONDITION_OK, job=job_id(1))
    named = job_pb2.After(condition=job_pb2.CONDITION_OK, run=RUN, name="load")
    first = [new_job(1), new_job(2, name="load[0]")]
    second = [new_job(3, after=[after]), new_job(4, name="load[1]"), new_job(5, after=[named], name="sum")]
    ahead = [new_job(3, after=[job_pb2.After(condition=job_pb2.CONDITION_OK, job=job_id(4))]), new_job(4)]
    await stage(house, 0, first)
    assert "staged after it" in (await refusal(stage(house, 1, ahead))).message
    own = [new_job(5, after=[named], name="load[2]")]
    assert "waits for itself" in (await refusal(stage(house, 1, own))).message
    unknown = [new_job(3, after=[job_pb2.After(condition=job_pb2.CONDITION_OK, job=b"u" * 16)])]
    assert (await refusal(stage(house, 1, unknown))).code is Code.NOT_FOUND
    await stage(house, 1, second)
    await commit(house, [first, second])
    await house.durable()
    house.engine.effects.clear()
    waiting = {job.key.id for job in house.live.values() if job.awaits}
    assert waiting == {job_id(3), job_id(5)}
    assert "2 jobs load" in house.desk.why_waiting(house.live[JobKey(OWNER, job_id(5))])
    await house.restart()
    house.engine.effects.clear()
    assert "2 jobs load" in house.desk.why_waiting(house.live[JobKey(OWNER, job_id(5))])


async def test_jobs_that_run_again_take_no_more_in_a_part_than_if_their_specs_had_been_sent(house: House) -> None:
    (before,) = (await house.accept(asked(1, b"true", b"x" * (LARGEST_PART // 2)))).jobs
    again = [request_pb2.NewJob(id=job_id(number), rerun=job_pb2.JobKey(id=before.key.id)) for number in (2, 3)]
    message = (await refusal(stage(house, 0, again))).message
    assert f"the limit of one request is {LARGEST_PART}" in message
    assert (await stage(house, 0, again[:1])).jobs == 1
    house.engine.effects.clear()


async def test_slices_that_wait_for_one_name_share_a_group(house: House) -> None:
    named = job_pb2.After(condition=job_pb2.CONDITION_OK, run=RUN, name="load")
    first = [new_job(number, name=f"load[{number}]") for number in range(150)]
    second = [new_job(number, after=[named]) for number in range(200, 500)]
    await stage(house, 0, first)
    await stage(house, 1, second)
    await commit(house, [first, second])
    await house.durable()
    house.engine.effects.clear()
    assert house.store.read("SELECT count(*) FROM job_groups") == [(1,)]
    assert len(house.state.dependencies.open) == 300


async def test_what_was_forgotten_since_it_was_staged_cancels_and_blocks_nothing(house: House) -> None:
    (done,) = (await house.accept(asked(1))).jobs
    house.stop(done)
    await house.durable()
    house.engine.effects.clear()
    target = job_pb2.After(condition=job_pb2.CONDITION_OK, job=done.key.id)
    part = [new_job(1, after=[target]), new_job(2)]
    await stage(house, 0, part)
    house.store.read("SELECT 1")
    house.store._writes.execute("UPDATE jobs SET state = 4")
    house.forgetting.forget([done.key], lambda _: None)
    await house.durable()
    await commit(house, [part])
    await house.durable()
    await house.durable()
    house.engine.effects.clear()
    events, _ = house.lookup.replay(0, house.store.head, b"")
    assert [event.key.id for event in events if event.kind == event_pb2.EVENT_KIND_FINISHED][-1] == job_id(1)


async def test_a_request_about_a_run_as_a_whole_waits_until_all_of_it_is_there(house: House) -> None:
    jobs = [new_job(number) for number in range(350)]
    await stage(house, 0, jobs)
    batch = BatchRun(RUN, "nightly", 0)
    house.staging.commit(OWNER, batch, [hash_of(jobs)], b"proof", lambda _: None)
    # Its commit is durable, and most of its jobs are not in the queue.
    while not house.live:
        await house.durable()
    assert len(house.live) < 350
    await ask(house, change=request_pb2.Change(selection=request_pb2.Selection(batch=RUN), held=True))
    house.engine.effects.clear()
    assert len(house.live) == 350
    assert sum(job.held_by is not None for job in house.live.values()) == 350 - house.state.queue.running


async def test_a_restart_in_the_middle_of_the_slices_goes_on_there(house: House) -> None:
    jobs = [new_job(number) for number in range(350)]
    await stage(house, 0, jobs)
    house.staging.commit(OWNER, BatchRun(RUN, "nightly", 0), [hash_of(jobs)], b"proof", lambda _: None)
    while len(house.live) < 100:
        await house.durable()
    house.engine.effects.clear()
    await house.restart()
    house.engine.effects.clear()
    assert queued(house) == [job.id for job in jobs]
    assert len(house.live) == 350
    assert house.lookup.run(OWNER, RUN, "").jobs == 350  # type: ignore[union-attr] # reason: it exists
    assert (await commit(house, [jobs])).known == 350


async def test_a_restart_keeps_what_is_staged(house: House) -> None:
    await stage(house, 0, FIRST)
    await house.restart()
    house.engine.effects.clear()
    assert house.state.staged == {OWNER: 3}
    assert not house.desk.is_idle
    assert (await stage(house, 1, SECOND)).jobs == 5
    await commit(house, [FIRST, SECOND])
    await house.durable()
    house.engine.effects.clear()
    assert len(queued(house)) == 5


async def test_what_is_removed_before_the_commit_leaves_nothing(house: House) -> None:
    await stage(house, 0, FIRST)
    await stage(house, 1, SECOND)
    await ask(house, unstage=request_pb2.Unstage(batch=RUN))
    for table in ("staged_runs", "staged_parts", "staged_ids", "files"):
        assert house.store.read(f"SELECT count(*) FROM {table}") == [(0,)]
    assert house.state.staged == {}
    assert (await refusal(commit(house, [FIRST, SECOND]))).reason is Reason.PART_MISSING
    # Not even of one that does not exist, or was committed.
    await both(house)
    await ask(house, unstage=request_pb2.Unstage(batch=RUN))
    assert len(house.live) == 5


async def test_abandoned_parts_are_removed_an_hour_after_the_last_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging_module, "_SOONEST_SECONDS", 0.0)
    await stage(house, 0, FIRST)
    house.now += 3599 * 1_000_000
    await stage(house, 1, SECOND)
    # The machine's clock does not matter.
    house.set_by = 10 * 3600 * 1_000_000
    house.staging._sweep()
    assert house.state.staged == {OWNER: 5}
    house.now += 3601 * 1_000_000
    house.staging._sweep()
    await house.durable()
    await house.durable()
    await house.durable()
    assert house.state.staged == {}
    assert house.store.read("SELECT count(*) FROM staged_ids") == [(0,)]


async def test_the_request_that_committed_a_run_proves_each_of_its_jobs(house: House) -> None:
    await both(house)
    ((envelope, hashes, job, spec),) = house.store.read(
        "SELECT envelope, hashes, jobs.id, jobs.spec FROM jobs JOIN proofs ON proofs.row = jobs.proof"
        " JOIN staged_runs ON staged_runs.proof = proofs.row JOIN staged_parts ON run = staged_runs.row"
        " WHERE jobs.id = ? AND number = 1",
        (job_id(4),),
    )
    split = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    assert hash_of_job(job, spec) in split
    assert hash_of_part(split) in request_pb2.Request.FromString(envelope).commit.parts


async def test_with_the_last_job_of_a_run_its_hashes_and_its_proof_are_forgotten(house: House) -> None:
    await both(house)
    house.stop(*house.live.values())
    await house.durable()
    house.engine.effects.clear()
    house.store._writes.execute("UPDATE jobs SET state = 4")
    keys = [JobKey(OWNER, job_id(number)) for number in range(5)]
    house.live.clear()
    house.forgetting.forget(keys, lambda _: None)
    await house.durable()
    house.engine.effects.clear()
    for table in ("staged_runs", "staged_parts", "batches"):
        assert house.store.read(f"SELECT count(*) FROM {table}") == [(0,)]
    refused = await refusal(stage(house, 0, FIRST))
    assert (refused.code, refused.reason) == (Code.ALREADY_EXISTS, Reason.FORGOTTEN)


async def test_a_commit_that_went_to_another_store_first_is_not_repeated(house: House) -> None:
    await stage(house, 0, FIRST)
    await ask(house, unstage=request_pb2.Unstage(batch=RUN))
    request = request_pb2.Commit(batch=job_pb2.Batch(id=RUN), parts=[hash_of(FIRST)], first_store=b"another")
    assert (await refusal(ask(house, commit=request))).reason is Reason.MAY_HAVE_RUN


async def test_a_batch_that_fills_a_worker_starts_as_many_as_fit(house: House) -> None:
    assert house.engine.capacity == Capacity(2)
    await stage(house, 0, FIRST)
    await commit(house, [FIRST])
    await house.durable()
    assert [effect[0] for effect in house.engine.effects] == ["start", "start"]
    house.engine.effects.clear()


async def test_a_job_that_starts_jobs_stages_none(house: House) -> None:
    refused = await refusal(stage(house, 0, FIRST, job=b"j" * 16))
    assert (refused.code, refused.reason) == (Code.PERMISSION_DENIED, Reason.ROLE)
    assert "staging" not in (await ask(house, job=b"j" * 16, hello=request_pb2.Hello(newest_version=9))).hello.features
    assert "staging" in (await ask(house, hello=request_pb2.Hello(newest_version=9))).hello.features
