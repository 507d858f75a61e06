"""Functions that take the options of a job without naming each: their signature names them, for `help()` and `inspect`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..library.specs import job_spec
from ..library.subprocess_words import unexpected

_P = ParamSpec("_P")
_R = TypeVar("_R")


def takes_job_options(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return a function whose `**options` are those of `job_spec`: spelled out in its signature, and a TypeError for any other."""
    own = inspect.signature(function)
    options = [one for one in inspect.signature(job_spec).parameters.values() if one.kind is inspect.Parameter.KEYWORD_ONLY]
    named = [one for one in own.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    spelled_out = own.replace(parameters=[*named, *(one for one in options if one.name not in own.parameters)])

    @functools.wraps(function)
    def checked(*args: _P.args, **options: _P.kwargs) -> _R:
        for option in options:
            if option not in spelled_out.parameters:
                raise unexpected(function.__name__, option)
        return function(*args, **options)

    checked.__signature__ = spelled_out  # type: ignore[attr-defined] # reason: inspect.signature reads it (PEP 362)
    return checked
