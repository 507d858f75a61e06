"""What follows from an end for thousands of jobs is decided in parts, each of them durable before the next one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from desk_house import OWNER, House

from jobwire.broker.desk.inputs import Asked
from jobwire.broker.engine import Ended, Started
from jobwire.broker.jobs.job import BatchRun
from jobwire.broker.writes.jobs import ChangeJobs
from jobwire.schemas.generated import event_pb2
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import OnFailure, Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey, JobKey

_JOBS = 450
# Of those that wait, in one write; and the job that has ended.
_MOST = 26


def _id(number: int) -> bytes:
    return number.to_bytes(16)


def _key(number: int) -> JobKey:
    return JobKey(OWNER, _id(number))


def _asked(number: int, after: Sequence[int] = (), *, held: bool = False) -> Asked:
    spec = JobSpec(argv=(b"true",), held=held, after=tuple(After(Condition.OK, _id(before)) for before in after))
    return Asked(_id(number), spec, specs.digest(spec), specs.to_wire(spec).SerializeToString())


def chain() -> list[Asked]:
    """Return jobs that wait for the one before them."""
    return [_asked(1, held=True), *(_asked(number, [number - 1]) for number in range(2, _JOBS))]


def fan() -> list[Asked]:
    """Return jobs that wait for the first one."""
    return [_asked(1, held=True), *(_asked(number, [1]) for number in range(2, _JOBS))]


def layers() -> list[Asked]:
    """Return jobs that all wait for one which waits for the first one."""
    return [_asked(1, held=True), _asked(2, [1]), *(_asked(number, [2]) for number in range(3, _JOBS))]


def _ends(house: House) -> list[bytes]:
    events = [event_pb2.Event.FromString(row) for (row,) in house.store.read("SELECT event FROM events ORDER BY seq")]
    return [event.key.id for event in events if event.kind == event_pb2.EVENT_KIND_FINISHED]


async def _await_all(house: House) -> None:
    for _ in range(_JOBS):
        await house.durable()
        if not house.live:
            break
    assert not house.live
    house.engine.effects.clear()


async def test_their_owner_is_charged_for_what_follows(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    charged: Counter[bytes] = Counter()

    def charge(owner: bytes, seconds: float) -> None:
        charged[owner] += round(seconds * 1e6)

    monkeypatch.setattr(house.desk._executor, "charge", charge)
    await house.accept(*chain())
    house.stop(house.live[_key(1)])
    await _await_all(house)
    assert charged == {OWNER: 150 * (_JOBS - 2)}


@pytest.mark.parametrize("shape", [chain, fan, layers])
async def test_no_write_has_more_than_a_part_of_what_follows(
    house: House, monkeypatch: pytest.MonkeyPatch, shape: Callable[[], list[Asked]]
) -> None:
    sizes: list[int] = []
    at_once = [0]
    submit = house.store.submit

    def spy(write: object, done: object = lambda: None, *delayed: object) -> None:
        if isinstance(write, ChangeJobs) and write.changes:
            sizes.append(len(write.changes))
            at_once.append(sum(isinstance(one, ChangeJobs) and bool(one.changes) for one in waiting()))
        submit(write, done, *delayed)  # type: ignore[arg-type] # reason: passed on

    def waiting() -> list[object]:
        return [one.write for one in (*house.store._waiting, *house.store._committing)]

    await house.accept(*shape())
    monkeypatch.setattr(house.store, "submit", spy)
    house.stop(house.live[_key(1)])
    await _await_all(house)
    assert sum(sizes) == _JOBS - 1
    assert max(sizes) <= _MOST
    assert max(at_once) == 0, "no part is decided while another one is being written"
    assert sorted(_ends(house)) == [_id(number) for number in range(1, _JOBS)]


@pytest.mark.parametrize("commits", [1, 2, 3])
@pytest.mark.parametrize("shape", [chain, fan, layers])
async def test_a_worker_that_ends_between_two_parts_is_followed_by_one_that_does_the_rest(
    house: House, shape: Callable[[], list[Asked]], commits: int
) -> None:
    await house.accept(*shape())
    house.stop(house.live[_key(1)])
    for _ in range(commits):
        await house.durable()
    ended = _ends(house)
    assert 0 < len(ended) < _JOBS - 1
    others = [job for job in house.live.values() if job.key.id not in ended]
    assert all(job.attempt.outcome is None or job.attempt.outcome.kind is OutcomeKind.CANCELLED for job in others)
    await house.restart()
    await _await_all(house)
    ended = _ends(house)
    assert sorted(ended) == [_id(number) for number in range(1, _JOBS)], "each of them has one end"
    (seqs,) = house.store.read("SELECT count(*), max(seq) - min(seq) + 1 FROM events")
    assert seqs[0] == seqs[1], "no event is missing"


async def test_the_rest_of_a_run_is_cancelled_in_parts_that_a_restart_continues(house: House) -> None:
    batch = BatchRun(b"r" * 16, "fragile", 0, on_failure=OnFailure.CANCEL_REST)
    await house.accept(*(_asked(number, held=number > 1) for number in range(1, _JOBS)), batch=batch)
    assert [effect[0] for effect in house.engine.effects] == ["start"]
    house.engine.effects.clear()
    attempt = AttemptKey(*_key(1), 1)
    house.desk.hear([Started(attempt, 101, 2_000_000)])
    house.desk.hear([Ended(attempt, 101, 2_000_000, 3_000_000, Outcome(OutcomeKind.EXITED, exit_status=3))])
    await house.durable()
    assert 1 <= len(_ends(house)) <= _MOST
    await house.restart()
    await _await_all(house)
    assert sorted(_ends(house)) == [_id(number) for number in range(1, _JOBS)]


async def test_what_follows_from_another_end_does_not_wait_for_all_that_follows_from_the_first(house: House) -> None:
    await house.accept(*fan())
    await house.accept(_asked(1001, held=True), _asked(1002, [1001]))
    house.stop(house.live[_key(1)])
    house.stop(house.live[_key(1001)])
    for _ in range(2):
        await house.durable()
    assert _id(1002) in _ends(house)
    assert len(_ends(house)) < _JOBS
    await _await_all(house)
