"""The homes of users who share a worker, as for the command line."""

from __future__ import annotations

from homes import bytecode, home, own_home, shared_worker

__all__ = ["bytecode", "home", "own_home", "shared_worker"]
