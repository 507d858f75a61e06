"""A keyboard and a screen here, and a job at the other end: a connection passes bytes between them while nothing else happens.

Knows no terminal. Somebody types, and waits to see it, so this is short: no deadline, no signal and no state of the connection is looked
at for each key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

import zmq

from ...keys.sockets import Socket
from ..protocol.exchange import Exchange
from .traffic import Traffic
from .waiting.poll_time import milliseconds_until
from .waiting.signal_guard import SignalGuard


class Line(Protocol):
    """What is typed here, and what comes to be shown."""

    @property
    def keys(self) -> int:
        """The descriptor that is readable when something was typed."""
        ...

    @property
    def input(self) -> Exchange:
        """The exchange in which it is sent."""
        ...

    @property
    def output(self) -> Exchange:
        """The exchange in which comes what is to be shown."""
        ...

    def typed(self) -> bytes | None:
        """Return what was typed, at most as much as `input` has room for; None if something else is to be done first."""
        ...

    def show(self, data: bytes | memoryview) -> bool:
        """Show what came, and return whether more can be shown now."""
        ...

    def due_at(self) -> float | None:
        """Return when to end the wait even if nothing happens, on `time.monotonic`."""
        ...


def relay(traffic: Traffic, guard: SignalGuard, line: Line, wake_fds: Sequence[int]) -> bool:
    """See `Connection.relay`. Signals are let through, except while something of the connection changes."""
    # What has come before is for the reader of the output: nothing signals it again.
    if not traffic.is_calm or line.output.items:
        return False
    due_at = traffic.due_at()
    watched = [*traffic.waited_on(), *[(fd, zmq.POLLIN) for fd in (line.keys, *wake_fds)]]
    guard.let_signals_through()
    goes_on = True
    while goes_on:
        awake = zmq.zmq_poll(watched, milliseconds_until((due_at, line.due_at())))
        goes_on = bool(awake)
        for what, _ in cast("list[tuple[Socket | int, int]]", awake):
            if what is traffic.requests.monitored.socket:
                goes_on &= _show(traffic, guard, line)
            elif what == line.keys:
                goes_on &= _pass_on(traffic, guard, line)
            else:
                goes_on = False
        goes_on = goes_on and traffic.is_calm
    return True


def _pass_on(traffic: Traffic, guard: SignalGuard, line: Line) -> bool:
    typed = line.typed()
    if typed:
        guard.hold_signals_back()
        traffic.feed(line.input, typed)
        traffic.flush()
        guard.let_signals_through()
    return typed is not None


def _show(traffic: Traffic, guard: SignalGuard, line: Line) -> bool:
    guard.hold_signals_back()
    goes_on = traffic.hear((line.output,))
    chunks = []
    while (chunk := traffic.next_chunk(line.output)) is not None:
        chunks.append(chunk)
    guard.let_signals_through()
    for chunk in chunks:
        goes_on &= line.show(chunk.data)
    return goes_on and not line.output.items
