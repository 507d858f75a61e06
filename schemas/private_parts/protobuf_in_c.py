"""protobuf without its implementation in Python, which it loads beside the one in C: 1.3 MB of each process, and time of each command.

That the one in C does without it is private to protobuf. It is loaded when something of it is used, so that nothing is missing.
`tests/unit/test_private_parts.py` fails once protobuf does not load it by itself.
"""

import sys
from importlib import import_module
from types import ModuleType

_IN_PYTHON = "google.protobuf.internal.python_message"


class _Deferred(ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, name: str) -> object:
        # What the import system and debuggers look for in any module.
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def defer() -> None:
    """Have the implementation in Python loaded only when it is used. Does nothing if it was loaded before, or is the only one."""
    from google.protobuf.internal import api_implementation  # noqa: PLC0415 -- whoever has it has loaded protobuf

    if api_implementation.Type() != "python":
        sys.modules.setdefault(_IN_PYTHON, _Deferred(_IN_PYTHON))
