"""Ranges of numbers as text: `1..20`, `01..20`, `10..1`, `0..100..5`, `0.1..0.5..0.1`.

As in bash, the range includes both ends, counts down if the first is larger, and keeps leading zeros. Decimal fractions are exact, and need
a step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

_NUMBER = r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(?:\.\.\s*({_NUMBER})\s*)?")


class NotRange(ValueError):  # noqa: N818 -- a fact
    """Raised for a range that cannot be counted; says why."""


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers from `first`, `count` of them, `step` apart, as text: with `places` decimals and at least `width` digits."""

    first: int
    step: int
    count: int
    places: int = 0
    width: int = 0

    def texts(self) -> Iterator[str]:
        """Iterate over the numbers as text."""
        for position in range(self.count):
            number = self.first + position * self.step
            yield str(Decimal(number).scaleb(-self.places)) if self.places else f"{number:0{self.width}d}"


def parse_range(text: str) -> Range | None:
    """Return a range; None if the text is not written as one.

    Raises NotRange for one that cannot be counted.
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    begin, end, step = (Decimal(said) if said else None for said in found.groups())
    assert begin is not None
    assert end is not None
    places = max(len(said.partition(".")[2]) for said in found.groups("0"))
    if step is None and places:
        raise NotRange(f"the range {text!r} has a fraction and no step; write it like {found[1]}..{found[2]}..0.1")
    if step == 0:
        raise NotRange(f"the range {text!r} has a step of 0 and would never end")
    is_down = end < begin
    if step is not None and step < 0 and end > begin:
        raise NotRange(f"the range {text!r} counts up, but its step is negative")
    first, last, stride = (int(number.scaleb(places)) for number in (begin, end, abs(step) if step else Decimal(1)))
    return Range(first, -stride if is_down else stride, abs(last - first) // stride + 1, places, _width(found[1], found[2]))


def _width(*ends: str) -> int:
    """Return the minimum number of characters if one of the ends has leading zeros, as in bash; else 0."""
    digits = [end.lstrip("+-") for end in ends]
    return max(len(end.lstrip("+")) for end in ends) if any(len(one) > 1 and one.startswith("0") for one in digits) else 0
