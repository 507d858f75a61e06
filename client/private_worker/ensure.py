"""Find the private worker of this user, or start it if it is not running or has less than this process could give it.

Of several commands at once, one starts it. Nothing is polled: it uses locks, a pipe and inotify.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import select
import signal
from contextlib import suppress
from pathlib import Path

from ...keys.files.user_folders import identity_path, roster_path, worker_folder
from ...keys.holder import Whereabouts, locate
from ...keys.identity import Identity, fingerprint, load_or_make
from ...schemas.refusal import Code, Refused
from ..sockets.addressee import Context
from . import caller
from .running import read_description, running
from .state_folder import holder_in, locked

# An idle worker ends sooner; with a busy one a command should not wait longer.
_MAKE_WAY_MS = 500
# Of a member, with room for what makes it unique.
_LONGEST_NAME = 48
# On their own machine a user may run a thousand commands at once, each with a connection and up to three streams.
_OWN_LIMITS = {"connections": 1024, "streams": 4096}


def ensure() -> Context:
    """Return the private worker. Starts it if necessary and waits until it is ready; of several commands at once, one starts it.

    Raises `Refused(UNAVAILABLE)` with the last lines of its log if it cannot be started.
    """
    folder = worker_folder()
    # Shared: wait while another process starts a worker, and never hold the worker's own lock when it needs it.
    with locked(folder / "starting.lock", fcntl.LOCK_SH):
        found = running(folder)
    # Without an identity, the worker was started by hand and does not know this user yet.
    if found is None or not identity_path().exists() or _is_poor(folder):
        with locked(folder / "starting.lock", fcntl.LOCK_EX):
            _enroll(load_or_make(identity_path()))
            if _is_poor(folder):
                _ask_to_make_way(folder)
            found = running(folder) or _start_or_join(folder)
    return found


def revive() -> str:
    """Start the private worker if it is not running, after a lost connection, and return its endpoint, which may have changed."""
    return ensure().endpoint


def _is_poor(folder: Path) -> bool:
    """Return whether the worker inherited a nice value, limits or groups that this process could improve."""
    said = read_description(folder)
    return bool(said.get("surroundings") and said.get("caller")) and caller.is_poorer(said["caller"], caller.facts())


def _ask_to_make_way(folder: Path) -> None:
    """Tell the worker to exit if it is idle; a busy one stays, and a later command asks again."""
    said = read_description(folder)
    holder = holder_in(folder) or ""
    if str(said.get("pid")) != holder:
        return
    try:
        process = os.pidfd_open(int(holder))
    except (OSError, ValueError):
        return
    try:
        # Checked once the pidfd is open: the pid may have been reused by now.
        if locate(said) is Whereabouts.HERE:
            signal.pidfd_send_signal(process, signal.SIGUSR1)
            exit_of = select.poll()
            exit_of.register(process, select.POLLIN)
            exit_of.poll(_MAKE_WAY_MS)
    except OSError:
        return
    finally:
        os.close(process)


def _start_or_join(folder: Path) -> Context:
    """Start the worker and return it, or one that was started by hand at the same moment and holds the folder now."""
    from . import launch  # noqa: PLC0415 -- most commands find it running

    try:
        return launch.start(folder)
    except Refused:
        if (found := running(folder)) is None:
            raise
        return found


def _name_of_user() -> str:
    name = ""
    with suppress(KeyError):
        # A directory service may allow names that a roster does not.
        name = re.sub(r"[^A-Za-z0-9_-]", "-", pwd.getpwuid(os.getuid()).pw_name).lstrip("-")[:_LONGEST_NAME]
    return name or f"uid-{os.getuid()}"


def _enroll(identity: Identity) -> None:
    """Add this user to the roster of the user's own workers."""
    from ...keys.members import roster  # noqa: PLC0415 -- only a start needs it

    path = roster_path()
    if any(member.key == identity.public for member in roster.list_members(path)):
        return
    name = _name_of_user()
    try:
        roster.add_member(path, name, identity.public, "admin", _OWN_LIMITS)
    except Refused as refused:
        if refused.code is not Code.ALREADY_EXISTS:
            raise
        # An older identity of the same person.
        roster.add_member(path, f"{name}-{fingerprint(identity.public)[:4]}", identity.public, "admin", _OWN_LIMITS)
