import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from desk_house import OWNER, EngineDouble, House, asked, attempt, ended, key, started

from jobwire.broker.engine import Run
from jobwire.broker.jobs.job import Attempt, BatchRun, StopOrder
from jobwire.broker.jobs.life import Phase
from jobwire.broker.requests.asked_jobs import read_jobs
from jobwire.broker.retention.forget import Forgotten
from jobwire.keys.members.rights import Member
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey, JobKey
from jobwire.schemas.refusal import Code, Refused


async def forget(house: House, *keys: JobKey) -> Forgotten:
    done: asyncio.Future[Forgotten | Refused] = asyncio.get_running_loop().create_future()
    house.forgetting.forget(keys, done.set_result)
    result = await done
    assert isinstance(result, Forgotten)
    return result


async def end(house: House, *numbers: int, log_bytes: int = 0) -> None:
    outcome = Outcome(OutcomeKind.EXITED, stdout_bytes=log_bytes)
    for number in numbers:
        house.desk.hear([started(number), ended(number)._replace(outcome=outcome)])
    await house.durable()
    house.engine.effects.clear()


def kept(house: House) -> tuple[int, int]:
    ended_jobs, log_bytes = house.store.read("SELECT ended, log_bytes FROM kept")[0]
    return ended_jobs, log_bytes


def count(house: House, table: str) -> int:
    return int(house.store.read(f"SELECT count(*) FROM {table}")[0][0])


async def test_a_forgotten_id_is_never_run_again_not_even_after_a_restart(house: House) -> None:
    await house.accept(asked(1))
    await end(house, 1, log_bytes=7)
    assert kept(house) == (1, 7)
    assert await forget(house, key(1)) == Forgotten(1, 7)
    house.engine.expect(("discard", attempt(1)))
    assert kept(house) == (0, 0)
    for _ in range(2):
        with pytest.raises(Refused, match="forgotten") as refused:
            await house.accept(asked(1))
        assert refused.value.code is Code.ALREADY_EXISTS
        assert refused.value.job_index == 0
        await house.restart()
        house.engine.expect(("recover",))


@pytest.mark.parametrize("secret", [{"stdin": b"secret"}, {"environment": [{"name": b"TOKEN", "value": b"secret"}]}])
async def test_of_a_forgotten_job_no_spec_stays_in_memory(house: House, secret: dict[str, Any]) -> None:
    await house.accept(asked(1))
    await end(house, 1)
    sent = [request_pb2.NewJob(id=b"1" * 16, spec=job_pb2.JobSpec(argv=[b"true"], **secret))]
    (first,), (again,) = read_jobs(sent), read_jobs(sent)
    assert first.spec is again.spec
    # Of which job it was is not known: none stays.
    assert await forget(house, key(1)) == Forgotten(1, 0)
    house.engine.expect(("discard", attempt(1)))
    (later,) = read_jobs(sent)
    assert later.spec is not first.spec


async def test_what_the_store_has_of_a_job_counts_towards_what_is_kept(house: House) -> None:
    """Its spec, and its part of what was signed, of the start and of a stop."""
    first, second = asked(1, b"true", b"x" * 1000), asked(2)
    await house.accept(first, second)
    job = house.lookup.job(key(1))
    assert job is not None
    stopped = asyncio.Event()
    house.stop(job, order=StopOrder(15, 0, "somebody"), done=stopped.set)
    await stopped.wait()
    await end(house, 1)
    in_store = len(first.raw) + len(b"proof") // 2 + len(b"stop proof")
    assert house.store.read("SELECT store_bytes FROM kept") == [(in_store,)]
    await end(house, 2)
    assert house.store.read("SELECT store_bytes FROM kept") == [(in_store + len(second.raw) + len(b"proof") // 2,)]
    await forget(house, key(1), key(2))
    assert house.store.read("SELECT store_bytes FROM kept") == [(0,)]
    house.engine.effects.clear()


async def test_a_start_repeated_in_the_very_commit_that_forgets_its_job_is_told_so(house: House) -> None:
    await house.accept(asked(1))
    await end(house, 1)
    # The first goes to the disk at once; the two behind it share a commit.
    _, again, gone = await asyncio.gather(house.accept(asked(2)), house.accept(asked(1)), forget(house, key(1)))
    assert gone.jobs == 1
    (job,) = again.jobs
    assert job.attempt.outcome is not None
    assert (job.attempt.phase, job.attempt.outcome.kind) == (Phase.FINISHED, OutcomeKind.LOST)
    assert "forgotten" in job.attempt.outcome.sentence
    house.engine.expect(("start", attempt(2)), ("discard", attempt(1)))


async def test_of_a_start_with_a_forgotten_id_nothing_is_taken_on(house: House) -> None:
    await house.accept(asked(1))
    await end(house, 1)
    await forget(house, key(1))
    house.engine.effects.clear()
    with pytest.raises(Refused) as refused:
        await house.accept(asked(2), asked(1))
    assert refused.value.job_index == 1
    assert count(house, "jobs") == 0


async def test_the_same_id_of_another_owner_is_another_job(house: House) -> None:
    await house.accept(asked(1))
    await end(house, 1)
    await forget(house, key(1))
    await house.accept(asked(1), owner=b"p" * 32)
    house.engine.expect(("discard", attempt(1)), ("start", AttemptKey(b"p" * 32, key(1).id, 1)))


async def test_what_has_not_ended_is_passed_over(house: House) -> None:
    await house.accept(asked(1))
    assert await forget(house, key(1), key(9)) == Forgotten(0, 0)
    assert not house.lookup.forgotten(key(1))
    house.engine.expect(("start", attempt(1)))


async def test_only_the_owner_and_those_who_see_others_jobs_learn_that_it_was_forgotten(house: House) -> None:
    await house.accept(asked(1))
    await end(house, 1)
    await forget(house, key(1))
    house.engine.effects.clear()
    asking = ((OWNER, "submitter", "forgotten"), (b"q" * 32, "operator", "forgotten"), (b"q" * 32, "submitter", "no job"))
    for key_of_member, role, word in asking:
        with pytest.raises(Refused, match=word) as refused:
            house.lookup.visible_job(key(1), Member("x", key_of_member, role))
        assert refused.value.code is Code.NOT_FOUND


async def test_proofs_and_batches_go_with_their_last_job(house: House) -> None:
    await house.accept(asked(1), asked(2), batch=BatchRun(b"b" * 16, "nightly", 0))
    house.engine.effects.clear()
    done = asyncio.Event()
    house.stop(house.live[key(1)], house.live[key(2)], order=StopOrder(15, 0, "me"), done=done.set)
    await done.wait()
    await end(house, 1, 2)
    assert (count(house, "proofs"), count(house, "batches")) == (2, 1)
    await forget(house, key(1))
    assert (count(house, "proofs"), count(house, "batches")) == (2, 1)
    await forget(house, key(2))
    assert (count(house, "proofs"), count(house, "batches")) == (0, 0)
    house.engine.effects.clear()


async def test_the_row_of_a_forgotten_job_is_not_given_again(house: House) -> None:
    await house.accept(asked(1))
    await end(house, 1)
    await forget(house, key(1))
    await house.restart()
    house.engine.effects.clear()
    assert (await house.accept(asked(2))).jobs[0].row == 2
    house.engine.effects.clear()


class Forgetful(EngineDouble):
    """Is killed before it has removed anything."""

    def discard(self, runs: Sequence[Run], done: Callable[[Sequence[Run]], None]) -> None:
        self.effects += [("discard", run.key) for run in runs]


async def test_folders_that_a_crash_left_behind_are_removed_after_the_next_start(house: House) -> None:
    await house.accept(asked(1))
    await end(house, 1)
    house.forgetting._engine = Forgetful()
    await forget(house, key(1))
    assert count(house, "leftovers") == 1
    assert house.store.read("PRAGMA quick_check") == [("ok",)]
    await house.restart()
    house.forgetting.take_up()
    await house.durable()
    house.engine.expect(("recover",), ("discard", attempt(1)))
    assert count(house, "leftovers") == 0


async def test_of_a_job_that_was_tried_again_the_folder_that_goes_is_named_by_its_attempt(house: House) -> None:
    (job,) = (await house.accept(asked(1))).jobs
    job.attempt = Attempt(attempt(1, 2), Phase.LAUNCHED)
    house.desk.hear([ended(1)._replace(key=attempt(1, 2))])
    await house.durable()
    house.engine.effects.clear()
    house.forgetting._engine = Forgetful()
    await forget(house, key(1))
    await house.restart()
    house.forgetting.take_up()
    await house.durable()
    house.engine.expect(("recover",), ("discard", attempt(1, 2)))
    assert count(house, "leftovers") == 0


async def test_a_start_that_meets_the_end_of_its_job_in_one_commit_is_told_that_it_ended(house: House) -> None:
    await house.accept(asked(1))
    await end(house, 1)
    again, gone = asyncio.ensure_future(house.accept(asked(1))), asyncio.ensure_future(forget(house, key(1)))
    assert (await again).jobs[0].attempt.phase is Phase.FINISHED
    assert (await gone).jobs == 1
    house.engine.effects.clear()
