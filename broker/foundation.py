"""The parts of a daemon below its engine and its desk: its key, its roster, its store; and what closes everything opened after them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from typing import Protocol, TypeVar

from ..keys.identity import Identity
from ..keys.members.roster import RosterFile
from ..schemas.frames import NONCE_BYTES
from .health.self_check import LoggedErrors
from .settings import Settings
from .store.store import Store
from .streams.watchers import Watchers

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


class Foundation:
    """Key, roster and store of a daemon, used on one running loop. `closing` closes it, and what is built on it."""

    def __init__(self, settings: Settings, identity: Identity) -> None:
        """Open roster and store. Raises Refused if one of them cannot be opened."""
        self.settings = settings
        self.identity = identity
        # Of this run.
        self.nonce = os.urandom(NONCE_BYTES)
        self.closing = Closing()
        own = self.closing.own
        self.watchers = Watchers()
        try:
            self.roster = own(RosterFile(settings.roster, lambda problem: _log.error("roster: %s", problem)))
            self.errors = own(LoggedErrors())
            self.store = own(Store(settings.store, asyncio.get_running_loop(), self.watchers.flush))
        except BaseException:
            self.closing.close()
            raise

    def close(self) -> None:
        """Close everything in reverse order."""
        self.closing.close()
