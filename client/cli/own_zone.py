"""The name of the time zone of this machine: schedules need the name, because its clock changes between summer and winter."""

from __future__ import annotations

import os
from pathlib import Path

from .exit_status import BadInput

_LOCAL = Path("/etc/localtime")
_ZONES = "/zoneinfo/"


def own_zone(local: Path = _LOCAL) -> str:
    """Return the name of the time zone of this shell, as in `TZ`, or of this machine: see localtime(5) and tzset(3).

    Raises BadInput if it has no name.
    """
    said = os.environ.get("TZ")
    if said is not None:
        name = said.removeprefix(":")
        if not name:
            return "UTC"
    else:
        # Without the file, the time is UTC.
        name = os.path.realpath(local) if os.path.lexists(local) else "UTC"
    _, is_path, rest = name.rpartition(_ZONES)
    name = rest.removeprefix("posix/").removeprefix("right/") if is_path else name
    # As a TZ such as CET-1CEST it has a rule, and no name.
    if name.startswith("/") or any(mark in name for mark in ",<") or any(map(str.isdigit, name.partition("/")[0])):
        raise BadInput(f"the time zone of this machine, {name}, has no name that a worker knows; name one: --tz Europe/Berlin")
    return {"Etc/UTC": "UTC", "UCT": "UTC", "Zulu": "UTC"}.get(name, name)
