"""Lazy loading of modules that a library imports and a process does not need: they are loaded when one of their names is used.

That the library uses none of these names while it is imported is private to it. Code that uses them later finds all of them.
`tests/unit/test_private_parts.py` fails once a library no longer imports them by itself.
"""

import sys
from types import ModuleType


class _Deferred(ModuleType):
    """A placeholder for a module until one of its names is used."""

    def __getattr__(self, name: str) -> object:
        # What the import system and debuggers look for in any module.
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        from importlib import import_module  # noqa: PLC0415 -- who defers modules wants to load little

        return getattr(import_module(self.__name__), name)


def defer(name: str, **known: object) -> None:
    """Load a module only when one of its names is used, except for those in `known`. Does nothing if it is loaded already."""
    deferred = _Deferred(name)
    vars(deferred).update(known)
    sys.modules.setdefault(name, deferred)
