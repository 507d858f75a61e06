"""The paths of a user's files (XDG Base Directory Specification), checked to belong to this user. Knows no content."""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from pathlib import Path

from ...schemas.refusal import Code, Refused
from .ownership import demand_own

CONFIG_VARIABLE = "JOBWIRE_CONFIG"
STATE_VARIABLE = "JOBWIRE_STATE"


def config_folder() -> Path:
    """Return the config folder, with contexts, identity and roster: `$JOBWIRE_CONFIG`, or `jobwire` in the user's config folder.

    Raises `Refused(FAILED_PRECONDITION)` if it belongs to another user or cannot be determined.
    """
    folder = _folder(CONFIG_VARIABLE, "XDG_CONFIG_HOME", ".config")
    demand_own(folder, "the config folder")
    return folder


def state_folder() -> Path:
    """Return the state folder: `$JOBWIRE_STATE`, or `jobwire` in the user's state folder.

    Raises `Refused(FAILED_PRECONDITION)` as `config_folder` does.
    """
    folder = _folder(STATE_VARIABLE, "XDG_STATE_HOME", ".local/state")
    demand_own(folder, "the state folder")
    return folder


def identity_path() -> Path:
    """Return the path of this user's identity."""
    return config_folder() / "identity"


def roster_path() -> Path:
    """Return the path of the roster of this user's own workers.

    Raises `Refused(FAILED_PRECONDITION)` as `config_folder` does.
    """
    path = config_folder() / "roster.toml"
    demand_own(path, "the roster")
    return path


def worker_folder() -> Path:
    """Return the state folder of this user's worker: the private one, and any other without a `--state` of its own.

    Raises `Refused(FAILED_PRECONDITION)` as `config_folder` does.
    """
    folder = state_folder() / "worker"
    demand_own(folder, "the state folder")
    return folder


def broker_folder() -> Path:
    """Return the state folder of a broker of this user without a `--state` of its own.

    Raises `Refused(FAILED_PRECONDITION)` as `config_folder` does.
    """
    folder = state_folder() / "broker"
    demand_own(folder, "the state folder")
    return folder


def _folder(ours: str, base: str, below_home: str) -> Path:
    # As in platformdirs on Linux, which takes 5 ms to import, in every command.
    if said := os.environ.get(ours):
        return Path(said).absolute()
    of_user = os.environ.get(base, "").strip()
    return Path(of_user if of_user.startswith("/") else home_folder() / below_home) / "jobwire"


def home_folder() -> Path:
    """Return the home folder of this user.

    Raises `Refused(FAILED_PRECONDITION)` if it cannot be determined.
    """
    remedy = f"set HOME to an absolute path, or both {CONFIG_VARIABLE} and {STATE_VARIABLE} to folders of your own"
    home = os.environ.get("HOME", "")
    if not home:
        with suppress(KeyError):
            home = pwd.getpwuid(os.getuid()).pw_dir
    if not home:
        reason = f"HOME is not set, and uid {os.getuid()} has no entry in the user database"
        raise Refused(Code.FAILED_PRECONDITION, f"there is no home folder: {reason}", remedy)
    if not home.startswith("/"):
        raise Refused(Code.FAILED_PRECONDITION, f"the home folder {home!r} is not an absolute path", remedy)
    return Path(home)
