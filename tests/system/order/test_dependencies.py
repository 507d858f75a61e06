"""Jobs that wait for others, on a worker that is killed in between: what runs, in which order, and what a user is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker, wait_until

from jobwire import Client, Job, Refused
from jobwire.client.library.options.specs import job_spec
from jobwire.client.library.values.results import BatchInfo
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.jobs.states import EventKind, OnFailure, OutcomeKind
from jobwire.schemas.naming import format_id, new_id
from jobwire.schemas.refusal import Reason


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    with Worker(tmp_path, slots=2).start() as started:
        yield started


def gate(client: Client, file: Path, status: int = 0) -> Job:
    """Return a job that ends when the file is there."""
    return client.submit(["sh", "-c", f"while ! [ -e {file} ]; do sleep 0.05; done; exit {status}"], name="gate")


def test_order_survives_a_kill_of_the_worker_at_any_moment(worker: Worker, tmp_path: Path) -> None:
    ledger, file = tmp_path / "ledger", tmp_path / "go"
    with worker.client() as client:
        first = gate(client, file)
        run, layers, width = new_id(), 6, 3
        specs = []
        for layer in range(layers):
            for place in range(width):
                after = (After(Condition.OK, run=run, name=f"l{layer - 1}"),) if layer else (After(Condition.ANY, job=first.key.id),)
                spec = job_spec(["sh", "-c", f"echo {layer} >> {ledger}"], name=f"l{layer}[{place}]")
                specs.append(type(spec)(spec.argv, name=spec.name, after=after))
        never = job_spec(["false"], name="never", after={"failed": [first]})
        client.submit_many([*specs, never], batch=BatchInfo(run), watch=False)
        worker.kill()
        worker.start()
        info = client.info("l1[0]")
        assert info.waits_for == "it waits for 3 jobs l0 to end well"
        assert [(one.after.name, one.left) for one in info.awaits] == [("l0", 3)]
        file.touch()

        def ran() -> int:
            return len(ledger.read_text().split()) if ledger.exists() else 0

        for _ in range(2):
            # All of them may have run before this process was given a processor.
            before = ran()
            wait_until(lambda before=before: ran() > before or ran() == layers * width, "another one has run")
            worker.kill()
            worker.start()
        done = client.batch_run(format_id(run)).wait(timeout=60)
        assert (done.ok, done.failed) == (layers * width + 1, 0)
        written = ledger.read_text().split()
        assert written == sorted(written)
        assert len(written) == layers * width, "each of them ran once"
        outcome = client.info("never").outcome
        assert outcome is not None
        assert outcome.unneeded
        # The targets of those that come later have ended, or are gone.
        assert client.submit(["true"], after=first).result(timeout=60).returncode == 0
        client.forget([first])
        with pytest.raises(Refused) as refused:
            client.submit(["true"], after=first)
        assert refused.value.reason is Reason.FORGOTTEN


def test_a_failure_ends_its_run_while_nobody_watches(worker: Worker, tmp_path: Path) -> None:
    file = tmp_path / "go"
    run = new_id()
    with worker.client() as client:
        bad = job_spec(["sh", "-c", f"while ! [ -e {file} ]; do sleep 0.05; done; exit 3"], name="bad")
        others = [job_spec(["sleep", "600"], name=f"other[{number}]") for number in range(3)]
        client.submit_many([bad, *others], batch=BatchInfo(run, "fragile", on_failure=OnFailure.STOP_REST), watch=False)
        wait_until(lambda: client.info("other[0]").pid, "two of them run")
    worker.kill()
    worker.start()
    file.touch()
    with worker.client() as client:
        done = client.batch_run("fragile").wait(timeout=60)
        assert done.failed == 4
        ends = [client.info(f"other[{number}]").outcome for number in range(3)]
        assert [end.kind for end in ends if end is not None] == [OutcomeKind.SIGNALED, OutcomeKind.CANCELLED, OutcomeKind.CANCELLED]
        assert ends[2] is not None
        assert ends[2].sentence.startswith("cancelled because bad (")
        assert done.batch.on_failure is OnFailure.STOP_REST


def test_a_chain_is_cancelled_to_its_last_job_by_a_worker_that_dies_between_two_parts_of_it(worker: Worker, tmp_path: Path) -> None:
    file, spent = tmp_path / "go", tmp_path / "spent"
    spent.mkdir()
    worker.kill()
    # The start of the first job, its end with a first part of the chain, a second part.
    worker.env |= {"JOBWIRE_FAULT": "after-commit-before-publish:3", "JOBWIRE_FAULT_SPENT": str(spent)}
    worker.start()
    run, ids = new_id(), [new_id() for _ in range(450)]
    with worker.client() as client:
        first = gate(client, file, status=3)
        specs = [job_spec(["true"], after={"ok": [before]}) for before in (first, *map(format_id, ids[:-1]))]
        client.submit_many(specs, batch=BatchInfo(run), ids=ids, watch=False)
        wait_until(lambda: client.info("gate").pid, "the first one runs")
        file.touch()
        wait_until((spent / "after-commit-before-publish").exists, "it dies there")
        assert worker.process is not None
        worker.process.wait(60)
        worker.start()
        done = client.batch_run(format_id(run)).wait(timeout=60)
        assert done.failed == len(ids)
        sequence: list[int] = []
        ended: list[bytes] = []
        with client.events("start", batch=run) as events:
            while len(sequence) < 2 * len(ids):
                event = next(events)
                sequence.append(event.cursor.seq)
                if event.kind is EventKind.FINISHED:
                    ended.append(event.key.id)
        assert ended == ids, "each of them ends once, behind the one before it"
        last = client.info(format_id(ids[-1])).outcome
        assert last is not None
        assert last.kind is OutcomeKind.CANCELLED
        assert last.sentence.startswith("cancelled because ")
