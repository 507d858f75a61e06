"""What a daemon tells the process around it, and asks of it. Knows neither."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from .health.troubles import Trouble


class Host(NamedTuple):
    """The process around a daemon.

    `capacity_changed` is called when an operator has set what there is for jobs, `roster_changed` when another roster is in force.
    `troubles` returns what the engine has to say about itself and its machine. `leave` ends the worker, where a broker may do that.
    """

    capacity_changed: Callable[[], object] = lambda: None
    roster_changed: Callable[[], object] = lambda: None
    troubles: Callable[[], Iterable[Trouble]] = tuple
    leave: Callable[[], None] | None = None


NO_HOST = Host()
