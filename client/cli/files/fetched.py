"""Fetch from the folder of a job to this machine: the paths of a command line, and messages about them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from ....schemas.naming import JobKey, short_id
from ....schemas.refusal import Code, Refused
from ...batch.octets import as_typed, to_bytes
from ...files.local_files import parse_get, shown
from ...library.client import Client
from ..terminal.screen import say

# How many of the links that were left out are named.
_MOST_NAMED = 3
# A lost connection is waited for; with these there is no use in asking for the next file.
_HOPELESS = frozenset({Code.UNAVAILABLE, Code.UNAUTHENTICATED})

Wanted = Sequence[tuple[bytes, bytes]]


def parse_wanted(said: Sequence[str]) -> Wanted:
    """Return the paths to fetch, and their destinations here, from arguments `PATH[:DEST]`.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    return [parse_get(to_bytes(as_typed(one))) for one in said]


def how_to_fetch(key: JobKey, said: Iterable[str]) -> str:
    """Return the command that fetches the files of a job, when the present command does not wait for its end."""
    return f"when it has ended: jobwire get {short_id(key.id)} {shlex.join(said)}"


def fetch_all(client: Client, key: JobKey, wanted: Wanted) -> bool:
    """Fetch everything, and report what could not be fetched; return whether everything was."""
    from ...files.fetching import fetch  # noqa: PLC0415 -- a command that fetches nothing need not wait for it

    is_whole = True
    for path, place in wanted:
        try:
            fetched = fetch(client.connection, key, path, place, default_name=short_id(key.id).encode())
        except Refused as refused:
            say(f"{shown(path) or 'the folder'} of job {short_id(key.id)} was not fetched: {refused}")
            is_whole = False
            if refused.code is Code.INVALID_ARGUMENT:
                # It is still there.
                again = f"{shown(path) or '.'}:DEST"
                say(f"to write it elsewhere: jobwire get {short_id(key.id)} {shlex.quote(again)}")
            if refused.code in _HOPELESS:
                return False
            continue
        for what, left_out in (("symbolic links that lead out of it", fetched.left_out), ("FIFOs, sockets or devices", fetched.others)):
            if left_out:
                names = ", ".join(shown(one) for one in left_out[:_MOST_NAMED])
                more = len(left_out) - _MOST_NAMED
                names += f" and {more} more" if more > 0 else ""
                say(f"{shown(fetched.place)}: left out {what}: {names}")
                is_whole = False
    return is_whole
