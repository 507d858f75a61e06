"""The broker of a worker: joined with a token or by hand, stored in the state folder, and left.

A worker has one broker: another one would place jobs where the first counts on room. All writes here are idempotent: a worker that is
killed in between joins again with the same token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ...keys.files import private_files
from ...keys.files.small_file import read_small
from ...keys.identity import fingerprint, format_public, load_or_make, parse_public
from ...keys.members.rights import Member
from ...keys.members.roster import add_member, list_members
from ...keys.members.roster_changes import remove_member
from ...keys.pairing.token import Token
from ...schemas.endpoint import to_connect
from ...schemas.json_text import object_of
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.workers.host_name import host_name
from ...schemas.workers.labels import parse_label
from .. import root_jobs
from ..state import layout
from ..state.lock import running

_LEAVE = "leave that one first: jobwire worker leave"


@dataclass(frozen=True, slots=True)
class Broker:
    """The broker of a worker. `key`: its public key as text. `slots` (0: default) and `labels` came with the token.

    `as_root`: the operator confirmed that jobs run as root. `token`: the fingerprint of its temporary key.
    """

    endpoint: str
    key: str
    slots: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    as_root: bool = False
    token: str = ""


def remembered(state: Path) -> Broker | None:
    """Return the broker that this worker has joined.

    Raises Refused(FAILED_PRECONDITION) for a damaged file.
    """
    path = state / layout.BROKER
    try:
        said = object_of(read_small(path))
        key = format_public(parse_public(said["key"]))
        return Broker(
            to_connect(said["endpoint"]), key, int(said["slots"]), dict(said["labels"]), said["as_root"] is True, str(said.get("token", ""))
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, Refused):
        message = f"{path}, which says which broker this worker has joined, cannot be read"
        raise Refused(Code.FAILED_PRECONDITION, message, "remove it, and join again") from None


def join_with(token: Token, state: Path, roster: Path, vouch: str, *, as_root: bool) -> Broker:
    """Join the broker of a token; it is stored when this returns. Raises Refused."""
    from ...client.sockets.pairing import pair  # noqa: PLC0415 -- a worker that has joined needs it no more

    if not token.is_for_machine:
        message = f"this token is for a personwith the role {token.role}, not for a machine"
        raise Refused(Code.FAILED_PRECONDITION, message, "use it with: jobwire join -; for a machine: jobwire broker invite")
    if running(state) is not None:
        message = f"a worker is running for {state} already; the token was not used"
        raise Refused(Code.FAILED_PRECONDITION, message, "stop it first: jobwire worker stop; its jobs continue")
    used = fingerprint(token.temporary.public)
    before = remembered(state)
    if before is not None and before.token == used:
        # The unit of a service may name it at each start, also long after it was forgotten at the broker.
        return before
    broker = Broker(token.endpoint, format_public(token.daemon), token.slots, dict(map(parse_label, token.labels)), as_root, used)
    demand_only(state, broker)
    # Before the token is used: it cannot be used twice, and nothing is to be remembered of a worker that does not start.
    root_jobs.demand_for_broker(broker.endpoint, intended=as_root)
    own = load_or_make(state / "identity")
    try:
        pair(token, own, host_name())
    except Refused as refused:
        # Left, and joined again: its entry is still there.
        if refused.reason is not Reason.MEMBER_ALREADY:
            raise
    trust(roster, token.daemon, vouch)
    remember(state, broker)
    return broker


def demand_only(state: Path, broker: Broker) -> None:
    """Refuse a second broker. Raises Refused(FAILED_PRECONDITION)."""
    before = remembered(state)
    if before is not None and before.key != broker.key:
        message = f"this worker has joined the broker at {before.endpoint} ({fingerprint(parse_public(before.key))}), and can have only one"
        raise Refused(Code.FAILED_PRECONDITION, message, _LEAVE)


def remember(state: Path, broker: Broker) -> None:
    """Store a broker for later starts of the worker. Raises Refused(FAILED_PRECONDITION)."""
    path = state / layout.BROKER
    try:
        private_files.make_folder(state)
        private_files.replace_itself(path, json.dumps(asdict(broker)).encode() + b"\n")
    except OSError as error:
        raise Refused(Code.FAILED_PRECONDITION, f"{path} cannot be written: {error.strerror}") from None


def trust(roster: Path, broker: bytes, vouch: str) -> None:
    """Let a broker deliver jobs; an existing entry in the roster stays as it is. Raises Refused."""
    members = list_members(roster)
    if any(member.key == broker and member.role == "relay" for member in members):
        return
    names = {member.name for member in members}
    name = next(name for number in range(1, len(names) + 2) if (name := f"broker-{number}" if number > 1 else "broker") not in names)
    add_member(roster, name, broker, "relay", vouch=vouch)


def leave(state: Path, roster: Path) -> Broker:
    """Forget the broker of this worker, and remove it from the roster; a running worker is disconnected from it.

    Raises Refused(NOT_FOUND) if there is none.
    """
    broker = remembered(state)
    if broker is None:
        raise Refused(Code.NOT_FOUND, "this worker has not joined a broker", "there is nothing to leave")
    relay = _relay(roster, parse_public(broker.key))
    if relay is not None:
        remove_member(roster, relay.name)
    with suppress(FileNotFoundError):
        (state / layout.BROKER).unlink()
        private_files.sync_folder(state)
    return broker


def _relay(roster: Path, key: bytes) -> Member | None:
    return next((member for member in list_members(roster) if member.key == key and member.role == "relay"), None)
