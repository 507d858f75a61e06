"""A worker that tells a broker what cannot be true: it costs itself, and the jobs of others and the answers to others go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker_house import Wire, WorkerSide, ended, settle, signed_start, started
from joined_pair import JoinedPair

from jobwire.broker.fleet.plausibility import facts_problem, hello_problem
from jobwire.broker.fleet.workers.administration import _describe
from jobwire.keys.identity import generate
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.workers.capacity import Capacity, Wants, shortage
from jobwire.schemas.workers.labels import LONGEST_TERM, MOST_LABELS, MOST_TERMS, OWN, Where
from jobwire.worker.supervisor.spawning.spawner import CannotStart, find_program

CLIENT = generate()
ONE, TWO = (AttemptKey(CLIENT.public, bytes([number]) * 16, 1) for number in (1, 2))
MOST, LONG = 2**64 - 1, "x" * 1_000_000


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[JoinedPair]:
    async for made in JoinedPair(tmp_path, CLIENT.public, slots=1).connected():
        yield made


def fact(state: job_pb2.State = job_pb2.STATE_FINISHED, waits_for: str = "", **report: object) -> request_pb2.Facts:
    said = request_pb2.Report(**{"state": state, "attempt": 1, "pid": 7, "started_at_us": 5, "ended_at_us": 9, **report})  # type: ignore[arg-type] # reason: of many kinds
    said.key.owner, said.key.id = ONE.job
    return request_pb2.Facts(facts=[request_pb2.Fact(report=said, waits_for=waits_for)])


def end(**outcome: object) -> request_pb2.Facts:
    return fact(outcome=job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_EXITED, **outcome))  # type: ignore[arg-type] # reason: of many kinds


def stocks(*amounts: tuple[str, int, int], labels: int = 0, label: str = "gpu") -> request_pb2.Facts:
    has = [request_pb2.Stock(name=name, total=total, used=used) for name, total, used in amounts]
    return request_pb2.Facts(stocks=has, labels=[job_pb2.Label(name=label, value=str(number)) for number in range(labels)])


EVIL = {
    "more output than a disk has": end(stdout_bytes=MOST),
    "more memory than there is": end(use=job_pb2.ResourceUse(peak_memory_bytes=MOST)),
    "a sentence without end": end(sentence=LONG),
    "a signature without end": end(attestation=LONG.encode()),
    "a start after the end of dates": fact(job_pb2.STATE_RUNNING, started_at_us=2**63 - 1),
    "an end before the beginning of dates": fact(ended_at_us=-(2**63), outcome=job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_EXITED)),
    "a reason to wait without end": fact(job_pb2.STATE_RUNNING, LONG),
    "an end from before the world began": request_pb2.Facts(facts=[request_pb2.Fact(ended_ago_us=MOST)]),
    "all slots of the world": stocks(("slots", MOST, 0)),
    "more slots in use than a reply can tell": stocks(("slots", 1, 2**40)),
    "ten million GPUs": stocks(("gpus", 10_000_000, 0)),
    "things without number": stocks(*((f"thing{number}", 1, 0) for number in range(1000))),
    "a thing twice": stocks(("slots", 1, 0), ("slots", 2, 0)),
    "a thing with a name without end": stocks((LONG, 1, 0)),
    "labels without number": stocks(("slots", 1, 0), labels=1000),
    "a label without end": stocks(("slots", 1, 0), labels=1, label=LONG),
}


@pytest.mark.parametrize("what", EVIL)
async def test_what_cannot_be_true_costs_who_tells_it_and_nobody_else(lab: JoinedPair, tmp_path: Path, what: str) -> None:
    await lab.broker.accept(CLIENT, signed_start(CLIENT, lab.broker.identity.public, 1))
    engine = lab.broker.engine
    evil = engine.workers.get(lab.worker.identity.public)
    engine.listener.take(evil, EVIL[what])
    assert lab.wire.at_broker is None
    assert lab.broker.state(CLIENT, 1) == "QUEUED"
    # The other worker still runs jobs, and the broker can still tell of this one.
    other = WorkerSide(tmp_path / "other", lab.broker.identity.public, slots=1)
    Wire(lab.broker, other).up()
    await lab.broker.durable()
    await lab.broker.accept(CLIENT, signed_start(CLIENT, lab.broker.identity.public, 2))
    await other.happen(started(TWO), ended(TWO))
    await lab.broker.durable()
    assert lab.broker.state(CLIENT, 2) == "FINISHED"
    _describe(request_pb2.WorkerInfo(), evil, engine)
    await settle()


def test_what_honest_workers_tell_is_sound() -> None:
    assert facts_problem(stocks(("slots", 100_000, 99), ("memory", 2**50, 2**49), ("gpus", 8, 8), ("license", 1, 1), labels=64)) == ""
    own = [job_pb2.Label(name=name, value="lab1") for name in OWN]
    many = [job_pb2.Label(name=f"label{number}", value="x" * 128) for number in range(MOST_LABELS)]
    assert facts_problem(request_pb2.Facts(labels=[*own, *many])) == ""
    # Why a job cannot start there names all that it asks for, and all labels that there are.
    where = Where(tuple("x" * LONGEST_TERM for _ in range(MOST_TERMS)), tuple("x" * LONGEST_TERM for _ in range(MOST_TERMS)))
    labels = tuple((one.name.ljust(64, "x"), one.value) for one in many)
    why = shortage(Wants(1, where=where), Capacity(1, labels=labels))
    assert facts_problem(fact(job_pb2.STATE_QUEUED, why)) == ""
    outcome = {"stdout_bytes": 2**50, "sentence": "x" * 5000, "attestation": bytes(10_000), "exit_status": 255}
    assert facts_problem(end(**outcome)) == ""
    assert facts_problem(fact(stdout_tail=bytes(65_536), stderr_tail=bytes(65_536))) == ""


def test_no_client_can_have_a_worker_say_what_cannot_be_true() -> None:
    name = "\U000e0001" * 2000
    with pytest.raises(CannotStart) as longest:
        find_program(name, name)
    assert len(sentence := str(longest.value)) > 40_000
    assert facts_problem(end(sentence=f"{sentence}; stopped by ada")) == ""


@pytest.mark.parametrize(
    "hello",
    [
        request_pb2.HelloReply(store=b"short"),
        request_pb2.HelloReply(store=bytes(16), host=LONG),
        request_pb2.HelloReply(store=bytes(16), software=LONG),
        request_pb2.HelloReply(store=bytes(16), features=[str(number) for number in range(1000)]),
    ],
)
def test_who_introduces_itself_with_what_cannot_be_is_not_heard(hello: request_pb2.HelloReply) -> None:
    assert hello_problem(hello)
    assert hello_problem(request_pb2.HelloReply(store=bytes(16), host="lab1", software="jobwire 1.0", features=["returns"])) == ""
