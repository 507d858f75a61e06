"""What a command declares about its parameters, and how it is called with their values. Knows no parser.

A command is a function. Its parameters are annotated with `Option` or `Argument`; one of type `Context` gets the options before the
command. Modules of commands import this instead of typer, which takes longer to load than most commands run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, get_type_hints


class Context(NamedTuple):
    """The options before the command: the name of the context to use, if any. `has_dashes`: whether the line has a `--`.

    The latter is known only for commands that ask for it.
    """

    obj: str | None
    has_dashes: bool = False


class Declared:
    """A parameter as its command declares it. `settings` are the keywords of `typer.Option` or `typer.Argument`."""

    __slots__ = ("flags", "settings")

    def __init__(self, *flags: str, **settings: Any) -> None:
        self.flags = flags
        self.settings = settings


class Option(Declared):
    """An option: its flags, then its placeholder and help. Without flags, its name becomes one."""

    __slots__ = ()


class Argument(Declared):
    """A positional argument: its placeholder and help."""

    __slots__ = ()


class Parameter(NamedTuple):
    """One parameter of a command. `declared` is None for the context; `is_required`: it has no default."""

    name: str
    kind: Any
    declared: Any
    default: Any = None
    is_required: bool = False


class Bundle(NamedTuple):
    """Several options whose values a command takes as one parameter, of this name. `make` builds it from their values, by name."""

    name: str
    options: tuple[Parameter, ...]
    make: Callable[[Mapping[str, Any]], Any]


_bundles: dict[Callable[..., None], Bundle] = {}


def take_bundle(command: Callable[..., None], bundle: Bundle) -> None:
    """Let a command take a bundle of options."""
    _bundles[command] = bundle


def parameters_of(command: Callable[..., None]) -> Sequence[Parameter]:
    """Return the parameters of a command in their order, those of its bundle last."""
    hints = get_type_hints(command, include_extras=True)
    code = command.__code__
    positional = code.co_varnames[: code.co_argcount]
    defaults = command.__defaults__ or ()
    known = {**dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=True)), **(command.__kwdefaults__ or {})}
    bundle = _bundles.get(command)
    found = []
    for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        if bundle is not None and name == bundle.name:
            continue
        hint = hints[name]
        declared = getattr(hint, "__metadata__", (None,))[0]
        kind = hint if declared is None else hint.__origin__
        found.append(Parameter(name, kind, declared, known.get(name), is_required=name not in known))
    return [*found, *(bundle.options if bundle else ())]


def call(command: Callable[..., None], values: Mapping[str, Any]) -> None:
    """Call a command with a value for each of its parameters."""
    said = dict(values)
    if bundle := _bundles.get(command):
        said[bundle.name] = bundle.make({one.name: said.pop(one.name) for one in bundle.options})
    command(**said)
