import fcntl
import os
import socket
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.cli.shown.sentences import command_line, failed, how_it_ended
from jobwire.client.cli.terminal import screen
from jobwire.client.cli.terminal.outlet import Outlet
from jobwire.client.cli.terminal.screen import Cell, Table, duration, fitting
from jobwire.client.cli.terminal.streams import ReaderGone
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.refusal import Refused
from jobwire.schemas.text.printable import printable


@given(st.text(st.characters()))
def test_nothing_that_drives_a_terminal_is_shown(text: str) -> None:
    shown = printable(text)
    assert all(char.isprintable() for char in shown)
    shown.encode()


def test_text_is_shown_as_it_is() -> None:
    assert printable("Grüße, 世界") == "Grüße, 世界"
    assert printable("one\n\tline") == r"one\n\tline"
    assert printable("\u202eright to left\u2028") == r"\u202eright to left\u2028"
    assert printable("\x1b[2J\r\udcff\ud800") == r"\x1b[2J\r\xff\ud800"


def test_a_byte_that_a_sentence_quotes_is_shown_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    screen.say(f"{'a' + chr(0xDCFF)!r} and {chr(0xDC80)} and {chr(92) + 'udcff'!r}")
    assert capsys.readouterr().err == r"jobwire: 'a\xff' and \x80 and '\\udcff'" + "\n"


def test_a_cell_stays_in_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("A", "B")
    table.add("one\ntwo", "three\tfour")
    table.write()
    assert capsys.readouterr().out == "one\\ntwo\tthree\\tfour\n"


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0, "0ms"),
        (3_200, "3ms"),
        (2_500_000, "2.5s"),
        (12_900_000, "12s"),
        (245_000_000, "4m05s"),
        (12_000_000_000, "3h20m"),
        (187_200_000_000, "2d04h"),
    ],
)
def test_a_span_of_time_is_short(microseconds: int, text: str) -> None:
    assert duration(microseconds) == text


@pytest.mark.parametrize("kind", OutcomeKind)
def test_every_end_has_a_sentence(kind: OutcomeKind) -> None:
    assert how_it_ended(Outcome(kind, exit_status=3, signal=9))
    assert "the reason" in how_it_ended(Outcome(kind, sentence="the reason"))
    assert failed(Outcome(kind, exit_status=0)) == (kind is not OutcomeKind.EXITED)
    assert failed(Outcome(kind, exit_status=1))


@pytest.mark.parametrize("kind", OutcomeKind)
def test_a_sentence_of_the_worker_shows_the_bytes_in_names(kind: OutcomeKind) -> None:
    assert r"'a\xff'" in how_it_ended(Outcome(kind, sentence=f"no program {'a' + chr(0xDCFF)!r}"))


def test_a_command_is_shown_as_one_would_type_it() -> None:
    assert command_line([b"sh", b"-c", b"echo a; b"]) == "sh -c 'echo a; b'"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe whose reading end the test closes."""
    read, write = os.pipe()
    yield read, write
    os.close(write)


def test_a_slow_reader_does_not_hold_up_and_shares_nothing(pipe: tuple[int, int]) -> None:
    read, write = pipe
    outlet = Outlet(write)
    written = 0
    while count := outlet.write(bytes(1 << 18)):
        written += count
    assert written >= 1 << 16
    assert not fcntl.fcntl(write, fcntl.F_GETFL) & os.O_NONBLOCK
    assert len(os.read(read, 1 << 20)) > 0
    assert outlet.write(b"x") == 1
    outlet.close()
    os.close(read)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM])
def test_a_socket_of_any_kind_is_written_to_without_waiting_until_its_other_end_is_closed(kind: socket.SocketKind) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    with ours, theirs:
        outlet = Outlet(theirs.fileno())
        while outlet.write(bytes(1 << 18)):
            pass
        assert theirs.getblocking()
        assert len(ours.recv(1 << 10)) == 1 << 10
        ours.close()
        with pytest.raises(ReaderGone):
            outlet.write(b"x")
        outlet.close()


def test_a_reader_that_is_gone_is_reported(pipe: tuple[int, int]) -> None:
    read, write = pipe
    outlet = Outlet(write)
    os.close(read)
    with pytest.raises(ReaderGone):
        outlet.write(b"x")
    outlet.close()


def test_a_full_disk_is_reported_with_a_message() -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    outlet = Outlet(fd)
    with pytest.raises(Refused, match="No space left"):
        outlet.write(b"x")
    outlet.close()
    os.close(fd)


COLUMNS = ("ID", "NAME", "STATE", "TIME", "QUEUED", "OWNER", "COMMAND")
EXPENDABLE = ("QUEUED", "OWNER", "TIME", "NAME", "STATE")
WIDTHS = (8, 10, 9, 5, 19, 6, 40)


@pytest.mark.parametrize(
    ("available", "shown"),
    [
        (200, COLUMNS),
        (79, COLUMNS),
        (78, ("ID", "NAME", "STATE", "TIME", "OWNER", "COMMAND")),
        (50, ("ID", "NAME", "STATE", "TIME", "COMMAND")),
        (43, ("ID", "NAME", "STATE", "COMMAND")),
        (20, ("ID", "COMMAND")),
        (5, ("ID", "COMMAND")),
    ],
)
def test_a_narrow_terminal_does_without_columns_but_not_without_the_last(available: int, shown: tuple[str, ...]) -> None:
    assert tuple(COLUMNS[position] for position in fitting(COLUMNS, WIDTHS, EXPENDABLE, available)) == shown


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[int], list[str]]:
    """Draw a table on a terminal with so many columns, and return its lines."""
    monkeypatch.setattr(screen, "is_terminal", lambda _: True)

    def draw(columns: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        table = Table("ID", "STATE", "COMMAND", expendable=["STATE"])
        table.add("1a2b", Cell("running", "cyan"), "echo one")
        table.add("3c4d", "", "\u4f60\u597d caf\u00e9 and more")
        table.write()
        return capsys.readouterr().out.encode(errors="replace").decode().splitlines()

    return draw


def test_a_table_is_drawn_to_fit(drawn: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert drawn(80) == ["ID    STATE    COMMAND", "1a2b  running  echo one", "3c4d           \u4f60\u597d caf\u00e9 and more"]
    assert drawn(20) == ["ID    COMMAND", "1a2b  echo one", "3c4d  \u4f60\u597d caf\u00e9 and\u2026"]
    assert drawn(9) == ["ID    CO\u2026", "1a2b  ec\u2026", "3c4d  \u4f60\u2026"]
    assert drawn(3) == ["ID", "1a\u2026", "3c\u2026"]
    monkeypatch.delenv("NO_COLOR")
    assert drawn(80)[:2] == ["\x1b[1mID\x1b[0m    \x1b[1mSTATE\x1b[0m    \x1b[1mCOMMAND\x1b[0m", "1a2b  \x1b[36mrunning\x1b[0m  echo one"]


def test_a_short_last_column_costs_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert fitting(("ID", "OWNER", "COMMAND"), (8, 6, 4), ("OWNER",), 22) == [0, 1, 2]
    assert fitting((), (), (), 22) == []


def test_what_stands_after_the_column_that_counts_goes_first() -> None:
    assert fitting(("UUID", "COMMAND", "NAME"), (36, 60, 12), ("NAME", "UUID"), 20) == [1]
    assert fitting(("ID", "COMMAND", "NAME"), (8, 60, 12), ("NAME", "ID"), 20) == [0, 1]


def test_headings_are_printed_in_a_pipe_if_they_are_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    Table("A", "B", header=True).write()
    assert capsys.readouterr().out == "A\tB\n"
