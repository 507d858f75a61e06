"""Sentences of a command in the last line of a terminal that shows something else."""

from __future__ import annotations

import pytest

from jobwire.client.cli.session import screen_outlet
from jobwire.client.cli.session.notes import in_last_line, no_last_line
from jobwire.client.cli.session.screen_outlet import ScreenOutlet
from jobwire.schemas.jobs.terminal import TerminalSize

SIZE = TerminalSize(24, 30)


def test_a_sentence_takes_the_last_line_and_leaves_cursor_and_colours() -> None:
    assert in_last_line("no sign", 24, 80) == b"\x1b7\x1b[24;1H\x1b[0m\x1b[2K\x1b[7mjobwire: no sign\x1b8"
    assert no_last_line(24) == b"\x1b7\x1b[24;1H\x1b[0m\x1b[2K\x1b8"


@pytest.mark.parametrize("columns", [1, 2, 10, 20, 29])
def test_it_is_cut_so_that_no_terminal_scrolls(columns: int) -> None:
    text = in_last_line("no response from the worker 日本語日本語", 5, columns).decode()
    shown = text.partition("\x1b[7m")[2].removesuffix("\x1b8")
    assert sum(2 if ord(character) > 0x2FFF else 1 for character in shown) < columns or not shown


def test_what_is_in_a_sentence_cannot_control_the_terminal() -> None:
    assert in_last_line("a\x1b[2Jb\nc", 5, 80).count(b"\x1b") == in_last_line("abc", 5, 80).count(b"\x1b")


@pytest.fixture
def outlet(monkeypatch: pytest.MonkeyPatch) -> ScreenOutlet:
    made = ScreenOutlet()
    shown: list[bytes] = []

    def write(_: object, data: bytes) -> int:
        shown.append(bytes(data))
        return len(data)

    monkeypatch.setattr(screen_outlet.Outlet, "write", write)
    monkeypatch.setattr(screen_outlet.os, "isatty", lambda _: True)
    made.shown = shown  # type: ignore[attr-defined]
    return made


def written(outlet: ScreenOutlet) -> list[bytes]:
    shown: list[bytes] = outlet.shown  # type: ignore[attr-defined]
    return shown


def test_a_note_is_shown_over_a_program_with_the_whole_screen_only(outlet: ScreenOutlet) -> None:
    assert not outlet.note("no sign", SIZE)
    outlet.write(b"\x1b[?1049h~")
    assert outlet.note("no sign", SIZE)
    assert written(outlet)[-1] == in_last_line("no sign", SIZE.rows, SIZE.columns)
    outlet.remove_note(SIZE)
    assert written(outlet)[-1] == no_last_line(SIZE.rows)
    outlet.write(b"\x1b[?1049l")
    assert not outlet.note("no sign", SIZE)


def test_elsewhere_a_sentence_gets_a_line_of_its_own(outlet: ScreenOutlet) -> None:
    outlet.write(b"Password: ")
    assert not outlet.note("no sign", SIZE)
    assert written(outlet) == [b"Password: ", b"\r\n"]
    outlet.write(b"done\r\n")
    assert not outlet.note("no sign", SIZE)
    assert written(outlet)[-1] == b"done\r\n"
