"""Connect this terminal to that of one job: shows its output, and sends it the input, until the job ends or is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from ....schemas.jobs.states import State
from ....schemas.naming import short_id
from ...library.client import Client
from ...library.job import Job
from .. import exit_status
from ..job.attendance import Attendance
from ..terminal.copying import Copy
from ..terminal.farewell import leave
from ..terminal.screen import begun_by, say
from ..terminal.signals import Signals
from ..terminal.streams import Readers
from ..terminal.waiting import muted
from .keyboard import Keyboard, Left
from .own_terminal import OwnTerminal
from .screen_outlet import ScreenOutlet

# Besides those that are recorded for every job.
SIGNALS = (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)
# How much of what was shown before is shown again.
_REPLAYED_BYTES = 64 * 1024
_LINE_BYTES = 4096
# How long a sentence about something that is over can be read where it is removed again.
_READING_SECONDS = 4.0
# What is typed usually arrives within milliseconds.
_PATIENCE_SECONDS = 1.0


class _Line:
    """Keyboard and screen during the fast path: see `Connection.relay`. `left` is called when the detach keys were typed."""

    def __init__(self, keyboard: Keyboard, copy: Copy, left: Callable[[Left], None], due_at: Callable[[], float | None]) -> None:
        self.keys = keyboard.wake_fds[0]
        self.input = keyboard.exchange
        self.output = copy.output.exchange
        self.show = copy.show
        self.due_at = due_at
        self._keyboard = keyboard
        self._left = left

    def typed(self) -> bytes | None:
        """Return the input; None if nothing more can be sent, or something else is due.

        Raises Left.
        """
        try:
            return self._keyboard.read() if self._keyboard.wake_fds else None
        except Left as left:
            self._left(left)
            return None


class Session(Attendance):
    """One job on a terminal. `keyboard` None: only watch. With `leaves`, signals end this command and not the job.

    `later`: the message for a user who detaches.
    """

    def __init__(
        self,
        client: Client,
        job: Job,
        keyboard: Keyboard | None,
        own: OwnTerminal | None,
        *,
        start: int = 0,
        leaves: bool = False,
        leaves_on_hangup: bool = False,
        later: str = "",
    ) -> None:
        super().__init__(client, job, leaves_on_hangup=leaves_on_hangup or leaves)
        self._keyboard = keyboard
        self._own = own
        self._outlet = ScreenOutlet()
        self._start = start
        self._leaves = leaves
        self._later = later
        # Since when something that was typed has not arrived, and whether that was said.
        self._pending_since: float | None = None
        self._told_pending = False
        # Whether sentences of this command are between what the job shows.
        self._is_disturbed = False
        self._tidy_at: float | None = None
        # The keyboard told that the terminal is gone.
        self._has_hung_up = False
        if keyboard is not None and own is not None:
            keyboard.resize(own.size())

    def attend(self, signals: Signals | None) -> int:
        """Show and type until the end, and return the exit status; see `Attendance.attend`."""
        with begun_by(self._outlet.begin_line):
            return super().attend(signals)

    def _copies(self) -> list[Copy]:
        # Nothing is ever in its stderr.
        output = self._job.output("stdout", self._start)
        output.hurry()
        return [Copy(output, self._outlet)]

    def _copy(self, copies: list[Copy], readers: Readers, signals: Signals | None) -> None:
        if self._keyboard is None:
            self._enter()
        try:
            with muted(), self._noticed():
                super()._copy(copies, readers, signals)
        except Left as left:
            self._restore()
            self._leave(signal.SIGHUP if left.hung_up else 0)
        finally:
            self._restore()

    def _step(self, copies: list[Copy], readers: Readers, wake_fds: list[int]) -> None:
        # Somebody may be typing, and waiting to see it. What else there is to be done can wait until something else happens.
        if (line := self._line(copies[0])) is not None and self._client.connection.relay(line, [*wake_fds, readers.fd]):
            self._client.pump(0)
            readers.check()
        else:
            super()._step(copies, readers, wake_fds)

    def _line(self, copy: Copy) -> _Line | None:
        """Return the fast path for this moment; None if it cannot be used."""
        keyboard = self._keyboard
        if keyboard is None or not self._wake_fds() or copy.is_blocked or self._unwritable is not None:
            return None
        return _Line(keyboard, copy, self._leave_or_hang_up, self._due_after_keys)

    def _restore(self) -> None:
        self._outlet.restore()
        if self._own is not None:
            self._own.leave()

    @contextmanager
    def _noticed(self) -> Iterator[None]:
        """Show messages about the connection so that the screen stays usable for the job."""
        connection = self._client.connection
        before, connection.notice = connection.notice, self._tell
        try:
            yield
        finally:
            connection.notice = before

    def _tell(self, sentence: str, *, is_over: bool = False) -> None:
        """Show a message about something that is in progress, or over."""
        own = self._own
        if own is None or not own.is_raw:
            say(sentence)
            return
        self._is_disturbed = True
        if is_over:
            self._tidy_at = time.monotonic() + _READING_SECONDS
        if not self._outlet.note(sentence, own.size()):
            say(sentence)

    def _tidy(self) -> None:
        """Make the programs of the job redraw the screen, over a message that no longer applies."""
        connection, own = self._client.connection, self._own
        is_well = connection.greeted and not connection.silence.whose and not self._told_pending
        if self._tidy_at is not None and time.monotonic() < self._tidy_at:
            return
        self._tidy_at = None
        if self._is_disturbed and is_well and own is not None:
            self._is_disturbed = False
            self._outlet.remove_note(own.size())
            if self._keyboard is not None:
                self._keyboard.redraw(own.size())

    def _feed(self) -> None:
        self._feed_keys()
        self._tidy()

    def _feed_keys(self) -> None:
        keyboard = self._keyboard
        if keyboard is None:
            return
        if lost := keyboard.take_lost():
            self._tell(f"the connection was lost; the last {lost} bytes that were typed may not have reached the job", is_over=True)
        if keyboard.ended:
            if keyboard.refusal is not None:
                raise keyboard.refusal.anew()
            self._keyboard = None
            return
        if self._own is not None and not self._own.is_raw and self._job.state not in (None, State.QUEUED):
            # Until it has started, Ctrl-C cancels it.
            self._enter()
        if self._own is None or self._own.is_raw:
            try:
                keyboard.advance()
            except Left as left:
                self._leave_or_hang_up(left)
                return
        # After what was just typed, for the time until which it waits next.
        self._tell_of_silence(keyboard)

    def _leave_or_hang_up(self, left: Left) -> None:
        if not left.hung_up or self._leaves_on_hangup:
            raise left
        self._keyboard = None
        self._has_hung_up = True
        if not self._is_stopping:
            super()._heed(signal.SIGHUP)

    def _tell_of_silence(self, keyboard: Keyboard) -> None:
        now = time.monotonic()
        if not keyboard.pending:
            self._pending_since, self._told_pending = None, False
        elif self._pending_since is None:
            self._pending_since = now
        elif not self._told_pending and now >= self._pending_since + _PATIENCE_SECONDS:
            self._told_pending = True
            typed = f"the last {keyboard.pending} bytes that were typed"
            self._tell(f"{typed} have not arrived yet; waiting for the worker or the job to take them")

    def _due_after_keys(self) -> float | None:
        if self._pending_since is None and self._keyboard is not None and self._keyboard.pending:
            self._pending_since = time.monotonic()
        return self._due_at()

    def _due_at(self) -> float | None:
        silent_at = None if self._pending_since is None or self._told_pending else self._pending_since + _PATIENCE_SECONDS
        held_until = self._keyboard.due if self._keyboard is not None else None
        return min(filter(None, (super()._due_at(), silent_at, held_until, self._tidy_at)), default=None)

    def _wake_fds(self) -> list[int]:
        return self._keyboard.wake_fds if self._keyboard is not None and (self._own is None or self._own.is_raw) else []

    def _heed(self, number: int) -> None:
        if number == signal.SIGHUP and self._has_hung_up:
            # The signal and the keyboard tell the same. As another one it would end this command before the job is stopped.
            return
        if number == signal.SIGTSTP:
            self._suspend()
        elif number in (signal.SIGWINCH, signal.SIGCONT):
            self._resume()
        elif self._leaves and number != signal.SIGQUIT:
            self._leave(number)
        else:
            super()._heed(number)

    def _enter(self) -> None:
        if self._own is not None:
            self._own.enter(watches=self._keyboard is None)

    def _suspend(self) -> None:
        own = self._own
        self._outlet.restore()
        if own is not None and own.is_raw:
            own.leave()
            os.kill(os.getpid(), signal.SIGSTOP)
            self._enter()
        else:
            os.kill(os.getpid(), signal.SIGSTOP)
        self._outlet.resume()
        if self._keyboard is not None and own is not None and own.is_raw:
            # The screen of the shell was shown meanwhile.
            self._keyboard.redraw(own.size())

    def _resume(self) -> None:
        if self._own is not None:
            if self._own.is_raw:
                # Whoever continued this command may have changed the modes.
                self._own.leave()
                self._enter()
            if self._keyboard is not None:
                self._keyboard.resize(self._own.size())

    def _leave(self, number: int) -> NoReturn:
        if self._own is not None:
            self._own.leave()
        name = short_id(self._job.key.id)
        sentence = f"left job {name}, which continues; return with: jobwire attach {name}"
        leave(128 + number if number else exit_status.DONE, sentence, *filter(None, [self._later]))

    def _end_unanswered(self, who: str) -> NoReturn:
        self._restore()
        super()._end_unanswered(who)

    def _ended(self) -> int:
        if self._own is not None:
            self._own.leave()
        return super()._ended()


def replay_start(job: Job) -> int:
    """Return the byte from which output is worth showing again: a whole line in its last 64 KiB."""
    _, size = job.read_range("stdout", 0, 0)
    start = max(0, size - _REPLAYED_BYTES)
    if not start:
        return 0
    beginning, _ = job.read_range("stdout", start, _LINE_BYTES)
    return start + beginning.find(b"\n") + 1
