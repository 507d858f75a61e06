import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.cli.session.screen_modes import ScreenModes


def undone(*parts: bytes) -> bytes:
    modes = ScreenModes()
    for part in parts:
        modes.see(part)
    return modes.undone()


def test_nothing_is_to_be_undone_after_plain_text() -> None:
    assert undone(b"hello\r\n\xff\xfe") == b""


def test_a_second_screen_and_a_hidden_cursor_are_undone_with_colours() -> None:
    assert undone(b"\x1b[?1049h\x1b[?25l\x1b[31mred") == b"\x1b[?1049l\x1b[?25h\x1b[0m"


def test_what_a_program_undid_itself_is_left_alone() -> None:
    assert undone(b"\x1b[?1049h\x1b[?2004h\x1b=", b"\x1b[?2004l\x1b[?1049l\x1b>") == b"\x1b[0m"


def test_what_was_undone_is_done_again() -> None:
    modes = ScreenModes()
    modes.see(b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?1000;2004h\x1b[?2004l\x1b=")
    redo = modes.redone()
    assert redo == b"\x1b[?25l\x1b[?1000h\x1b[?1049h\x1b="
    modes.see(modes.undone())
    assert modes.redone() == b""
    modes.see(redo)
    assert modes.redone() == redo


def test_nothing_is_undone_twice() -> None:
    modes = ScreenModes()
    modes.see(b"\x1b[31mred\x1b[?25l\x1b[2;5r")
    modes.see(modes.undone())
    assert modes.undone() == b""


def test_several_modes_in_one_sequence_count_each() -> None:
    assert undone(b"\x1b[?1000;1006h") == b"\x1b[?1006l\x1b[?1000l\x1b[0m"


def test_modes_that_do_no_harm_are_left_alone() -> None:
    assert undone(b"\x1b[?7l\x1b[?12h") == b"\x1b[0m"


CHANGES = {
    "margins": (b"\x1b[1;5r", b"\x1b[r", b"\x1b7\x1b[r\x1b8"),
    "inserting": (b"\x1b[4h", b"\x1b[4l", b"\x1b[4l"),
    "line drawing": (b"\x1b(0", b"\x1b(B", b"\x1b(B"),
    "modified keys, as of vim": (b"\x1b[>4;2m", b"\x1b[>4;m", b"\x1b[>4m"),
    "keys of kitty, as of neovim": (b"\x1b[>1u\x1b[>3u", b"\x1b[<2u", b"\x1b[<2u"),
    "rows counted from the margin": (b"\x1b[?6h", b"\x1b[?6l", b"\x1b[?6l"),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("reset", [b"\x1bc", b"\x1b[!p"])
def test_what_changes_later_lines_or_keys_is_undone_unless_the_program_did_it(what: str, reset: bytes) -> None:
    do, undo, ours = CHANGES[what]
    assert undone(b"\x1b[1m", do) == ours + b"\x1b[0m"
    assert undone(b"\x1b[1m", do, undo) == b"\x1b[0m"
    assert undone(b"\x1b[1m", do, reset) == b"\x1b[0m"
    modes = ScreenModes()
    modes.see(do)
    redo = modes.redone()
    modes.see(modes.undone())
    assert modes.redone() == b""
    modes.see(redo)
    assert modes.redone() == redo != b""


def test_only_as_much_of_the_keys_of_kitty_is_undone_as_was_pushed() -> None:
    assert undone(b"\x1b[>1u\x1b[<u\x1b[<u\x1b[<9u") == b"\x1b[0m"
    assert undone(b"\x1b[>1u" * 300) == b"\x1b[<8u\x1b[0m"


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_sequence_may_be_cut_anywhere(cut: int) -> None:
    whole = b"\x1b[?1049h"
    assert undone(b"x" + whole[:cut], whole[cut:] + b"y").startswith(b"\x1b[?1049l")


@given(st.lists(st.binary(max_size=60)))
def test_any_bytes_can_be_shown(parts: list[bytes]) -> None:
    assert undone(*parts) == undone(*parts)
