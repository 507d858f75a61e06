"""How a run looks that goes on, at any size of the terminal."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.cli.live.picture import Look, draw, pace_texts, parts
from jobwire.client.cli.live.tally import Pace, Running, Tally
from jobwire.client.cli.shown.cells import width

PLAIN = Look(colour=False, unicode=True)
COLOURS = Look(colour=True, unicode=True)
SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")


def some_run() -> Tally:
    tally = Tally(100, 0)
    for number in range(4):
        tally.runs(bytes([number]), f"train[{number}]", float(number))
    for number in range(50):
        tally.ended(b"%d" % (100 + number), 20, ok=number != 7, ran=True)
    return tally


def test_a_run_is_a_bar_its_numbers_and_what_runs() -> None:
    assert draw(some_run(), 20, 60, 24, PLAIN) == [
        "#######################x>>.....................  50/100  50%",
        "4 running, 1 failed, 46 queued, 2.5/s, about 20s left, 20s",
        "   20s  train[0]",
        "   19s  train[1]",
        "   18s  train[2]",
        "   17s  train[3]",
    ]


def test_twenty_columns_are_enough() -> None:
    lines = draw(some_run(), 20, 19, 24, PLAIN)
    assert lines[0].endswith(" 50/100  50%")
    assert lines[1:4] == ["4 running, 1 failed", "46 queued, 2.5/s", "about 20s left, 20s"]
    assert lines[4] == "   20s  train[0]"


def test_what_does_not_fit_is_counted() -> None:
    tally = Tally(100, 0)
    for number in range(90):
        tally.runs(bytes([number]), "job", 0)
    lines = draw(tally, 1, 80, 24, PLAIN)
    assert len(lines) == 12
    assert lines[-1] == "and 81 more running"


def test_without_colours_each_state_has_a_sign_of_its_own() -> None:
    assert re.fullmatch(r"#+x>+\.+ +50/100  50%", draw(some_run(), 20, 60, 24, PLAIN)[0])
    assert set(SEQUENCE.sub("", draw(some_run(), 20, 60, 24, COLOURS)[0].split(" ")[0])) == {"━"}
    assert draw(some_run(), 20, 60, 24, Look(colour=True, unicode=False))[0].isascii()


def test_the_name_of_a_job_controls_no_terminal() -> None:
    tally = Tally(1, 0)
    tally.runs(b"1", "\x1b[2J\nname", 0)
    assert "\x1b" not in "".join(draw(tally, 0, 80, 24, PLAIN))


def test_how_fast_it_is_is_said_in_words() -> None:
    assert pace_texts(Pace(120.4, 31)) == ["120/s", "about 31s left"]
    assert pace_texts(Pace(2.54, 5)) == ["2.5/s", "about 5s left"]
    assert pace_texts(Pace(0.05, 7200)) == ["3/min", "about 2h00m left"]
    assert pace_texts(Pace(None, None)) == ["time left unknown"]
    assert pace_texts(Pace(None, None), is_over=True) == []


@given(st.lists(st.integers(0, 100_000), min_size=4, max_size=4).filter(any), st.integers(4, 300))
def test_the_parts_of_a_bar_fill_it_and_nothing_is_invisible(counts: list[int], columns: int) -> None:
    shares = parts(counts, columns)
    assert sum(shares) == columns
    assert all((share > 0) == (count > 0) for share, count in zip(shares, counts, strict=True) if columns >= 4 and (count or not share))


@given(
    st.integers(0, 10_000),
    st.lists(st.tuples(st.text(max_size=40), st.floats(0, 1e6)), max_size=60),
    st.integers(0, 300),
    st.integers(1, 200),
    st.integers(1, 60),
    st.booleans(),
)
def test_whatever_runs_it_fits(total: int, running: list[tuple[str, float]], failed: int, columns: int, rows: int, colour: bool) -> None:  # noqa: FBT001
    tally = Tally(total + len(running) + failed, 0)
    for number, (title, since) in enumerate(running):
        tally.runs(b"%d" % number, title, since)
    for number in range(failed):
        tally.ended(b"f%d" % number, number, ok=number % 2 == 0, ran=True)
    lines = draw(tally, 1e6, columns, rows, Look(colour=colour, unicode=True))
    assert 1 <= len(lines) <= rows
    assert all(width(SEQUENCE.sub("", line)) <= columns for line in lines)


def test_of_jobs_that_another_command_started_only_some_are_named() -> None:
    tally = Tally(5000, 0)
    tally.recount(5000, 10, 0, 2000, {b"1": Running("one", 0.0)}, 0)
    lines = draw(tally, 10, 80, 24, PLAIN)
    assert lines[1].startswith("2000 running, 0 failed, 2990 queued")
    assert lines[-2:] == ["   10s  one", "and 1999 more running"]
