"""Invitations that a broker makes itself, for machines that it has requested, such as those of a cluster."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...keys.identity import KEY_BYTES
from ...keys.pairing import invitations, token
from ...keys.pairing.token import MACHINE, Token
from ...schemas.clock import wall_us


@dataclass(frozen=True, slots=True)
class MachineInvitation:
    """A token for one machine: `text` is secret and is what `worker run --join` reads, `temporary` the public key by which it is known."""

    text: str
    temporary: bytes


def invite_machine(
    roster: Path,
    endpoint: str,
    daemon: bytes,
    name: str,
    valid_seconds: float,
    *,
    slots: int = 0,
    labels: Sequence[str] = (),
) -> MachineInvitation:
    """Let one machine join, once, as the worker `name` of the broker that listens at `endpoint` with the public key `daemon`.

    It is durable when this returns; call `withdraw_machine` if the machine is given up before the token expires. It waits for the disk and
    for other editors of the roster: call it from a thread. `labels`: each NAME=VALUE.

    Raises `Refused`: ALREADY_EXISTS for a name in use, RESOURCE_EXHAUSTED if too many invitations are open.
    """
    made = Token(endpoint, daemon, os.urandom(KEY_BYTES), MACHINE, slots=slots, labels=tuple(labels))
    now_us = wall_us()
    temporary = made.temporary.public
    invitations.invite(roster, temporary, MACHINE, now_us + round(valid_seconds * 1_000_000), now_us, name=name)
    return MachineInvitation(token.write(made), temporary)


def withdraw_machine(roster: Path, temporary: bytes) -> bool:
    """End an unused invitation; return whether there was one. A worker that has joined with it stays on the roster."""
    return invitations.withdraw(roster, temporary)
