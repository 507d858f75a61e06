"""The standard input of one job that came through a broker, as far as it has arrived: whether it is what its sender has signed.

It outlives the streams of the broker, of which there is a new one for each link. Knows no file.
"""

from __future__ import annotations

import logging

from ...keys.proofs.input_seal import Fed, RunningHash
from ...schemas.naming import short_id

_log = logging.getLogger(__name__)


class SealedInput:
    """Gets all bytes in their order. `fed`: what is signed beside them."""

    def __init__(self, fed: Fed) -> None:
        self.fed = fed
        self._hash = RunningHash()
        self._is_whole = True

    def add(self, start: int, data: memoryview) -> None:
        """Add bytes that begin at an offset. What an earlier run of the worker has taken is missing here."""
        self._is_whole = self._is_whole and start == self._hash.size
        if self._is_whole:
            self._hash.add(data)

    def problem(self, seal: bytes) -> str:
        """Return why what has arrived is not what the seal is about; empty if it is, or if this cannot be known."""
        if not self._is_whole:
            _log.warning("the standard input of job %s was not checked: the worker was restarted meanwhile", short_id(self.fed.job.id))
            return ""
        if self._hash.is_sealed(self.fed, seal):
            return ""
        what = "its sender has signed another one" if seal else "the signature of its sender is missing"
        return f"the {self._hash.size} bytes of standard input that the broker has passed on are not what was sent: {what}"
