"""Immutable values: `@frozen` is `@dataclass(frozen=True)` for classes that every command loads.

`dataclasses` loads `inspect` and the parser of Python, and compiles six methods for each class: together a sixth of the run time of a short
command. These classes share their methods instead. `dataclasses` and `inspect.signature` treat them as dataclasses; `dataclasses` is loaded
only then.

An instance holds only what differs from the defaults, which are attributes of its class: a spec has dozens of fields, of which few are set.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn, TypeVar, dataclass_transform

    _Value = TypeVar("_Value")
    _Class = TypeVar("_Class", bound=type)
else:

    def dataclass_transform(**_: object) -> object:
        """Tell type checkers that a decorator makes dataclasses; has no effect at run time."""
        return lambda decorator: decorator


@dataclass_transform(frozen_default=True)
def frozen(of: _Class) -> _Class:
    """Return the class with the methods of a frozen dataclass. Its own `__repr__` and `__hash__` are kept."""
    names = tuple(of.__annotations__)
    members = {name: value for name, value in of.__dict__.items() if name not in {"__dict__", "__weakref__"}}
    for method in (_init, _repr, _eq, _hash, _setattr, _delattr):
        members.setdefault(f"__{method.__name__.strip('_')}__", method)
    members |= {
        "__match_args__": names,
        "__replace__": replace,
        "__dataclass_fields__": _Lent("__dataclass_fields__"),
        "__dataclass_params__": _Lent("__dataclass_params__"),
        "__signature__": _Signature(),
        "_defaults": {name: of.__dict__[name] for name in names if name in of.__dict__},
        "_required": frozenset(name for name in names if name not in of.__dict__),
        "_names": frozenset(names),
        # Twice, as of a single name it returns no tuple.
        "_values": attrgetter(*names, *names[:1]),
        "__qualname__": of.__qualname__,
    }
    return type(of)(of.__name__, of.__bases__, members)


def made(of: type[_Value], fields: dict[str, Any]) -> _Value:
    """Return an instance of a frozen class with these fields, which must include all fields without a default; nothing is checked.

    For instances that are made by the ten thousand from messages: the checks take longer than everything else. The instance takes over the
    dict `fields`.
    """
    value = object.__new__(of)
    object.__setattr__(value, "__dict__", fields)
    return value


def replace(value: _Value, **changes: Any) -> _Value:
    """Return a copy of an instance of a frozen class, or of a dataclass, with other values of these fields, like `dataclasses.replace`."""
    if hasattr(value, "__dict__"):
        return type(value)(**value.__dict__ | changes)
    names: tuple[str, ...] = type(value).__match_args__  # type: ignore[attr-defined] # reason: of a dataclass with slots
    return type(value)(**{name: getattr(value, name) for name in names} | changes)


def _init(self: Any, *said: Any, **named: Any) -> None:
    cls = type(self)
    if said:
        names = cls.__match_args__
        if len(said) > len(names) or not named.keys().isdisjoint(names[: len(said)]):
            raise TypeError(_what_is_wrong(cls, said, named))
        named |= zip(names, said, strict=False)
    if not (named.keys() >= cls._required and named.keys() <= cls._names):
        raise TypeError(_what_is_wrong(cls, said, named))
    get = cls._defaults.get
    self.__dict__.update([item for item in named.items() if get(item[0], _NONE) is not item[1]])


_NONE: Any = object()


def _what_is_wrong(cls: Any, said: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    names = cls.__match_args__
    missing = [name for name in names[len(said) :] if name in cls._required and name not in named]
    unknown = [name for name in named if name not in names]
    twice = [name for name in names[: len(said)] if name in named]
    for what, which in (("unexpected keyword arguments", unknown), ("multiple values for", twice), ("missing arguments", missing)):
        if which:
            return f"{cls.__name__}(): {what}: {', '.join(which)}"
    return f"{cls.__name__}() takes {len(names)} positional arguments but {len(said)} were given"


def _repr(self: Any) -> str:
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in type(self).__match_args__)})"


def _eq(self: Any, other: Any) -> Any:
    return self._values(self) == self._values(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(self._values(self)[: len(self.__match_args__)])


def _setattr(self: Any, name: str, value: object) -> NoReturn:  # noqa: ARG001 -- as it is called
    raise AttributeError(f"cannot assign to field {name!r} of {type(self).__name__}, which is frozen")


def _delattr(self: Any, name: str) -> NoReturn:
    raise AttributeError(f"cannot delete field {name!r} of {type(self).__name__}, which is frozen")


class _Lent:
    """What `dataclasses` stores in a class (its fields, and the parameters of the decorator, which pprint reads). Made on first access."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, value: object, of: Any) -> Any:
        made = vars(_twin(of))[self._name]
        type.__setattr__(of, self._name, made)
        return made


class _Signature:
    """The signature of a class for `inspect`, help() and editors; made on first access."""

    def __get__(self, value: object, of: Any) -> Any:
        import inspect  # noqa: PLC0415 -- whoever asks has it

        return inspect.signature(_twin(of))


def _twin(of: Any) -> type:
    """Return a dataclass with the same fields."""
    import dataclasses  # noqa: PLC0415 -- as said above

    defaults = {name: dataclasses.field(default=value) for name, value in of._defaults.items()}  # noqa: SLF001 -- of this module
    fields = [(name, kind, defaults[name]) if name in defaults else (name, kind) for name, kind in of.__annotations__.items()]
    return dataclasses.make_dataclass(of.__name__, fields, frozen=True)
