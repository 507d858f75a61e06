"""No job runs twice, whatever is repeated by whom. How often a job ran is known from a ledger that it writes itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from raw_client import RawClient

from jobwire.keys.identity import Identity
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import new_id
from jobwire.schemas.refusal import Code, Refused


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def argv(ledger: Path) -> tuple[bytes, ...]:
    return b"sh", b"-c", f"echo ran >> {ledger}".encode()


def runs(ledger: Path) -> int:
    return len(ledger.read_text().splitlines()) if ledger.exists() else 0


def connect(worker: Worker, identity: Identity | None = None) -> RawClient:
    raw = RawClient(worker.endpoint, worker.public, identity or worker.admin)
    raw.hello()
    return raw


def start(raw: RawClient, ledger: Path, job_id: bytes) -> request_pb2.Reply:
    return raw.ask(raw.start(*argv(ledger), job_id=job_id))


def ended(worker: Worker, job_id: bytes) -> None:
    """Wait until nothing more of the job can happen."""
    with worker.client() as client:
        client.job_by_key(worker.admin.public, job_id).wait(timeout=60)


def test_one_id_from_two_clients_at_once_runs_once(worker: Worker, ledger: Path) -> None:
    ids = [new_id() for _ in range(20)]
    together = threading.Barrier(2)
    known: list[int] = []

    def submit() -> None:
        with connect(worker) as raw:
            for job_id in ids:
                together.wait(60)
                known.append(start(raw, ledger, job_id).acknowledged.known)

    threads = [threading.Thread(target=submit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for job_id in ids:
        ended(worker, job_id)
    assert runs(ledger) == len(ids)
    assert sorted(known) == [0] * len(ids) + [1] * len(ids)


def test_the_same_id_from_another_identity_learns_nothing(worker: Worker, ledger: Path) -> None:
    other = worker.admit("other", "submitter")
    job_id = new_id()
    with connect(worker) as mine, connect(worker, other) as theirs:
        start(mine, ledger, job_id)
        ended(worker, job_id)
        asked = [job_pb2.JobKey(owner=worker.admin.public, id=some) for some in (job_id, new_id())]
        for verb in ("query", "stop", "forget"):
            answers = [theirs.ask(about(theirs, verb, key)).refusal for key in asked]
            assert {answer.code for answer in answers} == {request_pb2.CODE_NOT_FOUND}
            assert answers[0].message.split()[:-1] == answers[1].message.split()[:-1]
        fresh = start(theirs, ledger, new_id()).acknowledged
        taken = start(theirs, ledger, job_id).acknowledged
        assert (taken.known, fresh.known) == (0, 0)
        # Once forgotten, it is still unknown to others.
        assert mine.ask(about(mine, "forget", asked[0])).forget.jobs == 1
        answers = [theirs.ask(about(theirs, "query", key)).refusal for key in asked]
        assert answers[0].message.split()[:-1] == answers[1].message.split()[:-1]
    wait_until(lambda: runs(ledger) == 3, "all have run")


def about(raw: RawClient, verb: str, key: job_pb2.JobKey) -> request_pb2.Request:
    match verb:
        case "query":
            return raw.request(query_one=request_pb2.QueryOne(key=key))
        case "stop":
            return raw.request(stop=request_pb2.Stop(keys=[key]))
        case _:
            return raw.request(forget=request_pb2.Forget(keys=[key]))


def test_a_start_that_is_replayed_after_its_job_was_forgotten_is_refused(worker: Worker, ledger: Path) -> None:
    job_id = new_id()
    with connect(worker) as raw:
        request = raw.start(*argv(ledger), job_id=job_id)
        replayed = raw.envelope(request)
        raw.send(replayed)
        assert raw.receive().WhichOneof("content") == "acknowledged"
        ended(worker, job_id)
        with worker.client() as client:
            assert client.job_by_key(worker.admin.public, job_id).forget().jobs == 1
        raw.send(replayed)
        reply = raw.receive()
        assert reply.refusal.code == request_pb2.CODE_ALREADY_EXISTS
        assert "forgotten" in reply.refusal.message
    worker.kill(signal.SIGKILL)
    worker.start()
    with connect(worker) as raw:
        assert start(raw, ledger, job_id).refusal.code == request_pb2.CODE_ALREADY_EXISTS
    assert runs(ledger) == 1
    wait_until(lambda: not list(worker.logs.iterdir()), "the folder is gone")


def test_a_request_is_repeated_after_each_lost_reply_and_happens_once(worker: Worker, ledger: Path) -> None:
    """Each reply is lost with its connection; the next connection asks again."""
    job_id = new_id()
    key = job_pb2.JobKey(id=job_id)
    for _ in range(5):
        with connect(worker) as raw:
            raw.send(raw.envelope(raw.start(*argv(ledger), job_id=job_id)))
    with connect(worker) as raw:
        assert start(raw, ledger, job_id).WhichOneof("content") == "acknowledged"
    ended(worker, job_id)
    for verb, content in (("stop", "acknowledged"), ("forget", "forget")):
        for _ in range(3):
            with connect(worker) as raw:
                raw.send(raw.envelope(about(raw, verb, key)))
        with connect(worker) as raw:
            assert raw.ask(about(raw, verb, key)).WhichOneof("content") == content
    assert runs(ledger) == 1


# Sends a start and waits to be killed, its reply unread.
_MUTE = """
import sys
from raw_client import RawClient
from jobwire.keys.identity import from_seed
endpoint, server, seed, job_id, *argv = sys.argv[1:]
raw = RawClient(endpoint, bytes.fromhex(server), from_seed(bytes.fromhex(seed)))
raw.hello()
raw.send(raw.envelope(raw.start(*map(str.encode, argv), job_id=bytes.fromhex(job_id))))
print("sent", flush=True)
sys.stdin.read()
"""


def test_a_client_that_was_killed_before_its_reply_came_asks_again(worker: Worker, ledger: Path) -> None:
    job_id = new_id()
    told = [worker.endpoint, worker.public.hex(), worker.admin.seed.hex(), job_id.hex(), *(part.decode() for part in argv(ledger))]
    paths = os.pathsep.join([str(Path(__file__).parents[2] / "support"), *sys.path])
    client = subprocess.Popen(
        [sys.executable, "-c", _MUTE, *told], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths}
    )
    assert client.stdout is not None
    assert client.stdin is not None
    assert client.stdout.readline() == b"sent\n"
    client.kill()
    client.wait()
    client.stdin.close()
    client.stdout.close()
    with connect(worker) as raw:
        assert start(raw, ledger, job_id).WhichOneof("content") == "acknowledged"
    ended(worker, job_id)
    assert runs(ledger) == 1


def test_what_has_not_ended_is_not_forgotten(worker: Worker) -> None:
    with worker.client() as client:
        job = client.submit(["sleep", "1000"])
        over = client.submit(["true"])
        over.wait()
        with pytest.raises(Refused, match="has not ended") as refused:
            client.forget([over, job])
        assert refused.value.code is Code.FAILED_PRECONDITION
        assert over.info().outcome is not None
        job.stop(grace=0)
        assert client.forget([over, job]).jobs == 2
        assert client.forget([over, job]).jobs == 0
        wait_until(lambda: not list(worker.logs.iterdir()), "the folders are gone")


@pytest.mark.soak
def test_ten_thousand_resends_while_jobs_run_start_nothing_twice(worker: Worker, ledger: Path) -> None:
    ids = [new_id() for _ in range(100)]
    with connect(worker) as raw:
        for turn in range(10_000):
            assert start(raw, ledger, ids[turn % len(ids)]).acknowledged.known == (turn >= len(ids))
    for job_id in ids:
        ended(worker, job_id)
    assert runs(ledger) == len(ids)
