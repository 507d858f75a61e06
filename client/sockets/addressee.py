"""The worker that a client uses. Knows neither how it is configured (contexts.py) nor how it is started (private_worker/)."""

from __future__ import annotations

from pathlib import Path

from ...schemas.private_parts.light_typing import NamedTuple

# The name of this user's private worker among the contexts.
EMBEDDED = "embedded"


class Context(NamedTuple):
    """A worker to use. `server_key` is its Ed25519 public key; `embedded`: it is this user's private worker.

    `notes`: sentences about a private worker that was just started. `of_job`: this process is part of a job of that worker, and
    `identity_path` is the job's own key file.
    """

    name: str
    endpoint: str
    server_key: bytes
    identity_path: Path
    embedded: bool = False
    notes: tuple[str, ...] = ()
    of_job: bool = False
