"""The hashes of logs at a broker: its workers compute them, and report the end of a job once more when they are done."""

from __future__ import annotations

from collections.abc import Callable

from ...schemas.generated import request_pb2
from ...schemas.naming import AttemptKey
from ...schemas.wire_codec import outcome_from_wire
from ..engine import Hashed, Run


class ToldHashes:
    """The hashes that workers report. `settle(key)`: they are durable, or not wanted, so the worker need not report them again."""

    def __init__(self, settle: Callable[[AttemptKey], None]) -> None:
        self._settle = settle
        self._done: Callable[[Hashed], None] | None = None

    def open(self, done: Callable[[Hashed], None]) -> None:
        """Forward what workers report from now on."""
        self._done = done

    def hear(self, key: AttemptKey, fact: request_pb2.Fact) -> None:
        """Process the report of a worker about an attempt whose end is recorded."""
        said = fact.log_hashes
        told = Hashed(key, stdout_hashes=said.stdout, stderr_hashes=said.stderr, told=outcome_from_wire(fact.report.outcome))
        if self._done is None:
            self._settle(key)
        else:
            self._done(told)

    def recorded(self, key: AttemptKey) -> None:
        """Let the worker forget the attempt."""
        self._settle(key)

    def add(self, run: Run, sizes: tuple[int, int]) -> None:
        """Do nothing: the worker hashes."""

    def is_hashing(self, key: AttemptKey) -> bool:  # noqa: ARG002 -- of an interface
        """Return False: nothing is hashed here."""
        return False
