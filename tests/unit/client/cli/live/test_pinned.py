"""Lines that stay at the bottom of a terminal: what is left on a screen that wraps and scrolls."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.cli.live.pinned import Pinned

TOKEN = re.compile(r"\x1b\[(\??\d*)([A-Za-z])|\r|\n|[^\x1b\r\n]")


class Screen:
    """A terminal without an end above: rows of characters, and the cursor."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows: list[str] = [""]
        self.row = self.column = 0

    def write(self, text: str) -> None:
        for token in TOKEN.finditer(text):
            match token[0], token[2]:
                case "\r", _:
                    self.column = 0
                case "\n", _:
                    self.row += 1
                    self.rows += [""] * (self.row + 1 - len(self.rows))
                case _, "A":
                    self.row = max(0, self.row - int(token[1] or 1))
                case _, "K":
                    self.rows[self.row] = ""
                case _, "h" | "l" | "m":
                    pass
                case character, _:
                    if self.column == self.columns:
                        self.write("\r\n")
                    row = self.rows[self.row].ljust(self.column)
                    self.rows[self.row] = row[: self.column] + character + row[self.column + 1 :]
                    self.column += 1

    def shown(self) -> list[str]:
        """Return the rows up to the last one that is not empty."""
        last = max((number for number, row in enumerate(self.rows) if row), default=-1)
        return self.rows[: last + 1]

    def reflow(self, columns: int, last: int) -> None:
        """Make it narrower, as terminals do that wrap what does not fit any more. `last`: how many rows at the end do not."""
        kept, own = self.rows[: len(self.rows) - last], self.rows[len(self.rows) - last :]
        self.columns = columns
        for row in own:
            kept += [row[start : start + columns] for start in range(0, max(1, len(row)), columns)]
        self.rows = kept
        self.row, self.column = len(kept) - 1, len(kept[-1])


LINES = st.lists(st.text("ab", min_size=1, max_size=10), min_size=1, max_size=4)
MESSAGES = st.lists(st.text("xyz", min_size=1, max_size=10), max_size=3)


@given(st.lists(st.tuples(LINES, MESSAGES), min_size=1, max_size=8))
def test_messages_stay_and_only_the_newest_lines_are_below_them(steps: list[tuple[list[str], list[str]]]) -> None:
    screen, pinned, said = Screen(12), Pinned(), []
    for lines, messages in steps:
        screen.write(pinned.redraw(lines, "".join(f"{message}\n" for message in messages), 12))
        said += messages
        assert screen.shown() == [*said, *lines]
    screen.write(pinned.leave(12))
    assert screen.shown() == said
    assert (screen.row, screen.column) == (len(said), 0)


@given(LINES, st.integers(1, 12), LINES)
def test_lines_that_a_narrower_terminal_has_wrapped_are_erased_too(lines: list[str], columns: int, others: list[str]) -> None:
    screen, pinned = Screen(12), Pinned()
    screen.write(pinned.redraw(lines, "said\n", 12))
    screen.reflow(columns, len(lines))
    others = [line[:columns] for line in others]
    screen.write(pinned.redraw(others, "", columns))
    assert screen.shown() == ["said", *others]


def test_a_message_without_an_end_gets_one() -> None:
    screen = Screen(12)
    screen.write(Pinned().redraw(["bar"], "said", 12))
    assert screen.shown() == ["said", "bar"]
