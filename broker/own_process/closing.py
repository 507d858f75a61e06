"""Closes parts of a daemon in reverse order, all of them, whatever fails."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

_log = logging.getLogger(__name__)


class Part(Protocol):
    """Something that must be closed."""

    def close(self) -> None:
        """Release everything."""
        ...


_Part = TypeVar("_Part", bound=Part)


class Closing:
    """Closes what it owns in reverse order."""

    def __init__(self) -> None:
        self._owned = contextlib.ExitStack()

    def own(self, part: _Part) -> _Part:
        """Return the part, which is closed together with this."""
        self.on_close(part.close)
        return part

    def on_close(self, close: Callable[[], object]) -> None:
        """Call this at the close, after everything owned later is closed."""
        self._owned.callback(_close, close)

    def close(self) -> None:
        """Close everything. Failures are logged."""
        self._owned.close()


def _close(close: Callable[[], object]) -> None:
    try:
        close()
    except Exception:  # noqa: BLE001 -- logged, and the others must be closed in any case
        # A failure must not keep the others open: a store that is not closed keeps its thread, and the process with it.
        _log.exception("a part of the daemon could not be closed; the others are")
