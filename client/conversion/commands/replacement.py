"""The replacement strings of GNU parallel: `{}`, `{.}`, `{/}`, `{//}`, `{/.}`, `{#}`, with a number `{2.}` or a name `{host/}`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .spots import NUMBER, Spot
from .template import marked

_KEYS = {".": "stem", "/": "base", "//": "dir", "/.": "name"}
# `{= perl =}` first: it may hold others.
_PERL = re.compile(r"\{=.*?=\}", re.DOTALL)


class Replacements:
    """The replacement strings of a command, and the spots that were found for them. `names`: of the columns, in order."""

    def __init__(self, columns: int, names: Sequence[str] = (), sign: str = "{}") -> None:
        self._columns = columns
        self._names = list(names)
        self._sign = sign
        self.spots: list[Spot] = []
        self.unknown: list[str] = []
        self.has_found = False
        words = "|".join(re.escape(name) for name in names if name)
        which = r"-?[0-9]{1,4}" + (f"|{words}" if words else "")
        number = r"\{(?P<count>#|%)\}"
        part = rf"\{{(?P<of>{which})?(?P<operation>/\.|//|/|\.)\}}"
        self._pattern = re.compile(rf"(?P<bare>{re.escape(sign)})|\{{(?P<which>{which})\}}|{part}|{number}")

    def mark(self, text: str) -> str:
        """Return a text of a command with its replacement strings marked; unknown ones stay, and are recorded."""
        self.unknown += _PERL.findall(text)
        # All columns are as many words.
        text = text.replace(self._sign, " ".join(f"{{{place}}}" for place in range(1, self._columns + 1))) if self._columns != 1 else text
        return self._pattern.sub(self._found, text)

    def _found(self, found: re.Match[str]) -> str:
        if found["count"] == "%":
            self.unknown.append(found[0])
            return found[0]
        self.has_found = True
        spot = Spot("number", NUMBER) if found["count"] else self._spot(found["which"] or found["of"], found["operation"] or "")
        if spot is None:
            return ""
        if spot not in self.spots:
            self.spots.append(spot)
        return marked(self.spots.index(spot))

    def _spot(self, which: str | None, operation: str) -> Spot | None:
        place = 0 if which is None else self._place(which)
        if not 0 <= place < self._columns:
            return None
        key = "value" if self._columns == 1 else f"v{place + 1}"
        if operation:
            key = _KEYS[operation] if self._columns == 1 else f"{key}_{_KEYS[operation]}"
        return Spot(key, place, operation)

    def _place(self, which: str) -> int:
        if which in self._names:
            return self._names.index(which)
        number = int(which)
        return number + self._columns if number < 0 else number - 1
