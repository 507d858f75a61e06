"""Decode specs so that equal specs are one object: a million jobs of a sweep need not have a million of them."""

from __future__ import annotations

from ..generated import job_pb2
from .spec import JobSpec, from_wire

# Of those that were read last: so many, none of them larger than this.
_MOST_KEPT = 64
_LARGEST_KEPT = 4096


class SameSpecs:
    """Caches the specs decoded last, by their bytes."""

    def __init__(self) -> None:
        self._kept: dict[bytes, JobSpec] = {}

    def read(self, raw: bytes) -> JobSpec:
        """Return a serialized spec, decoded.

        Raises `Refused(UNIMPLEMENTED)` if it has a field that this version does not know.
        """
        found = self._kept.get(raw)
        if found is None:
            found = from_wire(job_pb2.JobSpec.FromString(raw))
            if len(raw) <= _LARGEST_KEPT:
                if len(self._kept) >= _MOST_KEPT:
                    self._kept.clear()
                self._kept[raw] = found
        return found
