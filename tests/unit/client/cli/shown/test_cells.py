"""The width of texts on a terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.cli.shown.cells import cut, width


def test_wide_and_combining_characters_are_counted_as_a_terminal_does() -> None:
    assert (width("abc"), width("日本"), width("é"), width("")) == (3, 4, 1, 0)


def test_what_does_not_fit_ends_with_an_ellipsis() -> None:
    assert (cut("a long title", 6), cut("日本語", 4), cut("short", 5), cut("word", 2, "...")) == ("a lon…", "日…", "short", "")


@given(st.text(), st.integers(0, 50))
def test_a_cut_text_fits(text: str, most: int) -> None:
    assert width(cut(text, most)) <= most
