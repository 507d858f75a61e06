"""Wait for the end of a run that was submitted before; on a terminal, with a view of it.

The worker has the counts. Events only say when to query again, and which jobs failed; without them, it is queried each second.
"""

from __future__ import annotations

import time

from ....schemas.generated import event_pb2
from ....schemas.jobs.states import EventKind, Outcome, State
from ...library.client import Client
from ...library.values.event import Event, event
from ...library.values.run_info import RunInfo, query, read_run
from ...protocol.subscription import Phase, Subscription
from ..live.progress import LINES_ABOVE_A_VIEW, Progress
from ..shown.sentences import failed, title_of
from ..targets.runs import Run
from ..terminal.screen import is_terminal
from .run_messages import detached

_ASK_SECONDS = 0.3
_ASK_WITHOUT_EVENTS_SECONDS = 1.0
# Of those that run, more than a terminal has rows.
_MOST_NAMED = 100

_HAVE_PROCESS = (State.RUNNING, State.STOPPING)


def follow_run(connected: Client, run: Run, deadline: float | None) -> RunInfo:
    """Wait until no job of a run waits or runs, and return the run with its first failed job. `deadline` is on `time.monotonic`.

    Raises TimeoutError, and Ending after Ctrl-C.
    """
    if not is_terminal(2):
        return run.handle.wait(None if deadline is None else max(0.0, deadline - time.monotonic()), failures=1)
    connection, info = connected.connection, run.info
    exchange = connection.ask(query(run.id, owner=info.owner, failures=1, until_ended=True))
    news = Subscription(event_pb2.Filter(owner=info.owner, batch=info.batch.id))
    connection.subscribe(news)
    try:
        with Progress(info.jobs) as progress, connection.silence.looks_at(lambda: progress.running(info.owner)):
            following = _Following(connected, run, news, progress)
            while not exchange.items and not exchange.ended:
                following.turn()
                if deadline is not None and time.monotonic() >= deadline:
                    raise TimeoutError("some jobs have not ended in time")
                connected.pump(min(following.due, deadline or following.due))
            run.handle.info = read_run(connection.next(exchange))
            following.take_news()
            progress.recount(run.info, ())
            progress.tell_end()
    except KeyboardInterrupt:
        raise detached(run.id) from None
    finally:
        connection.forget(exchange)
        connection.unsubscribe(news)
    return run.info


class _Following:
    """The view of a run, and when to query it again."""

    def __init__(self, connected: Client, run: Run, news: Subscription, progress: Progress) -> None:
        self._connected = connected
        self._run = run
        self._news = news
        self._progress = progress
        self._asked = 0.0
        self._is_known = False

    @property
    def due(self) -> float:
        """When `turn` is to be called at the latest, on `time.monotonic`."""
        return min(self._progress.due or self._ask_at, self._ask_at)

    @property
    def _ask_at(self) -> float:
        if self._news.phase is not Phase.LIVE:
            return self._asked + _ASK_WITHOUT_EVENTS_SECONDS
        return float("inf") if self._is_known else self._asked + _ASK_SECONDS

    def turn(self) -> None:
        """Take the events that arrived, query if that is due, and show the changes."""
        was_live = self._news.phase is Phase.LIVE
        self.take_news()
        if time.monotonic() >= self._ask_at:
            info = self._run.handle.refresh()
            some = self._connected.list(states=_HAVE_PROCESS, batch=info.batch.id, owner=info.owner, limit=_MOST_NAMED)
            self._progress.recount(info, some if info.running else ())
            # What happened before the events came is known only if they came before the question.
            self._asked, self._is_known = time.monotonic(), was_live
        self._progress.turn()

    def take_news(self) -> None:
        """Take the events that arrived, and report failed jobs."""
        while (message := self._news.take()) is not None:
            self._is_known = False
            known = event(b"", message)
            if known is not None and known.kind is EventKind.FINISHED and known.outcome is not None:
                if known.pid:
                    self._progress.note_end()
                if failed(known.outcome):
                    self._tell_failure(known, known.outcome)

    def _tell_failure(self, known: Event, outcome: Outcome) -> None:
        job = self._connected.job_by_key(*known.key)
        spec = job.info().spec
        tail = job.tail("stderr" if spec.terminal is None else "stdout", LINES_ABOVE_A_VIEW) if known.pid else b""
        self._progress.tell_failure(known.key.id, title_of(spec), outcome, tail)
