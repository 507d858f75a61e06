"""The fast path between a keyboard and a screen here and a job there: a connection forwards bytes while nothing else happens.

Knows no terminal. A person types and waits for the echo, so this is short: no deadline, no signal and no state of the connection is checked
for each key.
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
    """The input here, and the output to be shown."""

    @property
    def keys(self) -> int:
        """The descriptor that is readable when there is input."""
        ...

    @property
    def input(self) -> Exchange:
        """The exchange over which input is sent."""
        ...

    @property
    def output(self) -> Exchange:
        """The exchange over which output arrives."""
        ...

    def typed(self) -> bytes | None:
        """Return the input, at most as much as `input` has room for; None if something else is due first."""
        ...

    def show(self, data: bytes | memoryview) -> bool:
        """Show the output, and return whether more can be shown now."""
        ...

    def due_at(self) -> float | None:
        """Return when to end the wait even if nothing happens, on `time.monotonic`."""
        ...


def relay(traffic: Traffic, guard: SignalGuard, line: Line, wake_fds: Sequence[int]) -> bool:
    """See `Connection.relay`. Signals are handled, except while something of the connection changes."""
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
