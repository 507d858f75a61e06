"""Arbitrary messages of the schema, for tests of code that must accept any of them."""

from __future__ import annotations

import functools
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

_WHOLE = {
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SINT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SINT64: (-(2**63), 2**63 - 1),
}


def messages(kind: type[Message], *, ids: st.SearchStrategy[bytes] | None = None) -> st.SearchStrategy[Any]:
    """Return a strategy for messages of a type, with any fields set to anything; `ids` are valid bytes for some of them."""
    return _of(kind.DESCRIPTOR, st.binary(max_size=40) if ids is None else ids)


@functools.cache
def _of(descriptor: Descriptor, ids: st.SearchStrategy[bytes]) -> st.SearchStrategy[Any]:
    fields = {field.name: _values(field, ids) for field in descriptor.fields}
    plain: list[str] = [
        field.name for field in descriptor.fields if field.containing_oneof is None or len(field.containing_oneof.fields) == 1
    ]
    choices = [[field.name for field in oneof.fields] for oneof in descriptor.oneofs if len(oneof.fields) > 1]
    kind = GetMessageClass(descriptor)

    @st.composite
    def make(draw: st.DrawFn) -> Any:
        names = draw(st.lists(st.sampled_from(plain), unique=True)) if plain else []
        names += [draw(st.sampled_from(choice)) for choice in choices]
        return kind(**{name: draw(fields[name]) for name in names})

    return make()


def _values(field: FieldDescriptor, ids: st.SearchStrategy[bytes]) -> st.SearchStrategy[Any]:
    one: st.SearchStrategy[Any]
    if field.message_type is not None:
        one = st.deferred(lambda: _of(field.message_type, ids))
    elif field.enum_type is not None:
        # A newer version may have other values.
        one = st.sampled_from([value.number for value in field.enum_type.values]) | st.integers(0, 2**31 - 1)
    elif field.type == FieldDescriptor.TYPE_BOOL:
        one = st.booleans()
    elif field.type == FieldDescriptor.TYPE_DOUBLE:
        one = st.floats()
    elif field.type == FieldDescriptor.TYPE_STRING:
        one = st.text(max_size=12) | st.sampled_from(["last", "a", "abcd", "1@20261124T053951.123456Z", "1@99999999T999999.000000Z"])
    elif field.type == FieldDescriptor.TYPE_BYTES:
        one = ids | st.binary(max_size=40)
    else:
        least, most = _WHOLE[field.type]
        one = st.integers(least, most) | st.integers(0, 20) | st.sampled_from([least, most])
    return st.lists(one, max_size=3) if field.is_repeated else one
