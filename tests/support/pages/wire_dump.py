"""The bytes of a message, a line for each field with a comment, as docs/protocol.md shows them."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.internal import encoder

from jobwire.schemas.generated import request_pb2

_COLUMN = 44
_BYTES_A_LINE = 16
_NUMBERS = {FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_BOOL}


def dump(message: Any) -> str:
    """Return all fields that are set, in the order of their numbers."""
    return f"{message.DESCRIPTOR.name}\n" + "\n".join(_lines(message, "  ")) + "\n"


def undump(text: str) -> tuple[str, bytes]:
    """Return the name and the bytes from the text of `dump`."""
    name, *lines = text.splitlines()
    return name, bytes.fromhex("".join(line.partition("#")[0] for line in lines))


def _lines(message: Any, indent: str) -> list[str]:
    lines: list[str] = []
    for field, value in message.ListFields():
        for one in value if field.is_repeated else [value]:
            lines += _field(message, field, one, indent)
    return lines


def _field(message: Any, field: Any, value: Any, indent: str) -> list[str]:
    kind = 0 if field.type in _NUMBERS or field.enum_type else 2
    tag = encoder.TagBytes(field.number, kind)
    if kind == 0:
        shown = field.enum_type.values_by_number[value].name if field.enum_type else str(value).lower()
        return _annotated(indent, tag + _varint(int(value)), f"{field.name}: {shown}")
    if field.message_type:
        raw = value.SerializeToString()
        return [*_annotated(indent, tag + _varint(len(raw)), f"{field.name}, {len(raw)} bytes:"), *_lines(value, indent + "  ")]
    raw = value.encode() if isinstance(value, str) else value
    head = _annotated(indent, tag + _varint(len(raw)), f"{field.name}, {len(raw)} bytes:")
    if (message.DESCRIPTOR.name, field.name) == ("Envelope", "request"):
        return [*head, *_lines(request_pb2.Request.FromString(raw), indent + "  ")]
    if raw and raw.isascii() and raw.decode().isprintable():
        return _annotated(indent, tag + _varint(len(raw)) + raw, f'{field.name}: "{raw.decode()}"')
    return head + [
        line for start in range(0, len(raw), _BYTES_A_LINE) for line in _annotated(indent + "  ", raw[start : start + _BYTES_A_LINE])
    ]


def _annotated(indent: str, data: bytes, text: str = "") -> list[str]:
    pieces = [data[start : start + _BYTES_A_LINE].hex() for start in range(0, len(data), _BYTES_A_LINE)]
    first = f"{indent}{pieces[0]}"
    return [f"{first:<{_COLUMN}} # {text}" if text else first, *(f"{indent}{piece}" for piece in pieces[1:])]


def _varint(value: int) -> bytes:
    return bytes(encoder._VarintBytes(value))
