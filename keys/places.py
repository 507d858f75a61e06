"""Where a user's files are (XDG Base Directory Specification). Knows no file's content."""

from __future__ import annotations

import os
from pathlib import Path

CONFIG_VARIABLE = "JOBWIRE_CONFIG"
STATE_VARIABLE = "JOBWIRE_STATE"


def config_folder() -> Path:
    """Say where contexts, identity and roster of this user are: `$JOBWIRE_CONFIG`, or `jobwire` in the user's folder for such."""
    return _folder(CONFIG_VARIABLE, "XDG_CONFIG_HOME", ".config")


def state_folder() -> Path:
    """Say where what this user's daemons remember is: `$JOBWIRE_STATE`, or `jobwire` in the user's folder for such."""
    return _folder(STATE_VARIABLE, "XDG_STATE_HOME", ".local/state")


def identity_path() -> Path:
    """Say where this user's identity is."""
    return config_folder() / "identity"


def roster_path() -> Path:
    """Say where the roster of this user's own workers is."""
    return config_folder() / "roster.toml"


def worker_folder() -> Path:
    """Say where this user's worker keeps its state, the embedded one and any other that is not told otherwise."""
    return state_folder() / "worker"


def _folder(ours: str, base: str, below_home: str) -> Path:
    # As platformdirs has it on Linux; but that takes 5 ms to import, in every command.
    if said := os.environ.get(ours):
        return Path(said).absolute()
    of_user = os.environ.get(base, "").strip()
    return Path(of_user if of_user.startswith("/") else Path.home() / below_home) / "jobwire"
