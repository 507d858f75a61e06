"""Modules that a library imports and a process does not need: they are loaded when something of them is used.

That the library needs nothing of them while it is imported is private to it. Nothing is missing for whoever uses them later.
`tests/unit/test_private_parts.py` fails once a library does not import them by itself.
"""

import sys
from types import ModuleType


class _Deferred(ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, name: str) -> object:
        # What the import system and debuggers look for in any module.
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        from importlib import import_module  # noqa: PLC0415 -- who defers modules wants to load little

        return getattr(import_module(self.__name__), name)


def defer(name: str, **known: object) -> None:
    """Have a module loaded only when something of it is used, besides what is `known` of it. Does nothing if it was loaded before."""
    deferred = _Deferred(name)
    vars(deferred).update(known)
    sys.modules.setdefault(name, deferred)
