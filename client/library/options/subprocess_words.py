"""Keyword arguments of `subprocess` that the library does not have, and what to use instead."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

_UNDECODED = "run, job.result and job.output take text=, encoding= and errors="
_GATHERED = "the output of a job is always kept: see stdout and stderr of the result, or of the job while it runs"
_INSTEAD = {
    "stdin": "give the bytes as input=; run takes stdin=",
    "text": _UNDECODED,
    "universal_newlines": _UNDECODED,
    "encoding": _UNDECODED,
    "errors": _UNDECODED,
    "capture_output": _GATHERED,
    "stdout": _GATHERED,
    "stderr": f"{_GATHERED}; in place of stderr=STDOUT: stderr_to_stdout=True",
    "shell": "write the shell as the program: ['sh', '-c', ...]",
    "id": "an id belongs to one submission and not to a spec: submit_many takes ids=",
}


def unexpected(function_name: str, option: str) -> TypeError:
    """Return the error for an unknown option of a function, with what to use instead."""
    hint = f": {_INSTEAD[option]}" if option in _INSTEAD else ""
    return TypeError(f"{function_name}() got an unexpected keyword argument {option!r}{hint}")


def demand_one_argv(function_name: str, positional: Sequence[str], given: int) -> None:
    """Raise TypeError for words beside the argv, as of a function that runs another: `submit(print, 3)`.

    `positional`: the names of the parameters that may be given without a name, `given`: how many were.
    """
    if given > len(positional) and list(positional[-1:]) == ["argv"]:
        message = f"{function_name}() takes a program with its arguments as one list: {function_name}(['echo', 'hello'])"
        raise TypeError(message)


def explains_options(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return the function with a TypeError that says what to use instead of an unknown option."""
    code = function.__code__
    known = frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    positional = code.co_varnames[: code.co_argcount]

    @functools.wraps(function)
    def checked(*args: _P.args, **options: _P.kwargs) -> _R:
        for option in options:
            if option not in known:
                raise unexpected(function.__name__, option)
        demand_one_argv(function.__name__, positional, len(args))
        return function(*args, **options)

    return checked
