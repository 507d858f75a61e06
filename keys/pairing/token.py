"""A token: one printable line with which another machine becomes a member, once. Knows no roster, and not whether it is still valid.

It is written in the digits of keys: two bytes with the length of the message, a `PairingToken`, zeros up to a multiple of five bytes, and a
CRC-32 over all that and the prefix. So a truncated or mistyped token is noticed before anything is sent. The seed in it is a secret for as
long as the token is valid.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from ...schemas.endpoint import to_connect
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Refused
from ..identity import KEY_BYTES, Identity, digits, from_seed, read_digits
from ..members.roster_text import invited_role_problem

PREFIX = "jobwire-join-"
LONGEST = 4096
_LENGTH_BYTES = 2
_CHECK_BYTES = 4
# In which the length is.
_FIRST_DIGITS = 4
_BITS = 5
# Eight digits are five bytes.
_DIGITS, _BYTES = 8, 5
MACHINE = "worker"


@dataclass(frozen=True, slots=True)
class Token:
    """The content of a token. `called`: a name for the worker or broker that invites; `slots` and `labels` are for a machine."""

    endpoint: str
    daemon: bytes
    seed: bytes = field(repr=False)
    role: str
    called: str = ""
    slots: int = 0
    labels: tuple[str, ...] = ()

    @property
    def temporary(self) -> Identity:
        """The identity of the temporary key."""
        return from_seed(self.seed)

    @property
    def is_for_machine(self) -> bool:
        """Whether it lets a worker join a broker."""
        return self.role == MACHINE


def write(token: Token) -> str:
    """Return a token as one line."""
    message = request_pb2.PairingToken(
        endpoint=token.endpoint,
        daemon=token.daemon,
        seed=token.seed,
        role=token.role,
        called=token.called,
        slots=token.slots,
        labels=token.labels,
    ).SerializeToString()
    data = (len(message).to_bytes(_LENGTH_BYTES, "big") + message).ljust(_size_with(len(message)) - _CHECK_BYTES, b"\0")
    data += _check_sum(data)
    return PREFIX + digits(data, len(data) * _DIGITS // _BYTES)


def read(text: str) -> Token:
    """Return the token that `write` wrote; white space is ignored, also within it.

    Raises `Refused(INVALID_ARGUMENT)` that says what is wrong with the text.
    """
    text = "".join(text.split())
    if not text.startswith(PREFIX):
        raise _wrong(f"a token begins with {PREFIX!r}, but this text does not")
    written = text.removeprefix(PREFIX)
    if len(written) > LONGEST:
        raise _wrong("the token is too long")
    try:
        number = read_digits(written, "token", len(PREFIX))
    except Refused as refused:
        raise _wrong(refused.message) from None
    if len(written) < _FIRST_DIGITS:
        raise _wrong("the token is cut off")
    length = number >> _BITS * len(written) - 8 * _LENGTH_BYTES
    size = _size_with(length)
    wanted = size * _DIGITS // _BYTES
    # If the length itself is wrong, so is the number of digits; that it is too small is the more probable mistake.
    if len(written) != wanted:
        raise _wrong("the token is cut off" if len(written) < wanted else "there is more text after the token")
    data = number.to_bytes(size, "big")
    if data[-_CHECK_BYTES:] != _check_sum(data[:-_CHECK_BYTES]):
        raise _wrong("a character of the token is wrong: its checksum does not match")
    return _understand(data[_LENGTH_BYTES : _LENGTH_BYTES + length])


def _understand(data: bytes) -> Token:
    try:
        said = request_pb2.PairingToken.FromString(data)
        endpoint = to_connect(said.endpoint)
    except (DecodeError, Refused):
        raise _wrong("there is no endpoint in the token") from None
    if len(said.daemon) != KEY_BYTES or len(said.seed) != KEY_BYTES or invited_role_problem(said.role):
        raise _wrong("the token is damaged, or was made by another version of jobwire")
    return Token(endpoint, said.daemon, said.seed, said.role, said.called, said.slots, tuple(said.labels))


def _size_with(length: int) -> int:
    """Return how many bytes a token with a message of this length has, padded to whole digits."""
    return -(-(_LENGTH_BYTES + length + _CHECK_BYTES) // _BYTES) * _BYTES


def _check_sum(data: bytes) -> bytes:
    return binascii.crc32(PREFIX.encode() + data).to_bytes(_CHECK_BYTES, "big")


def _wrong(why: str) -> Refused:
    return Refused(Code.INVALID_ARGUMENT, why, "copy the whole token again, or ask for a new one")
