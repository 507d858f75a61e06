"""The picture of a running batch: a bar, numbers, and the running jobs, in this many columns and rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ....schemas.text.printable import printable
from ..shown.cells import ELLIPSIS, cut, width
from ..terminal.screen import duration
from .tally import Pace, Tally

# Select Graphic Rendition, see console_codes(4).
_GREEN, _RED, _CYAN, _DIM, _BOLD, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[36m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
_MICROSECONDS = 1_000_000
_LEAST_BAR = 4
_LEAST_RUNNING = 3
_TWO_DIGITS = 10
# Lines of numbers on a narrow terminal.
_MOST_FACT_LINES = 3
_ELAPSED_COLUMNS = 6


class Look(NamedTuple):
    """What the terminal can display."""

    colour: bool
    # Its encoding has more than ASCII.
    unicode: bool


class Part(NamedTuple):
    """A part of the bar: how many columns, the sign without colours, and the colour."""

    columns: int
    sign: str
    colour: str


def draw(tally: Tally, now: float, columns: int, rows: int, look: Look) -> list[str]:
    """Return the lines to show, each at most `columns` wide without its colours, and at most `rows`."""
    lines = [_bar_line(tally, columns, look)]
    lines += _facts(tally, now, columns, look)
    # Half of the screen is for what failed, above, unless it is a small one.
    room = min(rows - 1, max(rows // 2, len(lines) + _LEAST_RUNNING)) - len(lines)
    return (lines + _running_lines(tally, now, columns, room, look))[: max(1, rows)]


def parts(counts: Sequence[int], columns: int) -> list[int]:
    """Return how many of the columns each count gets: in proportion, but at least one for a count above 0."""
    total = sum(counts)
    if not total:
        return [0] * len(counts)
    shares = [count * columns // total for count in counts]
    for position, count in enumerate(counts):
        if count and not shares[position]:
            shares[position] = 1
    while sum(shares) != columns:
        too_many = sum(shares) > columns
        # The one that is furthest from what it should have.
        distances = [
            (share - count * columns / total, position) for position, (share, count) in enumerate(zip(shares, counts, strict=True))
        ]
        if too_many:
            smaller = [place for place in distances if shares[place[1]] > 1] or [place for place in distances if shares[place[1]]]
            shares[max(smaller)[1]] -= 1
        else:
            shares[min(place for place in distances if counts[place[1]])[1]] += 1
    return shares


def _bar_line(tally: Tally, columns: int, look: Look) -> str:
    percent = 100 * tally.done // tally.total if tally.total else 100
    numbers = f"{tally.done}/{tally.total}  {percent}%"
    room = columns - width(numbers) - 2
    if room < _LEAST_BAR:
        numbers = f"{tally.done}/{tally.total}"
        room = columns - width(numbers) - 1
    if room < _LEAST_BAR:
        return cut(numbers, columns, "")
    shares = parts((tally.ok, tally.failed, tally.running_jobs, tally.queued), room)
    signs = (("#", _GREEN), ("x", _RED), (">", _CYAN), (".", _DIM))
    bar = "".join(
        _paint(("━" if look.colour and look.unicode else sign) * share, colour, look)
        for share, (sign, colour) in zip(shares, signs, strict=True)
    )
    return f"{bar}{' ' * (columns - room - width(numbers))}{_paint(numbers, _BOLD, look)}"


def _facts(tally: Tally, now: float, columns: int, look: Look) -> list[str]:
    """Return the numbers on as many lines as needed, the more important ones first."""
    facts = [(f"{tally.running_jobs} running", _CYAN if tally.running_jobs else "")]
    facts.append((f"{tally.failed} failed", _RED if tally.failed else ""))
    if tally.queued:
        facts.append((f"{tally.queued} queued", ""))
    facts += [(text, "") for text in pace_texts(tally.pace(now), is_over=tally.done >= tally.total)]
    facts.append((_length(now - tally.since), _DIM))
    lines, line, used = [], "", 0
    for text, colour in facts:
        shown = cut(text, columns, "")
        gap = 2 if line else 0
        if line and used + gap + width(shown) > columns:
            lines.append(line)
            line, used, gap = "", 0, 0
        line += (", " if gap else "") + _paint(shown, colour, look)
        used += gap + width(shown)
    return [*lines, line][:_MOST_FACT_LINES]


def pace_texts(pace: Pace, *, is_over: bool = False) -> list[str]:
    """Return the rate of ends, and the remaining time at this rate, in words."""
    if is_over:
        return []
    if pace.per_second is None or pace.left_seconds is None:
        return ["time left unknown"]
    rate = pace.per_second
    text = f"{rate * 60:.0f}/min" if rate < 1 else f"{rate:.1f}/s" if rate < _TWO_DIGITS else f"{rate:.0f}/s"
    return [text, f"about {_length(max(1, pace.left_seconds))} left"]


def _running_lines(tally: Tally, now: float, columns: int, room: int, look: Look) -> list[str]:
    if room <= 0 or not tally.running:
        return []
    ellipsis = ELLIPSIS if look.unicode else "..."
    ones = sorted(tally.running.values(), key=lambda one: one.since)
    shown = ones if tally.running_jobs <= room else ones[: room - 1]
    lines = []
    for one in shown:
        elapsed = f"{_length(now - one.since):>{_ELAPSED_COLUMNS}}"
        title = cut(printable(one.title), columns - width(elapsed) - 2, ellipsis)
        lines.append(f"{_paint(cut(elapsed, columns, ''), _DIM, look)}{f'  {title}' if title else ''}")
    if (more := tally.running_jobs - len(shown)) > 0:
        lines.append(_paint(cut(f"and {more} more running", columns, ellipsis), _DIM, look))
    return lines


def _length(seconds: float) -> str:
    """Return a length of time in whole seconds: tenths would only flicker."""
    return duration(int(seconds) * _MICROSECONDS) if seconds >= _TWO_DIGITS else f"{max(0, int(seconds))}s"


def _paint(text: str, colour: str, look: Look) -> str:
    return f"{colour}{text}{_PLAIN}" if colour and look.colour and text else text
