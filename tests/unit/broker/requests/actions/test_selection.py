"""Requests about all jobs of a run: what they find, in slices, and what is answered."""

from __future__ import annotations

from typing import Any

import pytest
from answers import Answers
from desk_house import OWNER, Ended, House, asked, attempt, ended, key, started

from jobwire.broker.jobs.job import BatchRun
from jobwire.broker.requests.call import Call
from jobwire.broker.requests.reads.hello import Introduction
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter
from jobwire.keys.members.rights import Member
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind, State
from jobwire.schemas.refusal import Code, Reason
from jobwire.schemas.workers.capacity import Capacity

RUN = BatchRun(b"r" * 16, "nightly", 0)
OTHER = BatchRun(b"s" * 16, "nightly", 0)
THIS = request_pb2.Selection(batch=RUN.id)


class Turns:
    """Turns in which there is never time left; `run` runs those that wait."""

    def __init__(self) -> None:
        self.line: list[Any] = []
        self.count = 0

    @property
    def queued(self) -> int:
        return len(self.line)

    def time_left(self) -> bool:
        return False

    def call_soon(self, callback: Any, /) -> None:
        self.line.append(callback)

    def call_later(self, _delay: float, _callback: Any, /) -> object:
        raise NotImplementedError

    def run(self) -> None:
        while self.line:
            self.count += 1
            self.line.pop(0)()


class Asking:
    """One request, and what it is answered; `done` is what was last sent."""

    def __init__(self, house: House, *, role: str = "submitter", public: bytes = OWNER, **verb: Any) -> None:
        self.house = house
        self.turns = Turns()
        self.answers = Answers()
        self.member = Member("somebody", public, role)
        table = house.handlers(Introduction("worker", "", b"", b"", b"", lambda: "", lambda: 1), lambda _: self.member)
        self.peer = Peer(b"r", Meter(-1, b""), Account(public), self.answers)
        self.call = Call(
            self.member,
            self.peer,
            request_pb2.Request(id=1, **verb),
            b"proof",
            None,
            self.turns,  # type: ignore[arg-type] # reason: a double
        )
        self.call.guard(table[next(iter(verb))], self.call)
        self.turns.run()

    async def settle(self) -> None:
        """Let everything be recorded that follows from it."""
        for _ in range(3):
            await self.house.durable()
            self.turns.run()

    @property
    def last(self) -> request_pb2.Reply:
        return self.answers.replied[-1]


async def some_jobs(house: House, *numbers: int, batch: BatchRun | None = RUN, owner: bytes = OWNER) -> None:
    await house.accept(*map(asked, numbers), batch=batch, owner=owner)
    await house.durable()


def states(house: House) -> dict[int, State]:
    return {job_key.id[0]: job.state for job_key, job in house.live.items()}


async def test_a_stop_of_a_run_cancels_what_waits_and_then_ends_what_runs_and_nothing_else(house: House) -> None:
    await some_jobs(house, *range(1, 8))
    await some_jobs(house, 8, batch=None)
    await some_jobs(house, 9, batch=OTHER)
    house.desk.hear([started(1), started(2)])
    await house.durable()
    house.engine.effects.clear()
    stop = Asking(house, stop=request_pb2.Stop(selection=THIS))
    assert stop.turns.count >= 7
    await stop.settle()
    assert stop.answers.replied[0].acknowledged.jobs == 7
    assert len(stop.answers.replied) == 1
    # What waited is gone before a slot is free: nothing of it is started in the place of what ends.
    assert states(house) == {1: State.STOPPING, 2: State.STOPPING, 8: State.QUEUED, 9: State.QUEUED}
    assert [effect for effect in house.engine.effects if effect[0] != "settled"] == [
        ("end", attempt(1), 15, 10_000),
        ("end", attempt(2), 15, 10_000),
    ]
    house.desk.hear([ended(1)])
    await stop.settle()
    assert len(stop.answers.replied) == 1
    house.desk.hear([ended(2)])
    await stop.settle()
    assert stop.last.done.jobs == 7
    assert stop.last.last
    assert not stop.peer.streams
    assert not stop.answers.refused
    house.engine.effects.clear()


async def test_a_stop_of_a_batch_is_one_of_all_its_runs(house: House) -> None:
    await some_jobs(house, 1, 2)
    await some_jobs(house, 3, batch=OTHER)
    stop = Asking(house, stop=request_pb2.Stop(selection=request_pb2.Selection(batch_name="nightly")))
    await stop.settle()
    assert stop.answers.replied[0].acknowledged.jobs == 3
    house.desk.hear([ended(1), ended(2)])
    await stop.settle()
    assert stop.last.done.jobs == 3
    house.engine.effects.clear()


async def test_a_stop_of_a_run_that_has_ended_is_done_at_once(house: House) -> None:
    await some_jobs(house, 1)
    house.desk.hear([ended(1)])
    await house.durable()
    stop = Asking(house, stop=request_pb2.Stop(selection=THIS))
    assert [reply.WhichOneof("content") for reply in stop.answers.replied] == ["acknowledged", "done"]
    house.engine.effects.clear()


async def test_who_leaves_is_not_waited_for_and_leaves_nothing_behind(house: House) -> None:
    await some_jobs(house, 1, 2)
    stop = Asking(house, stop=request_pb2.Stop(selection=THIS))
    wait = Asking(house, query_run=request_pb2.QueryRun(name="nightly", until_ended=True))
    await stop.settle()
    for asking in (stop, wait):
        (stream,) = asking.peer.streams.values()
        stream.close()
        assert not asking.peer.streams
    said = len(stop.answers.replied)
    house.desk.hear([ended(1), ended(2)])
    await stop.settle()
    assert len(stop.answers.replied) == said
    assert not wait.answers.replied
    house.engine.effects.clear()


@pytest.mark.parametrize(
    ("selection", "code"),
    [
        (request_pb2.Selection(batch=b"x" * 16), Code.NOT_FOUND),
        (request_pb2.Selection(batch_name="typo"), Code.NOT_FOUND),
        (request_pb2.Selection(batch=RUN.id, owner=b"p" * 32), Code.NOT_FOUND),
        (request_pb2.Selection(batch=b"short"), Code.INVALID_ARGUMENT),
        (request_pb2.Selection(), Code.INVALID_ARGUMENT),
    ],
)
async def test_a_selection_of_what_is_not_there_or_of_others_is_refused(house: House, selection: request_pb2.Selection, code: Code) -> None:
    await some_jobs(house, 1)
    await some_jobs(house, 2, owner=b"p" * 32)
    house.engine.effects.clear()
    for verb in (
        {"stop": request_pb2.Stop(selection=selection)},
        {"signal": request_pb2.Signal(selection=selection, signal=1)},
        {"pause": request_pb2.Pause(selection=selection)},
        {"resume": request_pb2.Resume(selection=selection)},
        {"forget": request_pb2.Forget(selection=selection)},
    ):
        asking = Asking(house, **verb)
        assert [refused.code for refused in asking.answers.refused] == [code], verb
    assert not house.engine.effects


async def test_a_request_names_jobs_in_one_way(house: House) -> None:
    await some_jobs(house, 1)
    keys = [job_pb2.JobKey(id=key(1).id)]
    for verb in (
        {"stop": request_pb2.Stop(selection=THIS, keys=keys)},
        {"signal": request_pb2.Signal(selection=THIS, key=keys[0], signal=1)},
        {"pause": request_pb2.Pause(selection=THIS, keys=keys)},
        {"forget": request_pb2.Forget(selection=THIS, keys=keys)},
    ):
        assert "set one of the two" in Asking(house, **verb).answers.refused[0].next_step
    house.engine.effects.clear()


async def test_what_runs_is_signalled_and_paused_and_what_waits_is_not(house: House) -> None:
    await some_jobs(house, 1, 2, 3)
    house.desk.hear([started(1), started(2)])
    await house.durable()
    house.engine.effects.clear()
    signal = Asking(house, signal=request_pb2.Signal(selection=THIS, signal=12))
    assert signal.last.done.jobs == 2
    house.engine.expect(("signal", attempt(1), 12), ("signal", attempt(2), 12))
    for verb, paused in (("pause", True), ("resume", False)):
        asking = Asking(house, **{verb: getattr(request_pb2, verb.title())(selection=THIS)})
        house.engine.expect(("pause", attempt(1), paused), ("pause", attempt(2), paused))
        assert not asking.answers.replied
    house.desk.hear([ended(1), ended(2)])
    await house.durable()
    house.desk.hear([ended(3)])
    await house.durable()
    assert Asking(house, pause=request_pb2.Pause(selection=THIS)).last.done.jobs == 0
    house.engine.effects.clear()


async def test_a_run_is_counted_and_shows_what_failed_and_what_took_longest(house: House) -> None:
    await some_jobs(house, *range(1, 7))
    house.engine.logs[attempt(2), "stderr"] = b"one\ntwo\n"
    house.desk.hear([started(1), started(2)])
    failed = Outcome(OutcomeKind.EXITED, exit_status=3, stderr_bytes=8)
    house.desk.hear([ended(1), Ended(attempt(2), 102, 2_000_002, 9_000_000, failed)])
    await house.durable()
    house.desk.hear([started(3)])
    await house.durable()
    house.engine.effects.clear()
    reply = Asking(house, query_run=request_pb2.QueryRun(name="nightly", longest=3, failures=5, tail_lines=1)).last.query_run
    run = reply.run
    assert (run.queued, run.running, run.ok, run.failed, run.ended_at_us) == (3, 1, 1, 1, 0)
    assert (run.batch.id, run.batch.name, run.owner, run.owner_name) == (RUN.id, "nightly", OWNER, "somebody")
    longest = [job.key.id[0] for job in reply.longest]
    assert sorted(longest) == [1, 2, 3]
    assert longest.index(2) < longest.index(1)
    assert [(one.job.key.id[0], one.stderr_tail) for one in reply.failures] == [(2, b"two\n")]
    # Nothing is read that was not asked for.
    assert not Asking(house, query_run=request_pb2.QueryRun(name="nightly")).last.query_run.failures


async def test_runs_are_listed_newest_first_page_by_page_to_who_may_see_them(house: House) -> None:
    await some_jobs(house, 1, 2)
    house.now += 10
    await some_jobs(house, 3, batch=OTHER)
    house.desk.hear([started(1)])
    await house.durable()

    def listed(public: bytes = OWNER, role: str = "submitter", **wanted: object) -> request_pb2.ListRunsReply:
        return Asking(house, public=public, role=role, list_runs=request_pb2.ListRuns(**wanted)).last.list_runs

    both = listed().runs
    assert [run.batch.id for run in both] == [OTHER.id, RUN.id]
    assert [(run.queued, run.running, run.owner_name) for run in both] == [(1, 0, "somebody"), (1, 1, "somebody")]
    assert both[1].lasted_us - both[0].lasted_us >= 10
    first = listed(limit=1)
    assert [run.batch.id for run in first.runs] == [OTHER.id]
    second = listed(limit=1, page=first.next_page)
    assert [run.batch.id for run in second.runs] == [RUN.id]
    assert not second.next_page
    assert [run.batch.id for run in listed(batch_name="nightly", owner=OWNER).runs]
    assert not listed(public=b"s" * 32).runs
    assert len(listed(public=b"s" * 32, role="viewer").runs) == 2
    # Another's key is worth nothing to who sees only their own.
    assert not listed(public=b"s" * 32, owner=OWNER).runs
    assert not listed(role="viewer", owner=b"s" * 32).runs
    house.engine.effects.clear()


async def test_a_list_of_runs_that_cannot_be_is_refused(house: House) -> None:
    def refused(role: str = "submitter", **wanted: Any) -> Code:
        (one,) = Asking(house, role=role, list_runs=request_pb2.ListRuns(**wanted)).answers.refused
        return one.code

    assert refused(page=b"x") is Code.INVALID_ARGUMENT
    # That there is such a member is known only to who may see their jobs.
    assert refused(owner_name="eve") is Code.PERMISSION_DENIED
    assert refused("viewer", owner_name="eve") is Code.NOT_FOUND


async def test_the_end_of_a_run_is_told_when_its_last_job_has_ended(house: House) -> None:
    await some_jobs(house, 1, 2)
    wait = Asking(house, query_run=request_pb2.QueryRun(name=str("72" * 16), until_ended=True))
    house.desk.hear([ended(1)])
    await wait.settle()
    assert not wait.answers.replied
    assert len(wait.peer.streams) == 1
    # Who adds to a run is waited for too.
    await some_jobs(house, 3)
    house.desk.hear([ended(2, 1)])
    await wait.settle()
    assert not wait.answers.replied
    house.desk.hear([ended(3)])
    await wait.settle()
    assert (wait.last.query_run.run.ok, wait.last.query_run.run.failed) == (2, 1)
    assert wait.last.query_run.run.ended_at_us
    assert not wait.peer.streams
    house.engine.effects.clear()


async def test_the_newest_run_of_a_name_is_ones_own_and_others_need_the_right(house: House) -> None:
    await some_jobs(house, 1)
    house.now += 10
    await some_jobs(house, 2, batch=OTHER)
    house.now += 10
    await some_jobs(house, 3, batch=BatchRun(b"t" * 16, "nightly", 0), owner=b"p" * 32)
    house.engine.effects.clear()

    def shown(public: bytes, role: str, name: str = "nightly") -> bytes:
        asking = Asking(house, public=public, role=role, query_run=request_pb2.QueryRun(name=name))
        return asking.last.query_run.run.batch.id if asking.answers.replied else b""

    assert shown(OWNER, "operator") == OTHER.id
    assert shown(b"q" * 32, "operator") == b"t" * 16
    assert shown(b"q" * 32, "submitter") == b""
    assert shown(OWNER, "submitter", "74" * 16) == b""
    assert shown(OWNER, "operator", "74" * 16) == b"t" * 16


async def test_a_run_is_forgotten_with_all_its_jobs_if_they_have_ended(house: House) -> None:
    await some_jobs(house, 1, 2)
    await some_jobs(house, 3, batch=OTHER)
    house.desk.hear([ended(1)])
    await house.durable()
    refused = Asking(house, forget=request_pb2.Forget(selection=THIS)).answers.refused
    assert [one.reason for one in refused] == [Reason.NOT_ENDED]
    would_be = Asking(house, forget=request_pb2.Forget(selection=THIS, dry_run=True))
    assert would_be.last.forget.jobs == 1
    assert Asking(house, forget=request_pb2.Forget(selection=THIS, ended_ago_us=1)).last.forget.jobs == 0
    # As long ago as the field can say, which is before any time that SQLite can compare with.
    assert Asking(house, forget=request_pb2.Forget(selection=THIS, ended_ago_us=2**64 - 1)).last.forget.jobs == 0
    house.now += 10
    house.desk.hear([ended(2), ended(3)])
    await house.durable()
    forget = Asking(house, forget=request_pb2.Forget(selection=THIS, ended_ago_us=10))
    await forget.settle()
    assert forget.last.forget.jobs == 1
    forget = Asking(house, forget=request_pb2.Forget(selection=THIS))
    await forget.settle()
    assert forget.last.forget.jobs == 1
    assert [refused.code for refused in Asking(house, forget=request_pb2.Forget(selection=THIS)).answers.refused] == [Code.NOT_FOUND]
    assert house.store.read("SELECT jobs, ok, failed FROM batches") == [(1, 1, 0)]
    house.engine.effects.clear()


async def test_everything_of_ones_own_is_forgotten_in_parts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobwire.broker.requests.actions.forget._JOBS_A_PART", 3)
    house.state.queue.set_capacity(Capacity(20))
    await some_jobs(house, *range(1, 9), batch=None)
    await some_jobs(house, 9, owner=b"p" * 32)
    house.desk.hear([ended(number) for number in range(1, 8)])
    await house.durable()
    everything = request_pb2.Selection(everything=True)
    would_be = Asking(house, forget=request_pb2.Forget(selection=everything, dry_run=True))
    assert would_be.last.forget.jobs == 7
    # The parts follow each other in turns of their own, and not on one stack.
    assert would_be.turns.count >= 2
    forget = Asking(house, forget=request_pb2.Forget(selection=everything))
    for _ in range(5):
        await forget.settle()
    assert forget.last.forget.jobs == 7
    assert len(forget.answers.replied) == 1
    assert house.store.read("SELECT count(*) FROM jobs") == [(2,)]
    house.engine.effects.clear()


async def test_a_stop_of_many_is_recorded_in_parts_and_acknowledged_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobwire.broker.requests.actions.request_parts._JOBS_A_PART", 2)
    await some_jobs(house, *range(1, 12))
    house.engine.effects.clear()
    stop = Asking(house, stop=request_pb2.Stop(selection=THIS))
    # Others' requests are handled in between: no more is given to the store than two parts.
    assert sum(job.stop is not None for job in house.live.values()) == 4
    for _ in range(6):
        await stop.settle()
    assert [reply.acknowledged.jobs for reply in stop.answers.replied] == [11]
    house.desk.hear([ended(1), ended(2)])
    await stop.settle()
    assert [reply.WhichOneof("content") for reply in stop.answers.replied] == ["acknowledged", "done"]
    house.engine.effects.clear()
