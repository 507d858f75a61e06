"""The signed starts of jobs, as they were received: workers run what their clients have signed, and get them byte for byte."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...keys.digests import sha256
from ...keys.shown import Whole
from ...schemas import large
from ...schemas.naming import JobKey
from ..store.rows import placements

_KEPT_BYTES = 32 * 1024 * 1024
# A worker that gets a job of a start gets all of it, and keeps it, if it is no larger.
_LARGEST_WHOLE = 64 * 1024

Read = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Start:
    """A start, the SHA-256 of its Envelope, and the positions of its jobs by their ids."""

    whole: Whole
    digest: bytes
    positions: dict[bytes, int]

    @property
    def is_shown_in_parts(self) -> bool:
        """Whether each worker gets its jobs, and not all of a large start."""
        return len(self.whole.raw) > _LARGEST_WHOLE and self.whole.can_be_shown_in_part


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
            self._bytes += len(found.whole.raw)
            while self._bytes > _KEPT_BYTES and len(self._kept) > 1:
                self._bytes -= len(self._kept.popitem(last=False)[1].whole.raw)
        self._kept.move_to_end(number)
        return found if key.id in found.positions else None

    def _load(self, number: int) -> Start | None:
        raw = placements.envelope(self._read, number)
        if not raw:
            return None
        whole = Whole(raw)
        return Start(whole, sha256(raw), {large.read_job(job).id: index for index, job in enumerate(whole.jobs)})
