"""The signed starts of jobs, as they were received: workers run what their clients have signed, and get them byte for byte."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...keys.digests import sha256
from ...schemas import large
from ...schemas.naming import JobKey
from ..store.rows import placements

_KEPT_BYTES = 32 * 1024 * 1024

Read = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Start:
    """The Envelope of a start, its SHA-256, and the positions of its jobs by their ids."""

    raw: bytes
    digest: bytes
    positions: dict[bytes, int]


class Starts:
    """Reads the starts of jobs from the store; keeps those that were used last."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._kept: OrderedDict[int, Start] = OrderedDict()
        self._bytes = 0

    def of(self, key: JobKey) -> Start | None:
        """Return the start that a job was submitted with; None if it did not come with one, as those of schedules."""
        number = placements.proof_of(self._read, key)
        found = self._kept.get(number)
        if found is None:
            found = self._load(number)
            if found is None:
                return None
            self._kept[number] = found
            self._bytes += len(found.raw)
            while self._bytes > _KEPT_BYTES and len(self._kept) > 1:
                self._bytes -= len(self._kept.popitem(last=False)[1].raw)
        self._kept.move_to_end(number)
        return found if key.id in found.positions else None

    def _load(self, number: int) -> Start | None:
        raw = placements.envelope(self._read, number)
        if not raw:
            return None
        request, _, pieces = large.read(raw)
        jobs = request.start.jobs if pieces is None else map(large.read_job, pieces)
        return Start(raw, sha256(raw), {job.id: index for index, job in enumerate(jobs)})
