"""Whether a private worker is running, and how to reach it, from its state folder. Nothing is polled: it uses locks and inotify."""

from __future__ import annotations

import time
from pathlib import Path

from ...keys import namespaces
from ...keys.files.shortage import demand_descriptors
from ...keys.files.small_file import read_small
from ...keys.files.user_folders import identity_path
from ...keys.holder import DESCRIPTION, Whereabouts, locate
from ...keys.identity import parse_public
from ...schemas.endpoint import is_loopback
from ...schemas.json_text import object_of
from ...schemas.refusal import Code, Refused
from ..sockets.addressee import EMBEDDED, Context
from .state_folder import holder_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_READY_SECONDS = 20


def running(folder: Path) -> Context | None:
    """Return the running worker once it is ready; None if none is running."""
    holder = holder_in(folder)
    if holder is None:
        return None
    return described(folder, holder) or _await_ready(folder)


def ready(folder: Path) -> Context | None:
    """Return the running worker if it is ready now; never waits."""
    holder = holder_in(folder)
    return None if holder is None else described(folder, holder)


def described(folder: Path, holder: str) -> Context | None:
    """Return the description of the holder; None if it is not ready: the file is from an earlier worker, or unreadable.

    A description that was removed or overwritten is written again in a moment. If the lock file was removed, the holder's pid is unknown;
    then the description counts if its process is on this machine.
    """
    try:
        said = read_small(folder / DESCRIPTION)
        fields, context = understand(said)
    except OSError as error:
        demand_descriptors(error.errno)
        return None
    except Refused:
        return None
    where = locate(fields)
    is_holder = str(fields["pid"]) == holder if holder else where is Whereabouts.HERE
    if not is_holder or where is Whereabouts.GONE:
        return None
    _demand_same_network(fields, context, where)
    return context


def _demand_same_network(fields: dict[str, Any], context: Context, where: Whereabouts) -> None:
    """Refuse if the worker listens on the loopback of another network namespace: nothing would ever respond."""
    theirs = fields.get("namespaces")
    # An earlier version does not say.
    theirs, ours = (theirs.get("net") if isinstance(theirs, dict) else None), namespaces.own().get("net")
    if not theirs or not ours or theirs == ours or not is_loopback(context.endpoint):
        return
    end = "end it, and the next command starts one here: jobwire worker stop" if where is Whereabouts.HERE else "end it there"
    place = "in another network namespace, such as that of a container"
    raise Refused(
        Code.UNAVAILABLE,
        f"your private worker (pid {fields['pid']}) is {place}, and cannot be reached from here",
        f"use it there; or {end}",
    )


def _await_ready(folder: Path) -> Context | None:
    """Wait for a worker that is being started by hand, or for the end of one that is exiting; return None if none is left."""
    from ...keys.files import inotify  # noqa: PLC0415 -- rarely needed

    deadline = time.monotonic() + _READY_SECONDS
    with inotify.Inotify() as watch:
        # The description is replaced by rename(2); the lock file, which it wrote to, is closed when it exits.
        watch.add_watch(folder, inotify.MOVED_TO | inotify.CLOSE_WRITE)
        while (holder := holder_in(folder)) is not None:
            if found := described(folder, holder):
                return found
            if not watch.read(max(0, int((deadline - time.monotonic()) * 1000))):
                end = f"; or end it: kill {holder}" if holder else ""
                raise Refused(
                    Code.UNAVAILABLE,
                    f"your private worker (pid {holder or 'not known'}) is not ready after {_READY_SECONDS} s",
                    f"check its log: tail {folder / 'worker.log'}{end}",
                )
    return None


def understand(said: bytes) -> tuple[dict[str, Any], Context]:
    """Return a worker's description of itself, from `worker.json` or its readiness message, and how to reach it."""
    try:
        fields = object_of(said)
        fields["pid"]
        return fields, Context(EMBEDDED, fields["endpoint"], parse_public(fields["key"]), identity_path(), embedded=True)
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(Code.INTERNAL, f"the description of the embedded worker is not valid: {error!r}") from None


def read_description(folder: Path) -> dict[str, Any]:
    """Return the description of the running worker, or of the last one; empty if it cannot be read."""
    try:
        return object_of(read_small(folder / DESCRIPTION))
    except (OSError, ValueError):
        return {}
