"""A batch that is staged in parts is accepted as a whole or not at all, whenever the worker dies, and whoever submits it twice."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from daemons import Worker, wait_until

from jobwire.client.library.client import Client
from jobwire.client.library.options.specs import job_spec
from jobwire.client.library.requests.dialogue import carry_out
from jobwire.client.library.requests.staging import Parts, steps
from jobwire.client.library.values.results import BatchInfo
from jobwire.schemas.jobs.states import EventKind
from jobwire.schemas.naming import format_id, new_id
from jobwire.schemas.refusal import Code, Refused

_JOBS = 1100
_HELD = job_spec(["true"], hold=True)


def _batch() -> tuple[BatchInfo, list[bytes], Parts]:
    about, ids = BatchInfo(new_id(), "large"), [new_id() for _ in range(_JOBS)]
    return about, ids, Parts(about, ids, [_HELD] * _JOBS)


def _queued(client: Client, run: bytes) -> Sequence[bytes]:
    """Return the ids in all `queued` events of a run, as a subscriber gets them who begins at the first event."""
    found: list[bytes] = []
    with client.events("start", batch=run) as events:
        while len(found) < _JOBS:
            event = next(events)
            if event.kind is EventKind.QUEUED:
                found.append(event.key.id)
    return found


@pytest.mark.parametrize("fault", ["after-commit-of-a-batch", "after-slice:3"])
def test_a_worker_that_dies_in_the_middle_loses_no_job_and_no_event(worker: Worker, tmp_path: Path, fault: str) -> None:
    spent = tmp_path / "spent"
    spent.mkdir()
    worker.kill()
    worker.env |= {"JOBWIRE_FAULT": fault, "JOBWIRE_FAULT_SPENT": str(spent)}
    worker.start()
    about, ids, parts = _batch()
    with worker.client() as client:
        # Between two parts: what is staged stays, and nothing of it can be seen.
        client.connection.call(parts.stage(0))
        worker.kill()
        worker.start()
        assert [*client.list(all=True)] == []
        with pytest.raises(Refused) as refused:
            client.batch_run(format_id(about.id))
        assert refused.value.code is Code.NOT_FOUND
        for number in range(1, len(parts.ends)):
            assert client.connection.call(parts.stage(number)).stage.parts == number + 1  # type: ignore[union-attr] # reason: a reply
        commit = client.connection.ask(parts.commit())
        wait_until(lambda: client.connection.pump(0) or (spent / fault.partition(":")[0]).exists(), "it dies there")
        assert worker.process is not None
        worker.process.wait(60)
        worker.start()
        assert client.connection.next(commit).acknowledged.known == _JOBS  # type: ignore[union-attr] # reason: a reply
        # As a program repeats it that does not know how far it got.
        assert [job.key.id for job in client.submit_many([_HELD] * _JOBS, batch=about, ids=ids)] == ids
        assert _queued(client, about.id) == ids
        run = client.batch_run(format_id(about.id))
        assert run.info.queued == _JOBS
        assert run.stop() == _JOBS


@pytest.mark.parametrize("fault", ["in-group-commit:3", "after-commit-of-a-batch", "after-slice:3"])
def test_many_jobs_of_no_batch_are_there_once_wherever_the_worker_dies(worker: Worker, tmp_path: Path, fault: str) -> None:
    spent = tmp_path / "spent"
    spent.mkdir()
    worker.kill()
    worker.env |= {"JOBWIRE_FAULT": fault, "JOBWIRE_FAULT_SPENT": str(spent)}
    worker.start()
    ids = [new_id() for _ in range(600)]
    with worker.client() as client, ThreadPoolExecutor(1) as thread:
        submitted = thread.submit(client.submit_many, [_HELD] * len(ids), ids=ids)
        wait_until((spent / fault.partition(":")[0]).exists, "it dies there")
        worker.kill()
        worker.start()
        assert [job.key.id for job in submitted.result(60)] == ids
        found = [info.key.id for info in client.list(all=True)]
        assert sorted(found) == sorted(ids)


def test_two_clients_that_submit_one_batch_at_once_start_each_job_once(worker: Worker) -> None:
    _, _, parts = _batch()
    with worker.client() as client, worker.client() as other:
        both = [(one, steps(parts)) for one in (client, other)]
        requests = [next(requests) for _, requests in both]
        for _ in parts.ends:
            asked = [one.connection.ask(request) for (one, _), request in zip(both, requests, strict=True)]
            replies = [one.connection.next(exchange) for (one, _), exchange in zip(both, asked, strict=True)]
            requests = [its.send(reply) for (_, its), reply in zip(both, replies, strict=True)]  # type: ignore[arg-type] # reason: replies
        asked = [one.connection.ask(request) for (one, _), request in zip(both, requests, strict=True)]
        known = {one.connection.next(exchange).acknowledged.known for (one, _), exchange in zip(both, asked, strict=True)}  # type: ignore[union-attr] # reason: as above
        assert known == {0, _JOBS}
        assert client.batch_run("large").info.jobs == _JOBS
        wrong = Parts(BatchInfo(parts.about.id), [new_id()], [_HELD])
        with pytest.raises(Refused, match="staged before with other jobs"):
            carry_out(client.connection.call, steps(wrong))
        client.batch_run("large").stop()
