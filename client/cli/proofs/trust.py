"""Whose signatures the user trusts, and the names of keys: from options, files of the user, contexts and the roster. Starts nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ....keys import identity as identities
from ....keys.files.user_folders import identity_path, roster_path
from ....keys.identity import parse_public
from ....keys.members import roster
from ....keys.members.rights import Member
from ....schemas.refusal import Code, Refused
from ...config import contexts
from ...config.known_workers import known_workers_path, read_known_workers
from ...proofs.verification import Wanted
from ..arguments import understanding


def wanted(workers: Sequence[str], roster_file: str | None = None, *, signer: bytes = b"", audience: bytes = b"") -> Wanted:
    """Return the conditions for proofs. `workers`: the values of options.

    Raises BadInput.
    """
    with understanding("--worker"):
        named = frozenset(key for one in workers for key in _workers(one))
        known = _known_workers()
    names = {key: name for key, name in known.items() if name} | _names(roster_file)
    return Wanted(signer, audience, named, frozenset(known) | _own_workers(roster_file), _contexts(), names)


def _workers(said: str) -> Iterable[bytes]:
    """Return the public keys that an option names: a key, the key of a context, or the keys in a file.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    if said.startswith("@"):
        return read_known_workers(Path(said[1:]))
    context = next((one for one in contexts.list_contexts() if one.name == said), None)
    if context is not None:
        return [context.server_key]
    if not said.startswith("jobwire-"):
        what = f"{said!r} is neither a public key (jobwire-key-...) nor the name of a context"
        raise Refused(Code.INVALID_ARGUMENT, what, "see jobwire context list; for a file of keys, write @FILE")
    return [parse_public(said)]


def _known_workers() -> Mapping[bytes, str]:
    path = known_workers_path()
    return read_known_workers(path) if path.exists() else {}


def _own_workers(roster_file: str | None) -> frozenset[bytes]:
    """Return the keys of workers on a roster, and of the private worker."""
    keys = {member.key for member in _members(roster_file) if member.role == "worker"}
    with suppress(Refused):
        if (private := contexts.resolve_running(contexts.EMBEDDED)) is not None:
            keys.add(private.server_key)
    return frozenset(keys)


def _contexts() -> frozenset[bytes]:
    try:
        return frozenset(context.server_key for context in contexts.list_contexts())
    except Refused:
        return frozenset()


def _members(roster_file: str | None) -> Iterable[Member]:
    path = Path(roster_file) if roster_file is not None else roster_path()
    return roster.list_members(path) if roster_file is not None or path.exists() else ()


def _names(roster_file: str | None) -> dict[bytes, str]:
    """Return the names of the known keys. Nothing is created, and unreadable files add no names."""
    names = {member.key: member.name for member in _members(roster_file)}
    try:
        names |= {context.server_key: f"context {context.name}" for context in contexts.list_contexts()}
        if (private := contexts.resolve_running(contexts.EMBEDDED)) is not None:
            names[private.server_key] = "your private worker"
        names[identities.load(identity_path()).public] = "you"
    except Refused:
        pass
    return names
