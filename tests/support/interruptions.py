"""Exceptions of signal handlers, at a chosen line of the client."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def interrupted_at_line(count: int, *, within: tuple[str, ...] = (".py",)) -> Iterator[None]:
    """Raise KeyboardInterrupt at the count-th line of the client that runs; not in signal_guard.py, which holds signals back.

    `within`: how the names of the files end whose lines count.
    """

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        name = frame.f_code.co_filename
        if "jobwire/client/" not in name or name.endswith("signal_guard.py") or not name.endswith(within):
            return None
        count -= event == "line"
        if count == 0:
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    # Whoever else traces (coverage does) gets its place back.
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
