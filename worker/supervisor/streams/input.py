"""The standard input of a job that is fed: who may feed it, notes for the next supervisor, and messages to worker and keeper."""

from __future__ import annotations

from ...state.log_folders.notes import is_fed, mark_fed, note_feeder, note_problem, read_feeder, read_problem
from .. import facts
from ..services import Services
from .feed import Ends, Feed, was_cut

STDIN = "stdin"
_LOST = "supervisor and keeper were killed together before the job had all of its standard input, so it was closed early"


class Input:
    """Owns the feed of a job. `problem` says why the job does not get all of its input; empty: it does, as far as known."""

    __slots__ = ("_feed", "_feeder", "_folder", "_handle", "_services", "problem")

    def __init__(self, services: Services, handle: str, folder: str, ends: Ends | None, *, feeder: str = "", problem: str = "") -> None:
        """Take ownership of `ends`; None: the input is over. `feeder` is the token of its feeder; empty: it has none yet."""
        self._services = services
        self._handle = handle
        self._folder = folder
        self._feeder = feeder
        self.problem = problem
        self._feed = Feed(services.loop, ends, services.feed_wait_seconds, self) if ends is not None else None

    def begin(self) -> None:
        """Give the job what has arrived, and wait for a feeder."""
        if self._feed is not None:
            self._feed.begin()

    def attach(self, token: str) -> None:
        """Accept a feeder or not; the worker is told which."""
        if self._feeder and token != self._feeder:
            self._services.report(facts.feed_refused(self._handle))
        elif self._feed is None:
            self._services.report(facts.feed_over(self._handle, self.problem))
        else:
            if not self._feeder:
                self._feeder = token
                note_feeder(self._folder, token)
            self._feed.attach()
            self._services.hand(facts.feed(self._handle), self._feed.memory)
            # A worker that was killed may have written something and told nobody.
            self._feed.move()

    def detach(self) -> None:
        """Note that no client feeds it at present."""
        if self._feed is not None:
            self._feed.detach()

    def wait(self) -> None:
        """Wait for a feeder for the configured time."""
        if self._feed is not None:
            self._feed.wait(self._services.feed_wait_seconds)

    def move(self, problem: str = "") -> None:
        """Give the job what has arrived. With a problem, which is noted, that was all."""
        if self._feed is not None and problem:
            self._feed.cut(problem)
        elif self._feed is not None:
            self._feed.move()

    def close(self) -> None:
        """Close it, because the job has ended."""
        if self._feed is not None:
            self._feed.close()

    def input_given(self) -> None:
        """Tell the worker that there is room for more."""
        self._services.report(facts.given(self._handle))

    def input_cut(self, why: str) -> None:
        """Note that the input ends early."""
        self.problem = why
        note_problem(self._folder, STDIN, why)

    def input_over(self, why: str) -> None:
        """Tell the worker, and have the keeper close its ends at once, because the job waits for end of file."""
        self._feed = None
        mark_fed(self._folder)
        self._services.line.fed(self._handle)
        self._services.report(facts.feed_over(self._handle, self.problem or why))


def adopted(services: Services, handle: str, folder: str, held: tuple[int, ...]) -> Input:
    """Return the input of a job that an earlier supervisor started; `held` is what the keeper held for it, if anything."""
    ends = Ends(*held) if held else None
    problem = read_problem(folder, STDIN)
    if ends is None and not problem and not is_fed(folder):
        problem = _LOST
    elif ends is not None and not problem and was_cut(ends.memory):
        problem = "no client was sending its standard input, so it was closed early"
    return Input(services, handle, folder, ends, feeder=read_feeder(folder), problem=problem)
