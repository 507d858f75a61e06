"""What does not go through a broker yet, or cannot be answered at once over a network: all of it is refused, whatever is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...schemas.naming import AttemptKey
from ...schemas.refusal import Code, Refused
from ..engine import Feeder, Inlet, LogPart, LogReader, Run, StreamName, Terminal


def not_yet(what: str) -> Refused:
    """Return the refusal of something that only a worker itself can do."""
    return Refused(Code.UNIMPLEMENTED, f"{what} does not work through a broker yet", "use the worker itself")


class NothingAtOnce:
    """The part of an engine that answers at once. Logs and input are passed on by logs.py and inputs.py, which do not ask the engine."""

    def read_log(self, run: Run, stream: StreamName, start: int, length: int) -> LogPart:
        """Refuse."""
        raise not_yet("to show a job together with its output")

    def follow_log(self, run: Run, stream: StreamName, start: int, on_growth: Callable[[], None]) -> LogReader:
        """Refuse."""
        raise not_yet("to follow a log here")

    def follow_timed(self, run: Run, streams: Sequence[StreamName], starts: Sequence[int], on_growth: Callable[[], None]) -> LogReader:
        """Refuse."""
        raise not_yet("to follow a log here")

    def find_in_logs(self, run: Run, since_us: int) -> Sequence[int]:
        """Refuse."""
        raise not_yet("to find a moment in a log here")

    def feed(self, key: AttemptKey, token: bytes, feeder: Feeder) -> Inlet:
        """Refuse."""
        raise not_yet("to feed a job here")

    def terminal(self, key: AttemptKey, feeder: Feeder) -> Terminal:
        """Refuse."""
        raise not_yet("to type here")
