"""A large batch on its way to a worker: staged in parts, then committed as a whole. Knows no connection: requests out, replies in.

Nothing of it runs before the commit. Every request may be repeated: a client that starts again with the same id and the same jobs continues
with what is staged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple

from ....schemas.batches.parts import hash_of_job, hash_of_part, hash_of_rerun, named_again
from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs import conditions
from ....schemas.jobs.conditions import MOST_CONDITIONS_OF_A_START, base_of
from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import JobKey
from ....schemas.refusal import Code, Reason, Refused
from ....schemas.wire_codec import key_to_wire
from ...protocol.exchange import Item
from ...protocol.proving import good_until_us
from ..values.results import BatchInfo
from .dialogue import Dialogue, reply_with
from .encoding import encode, encode_batch, size_of

# A worker writes a part in one piece, and others wait meanwhile. With 500, they waited up to 180 ms instead of 30; fewer cost more commits.
_JOBS_A_PART = 150
_BYTES_A_PART = 256 * 1024
# If parts are gone meanwhile, because they were abandoned or somebody removed them, they are staged again.
_MOST_ROUNDS = 3

# The batch cannot be started as it is: what is staged of it would only count towards what may wait.
_FINAL = frozenset({Code.INVALID_ARGUMENT, Code.PERMISSION_DENIED, Code.RESOURCE_EXHAUSTED, Code.FAILED_PRECONDITION, Code.NOT_FOUND})


def in_order(ids: Sequence[bytes], specs: Sequence[JobSpec], run: bytes) -> list[int]:
    """Return the positions of jobs so that each comes after the jobs of its run that it waits for, otherwise in their order.

    Raises Refused(INVALID_ARGUMENT) if conditions form a cycle.
    """
    waits = _waits(ids, specs, run)
    if waits is None:
        return [*range(len(ids))]
    order: list[int] = []
    # 1: begun, 2: done.
    seen = bytearray(len(waits))
    for root in range(len(ids)):
        if seen[root]:
            continue
        seen[root] = 1
        path: list[tuple[int, Iterator[int]]] = [(root, iter(waits[root]))]
        while path:
            node, rest = path[-1]
            target = next((one for one in rest if seen[one] != 2), None)  # noqa: PLR2004 -- as above
            if target is None:
                path.pop()
                seen[node] = 2
                if node < len(ids):
                    order.append(node)
            elif seen[target]:
                raise Refused(Code.INVALID_ARGUMENT, "jobs of the batch wait for each other, so that none of them could start")
            else:
                seen[target] = 1
                path.append((target, iter(waits[target])))
    return order


def _waits(ids: Sequence[bytes], specs: Sequence[JobSpec], run: bytes) -> list[list[int]] | None:
    """Return for each job which jobs of its run it waits for, followed by the groups with their jobs. None without such conditions."""
    positions = {job_id: position for position, job_id in enumerate(ids)}
    groups: dict[str, int] = {}
    waits: list[list[int]] = []
    for spec in specs:
        own = [positions[after.job] for after in spec.after if after.job in positions]
        own += [groups.setdefault(after.name, len(ids) + len(groups)) for after in spec.after if after.run == run]
        waits.append(own)
    if not any(waits):
        return None
    waits += [[] for _ in groups]
    for position, spec in enumerate(specs if groups else ()):
        for name in {"", spec.name, base_of(spec.name)} & groups.keys():
            waits[groups[name]].append(position)
    return waits


class Rerun(NamedTuple):
    """The job that a job of a batch repeats, the size of its standard input, and its spec where naming it is not enough."""

    key: JobKey
    stdin_bytes: int = 0
    spec: job_pb2.JobSpec | None = None


class Parts:
    """The parts of a batch, built one by one: `order` are the positions of its jobs as they are staged, `ends` where each part ends.

    `schedule`: the request that adds a schedule for it, instead of a commit. `again`: the reruns, by their ids; of their specs only the
    conditions count.
    """

    def __init__(
        self,
        about: BatchInfo,
        ids: Sequence[bytes],
        specs: Sequence[JobSpec],
        schedule: request_pb2.AddSchedule | None = None,
        again: Mapping[bytes, Rerun] = MappingProxyType({}),
    ) -> None:
        self.about = about
        self.schedule = schedule
        self._ids = ids
        self._specs = specs
        self._again = again
        self.order = in_order(ids, specs, about.id)
        self.ends: list[int] = []
        self._hashes: dict[int, bytes] = {}
        jobs = size = waits = 0
        for count, position in enumerate(self.order):
            its_size = size_of(specs[position])
            if (rerun := again.get(ids[position])) is not None:
                its_size += rerun.stdin_bytes
            its_waits = len(specs[position].after)
            if jobs and (jobs == _JOBS_A_PART or size + its_size > _BYTES_A_PART or waits + its_waits > MOST_CONDITIONS_OF_A_START):
                self.ends.append(count)
                jobs = size = waits = 0
            jobs, size, waits = jobs + 1, size + its_size, waits + its_waits
        self.ends.append(len(self.order))

    def positions(self, number: int) -> Sequence[int]:
        """Return the positions of the jobs of a part."""
        return self.order[self.ends[number - 1] if number else 0 : self.ends[number]]

    def stage(self, number: int) -> request_pb2.Request:
        """Return the request that stages a part. Raises `Refused(INVALID_ARGUMENT)` for a job that cannot be encoded."""
        wanted = request_pb2.Stage(batch=self.about.id, number=number, for_schedule=self.schedule is not None)
        request = request_pb2.Request(stage=wanted)
        hashes: list[bytes] = []
        for position in self.positions(number):
            job, its_hash = self._job(position)
            request.stage.jobs.append(job)
            hashes.append(its_hash)
        self._hashes[number] = hash_of_part(hashes)
        return request

    def _job(self, position: int) -> tuple[request_pb2.NewJob, bytes]:
        job_id, spec = self._ids[position], self._specs[position]
        if (rerun := self._again.get(job_id)) is None:
            job = request_pb2.NewJob(id=job_id, spec=encode(spec))
        elif rerun.spec is None:
            job = named_again(job_id, rerun.key, spec.after)
            return job, hash_of_rerun(job)
        else:
            job = request_pb2.NewJob(id=job_id, rerun=key_to_wire(rerun.key), spec=rerun.spec)
            del job.spec.after[:]
            job.spec.after.extend(map(conditions.to_wire, spec.after))
        return job, hash_of_job(job.id, job.spec.SerializeToString())

    def commit(self) -> request_pb2.Request:
        """Return the request that commits the batch, or adds its schedule."""
        for number in range(len(self.ends)):
            if number not in self._hashes:
                self.stage(number)
        hashes = [self._hashes[number] for number in range(len(self.ends))]
        if self.schedule is None:
            commit = request_pb2.Commit(batch=encode_batch(self.about), parts=hashes)
            if times := {_times_of(spec) for spec in self._specs if spec.has_times or spec.retry is not None}:
                commit.good_until_us = good_until_us(map(encode, times), time.time_ns() // 1000)
            return request_pb2.Request(commit=commit)
        request = request_pb2.Request(add_schedule=self.schedule)
        request.add_schedule.batch.CopyFrom(encode_batch(self.about))
        request.add_schedule.parts.extend(hashes)
        return request


def _times_of(spec: JobSpec) -> JobSpec:
    """Return the values that decide how late the last attempt at a job may start: few jobs of a batch differ in them."""
    return JobSpec(
        (b"",),
        start_at_us=spec.start_at_us,
        start_in_ms=spec.start_in_ms,
        not_after_us=spec.not_after_us,
        not_after_ms=spec.not_after_ms,
        retry=spec.retry,
        time_limit_ms=spec.time_limit_ms,
    )


def steps(parts: Parts, told: Callable[[int, int], None] = lambda _staged, _jobs: None) -> Dialogue[request_pb2.Acknowledged]:
    """Start a batch, and return the acknowledgement of the worker.

    `told` is called with the number of staged jobs and the total. Raises the refusal, whose `job_index` is the position of the job among
    those that were passed.
    """
    return reply_with("acknowledged", (yield from _steps(parts, told))).acknowledged


def schedule_steps(parts: Parts, told: Callable[[int, int], None] = lambda _staged, _jobs: None) -> Dialogue[request_pb2.ScheduleInfo]:
    """Add the schedule of a batch, as `steps` starts one, and return it."""
    return reply_with("query_schedule", (yield from _steps(parts, told))).query_schedule.schedule


def _steps(parts: Parts, told: Callable[[int, int], None]) -> Dialogue[Item]:
    total = len(parts.order)
    for last_round in (*[False] * (_MOST_ROUNDS - 1), True):
        try:
            number = 0
            while number < len(parts.ends):
                try:
                    staged = reply_with("stage", (yield parts.stage(number))).stage
                except Refused as refused:
                    if refused.job_index is not None and refused.job_index < len(parts.positions(number)):
                        refused.job_index = parts.positions(number)[refused.job_index]
                    raise
                # What an earlier attempt has staged is not sent again; the commit says whether it is the same.
                number = max(number + 1, min(staged.parts, len(parts.ends)))
                told(parts.ends[number - 1], total)
            return (yield parts.commit())
        except Refused as refused:
            if refused.reason is not Reason.PART_MISSING or last_round:
                if refused.code in _FINAL or (parts.schedule is not None and refused.code is Code.ALREADY_EXISTS):
                    with suppress(Refused):
                        yield unstage(parts.about.id)
                raise
    raise AssertionError("the last round returns or raises")


def unstage(run: bytes) -> request_pb2.Request:
    """Return the request that removes what is staged of a batch."""
    return request_pb2.Request(unstage=request_pb2.Unstage(batch=run))
