"""Whom a client speaks to. Knows neither how that is configured (contexts.py) nor how it is started (embedded.py)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# The name of this user's private worker among the contexts.
EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Context:
    """A daemon to speak to. `server_key` is its Ed25519 public key; `embedded`: it is this user's private worker.

    `notes`: what is to be known of a private worker that was started just now, a sentence each.
    """

    name: str
    endpoint: str
    server_key: bytes
    identity_path: Path
    embedded: bool = False
    notes: tuple[str, ...] = ()
