"""Whether a worker that runs as root may run the jobs of others: only if an option confirms that."""

from __future__ import annotations

import os

from ..schemas.endpoint import is_loopback
from ..schemas.refusal import Code, Refused

_NEXT = "run it as another user, or use --jobs-as-root if that is intended"


def demand_for_broker(endpoint: str, *, intended: bool) -> None:
    """Raise Refused(FAILED_PRECONDITION) if the jobs of a broker would run as root without that option."""
    if os.geteuid() == 0 and not intended:
        message = f"this worker would run the jobs of the broker at {endpoint} as root"
        raise Refused(Code.FAILED_PRECONDITION, message, _NEXT)


def demand_for_clients(endpoint: str, *, intended: bool) -> None:
    """Raise Refused(FAILED_PRECONDITION) if the jobs of other machines would run as root without that option."""
    if os.geteuid() == 0 and not intended and not is_loopback(endpoint):
        message = f"this worker would accept other machines at {endpoint} and run their jobs as root"
        raise Refused(Code.FAILED_PRECONDITION, message, _NEXT)
