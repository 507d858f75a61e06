"""Pipes of jobs whose folder was removed while they ran, and whose supervisor then died: held, but not read.

The worker either requests adoption of such a job, in a restored folder, or settles it. Until then its output waits in its pipes.
"""

from __future__ import annotations

import os

from ..keeper_line import Deposited
from ..services import Services
from .lingering import drain


class Unclaimed:
    """All such jobs, by handle."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._held: dict[str, Deposited] = {}

    def __len__(self) -> int:
        """Return the number of these jobs."""
        return len(self._held)

    def hold(self, deposit: Deposited) -> None:
        """Hold what the keeper handed over for a job."""
        self._held[deposit.handle] = deposit

    def claim(self, handle: str) -> Deposited | None:
        """Forget a job whose pipes are pumped from now on, and return what was held for it; None if nothing was."""
        return self._held.pop(handle, None)

    def settle(self, handle: str) -> None:
        """Drop the output of a job whose end is durable; does nothing for other jobs."""
        deposit = self._held.pop(handle, None)
        if deposit is not None:
            for end in deposit.feed:
                os.close(end)
            if deposit.feed:
                self._services.line.fed(handle)
            drain(self._services.loop, self._services.lingering, handle, deposit.ends)
            self._services.line.settled(handle)

    def settle_all(self) -> None:
        """Drop the output of all of them, because no worker will ask for it."""
        for handle in list(self._held):
            self.settle(handle)
