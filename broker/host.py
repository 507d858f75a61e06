"""What a daemon reports to the process around it, and requests from it. Knows neither."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from .health.troubles import Trouble


class Host(NamedTuple):
    """The process around a daemon.

    `capacity_changed` is called when an operator has changed the capacity for jobs, `roster_changed` when another roster is in force.
    `troubles` returns the problems of the engine and its machine. `leave` ends the worker, where a broker may do that.
    """

    capacity_changed: Callable[[], object] = lambda: None
    roster_changed: Callable[[], object] = lambda: None
    troubles: Callable[[], Iterable[Trouble]] = tuple
    leave: Callable[[], None] | None = None


NO_HOST = Host()
