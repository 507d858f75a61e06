"""The worker that a client uses. Knows neither how it is configured (contexts.py) nor how it is started (private_worker/)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# The name of this user's private worker among the contexts.
EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Context:
    """A worker to use. `server_key` is its Ed25519 public key; `embedded`: it is this user's private worker.

    `notes`: sentences about a private worker that was started just now.
    """

    name: str
    endpoint: str
    server_key: bytes
    identity_path: Path
    embedded: bool = False
    notes: tuple[str, ...] = ()
