"""An identity: one Ed25519 key, the CURVE key derived from it, its file, and how its public half is written for people.

Knows no roster and no socket. Every command loads this module, so it imports little.
"""

from __future__ import annotations

import binascii
import os
from functools import lru_cache
from pathlib import Path

from ..schemas.private_parts.frozen import frozen
from ..schemas.refusal import Code, Refused
from . import c_sodium
from .files import ownership, private_files
from .files.file_kind import demand_kind
from .files.secret_file import read_secret

KEY_BYTES = 32
SIGNATURE_BYTES = 64

# Crockford's base 32: no i, l, o, u, so that nothing can be taken for 1, 0 or v.
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_CHECK_BYTES = 4
# 36 bytes are 288 bits, at 5 a digit.
_TEXT_DIGITS = 58
_PUBLIC_PREFIX = "jobwire-key-"
_SECRET_PREFIX = "jobwire-secret-"  # noqa: S105 -- the prefix of one
_FINGERPRINT_BYTES = 15


@frozen
class Identity:
    """The keys of a person or machine. `public` is the Ed25519 public key, 32 bytes; the CURVE keys have 32 raw bytes each.

    `acts_for`: for the key of a job, the public key of the owner it acts for. `may_be_early`: it may be refused until the worker of the job
    has reported it to a broker.
    """

    public: bytes
    curve_public: bytes
    curve_secret: bytes
    seed: bytes
    acts_for: bytes = b""
    may_be_early: bool = False

    def __repr__(self) -> str:
        """Return a text without the secret."""
        return f"Identity(public={self.public!r}, curve_public={self.curve_public!r}, acts_for={self.acts_for!r})"

    @property
    def owner(self) -> bytes:
        """The public key of the owner of the jobs that it starts."""
        return self.acts_for or self.public

    def sign(self, data: bytes) -> bytes:
        """Return an Ed25519 signature (RFC 8032), 64 bytes."""
        return c_sodium.sign(data, self.seed, self.public)


def from_seed(seed: bytes) -> Identity:
    """Return the identity of a 32-byte seed."""
    public = c_sodium.public_of_seed(seed)
    return Identity(
        public=public,
        curve_public=c_sodium.curve_public_of(public),
        curve_secret=c_sodium.curve_secret_of(seed),
        seed=seed,
    )


def generate() -> Identity:
    """Return a new identity."""
    return from_seed(os.urandom(KEY_BYTES))


def load(path: Path) -> Identity:
    """Return the identity in a file.

    Raises `Refused`: NOT_FOUND if there is none, PERMISSION_DENIED if it cannot be read, FAILED_PRECONDITION if it belongs to
    another user, others could read it, or it is damaged.
    """
    missing = Refused(Code.NOT_FOUND, f"there is no identity at {path}", "make one with: jobwire keys new")
    content = read_secret(path, "the identity", missing)
    # An editor may have put a byte order mark before it, and people put blanks and empty lines anywhere.
    lines = [
        line
        for raw in content.decode("utf-8", "replace").removeprefix("\ufeff").splitlines()
        if (line := raw.strip()) and not line.startswith("#")
    ]
    if len(lines) == 1:
        try:
            return from_seed(_parse(lines[0], _SECRET_PREFIX, "secret key"))
        except Refused as refused:
            raise _damaged(path, refused.message) from None
    from ..schemas.text.plain_text import why_not_text  # noqa: PLC0415 -- only where something is wrong

    if (wrong := why_not_text(content)) is not None:
        raise _damaged(path, wrong.what)
    raise _damaged(path, f"it has {len(lines)} lines that are not comments instead of one")


def _damaged(path: Path, reason: str) -> Refused:
    return Refused(
        Code.FAILED_PRECONDITION,
        f"the identity {path} is damaged: {reason}",
        "restore it from a backup, or move it away and make a new one with: jobwire keys new",
    )


def save(identity: Identity, path: Path) -> None:
    """Write an identity's file, mode 0600, in folders of mode 0700.

    Raises `Refused`: ALREADY_EXISTS if the file exists, which is never overwritten; FAILED_PRECONDITION if it cannot be written.
    """
    content = (
        "# A jobwire identity. Keep it secret: whoever can read this file is you.\n"
        f"# Its public key: {format_public(identity.public)}\n"
        f"{_format(identity.seed, _SECRET_PREFIX)}\n"
    )
    try:
        with private_files.place_of(path, make=True) as place:
            place.create(content.encode())
    except FileExistsError:
        raise Refused(
            Code.ALREADY_EXISTS, f"there is already an identity at {path}", "move it away first, or choose another file"
        ) from None
    except OSError as error:
        demand_kind(path, "the identity")
        raise Refused(Code.FAILED_PRECONDITION, f"the identity {path} cannot be written: {ownership.reason_of(error, path)}") from None


def load_or_make(path: Path) -> Identity:
    """Return the identity in a file, created if it is missing; concurrent processes get the same one.

    Raises `Refused` as `load` and `save` do.
    """
    try:
        return load(path)
    except Refused as refused:
        if refused.code is not Code.NOT_FOUND:
            raise
    identity = generate()
    try:
        save(identity, path)
    except Refused as late:
        if late.code is not Code.ALREADY_EXISTS:
            raise
        return load(path)
    return identity


def format_public(key: bytes) -> str:
    """Return a public key as one line of 70 characters; `parse_public` detects any wrong character in it."""
    return _format(key, _PUBLIC_PREFIX)


def parse_public(text: str) -> bytes:
    """Return the public key that `format_public` wrote; surrounding white space is ignored.

    Raises `Refused(INVALID_ARGUMENT)` that says what is wrong with the text.
    """
    return _parse(text.strip(), _PUBLIC_PREFIX, "public key")


@lru_cache(maxsize=64)
def fingerprint(key: bytes) -> str:
    """Return 120 bits of a public key's hash (BLAKE2b), short enough to compare by eye or to read out over a phone."""
    from ..schemas.private_parts.c_blake2 import blake2b  # noqa: PLC0415 -- few commands show one

    digest = blake2b(key, digest_size=_FINGERPRINT_BYTES).digest()
    text = digits(digest, _FINGERPRINT_BYTES * 8 // 5)
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def curve_public_of(public: bytes) -> bytes:
    """Return the CURVE public key for an Ed25519 public key; a key and its negative share one.

    Raises `Refused(INVALID_ARGUMENT)` for bytes that are not a point of the curve's prime-order group (RFC 7748, section 7).
    """
    if len(public) != KEY_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"a public key has {KEY_BYTES} bytes, but this one has {len(public)}")
    try:
        return c_sodium.curve_public_of(public)
    except c_sodium.NotAKeyError:
        raise Refused(Code.INVALID_ARGUMENT, "these bytes are not an Ed25519 public key") from None


def _check_sum(key: bytes, prefix: str) -> bytes:
    # A CRC and not a hash: it misses no burst of up to 32 bits, so no wrong character and no two swapped neighbours. The prefix in it
    # keeps a secret key from passing as a public one.
    return binascii.crc32(prefix.encode() + key).to_bytes(_CHECK_BYTES, "big")


def _format(key: bytes, prefix: str) -> str:
    return prefix + digits(key + _check_sum(key, prefix), _TEXT_DIGITS)


def digits(data: bytes, count: int) -> str:
    """Return bytes as this many base-32 digits."""
    number = int.from_bytes(data, "big")
    return "".join(_DIGITS[number >> 5 * place & 31] for place in reversed(range(count)))


def read_digits(text: str, what: str, before: int) -> int:
    """Return the number that base-32 digits stand for; `before`: how many characters precede them in `what`.

    Raises `Refused(INVALID_ARGUMENT)` for a character that is not a digit.
    """
    number = 0
    for place, digit in enumerate(text):
        value = _DIGITS.find(digit)
        if value < 0:
            raise Refused(Code.INVALID_ARGUMENT, f"character {before + place + 1} of the {what} is {digit!r}, which cannot be part of one")
        number = number << 5 | value
    return number


def _parse(text: str, prefix: str, what: str) -> bytes:
    if not text.startswith(prefix):
        raise Refused(Code.INVALID_ARGUMENT, f"a {what} begins with {prefix!r}, but this text does not")
    written = text.removeprefix(prefix)
    number = read_digits(written, what, len(prefix))
    if len(written) != _TEXT_DIGITS:
        problem = "is cut off" if len(written) < _TEXT_DIGITS else "is too long"
        raise Refused(Code.INVALID_ARGUMENT, f"the {what} {problem}: it has {len(text)} characters instead of {len(prefix) + _TEXT_DIGITS}")
    # The first digit has two bits more than the bytes need.
    if number < 1 << 8 * (KEY_BYTES + _CHECK_BYTES):
        data = number.to_bytes(KEY_BYTES + _CHECK_BYTES, "big")
        key = data[:KEY_BYTES]
        if data[KEY_BYTES:] == _check_sum(key, prefix):
            return key
    raise Refused(Code.INVALID_ARGUMENT, f"a character of the {what} is wrong: its checksum does not match")
