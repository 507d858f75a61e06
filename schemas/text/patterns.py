"""Regular expressions that are compiled on first use: a command loads many and uses few of them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Any, AnyStr

_METHODS = ("match", "fullmatch", "search", "sub", "findall", "finditer")


class _Later:
    """A placeholder for a compiled pattern. The first use of one of its attributes compiles it."""

    def __init__(self, source: Any, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        import re  # noqa: PLC0415 -- an answer to Tab uses none, or few

        compiled = re.compile(self._source, self._flags)
        # Later uses find them without this detour.
        self.__dict__.update((method, getattr(compiled, method)) for method in _METHODS)
        return getattr(compiled, name)


def pattern(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return a pattern, like `re.compile`."""
    return _Later(source, flags)  # type: ignore[return-value] # reason: it takes its place; `cast` would load typing
