"""The output of one job: its two pumps, the quota that they share, and what is reported or noted about them."""

from __future__ import annotations

from collections.abc import Callable

from ...state.log_folders.folders import STREAMS
from ...state.log_folders.notes import mark_over_limit, note_problem
from .. import facts
from ..services import Services
from .arrivals import Arrivals
from .pump import Pump, Quota, Stream
from .reopening import REPLACED, is_file
from .terminal import Terminal

_MOST_FILLS = 16


class Output:
    """Owns the pumps of stdout and stderr. `on_exceeded` is called when the quota is exceeded, unless the job has ended."""

    __slots__ = (
        "_arrivals",
        "_folder",
        "_handle",
        "_has_ended",
        "_on_exceeded",
        "_services",
        "_stderr",
        "_stdout",
        "_terminal",
        "_waits",
        "is_drained",
        "quota",
    )

    def __init__(
        self,
        services: Services,
        handle: str,
        folder: str,
        streams: list[Stream],
        quota: Quota,
        on_exceeded: Callable[[], None],
        terminal: Terminal | None = None,
    ) -> None:
        self._services = services
        self._handle = handle
        self._folder = folder
        self.quota = quota
        # Whether nothing was left in the pipes when they were drained last.
        self.is_drained = False
        self._on_exceeded = on_exceeded
        # Whether the worker was told that it waits for disk space.
        self._waits = False
        self._has_ended = False
        # What fills the pipe of stdout; None: the job itself does.
        self._terminal = terminal
        self._arrivals = Arrivals(services.clock.now_us)
        stdout, stderr = streams
        if stdout.size or stderr.size:
            self._arrivals.adopt(folder, [stdout.size, stderr.size])
        self._stdout = Pump(services.loop, stdout, quota, self)
        self._stderr = Pump(services.loop, stderr, quota, self)

    @property
    def waits(self) -> bool:
        """Whether output waits for disk space."""
        return self._stdout.waits or self._stderr.waits

    def sizes(self) -> tuple[int, int]:
        """Return how many bytes of stdout and stderr are in their logs."""
        return self._stdout.size, self._stderr.size

    def problems(self) -> tuple[str, str]:
        """Return why stdout and stderr are incomplete; each empty if it is complete."""
        return self._problem_of(STREAMS[0], self._stdout), self._problem_of(STREAMS[1], self._stderr)

    def _problem_of(self, name: str, pump: Pump) -> str:
        if pump.problem or (found := is_file(f"{self._folder}/{name}")):
            return pump.problem
        if found is None:
            # A log with another name is written to the end, and nobody finds it.
            return "its log was moved away while it ran" if pump.size else ""
        return REPLACED

    def begin(self) -> None:
        """Start pumping."""
        self._stdout.begin()
        self._stderr.begin()
        if self._terminal is not None:
            self._terminal.begin(self._stdout.move)
        if self.quota.is_exceeded:
            # It was being ended for that when the earlier supervisor died.
            self.output_exceeded()

    def drain(self) -> bool:
        """Move everything that is in the pipes now; return False if the disk is full and some of it is still there."""
        stdout = self._stdout.drain()
        if self._terminal is not None:
            # It may hold more than a pipe. An escaped process may write for ever.
            for _ in range(_MOST_FILLS):
                more = self._terminal.fill()
                stdout = self._stdout.drain() and stdout
                if not more or not stdout:
                    break
        # Both, even if the first cannot be drained.
        self.is_drained = self._stderr.drain() and stdout
        return self.is_drained

    def move(self, folder: str) -> None:
        """Note that the folder of the job has another name now."""
        self._folder = folder

    def end(self) -> None:
        """Note that the job has ended; `linger` follows."""
        self._has_ended = True

    def linger(self) -> None:
        """Pump what processes still write until they close the pipes."""
        if self._terminal is not None:
            # As when a window is closed. What is left of the job has no terminal any more.
            self._terminal.close()
            self._stdout.drain()
        self._services.lingering.take(self._handle, self._folder, is_open=self._is_open())

    def output_arrived(self, stream: str, size: int) -> None:
        """Record when output arrives."""
        self._arrivals.note(self._folder, STREAMS.index(stream), size)

    def output_exceeded(self) -> None:
        """End the job, unless it has ended."""
        if not self._has_ended:
            # The next supervisor must know this if this process dies, because dropped output leaves no trace.
            mark_over_limit(self._folder)
            self._on_exceeded()

    def output_failed(self, stream: str, why: str) -> None:
        """Note that a stream is incomplete."""
        # For the next supervisor, as above.
        note_problem(self._folder, stream, why)

    def output_waits(self) -> None:
        """Report when the job's writes start to wait because the disk is full, and when they continue."""
        if self.waits != self._waits:
            self._waits = self.waits
            self._services.report(facts.waits(self._handle, does_wait=self._waits))

    def output_closed(self) -> None:
        """Handle a hang-up after the end of the job."""
        if self._has_ended and not self._is_open():
            self._services.lingering.hung_up(self._handle)

    def _is_open(self) -> bool:
        return self._stdout.is_open or self._stderr.is_open
