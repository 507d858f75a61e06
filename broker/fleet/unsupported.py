"""Operations that a broker does not support yet, or that cannot be answered at once over a network: all are refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...schemas.naming import AttemptKey
from ...schemas.refusal import Code, Refused
from ..engine import Feeder, Inlet, LogPart, LogReader, Run, StreamName, Terminal


def not_yet(what: str) -> Refused:
    """Return the refusal of an operation that only a worker itself supports."""
    return Refused(Code.UNIMPLEMENTED, f"{what} does not work through a broker yet", "use the worker itself")


class NothingAtOnce:
    """The engine methods that answer at once. Logs and input go through logs.py and inputs.py, which do not use the engine."""

    def read_log(self, run: Run, stream: StreamName, start: int, length: int) -> LogPart:
        """Refuse."""
        raise not_yet("showing a job together with its output")

    def follow_log(self, run: Run, stream: StreamName, start: int, on_growth: Callable[[], None]) -> LogReader:
        """Refuse."""
        raise not_yet("following a log here")

    def follow_timed(self, run: Run, streams: Sequence[StreamName], starts: Sequence[int], on_growth: Callable[[], None]) -> LogReader:
        """Refuse."""
        raise not_yet("following a log here")

    def find_in_logs(self, run: Run, since_us: int) -> Sequence[int]:
        """Refuse."""
        raise not_yet("finding a moment in a log here")

    def feed(self, key: AttemptKey, token: bytes, feeder: Feeder) -> Inlet:
        """Refuse."""
        raise not_yet("feeding a job here")

    def terminal(self, key: AttemptKey, feeder: Feeder) -> Terminal:
        """Refuse."""
        raise not_yet("typing here")
