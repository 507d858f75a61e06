"""protobuf's C extension, `google._upb._message`, without the Python modules around it: saves a fifth of the time of a shell completion.

Private to protobuf. A generated module calls five functions of five modules, which load twenty others; a process that only writes and reads
messages needs none of them. Only such a process may use it: messages of Google's own types, such as Timestamp, lack what Python adds.
`tests/unit/test_private_parts.py` fails once protobuf is light by itself, or once messages made this way differ from other messages.
"""

from __future__ import annotations

from .deferred import defer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def use() -> None:
    """Make generated modules that are imported from now on use the C extension directly; does nothing if protobuf has none here."""
    try:
        from google._upb import _message  # noqa: PLC0415 -- half of the Tabs need no message
    except ImportError:
        return
    from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper  # noqa: PLC0415 -- as above
    from google.protobuf.message import Message  # noqa: PLC0415 -- as above

    def build(file: Any, module_name: str, module: dict[str, Any]) -> None:
        """Add what a file defines to a module: its enums at once, each message class when it is first used."""
        for name, enum in file.enum_types_by_name.items():
            module[name] = EnumTypeWrapper(enum)
            module.update((value.name, value.number) for value in enum.values)
        descriptors = file.message_types_by_name

        def find(name: str) -> type:
            if name not in descriptors:
                raise AttributeError(f"module {module_name!r} has no attribute {name!r}")
            # The one that there is, if a message with such a field was used before.
            made: type = _message.MessageMeta(name, (Message,), {"DESCRIPTOR": descriptors[name], "__module__": module_name})
            module[name] = made
            return made

        module["__getattr__"] = find

    defer("google.protobuf.internal.api_implementation", Type=lambda: "upb")
    defer("google.protobuf.descriptor", _USE_C_DESCRIPTORS=True)
    defer("google.protobuf.descriptor_pool", Default=lambda: _message.default_pool)
    defer("google.protobuf.symbol_database", Default=lambda: None)
    defer("google.protobuf.internal.builder", BuildMessageAndEnumDescriptors=_pass, BuildTopDescriptorsAndMessages=build)
    # Those of Google's own types that have more than their fields. The part in C asks for them when it makes its first class.
    defer("google.protobuf.internal.well_known_types", WKTBASES={})


def _pass(file: Any, module: dict[str, Any]) -> None:
    """Ignore descriptors: only the implementation in Python needs them."""
