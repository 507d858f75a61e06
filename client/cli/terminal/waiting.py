"""What a command waits for, on a line of its own on a terminal, after a second without output. Knows no worker.

The line is removed before anything else is written (streams.py) and when the wait is over. It is shown only in the foreground, never on a
terminal that accepts no output, and never while something else has the terminal: a bar, a screen, a job.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

from ....schemas.naming import short_id
from ....schemas.text.printable import printable
from ....schemas.text.sizes import format_size
from ...protocol.exchange import Exchange
from ...sockets.waiting.onlooker import Ends, Purpose, Transfer, Wait
from ..shown.cells import cut, width
from . import streams
from .foreground import is_in_front
from .screen import duration, is_terminal
from .streams import STDERR, STDOUT

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PATIENCE_SECONDS = 1.0
# How often what changes is shown anew, and over which time a rate is taken.
_REDRAW_SECONDS = 0.25
_TICK_SECONDS = 1.0
_MINUTE = 60
_RATE_SECONDS = 4.0
_CLEAR = "\r\x1b[K"
# Reasons to wait while which nothing moves.
_STANDSTILLS = ("connection", "silence")
_ENDS_A_LINE = (b"\n", b"")


class Patience:
    """Decides what to say about waits. Times are passed in."""

    def __init__(self) -> None:
        # What is waited for, and since when.
        self._since: dict[str | Exchange, float] = {}
        self._moved: deque[tuple[float, int]] = deque()

    def look(self, wait: Wait, now: float) -> tuple[str, float | None]:
        """Return what to say now, if anything, and when to look again even if nothing happens."""
        found = self._reasons(wait)
        self._since = {reason: self._since.get(reason, now) for reason in found}
        if not isinstance(wait.purpose, Transfer) or (found and found[0] in _STANDSTILLS):
            # What comes afterwards does not come more slowly because there was nothing for a while.
            self._moved.clear()
        if not found:
            return "", None
        # The first thing to be said, in their order; until one is old enough, the oldest.
        due = [reason for reason in found if now - self._since[reason] >= _PATIENCE_SECONDS]
        if not due:
            return "", min(self._since.values()) + _PATIENCE_SECONDS
        is_moving = due[0] == "purpose" and isinstance(wait.purpose, Transfer)
        return self._sentence(due[0], wait, now), now + (_REDRAW_SECONDS if is_moving else _TICK_SECONDS)

    def _reasons(self, wait: Wait) -> list[str | Exchange]:
        """Return the reasons to wait, most important first."""
        if not wait.is_connected:
            return ["connection"]
        if wait.silent:
            return ["silence"]
        reasons: list[str | Exchange] = [] if wait.purpose is None else ["purpose"]
        late: list[str | Exchange] = [exchange for exchange in wait.exchanges if exchange.is_awaited]
        # While contents travel, the next of them may wait for its turn.
        return reasons + late if isinstance(wait.purpose, Transfer) else late + reasons

    def _sentence(self, reason: str | Exchange, wait: Wait, now: float) -> str:
        seconds = int(now - self._since[reason])
        waited = f"{seconds}s" if seconds < _MINUTE else duration(seconds * 1_000_000)
        if reason == "connection":
            return f"connecting to {wait.endpoint} ({waited})"
        if reason == "silence":
            return f"waiting for a response from {wait.silent} ({waited})"
        if reason == "purpose" and wait.purpose is not None:
            return _about(wait.purpose, self._rate(wait.purpose, now), waited)
        return f"waiting for {wait.endpoint} to answer ({waited})"

    def _rate(self, purpose: Purpose, now: float) -> float | None:
        """Return the recent transfer rate, in bytes per second."""
        if not isinstance(purpose, Transfer):
            return None
        if self._moved and self._moved[-1][1] > purpose.done_bytes:
            # Others than before.
            self._moved.clear()
        self._moved.append((now, purpose.done_bytes))
        while len(self._moved) > 2 and self._moved[1][0] <= now - _RATE_SECONDS:  # noqa: PLR2004 -- the ends of what is measured
            self._moved.popleft()
        (began, before), (now, after) = self._moved[0], self._moved[-1]
        return max(0, after - before) / (now - began) if now > began else None


def _about(purpose: Purpose, rate: float | None, waited: str) -> str:
    if isinstance(purpose, Ends):
        if purpose.jobs != 1:
            return f"waiting for {purpose.jobs} jobs to end ({waited})"
        return f"waiting for job {short_id(purpose.id)} to {'start' if purpose.is_queued else 'end'} ({waited})"
    done = f"{'sent' if purpose.is_sent else 'received'} {format_size(purpose.done_bytes)}"
    if purpose.size_bytes is not None:
        done += f" of {format_size(purpose.size_bytes)}"
    return done if rate is None else f"{done}, {format_size(round(rate))}/s"


class WaitingLine:
    """The line of this command. An onlooker of connections, and called by streams.py before output."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._patience = Patience()
        self._shown = ""
        self._drawn_at = 0.0
        self._muted = 0
        self._shares_stdout = is_terminal(STDOUT)
        # What was written last did not end its line.
        self._is_in_a_line = False

    def look(self, wait: Wait) -> float | None:
        """Show what is waited for, and return when to look again."""
        if self._muted:
            return None
        now = self._clock()
        said, due = self._patience.look(wait, now)
        if not said:
            self.hide()
        elif not self._shown or now - self._drawn_at >= _REDRAW_SECONDS:
            self._drawn_at = now
            self.show(said)
        return due

    def show(self, said: str) -> None:
        """Show a sentence, unless something else has the terminal."""
        if self._muted or self._is_in_a_line or not (is_in_front() and _takes_output()):
            return
        if said == self._shown:
            return
        import shutil  # noqa: PLC0415 -- only on a terminal, and not light

        room = max(0, shutil.get_terminal_size().columns - 1)
        text = f"jobwire: {printable(said)}"
        # Where there is room for little, it is for what is waited for.
        _draw(f"{_CLEAR}{text if width(text) <= room else cut(printable(said), room, '')}")
        self._shown = said

    def make_room(self, stream: int, data: ReadableBuffer) -> None:
        """Remove the line before something is written to a standard stream."""
        if stream == STDERR or self._shares_stdout:
            self.hide()
            self._is_in_a_line = bytes(memoryview(data)[-1:]) not in _ENDS_A_LINE

    def hide(self) -> None:
        """Remove the line, if there is one."""
        if self._shown:
            self._shown = ""
            if is_in_front() and _takes_output():
                _draw(_CLEAR)

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Show nothing in the block: something else has the terminal."""
        self.hide()
        self._muted += 1
        try:
            yield
        finally:
            self._muted -= 1


_line: WaitingLine | None = None


def waiting_line() -> WaitingLine | None:
    """Return the line of this process; None if its stderr is not a terminal."""
    global _line  # noqa: PLW0603 -- there is one terminal
    if _line is None and is_terminal(STDERR):
        _line = WaitingLine()
        streams.make_room = _line.make_room
    return _line


@contextmanager
def muted() -> Iterator[None]:
    """Show no line in the block."""
    line = waiting_line()
    if line is None:
        yield
        return
    with line.muted():
        yield


class Saying:
    """A context manager for work during which this thread cannot update the line: after a second, `say` is called for a sentence."""

    def __init__(self, say: Callable[[], str]) -> None:
        self._say = say
        self._is_over = threading.Event()
        self._line = waiting_line()
        self._thread = threading.Thread(target=self._show, daemon=True) if self._line is not None else None

    def __enter__(self) -> Self:
        """Begin."""
        if self._thread is not None:
            try:
                self._thread.start()
            except RuntimeError:
                # The system lets this process make no thread: nothing is shown.
                self._thread = None
        return self

    def __exit__(self, *_: object) -> None:
        """End, and remove the line."""
        self._is_over.set()
        if self._thread is not None and self._line is not None:
            self._thread.join()
            self._line.hide()

    def _show(self) -> None:
        wait = _PATIENCE_SECONDS
        while self._line is not None and not self._is_over.wait(wait):
            wait = _REDRAW_SECONDS
            self._line.show(self._say())


def _takes_output() -> bool:
    """Return whether the terminal accepts output now: Ctrl-S suspends it."""
    poll = select.poll()
    poll.register(STDERR, select.POLLOUT)
    return any(what == select.POLLOUT for _, what in poll.poll(0))


def _draw(text: str) -> None:
    with suppress(OSError):
        os.write(STDERR, text.encode(errors="replace"))
