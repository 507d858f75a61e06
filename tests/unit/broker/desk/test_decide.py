"""The desk's decisions alone: no store, no engine, no clock. And that the inputs are all that they are made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial

import pytest
from desk_house import OWNER, SOMEBODYS, House, asked, attempt, ended, key, started

from jobwire.broker.desk import desk as desks
from jobwire.broker.desk.decide import decide
from jobwire.broker.desk.effects import Effect, End, Hold, Launches, Publish, Reply, Settle, SignalAll, Tell, WakeAt, Word
from jobwire.broker.desk.inputs import (
    Accepted,
    Asked,
    Due,
    Facts,
    Found,
    Input,
    Moment,
    Reconsidered,
    Recovered,
    RunsFound,
    Signal,
    Start,
    Stop,
    Suspend,
    WriteDelayed,
    Written,
)
from jobwire.broker.desk.queue.queue import Queue
from jobwire.broker.desk.state import State
from jobwire.broker.desk.turn import Decision
from jobwire.broker.engine import Delayed, Ended, Fact, Paused, Started
from jobwire.broker.jobs.job import Attempt, BatchRun, Job, StopOrder
from jobwire.broker.jobs.life import Phase
from jobwire.broker.writes.jobs import Added, ChangeJobs, Conflict, Origin
from jobwire.broker.writes.schedules import Fired
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.refusal import Code, Refused

NOW = Moment(1_000_000, 5_000, 1_000_000)


def never(*_: object) -> None:
    raise AssertionError("a decision called back")


def told(effect: Effect) -> object:  # noqa: PLR0911 -- one for each effect
    """Return an effect as values that can be compared."""
    match effect:
        case Launches():
            return "launch", [launch.key for launch in effect.launches]
        case End():
            return "end", effect.key, effect.signal, effect.grace_ms
        case SignalAll():
            return "signal", effect.key, effect.number
        case Hold():
            return "hold", effect.key, effect.paused
        case Settle():
            return "settle", list(effect.keys)
        case Publish():
            return "publish", [(event.seq, event.key.id, event.kind) for event in effect.events]
        case Reply():
            return "reply", str(effect.tell.args) if isinstance(effect.tell, partial) else ""
        case Tell():
            return "tell", effect.job.key, effect.word
        case WakeAt():
            return "wake", effect.passed_us


class Deciding:
    """Decisions of a desk with `slots`; the test decides when its writes are taken."""

    def __init__(self, slots: int = 1) -> None:
        self.state = State(Queue(slots))
        self.rows = self.seq = 0

    def take(self, one: Input) -> list[object]:
        decision = decide(self.state, one, NOW)
        self.written = decision.writes
        effects = [told(effect) for effect in decision.effects if not self._is_in_a_month(effect)]
        if decision.reconsiders:
            effects += self.take(Reconsidered())
            self.written = [*decision.writes, *self.written]
        return effects

    def _is_in_a_month(self, effect: Effect) -> bool:
        """Return whether it is about nothing but how long jobs wait that say nothing about that."""
        return isinstance(effect, WakeAt) and effect.passed_us == self.state.lapses_us

    def start(self, *numbers: int, batch: BatchRun | None = None) -> None:
        assert self.take(Start(OWNER, [asked(number) for number in numbers], batch, b"proof", None, never)) == []

    def add(self, number: int) -> list[object]:
        """Have a start written."""
        count = len(self.state.under_way[number].write.jobs)  # type: ignore[union-attr] # reason: it is a start
        rows = range(self.rows + 1, self.rows + count + 1)
        self.rows += count
        first, self.seq = self.seq + 1, self.seq + count
        return self.take(Written(number, Added(rows, frozenset(), first)))

    def record(self, number: int) -> list[object]:
        """Have changes written."""
        first = self.seq + 1
        self.seq += sum(len(change.events) for change in self.state.under_way[number].write.changes)  # type: ignore[union-attr] # reason: no start
        return self.take(Written(number, first))

    def phase(self, number: int) -> Phase:
        return self.state.live[key(number)].attempt.phase


def words(effects: list[object]) -> list[str]:
    return [effect[0] for effect in effects]  # type: ignore[index] # reason: all are tuples


def test_nothing_leaves_before_a_start_is_written() -> None:
    desk = Deciding()
    desk.start(1)
    assert not desk.state.live
    assert words(desk.add(1)) == ["reply", "publish", "launch"]
    assert desk.phase(1) is Phase.LAUNCHED


def test_a_start_is_acknowledged_before_its_jobs_take_their_places() -> None:
    desk = Deciding()
    desk.start(1, 2)
    written = decide(desk.state, Written(1, Added([1, 2], frozenset(), 1)), None)
    assert [told(effect)[0] for effect in written.effects if not isinstance(effect, WakeAt)] == ["reply", "publish"]  # type: ignore[index] # reason: as above
    # Whoever is told may ask for them at once.
    assert (desk.phase(1), desk.state.waiting_of(OWNER)) == (Phase.CLEARED, 0)
    assert desk.take(Reconsidered()) == [("launch", [attempt(1)])]
    assert desk.state.waiting_of(OWNER) == 1


def test_a_job_that_waits_is_launched_when_that_is_written() -> None:
    desk = Deciding()
    desk.start(1, 2)
    desk.add(1)
    assert (desk.phase(1), desk.phase(2)) == (Phase.LAUNCHED, Phase.QUEUED)
    assert desk.take(Facts([started(1), ended(1)])) == []
    assert (desk.phase(1), desk.phase(2)) == (Phase.ENDED_QUEUED, Phase.LAUNCHING)
    (write,) = desk.written
    effects = desk.record(write)
    assert words(effects) == ["publish", "launch", "tell", "tell", "settle"]
    assert effects[1] == ("launch", [attempt(2)])
    assert effects[2:4] == [("tell", key(1), Word.STARTED), ("tell", key(1), Word.FINISHED)]
    assert desk.phase(2) is Phase.LAUNCHED


def test_a_stop_while_its_launch_is_being_written_cancels_the_job_and_gives_its_slot_to_the_next() -> None:
    desk = Deciding()
    desk.start(1, 2, 3)
    desk.add(1)
    desk.take(Facts([started(1), ended(1)]))
    (launching,) = desk.written
    assert desk.take(Stop([(key(2), SOMEBODYS)], b"proof", never)) == []
    assert (desk.phase(2), desk.phase(3)) == (Phase.ENDED_QUEUED, Phase.LAUNCHING)
    (cancelling,) = desk.written
    write = desk.state.under_way[cancelling].write
    assert isinstance(write, ChangeJobs)
    assert [change.stop_proof for change in write.changes] == [b"proof"]
    assert write.launched == [3]
    assert "launch" not in words(desk.record(launching))
    effects = desk.record(cancelling)
    assert ("launch", [attempt(3)]) in effects
    assert ("tell", key(2), Word.FINISHED) in effects
    assert not any(effect[0] == "end" for effect in effects)  # type: ignore[index] # reason: as above


@pytest.mark.parametrize(
    ("phase", "cancelled"), [(Phase.QUEUED, True), (Phase.LAUNCHING, True), (Phase.LAUNCHED, False), (Phase.RUNNING, False)]
)
def test_a_stop_of_queued_jobs_leaves_those_alone_that_may_have_a_process(phase: Phase, cancelled: bool) -> None:  # noqa: FBT001
    desk = Deciding()
    desk.start(1, 2)
    desk.add(1)
    number = 1
    if phase is Phase.QUEUED:
        number = 2
    elif phase is Phase.LAUNCHING:
        desk.take(Facts([started(1), ended(1)]))
        number = 2
    elif phase is Phase.RUNNING:
        desk.take(Facts([started(1)]))
        desk.record(*desk.written)
    assert desk.phase(number) is phase
    desk.take(Stop([(key(number), SOMEBODYS)], b"proof", never, only_queued=True))
    assert desk.phase(number) is (Phase.ENDED_QUEUED if cancelled else phase)


def test_what_has_ended_when_its_stop_is_written_is_not_ended_again() -> None:
    desk = Deciding()
    desk.start(1)
    desk.add(1)
    desk.take(Stop([(key(1), SOMEBODYS)], b"", never))
    (stopping,) = desk.written
    desk.take(Facts([started(1), ended(1)]))
    assert words(desk.record(stopping)) == ["publish", "reply"]


def test_a_stop_that_is_written_ends_what_runs() -> None:
    desk = Deciding()
    desk.start(1)
    desk.add(1)
    desk.take(Facts([started(1)]))
    (starting,) = desk.written
    assert desk.phase(1) is Phase.STARTED
    desk.take(Stop([(key(1), SOMEBODYS)], b"", never))
    (stopping,) = desk.written
    assert desk.phase(1) is Phase.ABORTING
    assert words(desk.record(starting)) == ["publish", "tell"]
    assert desk.phase(1) is Phase.STOPPING
    assert desk.record(stopping)[1:] == [("reply", ""), ("end", attempt(1), 15, 1000)]


@pytest.mark.parametrize(("grace_ms", "recorded"), [(10, [10]), (5000, [])], ids=["shorter", "longer"])
def test_a_second_stop_with_a_shorter_grace_is_recorded(grace_ms: int, recorded: list[int]) -> None:
    desk = Deciding()
    desk.start(1)
    desk.add(1)
    desk.take(Stop([(key(1), SOMEBODYS)], b"", never))
    desk.record(*desk.written)
    second = StopOrder(15, grace_ms, "somebody else")
    desk.take(Stop([(key(1), second)], b"proof", never))
    (stopping,) = desk.written
    changes = desk.state.under_way[stopping].write.changes  # type: ignore[union-attr] # reason: no start
    assert [json.loads(change.stop or "")["grace_ms"] for change in changes] == recorded
    assert not any(change.events for change in changes)
    assert desk.record(stopping) == [("reply", ""), ("end", attempt(1), 15, grace_ms)]


def test_a_start_of_jobs_that_are_all_there_is_answered_at_once() -> None:
    desk = Deciding()
    desk.start(1, 2)
    desk.add(1)
    ((word, arguments),) = desk.take(Start(OWNER, [asked(2), asked(1)], None, b"proof", None, never))  # type: ignore[misc] # reason: a tuple of two
    assert (word, arguments) == ("reply", str((Accepted([key(2), key(1)], 2, None),)))
    assert not desk.written
    assert (desk.state.promised, desk.state.waiting_of(OWNER)) == (0, 1)


@pytest.mark.parametrize("asked_again", [[asked(1), asked(2)], [asked(1, b"false")]])
def test_a_start_with_something_that_is_not_there_is_written(asked_again: list[Asked]) -> None:
    desk = Deciding()
    desk.start(1)
    desk.add(1)
    assert desk.take(Start(OWNER, asked_again, None, b"proof", None, never)) == []
    assert desk.written


def test_a_start_is_written_while_its_jobs_are_not_on_disk() -> None:
    desk = Deciding()
    desk.start(1)
    desk.start(1)
    assert desk.written == [2]


@pytest.mark.parametrize(
    "whose", [{"fired": Fired(1, 1, [], [])}, {"origin": Origin(b"r" * 32, attempt(1), b"d" * 32, b"e")}], ids=["a schedule", "a broker"]
)
def test_what_else_a_start_records_is_recorded(whose: dict[str, object]) -> None:
    desk = Deciding()
    desk.start(1)
    desk.add(1)
    assert desk.take(Start(OWNER, [asked(1)], None, b"proof", None, never, **whose)) == []  # type: ignore[arg-type] # reason: either
    assert desk.written


def test_an_id_that_is_taken_is_refused_and_frees_what_it_had_reserved() -> None:
    desk = Deciding()
    desk.start(1)
    assert (desk.state.promised, desk.state.waiting_of(OWNER), desk.state.waiting_of(b"x" * 32)) == (1, 1, 0)
    ((word, arguments),) = desk.take(Written(1, Conflict(0)))  # type: ignore[misc] # reason: a tuple of two
    assert word == "reply"
    assert "belongs to another job" in arguments
    assert (desk.state.promised, desk.state.waiting_of(OWNER)) == (0, 0)


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.LAUNCHED])
def test_a_signal_to_what_has_no_process_is_refused(phase: Phase) -> None:
    desk = Deciding()
    desk.start(1, 2)
    desk.add(1)
    number = 2 if phase is Phase.QUEUED else 1
    assert desk.phase(number) is phase
    ((_, arguments),) = desk.take(Signal(key(number), 10, never))  # type: ignore[misc] # reason: a tuple of two
    assert "has not started" in arguments


def tried_again(phase: Phase) -> Deciding:
    """Return a desk with one job that is in its second attempt."""
    desk = Deciding()
    desk.start(1)
    desk.add(1)
    pid = 0 if phase is Phase.LAUNCHED else 202
    desk.state.live[key(1)].attempt = Attempt(attempt(1, 2), phase, pid=pid, started_at_us=2_500_000 if pid else 0)
    return desk


# A later one may have been recorded in a store that was lost since.
@pytest.mark.parametrize("which", [1, 3])
@pytest.mark.parametrize("phase", [Phase.LAUNCHED, Phase.RUNNING, Phase.STOPPING, Phase.ENDED_RUNNING])
def test_the_end_of_another_attempt_is_settled_and_changes_nothing(phase: Phase, which: int) -> None:
    desk = tried_again(phase)
    assert desk.take(Facts([ended(1)._replace(key=attempt(1, which))])) == [("settle", [attempt(1, which)])]
    assert desk.written == []
    assert desk.phase(1) is phase
    assert desk.state.live[key(1)].attempt.outcome is None


@pytest.mark.parametrize(
    "fact",
    [
        Started(attempt(1), 101, 2_000_001, adopted=True),
        Started(attempt(1, 3), 303, 2_000_001),
        Paused(attempt(1), paused=True),
        Delayed(attempt(1), "no room"),
        Delayed(attempt(1), "cannot be ended", stuck=True),
    ],
)
def test_other_facts_about_another_attempt_are_ignored(fact: Fact) -> None:
    desk = tried_again(Phase.RUNNING)
    assert desk.take(Facts([fact])) == []
    assert desk.written == []
    counts = desk.state.live[key(1)].attempt
    assert (counts.phase, counts.pid, counts.paused, counts.delayed_by) == (Phase.RUNNING, 202, False, "")


def test_effects_name_the_current_attempt() -> None:
    desk = tried_again(Phase.RUNNING)
    assert desk.take(Signal(key(1), 10, never)) == [("signal", attempt(1, 2), 10)]
    assert desk.take(Suspend([key(1)], True, never)) == [("hold", attempt(1, 2), True)]  # noqa: FBT003 -- it is a dataclass
    desk.take(Stop([(key(1), SOMEBODYS)], b"", never))
    (stopping,) = desk.written
    assert ("end", attempt(1, 2), 15, 1000) in desk.record(stopping)
    desk.take(Facts([Ended(attempt(1, 2), 202, 2_500_000, 3_000_000, Outcome(OutcomeKind.SIGNALED, signal=15))]))
    (ending,) = desk.written
    assert ("settle", [attempt(1, 2)]) in desk.record(ending)
    assert not desk.state.live


@pytest.mark.parametrize("which", [1, 2])
def test_an_attempt_is_taken_up_by_what_the_engine_knows_of_it_and_not_of_the_one_before(which: int) -> None:
    desk = Deciding()
    job = Job(1, key(1), asked(1).spec, asked(1).digest, None, 1, Attempt(attempt(1, 2), Phase.CLEARED))
    desk.state.live[job.key] = job
    facts = [ended(1)._replace(key=attempt(1, which))]
    desk.take(Found([job], {fact.key for fact in facts}))
    desk.take(RunsFound())
    effects = desk.take(Recovered(facts))
    if which == 1:
        assert effects == [("settle", [attempt(1, 1)]), ("launch", [attempt(1, 2)])]
        assert desk.phase(1) is Phase.LAUNCHED
    else:
        assert effects == []
        assert desk.phase(1) is Phase.ENDED_QUEUED


@dataclass
class Recorded:
    """All that went into a desk, and what it decided."""

    inputs: list[tuple[Input, Moment | None]]
    decisions: list[object]

    def decide(self, state: State, one: Input, moment: Moment | None) -> Decision:
        self.inputs.append((one, moment))
        decision = decide(state, one, moment)
        self.decisions.append(summary(state, decision))
        return decision


def summary(state: State, decision: Decision) -> object:
    return [told(effect) for effect in decision.effects], [str(state.under_way[number].write) for number in decision.writes]


async def test_the_same_inputs_lead_to_the_same_decisions(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded([], [])
    monkeypatch.setattr(desks, "decide", recorded.decide)
    await house.accept(asked(1), asked(2), asked(3), batch=BatchRun(b"b" * 16, "nightly", 2))
    house.desk.hear([started(1), started(2)])
    house.suspend(house.live[key(1)], paused=True)
    house.desk.hear([Paused(attempt(1), paused=True)])
    house.stop(house.live[key(2)], house.live[key(3)])
    with pytest.raises(Refused) as refused:
        await house.accept(asked(1, b"false"), asked(4))
    assert refused.value.code is Code.ALREADY_EXISTS
    house.signal(house.live[key(1)], 10)
    house.desk.hear([ended(1), ended(2, 7)])
    await house.accept(asked(4), asked(1))
    house.desk.hear([started(4), ended(4)])
    await house.durable()
    house.engine.effects.clear()
    state = State(Queue(house.engine.capacity.slots))
    again = [summary(state, decide(state, one, moment)) for one, moment in recorded.inputs]
    assert again == recorded.decisions
    assert len(again) > 15
    assert not state.live
    assert not state.under_way


def test_what_cannot_be_recorded_yet_is_told_beside_what_else_a_job_waits_for_until_it_is() -> None:
    desk = Deciding()
    desk.start(1)
    desk.add(1)
    desk.take(Facts([started(1)]))
    desk.record(desk.written[0])
    desk.take(Facts([Delayed(attempt(1), "its output waits for space"), ended(1)]))
    (ending,) = desk.written
    job = desk.state.live[key(1)]
    assert desk.take(WriteDelayed(ending, "the disk is full")) == [("tell", key(1), Word.STUCK)]
    assert desk.state.why_waiting(job) == "its state cannot be recorded: the disk is full; the worker keeps trying"
    desk.record(ending)
    assert desk.state.why_waiting(job) == ""


def test_a_reason_of_the_engine_outlives_one_of_the_store() -> None:
    desk = Deciding()
    desk.start(1)
    desk.add(1)
    desk.take(Facts([started(1)]))
    (starting,) = desk.written
    desk.take(Facts([Delayed(attempt(1), "its output waits for space")]))
    desk.take(WriteDelayed(starting, "the disk is full"))
    job = desk.state.live[key(1)]
    assert desk.state.why_waiting(job).startswith("its output waits for space; its state cannot be recorded: the disk is full")
    desk.record(starting)
    assert desk.state.why_waiting(job) == "its output waits for space"


def test_a_job_that_waits_for_a_time_is_let_in_when_it_has_come_and_nobody_looks_at_it_before() -> None:
    desk = Deciding()
    desk.start(1, 2)
    desk.add(1)
    job = desk.state.live[key(2)]
    desk.state.queue.set_aside(job.key)
    desk.state.wait(job, NOW, 30_000)
    assert desk.take(Facts([started(1), ended(1)])) == [("wake", NOW.passed_us + 30_000)]
    assert desk.phase(2) is Phase.QUEUED
    # The timer may be early, and the decision says again when it is due.
    assert desk.take(Due()) == [("wake", NOW.passed_us + 30_000)]
    (write,) = decide(desk.state, Due(), Moment(NOW.now_us, NOW.passed_us + 30_000, NOW.aged_us)).writes
    assert desk.phase(2) is Phase.LAUNCHING
    assert ("launch", [attempt(2)]) in desk.record(write)
    assert desk.state.alarm == (desk.state.lapses_us, None)


def test_a_job_that_waits_for_a_time_can_be_stopped() -> None:
    desk = Deciding()
    desk.start(1, 2)
    desk.add(1)
    job = desk.state.live[key(2)]
    desk.state.queue.set_aside(job.key)
    desk.state.wait(job, NOW, 30_000)
    desk.take(Due())
    assert desk.take(Stop([(key(2), SOMEBODYS)], b"proof", never)) == []
    assert desk.state.alarm == WakeAt(desk.state.lapses_us, None)
    assert not desk.state.deadlines
