"""What does not go through a broker yet, or cannot be answered at once over a network: all of it is refused, whatever is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...schemas.jobs.brought_files import BroughtFile
from ...schemas.naming import AttemptKey, JobKey
from ...schemas.refusal import Code, Refused
from ..depot import Depot, Placement, Reading, Sender, Upload
from ..engine import Feeder, Inlet, LogPart, LogReader, Run, StreamName, Terminal


def not_yet(what: str) -> Refused:
    """Return the refusal of something that only a worker itself can do."""
    return Refused(Code.UNIMPLEMENTED, f"{what} does not work through a broker yet", "use the worker itself")


class NoDepot(Depot):
    """Keeps no files."""

    def has(self, owner: bytes, file: BroughtFile, lender: bytes = b"") -> bool:
        """Refuse."""
        raise not_yet("a job with files")

    def put(self, owner: bytes, file: BroughtFile, limit_bytes: int, sender: Sender, token: bytes = b"") -> Upload:
        """Refuse."""
        raise not_yet("sending files")

    def place(self, wanted: Placement, done: Callable[[Refused | None], None]) -> None:
        """Refuse."""
        raise not_yet("sending files")

    def measure(self, key: JobKey, done: Callable[[int], None]) -> None:
        """Tell that nothing is kept here."""
        done(0)

    def fetch(self, key: AttemptKey, path: bytes, start: int, validator: bytes) -> Reading:
        """Refuse."""
        raise not_yet("fetching files")

    def sweep(self, in_use: Callable[[bytes, Sequence[bytes]], set[bytes]], is_known: Callable[[JobKey], bool]) -> None:
        """Do nothing."""


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
