"""The hashes of logs at a broker: its workers compute them, and tell the end of a job once more when that is done."""

from __future__ import annotations

from collections.abc import Callable

from ...schemas.generated import request_pb2
from ...schemas.naming import AttemptKey
from ...schemas.wire_codec import outcome_from_wire
from ..engine import Hashed, Run


class ToldHashes:
    """What workers tell. `settle(key)`: it is durable, or is not wanted, so the worker need not tell it again."""

    def __init__(self, settle: Callable[[AttemptKey], None]) -> None:
        self._settle = settle
        self._done: Callable[[Hashed], None] | None = None

    def open(self, done: Callable[[Hashed], None]) -> None:
        """Pass on what workers tell from now on."""
        self._done = done

    def hear(self, key: AttemptKey, fact: request_pb2.Fact) -> None:
        """Process what a worker tells about an attempt whose end is recorded."""
        said = fact.log_hashes
        told = Hashed(key, stdout_hashes=said.stdout, stderr_hashes=said.stderr, told=outcome_from_wire(fact.report.outcome))
        if self._done is None:
            self._settle(key)
        else:
            self._done(told)

    def recorded(self, key: AttemptKey) -> None:
        """Let the worker forget it."""
        self._settle(key)

    def add(self, run: Run, sizes: tuple[int, int]) -> None:
        """Do nothing: its worker does that."""

    def is_hashing(self, key: AttemptKey) -> bool:  # noqa: ARG002 -- of an interface
        """Return False: nothing is hashed here."""
        return False
