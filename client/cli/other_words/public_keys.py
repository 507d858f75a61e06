"""A public key as an argument: if something else was typed, where the key is found."""

from __future__ import annotations

from ....keys.identity import parse_public
from ....schemas.refusal import Refused

_PREFIX = "jobwire-key-"
_OF_SSH = "jobwire has keys of its own, not those of ssh: "


def read_key(typed: str, where: str) -> bytes:
    """Return a public key. `where`: what prints it.

    Raises Refused, which says so.
    """
    try:
        return parse_public(typed)
    except Refused as refused:
        text = typed.strip()
        if not text.startswith(_PREFIX):
            refused.next_step = f"{_OF_SSH if text.startswith(('ssh-', 'ecdsa-')) or text.endswith('.pub') else ''}{where}"
        raise


def read_members_key(name: str, typed: str) -> bytes:
    """Return the public key of a new member. Raises Refused as `read_key` does, and says so if the name was typed behind the key."""
    is_swapped = name.startswith(_PREFIX) and not typed.startswith(_PREFIX)
    return read_key(
        typed, "the name comes first: jobwire keys add NAME KEY" if is_swapped else "jobwire keys show prints it on their machine"
    )
