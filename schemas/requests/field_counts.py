"""Count the fields of a large message before it is decoded.

Decoding 8 MiB of the smallest fields at once takes a quarter of a second, during which a daemon does nothing else. The limits are those of
bounds.py; they are checked here in steps, on the encoded bytes (https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from ..refusal import Code, Refused
from .bounds import COUNTS, field_name, owner_of
from .large import LENGTH_DELIMITED, fields

# About a millisecond.
_FIELDS_A_STEP = 2000
# How often a field may occur that is not repeated: messages that follow each other are one. And all fields of newer versions together.
_MOST_MERGED = 8
_MOST_NEWER = 64
# The longest number, where several are packed into one field.
_NUMBER_BYTES = 10


class _Limit(NamedTuple):
    """The limits of one field of a message; `kind`: the field is a message itself, `packed_bytes`: it holds packed numbers."""

    name: str
    most: int
    kind: Any = None
    packed_bytes: int | None = None


def check(raw: bytes, kind: Any) -> Iterator[None]:
    """Check in steps that a serialized message of this kind (a descriptor) has no more fields than its limits allow.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    passed = 0
    waiting = [(0, len(raw), kind)]
    try:
        while waiting:
            begin, until, kind = waiting.pop()
            limits = _limits(kind)
            seen: Counter[str] = Counter()
            for number, at, content, end in fields(raw, begin, until):
                passed += 1
                if passed % _FIELDS_A_STEP == 0:
                    yield
                limit = limits.get(number, _NEWER)
                if limit.kind is not None and raw[at] & 7 != LENGTH_DELIMITED:
                    limit = _NEWER
                seen[limit.name] += 1
                if seen[limit.name] > limit.most or (limit.packed_bytes is not None and end - content > limit.packed_bytes):
                    raise Refused(Code.INVALID_ARGUMENT, f"more than {limit.most} {limit.name} in one {owner_of(kind)}", "send fewer")
                if limit.kind is not None:
                    waiting.append((content, end, limit.kind))
    except (DecodeError, IndexError):
        raise Refused(Code.INVALID_ARGUMENT, f"a {owner_of(kind)} cannot be decoded") from None


_NEWER = _Limit("fields of newer versions", _MOST_NEWER)


@cache
def _limits(kind: Any) -> Mapping[int, _Limit]:
    limits = {}
    for field in kind.fields:
        most = COUNTS.get(field_name(field), _MOST_MERGED)
        holds_numbers = field.message_type is None and field.type not in {field.TYPE_STRING, field.TYPE_BYTES}
        limits[field.number] = _Limit(field.name, most, field.message_type, _NUMBER_BYTES * most if holds_numbers else None)
    return limits
