"""The signed starts of jobs, as received: workers get what their clients signed byte for byte.

The `on_finish` of a run follows from a start too, and the jobs of schedules from the request that added them: with it, a worker gets the
result of the run, or the scheduled time. For the run of a schedule, it also gets the staged job of each job.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from typing import Any

from ....keys.digests import sha256
from ....keys.proofs.delegation import attempt_of
from ....keys.proofs.shown import Whole
from ....schemas.batches.parts import HASH_BYTES, hash_of_job
from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs.run_ends import told_in
from ....schemas.naming import AttemptKey, JobKey, finish_job_id
from ....schemas.requests import large
from ...store.rows.batches import staged_queries
from ...store.rows.fleet import placements
from .scheduled_runs import ScheduledRun, find_run

_KEPT_BYTES = 32 * 1024 * 1024
# What a job of a start takes beside its bytes there: once more alone, its id and position, and the hashes that it is shown by.
_BYTES_A_JOB = 400
# The first workers that get a job of a start get all of it, and keep it, if it is no larger; where the jobs of a start go to more workers
# than so many, and for a larger start, each gets its jobs alone. What is smaller than the paths of its jobs goes whole to everybody.
_LARGEST_WHOLE = 64 * 1024
_MOST_WHOLE = 4
_ALWAYS_WHOLE = 4096
_JOBS_A_STEP = 256
_OF_SCHEDULES = frozenset({"add_schedule", "change_schedule"})

Read = Callable[..., list[tuple[Any, ...]]]


@dataclass(slots=True, eq=False)
class Start:
    """A start, the SHA-256 of its Envelope, and the positions of its jobs by their ids."""

    whole: Whole
    digest: bytes
    positions: dict[bytes, int] = field(default_factory=dict)
    # Whether its jobs are known by id; and how many workers were sent all of it.
    is_read: bool = False
    holders: int = 0
    # Of a batch in parts: the hashes of the jobs of its parts, and in which part each of them is; of a run that a schedule has started, by
    # the ids that they have in it.
    parts: dict[int, bytes] = field(default_factory=dict)
    part_of: dict[bytes, int] = field(default_factory=dict)
    scheduled: ScheduledRun | None = None

    @property
    def size(self) -> int:
        """About how many bytes it takes; an entry in `part_of` takes four times as many as its hash."""
        return len(self.whole.raw) + _BYTES_A_JOB * len(self.whole.jobs) + 5 * sum(map(len, self.parts.values()))

    @property
    def verb(self) -> str:
        """The verb of the request."""
        return self.whole.verb

    def lacks(self, delivery: request_pb2.Delivery, features: Container[str]) -> bool:
        """Return whether a worker with these features is too old to check it."""
        if self.whole.delegation is not None and "relayed_keys" not in features:
            return True
        if self.whole.needs_roots and "roots" not in features:
            return True
        if self.scheduled is not None:
            return "relayed_batch_schedules" not in features
        if delivery.HasField("finish"):
            return "relayed_finishes" not in features
        if self.verb == "commit":
            return "relayed_parts" not in features
        return bool(delivery.due_us or self.verb == "change_schedule") and "relayed_schedules" not in features

    @property
    def is_shown_in_parts(self) -> bool:
        """Whether a worker that has nothing of it yet gets only the jobs it needs, instead of the whole large start."""
        size = len(self.whole.raw)
        is_large = size > _LARGEST_WHOLE or (size > _ALWAYS_WHOLE and self.holders >= _MOST_WHOLE)
        return is_large and self.whole.can_be_shown_in_part

    def read(self) -> Iterator[None]:
        """Index its jobs and their proofs, in steps of about a millisecond."""
        for number, hashes in self.parts.items():
            if self.scheduled is not None:
                self.part_of.update(dict.fromkeys(self.scheduled.jobs_of(number), number))
            else:
                self.part_of.update((hashes[at : at + HASH_BYTES], number) for at in range(0, len(hashes), HASH_BYTES))
            yield
        for index, job in enumerate(self.whole.jobs):
            self.positions[large.read_job(job).id] = index
            if index % _JOBS_A_STEP == _JOBS_A_STEP - 1:
                yield
        if self.is_shown_in_parts:
            yield from self.whole.prepare()
        self.is_read = True


class Starts:
    """Reads the starts of jobs from the store; caches those used last."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._kept: OrderedDict[placements.Submitted, Start] = OrderedDict()
        self._bytes = 0

    def delivery(self, start: Start, key: AttemptKey, *, limited: bool) -> request_pb2.Delivery | None:
        """Return the message that says which job of a start this attempt is for; None if no job of the start is.

        `limited`: it has another time limit than its spec says.
        """
        delivery = request_pb2.Delivery(attempt=key.attempt, limit=placements.limit_of(self._read, key.job) if limited else b"")
        if start.scheduled is not None:
            return self._of_run(start, start.scheduled, key, delivery)
        if start.verb == "add_schedule":
            delivery.due_us = placements.due_of(self._read, key.job)
            return delivery if delivery.due_us else None
        if start.verb == "change_schedule":
            return delivery
        if key.id in start.positions:
            delivery.index = start.positions[key.id]
            return delivery
        raw = placements.spec_of(self._read, key.job)
        if (number := start.part_of.get(hash_of_job(key.id, raw)) if start.part_of else None) is not None:
            job = request_pb2.NewJob(id=key.id)
            job.spec.ParseFromString(raw)
            delivery.index, delivery.staged_job = number, job.SerializeToString()
            return delivery
        # A large start is shown with its first job.
        return delivery if finish_job_id(start.whole.batch.id) == key.id and _tell_end(delivery, raw) else None

    def _of_run(self, start: Start, run: ScheduledRun, key: AttemptKey, delivery: request_pb2.Delivery) -> request_pb2.Delivery | None:
        """Add which job of a scheduled run is meant, and the scheduled time, unless it was started at once."""
        if start.verb == "add_schedule":
            delivery.due_us = run.due_us
        if (number := start.part_of.get(key.id)) is None:
            is_finish = finish_job_id(run.id) == key.id
            return delivery if is_finish and _tell_end(delivery, placements.spec_of(self._read, key.job)) else None
        delivery.index, delivery.staged_job = number, run.job(number, key.id)
        return delivery

    def parent(self, start: Start, worker: bytes) -> request_pb2.ParentStart | None:
        """Return the start of the job whose key signed this one; None if no job's key did, the worker knows it, or it is no longer kept."""
        said = start.whole.delegation
        if said is None or said.worker == worker:
            return None
        key = attempt_of(said)
        if (of_parent := self.of(key.job)) is None:
            return None
        # Few jobs have keys: no others wait for long.
        for _ in () if of_parent.is_read else of_parent.read():
            pass
        if (delivery := self.delivery(of_parent, key, limited=False)) is None:
            return None
        found = request_pb2.ParentStart(start=of_parent.whole.raw, job=delivery)
        if delivery.staged_job:
            found.hashes.append(of_parent.parts[delivery.index])
        elif of_parent.whole.can_be_shown_in_part and of_parent.verb == "start":
            found.start, found.job.index = of_parent.whole.part([delivery.index]), 0
        return found

    def of(self, key: JobKey) -> Start | None:
        """Return the start that a job was submitted with; None if it is no longer kept.

        A large one is returned unread the first time: nothing of it can be delivered before it is read.
        """
        submitted = placements.submitted_with(self._read, key)
        found = self._kept.get(submitted)
        if found is None:
            raw = placements.envelope(self._read, submitted.proof)
            if not raw:
                return None
            found = self._kept[submitted] = Start(Whole(raw), sha256(raw))
            if found.verb in _OF_SCHEDULES:
                found.scheduled = find_run(self._read, submitted.batch)
            if found.scheduled is not None or found.verb == "commit":
                found.parts.update(staged_queries.hashes_of(self._read, submitted.proof))
            elif len(raw) <= _LARGEST_WHOLE:
                for _ in found.read():
                    pass
            self._bytes += found.size
            while self._bytes > _KEPT_BYTES and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].size
        self._kept.move_to_end(submitted)
        return found


def _tell_end(delivery: request_pb2.Delivery, raw: bytes) -> bool:
    """Add the result of a run, found in the spec of its `on_finish` job; return whether it is there."""
    spec = job_pb2.JobSpec.FromString(raw)
    end = told_in((one.name, one.value) for one in spec.environment)
    if end is None:
        return False
    delivery.finish.outcome, delivery.finish.ok, delivery.finish.failed, delivery.finish.cancelled = end
    return True
