"""The table of results: a line for each, with the limit, the measured value, their ratio, and the promise. Knows no measurement."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from statistics import median
from typing import Any


class Verdict(StrEnum):
    """Whether the promise was kept."""

    AIM = "aim met"
    FLOOR = "floor met"
    MISSED = "MISSED"
    INFORMATION = "information"
    NOT_MEASURED = "NOT MEASURED"


@dataclass(frozen=True, slots=True)
class Promise:
    """How far a result may be from the limit, in `unit`. `least`: the bounds are minima, otherwise maxima."""

    floor: float
    aim: float
    unit: str
    least: bool

    def verdict(self, number: float) -> Verdict:
        """Judge."""
        for bound, verdict in ((self.aim, Verdict.AIM), (self.floor, Verdict.FLOOR)):
            if number >= bound if self.least else number <= bound:
                return verdict
        return Verdict.MISSED

    def write(self, number: float) -> str:
        """Return a number in this unit, as text."""
        return f"{number:.2f} x" if self.unit == "x" else f"{number:.0f} {self.unit}"

    def write_bound(self, bound: float) -> str:
        """Return the floor or the aim, as text."""
        return f"{'>=' if self.least else '<='} {self.write(bound)}"


def share(floor_percent: float, aim_percent: float) -> Promise:
    """Return the promise of a share of the limit's rate."""
    return Promise(floor_percent, aim_percent, "%", least=True)


def at_most(floor: float, aim: float, unit: str = "x") -> Promise:
    """Return the promise of at most a multiple of the limit's cost, or an amount."""
    return Promise(floor, aim, unit, least=False)


@dataclass(frozen=True, slots=True)
class Line:
    """One line. The promise is about `ratio`. Without `limit` it is an amount; without `ours` it was not measured, and `note` says why."""

    what: str
    unit: str
    limit: float | None
    ours: float | None
    ratio: float | None
    promise: Promise
    judged: bool = True
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """Return whether the promise was kept."""
        if self.ratio is None:
            return Verdict.NOT_MEASURED
        return self.promise.verdict(self.ratio) if self.judged else Verdict.INFORMATION

    def cells(self) -> tuple[str, ...]:
        """Return the columns, as text."""
        amounts = ["" if number is None else f"{_short(number)} {self.unit}" for number in (self.limit, self.ours)]
        ratio = "" if self.ratio is None or self.limit is None else self.promise.write(self.ratio)
        bounds = [self.promise.write_bound(bound) if self.judged else "" for bound in (self.promise.floor, self.promise.aim)]
        return (self.what, *amounts, ratio, *bounds, self.verdict)

    def fields(self) -> dict[str, Any]:
        """Return all fields, for JSON."""
        return {**asdict(self), "verdict": self.verdict}


def amount(what: str, number: float, promise: Promise, *, judged: bool = True, note: str = "") -> Line:
    """Return the line of an amount without a limit."""
    return Line(what, promise.unit, None, number, number, promise, judged, note)


def unmeasured(what: str, promise: Promise, why: str) -> Line:
    """Return the line of a measurement that was not possible."""
    return Line(what, "", None, None, None, promise, note=why)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Samples that were measured in turns: limit, ours, limit, ours."""

    limits: Sequence[float]
    ours: Sequence[float]

    def line(self, what: str, unit: str, promise: Promise, *, judged: bool = True, note: str = "") -> Line:
        """Return a line of the medians, and the median of the pairs' ratios: a slow minute of the machine affects both halves of a pair."""
        ratio = median(ours / limit for limit, ours in zip(self.limits, self.ours, strict=True))
        if promise.unit == "%":
            ratio *= 100
        return Line(what, unit, median(self.limits), median(self.ours), ratio, promise, judged, note)

    def line_at(self, share_below: float, what: str, unit: str, promise: Promise, *, judged: bool = True, note: str = "") -> Line:
        """Return a line of one quantile of each side, and their ratio."""
        limit, ours = quantile(self.limits, share_below), quantile(self.ours, share_below)
        return Line(what, unit, limit, ours, ours / limit, promise, judged, note)


def in_turns(limit: Callable[[], float], ours: Callable[[], float], rounds: int) -> Pairs:
    """Measure in turns."""
    limits: list[float] = []
    own: list[float] = []
    for _ in range(rounds):
        limits.append(limit())
        own.append(ours())
    return Pairs(limits, own)


def quantile(values: Sequence[float], share_below: float) -> float:
    """Return the value that this share of all does not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * share_below) - 1)]


COLUMNS = ("what", "limit", "ours", "ratio", "floor", "aim", "verdict")


def draw(lines: Iterable[Line]) -> str:
    """Return the table, and the notes below it, as text."""
    drawn = list(lines)
    cells = [COLUMNS, *(line.cells() for line in drawn)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(COLUMNS))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    text.insert(1, "  ".join("-" * width for width in widths))
    text += ["", *(f"{line.what}: {line.note}" for line in drawn if line.note)]
    return "\n".join(text)


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 100 or number == int(number) else f"{number:.2f}"
