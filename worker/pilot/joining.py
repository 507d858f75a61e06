"""How a worker in an allocation joins its broker: with the token from its folder, and a new key of its own."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from ...keys.pairing import token
from ...schemas.refusal import Code, Refused
from ..pairing.joined import Broker, join_with

_log = logging.getLogger(__name__)

# The broker may be restarting. An allocation whose worker cannot join is of no use, and ends.
_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 3.0


def enter(text: str, state: Path, roster: Path, *, as_root: bool) -> Broker:
    """Return the broker of a token, after joining it: the key is in the state folder, and the worker on the roster. Raises Refused."""
    read = token.read(text)
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return join_with(read, state, roster, "submitter", as_root=as_root)
        except Refused as refused:
            if refused.code is not Code.UNAVAILABLE or time.monotonic() > until:
                raise
            _log.warning("the broker cannot be joined yet: %s", refused)
        time.sleep(_PAUSE_SECONDS)
