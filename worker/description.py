"""The worker.json in the state folder, by which a worker describes itself to commands of its user; and the boot of the last worker."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..broker.daemon import Daemon
from ..keys import namespaces
from ..keys.files.small_file import read_small
from ..keys.holder import identify
from ..keys.identity import Identity, format_public
from ..schemas.refusal import Refused
from .engine.engine import LocalEngine
from .reload import Reloads
from .settings import WorkerSettings
from .state import layout
from .state.lock import StateLock, last_description

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Description:
    """The worker's description of itself. Computed on each use, because supervisor and keeper may have been replaced."""

    lock: StateLock
    settings: WorkerSettings
    identity: Identity
    engine: LocalEngine
    daemon: Daemon
    reloads: Reloads
    # Inherited attributes that it cannot change, a sentence each.
    surroundings: list[str]

    def fields(self) -> dict[str, Any]:
        """Return the present description."""
        supervisor = self.engine.supervisor.hello
        return {
            **identify(),
            "namespaces": namespaces.own(),
            "endpoint": self.daemon.endpoint,
            "event_endpoint": self.daemon.event_endpoint,
            "key": format_public(self.identity.public),
            "version": __version__,
            "slots": self.daemon.queue.slots,
            "state": str(self.settings.state),
            "roster": str(self.settings.roster),
            "supervisor_pid": supervisor.pid,
            "keeper_pid": supervisor.keeper_pid,
            "cgroups": supervisor.cgroups,
            "marks": supervisor.marks,
            "memory_problem": supervisor.memory_problem or None,
            "surroundings": self.surroundings,
            "keep_free_bytes": self.settings.keep_free_bytes,
            "caller": self.settings.caller,
            "reloads": asdict(self.reloads),
            "pairs": True,
        }

    def write(self) -> None:
        """Write the description, now that its store is open.

        Raises Refused(FAILED_PRECONDITION) if it cannot be written, unless this worker continues after a reload.
        """
        self.lock.note_store()
        if self.reloads.count:
            # It served its clients before, and the file has the same pid and keys.
            self.write_anew()
            return
        self.lock.describe(self.fields())

    def write_anew(self) -> None:
        """Update the file, if possible."""
        try:
            self.lock.describe(self.fields())
        except Refused as refused:
            # For example, the disk is full. It describes an earlier state until there is space again.
            _log.warning("the description could not be updated: %s", refused.message)


def last_boot_id(state: Path) -> str:
    """Return the id of the boot in which the last worker ran; empty if it is not recorded.

    The supervisor recorded it too, in case the worker's file was removed.
    """
    said = (last_description(state) or {}).get("boot_id")
    if said is None:
        with contextlib.suppress(OSError):
            said, _, place = read_small(state / layout.BOOT).decode(errors="replace").partition("\n")
            here = state.stat()
            if place not in {"", f"{here.st_dev} {here.st_ino}\n"}:
                # In a copied folder nothing is known about running processes, as after a restart of the machine.
                return ""
    return str(said or "")
