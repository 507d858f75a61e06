"""The fast path for logs being shown: a connection forwards their chunks while nothing else happens.

Logs may be long, so this is short: no state of the connection is checked for each chunk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import zmq

from ...keys.sockets import Socket
from ..protocol.exchange import Exchange
from .traffic import Traffic
from .waiting.poll_time import milliseconds_until
from .waiting.signal_guard import SignalGuard

# Shows what came, and returns whether more can be shown now.
Show = Callable[[bytes | memoryview], bool]


def pour(
    traffic: Traffic, guard: SignalGuard, shown: Mapping[Exchange, Show], wake_fds: Sequence[int], due: Sequence[float | None]
) -> bool:
    """See `Connection.pour`; `due`: when it ends. Signals are handled, except while something of the connection changes."""
    # What has come before is for the reader of the output: nothing signals it again.
    if not traffic.is_calm or any(exchange.items for exchange in shown):
        return False
    due_at = min([at for at in (*due, traffic.due_at()) if at is not None], default=None)
    fds = [*wake_fds, *guard.begin_wait()]
    _pour(traffic, guard, shown, fds, due_at)
    guard.end_wait()
    return True


def _pour(traffic: Traffic, guard: SignalGuard, shown: Mapping[Exchange, Show], fds: list[int], due_at: float | None) -> None:
    socket = traffic.requests.monitored.socket
    watched = [*traffic.waited_on(), *[(fd, zmq.POLLIN) for fd in fds]]
    goes_on = True
    while goes_on:
        awake = cast("list[Socket | int]", [what for what, _ in zmq.zmq_poll(watched, milliseconds_until((due_at,)))])
        if awake != [socket]:
            return
        guard.hold_signals_back()
        goes_on = traffic.hear(shown)
        guard.let_signals_through()
        for exchange, show in shown.items():
            goes_on &= _empty(traffic, guard, exchange, show)
        goes_on = goes_on and traffic.is_calm and (due_at is None or time.monotonic() < due_at)


def _empty(traffic: Traffic, guard: SignalGuard, exchange: Exchange, show: Show) -> bool:
    """Show the chunks that arrived, and return whether that was all, and more could be shown."""
    while exchange.items:
        # One at a time: what is taken is granted anew.
        guard.hold_signals_back()
        chunk = traffic.next_chunk(exchange)
        guard.let_signals_through()
        if chunk is None or not show(chunk.data):
            return False
    return True
