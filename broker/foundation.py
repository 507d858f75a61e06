"""The parts of a daemon below its engine and its desk: its key, its roster, its store."""

from __future__ import annotations

import asyncio
import logging
import os

from ..keys.identity import Identity
from ..keys.members.roster import RosterFile
from ..schemas.frames import NONCE_BYTES
from .health.self_check import LoggedErrors
from .own_process.closing import Closing
from .settings import Settings
from .store.store import Store
from .streams.watchers import Watchers

_log = logging.getLogger(__name__)


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
