"""`NamedTuple` and `Protocol` without loading `typing`, which takes 0.8 MB of the supervisor and a tenth of its start-up time.

Type checkers see those of `typing`. Classes of `NamedTuple` are made as `typing` makes them, and a `Protocol` checks nothing at run time.
`tests/unit/test_private_parts.py` compares them.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple, Protocol
else:
    # What the class that is made has already, and must keep.
    _KEPT = ("__module__", "__annotations__")

    class _Maker(type):
        def __new__(cls, name: str, bases: tuple[type, ...], members: dict[str, object]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, members)
            kinds = members.get("__annotations__", {})
            defaults = [members[one] for one in kinds if one in members]
            made = namedtuple(name, kinds, defaults=defaults, module=members["__module__"])  # noqa: PYI024 -- typing does that too
            made.__annotations__ = made.__new__.__annotations__ = kinds
            for key, value in members.items():
                if key not in _KEPT and key not in kinds:
                    setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Maker):
        """A tuple with named fields, see `typing.NamedTuple`."""

    class Protocol:
        """The methods that a class must have, see `typing.Protocol`."""


__all__ = ["NamedTuple", "Protocol"]
