"""Spares every command the loading of pydantic, which typer uses even for a flag or a text: that takes longer than a job.

What a text means is understood where its verb is. Reaches into typer; does nothing with a version that has no such thing, so that all
works as before, only slower.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import typer.core

_PLAIN = (bool, str, list[str])


class _AsTyped:
    """Stands where typer would put its adapter for one parameter."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:  # noqa: ARG002 -- typer's signature
        """Take the flag, the text or the texts as they are."""
        if value is None and (param.multiple or param.nargs == -1):
            return ()
        return value


@cache
def take_texts_as_typed() -> None:
    """Do so for flags, texts and lists of texts, from now on."""
    parameter: Any = getattr(typer.core, "_TyperParameter", None)
    adapter = getattr(parameter, "get_runtime_param", None)
    if adapter is not None:
        parameter.get_runtime_param = lambda self: _AsTyped() if self.type_descriptor.annotation in _PLAIN else adapter(self)
