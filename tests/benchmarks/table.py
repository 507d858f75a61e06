"""What is told of a measurement: a line with the limit, ours, their ratio, and what was promised. Knows no measurement."""

from __future__ import annotations

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
    """How far ours may be from the limit, in `unit`. `least`: the bounds are the least that is promised, otherwise the most."""

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
        """Write a number in this unit."""
        return f"{number:.2f} x" if self.unit == "x" else f"{number:.0f} {self.unit}"

    def write_bound(self, bound: float) -> str:
        """Write the floor or the aim."""
        return f"{'>=' if self.least else '<='} {self.write(bound)}"


def share(floor_percent: float, aim_percent: float) -> Promise:
    """Promise a share of the limit's rate."""
    return Promise(floor_percent, aim_percent, "%", least=True)


def at_most(floor: float, aim: float, unit: str = "x") -> Promise:
    """Promise no more than a multiple of the limit's cost, or than an amount."""
    return Promise(floor, aim, unit, least=False)


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `ratio` is what the promise is about; no `limit`: an amount; no `ours`: it could not be measured, and `note` says why."""

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
        """Say whether the promise was kept."""
        if self.ratio is None:
            return Verdict.NOT_MEASURED
        return self.promise.verdict(self.ratio) if self.judged else Verdict.INFORMATION

    def cells(self) -> tuple[str, ...]:
        """Write the columns."""
        amounts = ["" if number is None else f"{_short(number)} {self.unit}" for number in (self.limit, self.ours)]
        ratio = "" if self.ratio is None or self.limit is None else self.promise.write(self.ratio)
        bounds = [self.promise.write_bound(bound) if self.judged else "" for bound in (self.promise.floor, self.promise.aim)]
        return (self.what, *amounts, ratio, *bounds, self.verdict)

    def fields(self) -> dict[str, Any]:
        """Get everything, for JSON."""
        return {**asdict(self), "verdict": self.verdict}


def amount(what: str, number: float, promise: Promise, *, judged: bool = True, note: str = "") -> Line:
    """Make the line of an amount that is not compared with anything."""
    return Line(what, promise.unit, None, number, number, promise, judged, note)


def unmeasured(what: str, promise: Promise, why: str) -> Line:
    """Make the line of what is owed and could not be measured."""
    return Line(what, "", None, None, None, promise, note=why)


@dataclass(frozen=True, slots=True)
class Pairs:
    """What was measured in turns: limit, ours, limit, ours."""

    limits: Sequence[float]
    ours: Sequence[float]

    def line(self, what: str, unit: str, promise: Promise, *, judged: bool = True, note: str = "") -> Line:
        """Tell the medians, and the median of the pairs' ratios: a slow minute of the machine hits both halves of a pair."""
        ratio = median(ours / limit for limit, ours in zip(self.limits, self.ours, strict=True))
        if promise.unit == "%":
            ratio *= 100
        return Line(what, unit, median(self.limits), median(self.ours), ratio, promise, judged, note)

    def line_at(self, share_below: float, what: str, unit: str, promise: Promise, *, judged: bool = True, note: str = "") -> Line:
        """Tell one quantile of each side, and the ratio of the two."""
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
    """Get the value that this share of all does not exceed (nearest rank)."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share_below))]


COLUMNS = ("what", "limit", "ours", "ratio", "floor", "aim", "verdict")


def draw(lines: Iterable[Line]) -> str:
    """Draw the table, and the notes below it."""
    drawn = list(lines)
    cells = [COLUMNS, *(line.cells() for line in drawn)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(COLUMNS))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    text.insert(1, "  ".join("-" * width for width in widths))
    text += ["", *(f"{line.what}: {line.note}" for line in drawn if line.note)]
    return "\n".join(text)


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 100 or number == int(number) else f"{number:.2f}"
