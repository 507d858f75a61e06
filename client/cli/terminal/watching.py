"""Show something that changes on the whole terminal, until Ctrl-C. Knows no jobs: the caller draws."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from io import StringIO
from typing import NoReturn

from ....schemas.text.printable import printable
from ...library.client import Client
from ...library.events import NOW
from ..shown.cells import cut
from .copying import pump_for_readers
from .departure import Departure
from .foreground import come_to_front, is_in_front
from .streams import STDOUT, Readers, write_some
from .waiting import muted

# The alternate screen, see console_codes(4) and xterm's ctlseqs: what was shown before comes back in the end.
_ENTER = b"\x1b[?1049h\x1b[?25l"
_LEAVE = b"\x1b[?25h\x1b[?1049l"
_CLEAR = "\x1b[H\x1b[2J"
# Events that come in quick succession are shown together.
_REST_SECONDS = 0.2
# How long something runs is shown in seconds.
_TICK_SECONDS = 1.0
# The headings, and the line in which the cursor stands.
_OTHER_LINES = 2


def watch(client: Client, draw: Callable[[int], bool]) -> NoReturn:
    """Draw at once, after each event, and each second while something changes; in the background it is suspended.

    `draw` is called with the number of rows that fit, and returns whether the result changes with time. Raises KeyboardInterrupt at the
    end, because there is no other end.
    """
    readers = Readers([STDOUT])
    told: list[str] = []
    screen = _Screen()
    with client.events(NOW) as stream, muted(), Departure(screen.leave, screen.enter), _below(client, told):
        screen.enter()
        try:
            while True:
                if not is_in_front(STDOUT):
                    # Suspended by a signal that nobody can handle, and continued there.
                    screen.enter()
                # At once: of what is interrupted, nothing must be left in a buffer, to be written after the end.
                with redirect_stdout(StringIO()) as drawing:
                    ticks = draw(max(1, shutil.get_terminal_size().lines - _OTHER_LINES))
                if _is_well(client):
                    told.clear()
                _show(_CLEAR + drawing.getvalue() + "".join(map(_last_line, told[-1:])))
                drawn = time.monotonic()
                due = drawn + _TICK_SECONDS if ticks else None
                while due is None or time.monotonic() < due:
                    pump_for_readers(client, readers, deadline=due)
                    while stream.take() is not None:
                        due = drawn + _REST_SECONDS
                    if told and _is_well(client):
                        # Over what was told.
                        due = drawn
        finally:
            screen.leave()


@contextmanager
def _below(client: Client, told: list[str]) -> Iterator[None]:
    """Show messages about the connection on the line of the cursor in the block, and collect them."""

    def tell(sentence: str) -> None:
        told.append(sentence)
        _show(_last_line(sentence))

    before, client.connection.notice = client.connection.notice, tell
    try:
        yield
    finally:
        client.connection.notice = before


def _last_line(sentence: str) -> str:
    return f"\r\x1b[K{cut(f'jobwire: {printable(sentence)}', max(0, shutil.get_terminal_size().columns - 1))}"


def _is_well(client: Client) -> bool:
    return client.connection.greeted and not client.connection.silence.whose


def _show(text: str) -> None:
    rest = memoryview(text.encode(errors="surrogateescape"))
    while rest:
        rest = rest[write_some(STDOUT, rest, STDOUT) :]


class _Screen:
    """The alternate screen. It is written past Python's buffer, because a signal may arrive during a write."""

    def __init__(self) -> None:
        self._is_shown = False

    def enter(self) -> None:
        come_to_front(STDOUT)
        with suppress(OSError):
            os.write(STDOUT, _ENTER)
        self._is_shown = True

    def leave(self) -> None:
        if self._is_shown:
            self._is_shown = False
            with suppress(OSError):
                os.write(STDOUT, _LEAVE)
