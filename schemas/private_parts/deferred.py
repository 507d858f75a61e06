"""Modules that a library imports and a process does not need: they are loaded when something of them is used.

That the library needs nothing of them while it is imported is private to it. Nothing is missing for whoever uses them later.
`tests/unit/test_private_parts.py` fails once a library does not import them by itself.
"""

import sys
from importlib import import_module
from types import ModuleType


class _Deferred(ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, name: str) -> object:
        # What the import system and debuggers look for in any module.
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def defer(name: str) -> None:
    """Have a module loaded only when something of it is used. Does nothing if it was loaded before."""
    sys.modules.setdefault(name, _Deferred(name))
