import io
import os
import threading
from pathlib import Path

import pytest

from jobwire.client.cli.exit_status import BadInput
from jobwire.client.cli.shell import sources
from jobwire.client.cli.shell.sources import may_have_more, open_file, read_lines


def lines(content: bytes) -> list[tuple[int, str]]:
    return list(read_lines(io.BytesIO(content), "FILE"))


def test_lines_end_as_files_of_all_systems_end_them_and_any_bytes_stay() -> None:
    assert lines(b"\xef\xbb\xbfa\r\n\nb \xff\nc") == [(1, "a"), (2, ""), (3, "b \udcff"), (4, "c")]
    assert lines(b"") == []


def test_a_line_without_an_end_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LONGEST_LINE", 100)
    with pytest.raises(BadInput, match="FILE, line 2: it is longer than 100 bytes"):
        lines(b"a\n" + b"x" * 200)


def test_a_line_is_there_as_soon_as_it_is_written() -> None:
    read, write = os.pipe()
    with open(read, "rb") as reader, open(write, "wb", buffering=0) as writer:  # noqa: PTH123 -- descriptors
        found = read_lines(reader, "FILE")
        for number, word in enumerate((b"one\n", b"two\n"), 1):
            writer.write(word)
            assert next(found) == (number, word.decode().strip())


@pytest.mark.parametrize("name", ["/no/such/file", "/", "a\0b"])
def test_what_is_no_file_is_said(name: str) -> None:
    with pytest.raises(BadInput), open_file(name) as file:
        list(read_lines(file, name))


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("list\n")
    with open_file(str(tmp_path / "lines")) as file:
        assert list(read_lines(file, "lines")) == [(1, "list")]


def test_lines_of_a_pipe_that_is_non_blocking_are_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lines")
    # Both ends, so that opening waits for nobody.
    both = os.open(tmp_path / "lines", os.O_RDWR)
    with open_file(str(tmp_path / "lines")) as reader:
        os.set_blocking(reader.fileno(), False)
        found = read_lines(reader, "FILE")
        os.write(both, b"one\ntw")
        assert next(found) == (1, "one")
        sender = threading.Timer(0.05, os.write, (both, b"o\n"))
        sender.start()
        assert next(found) == (2, "two")
        sender.join()
    os.close(both)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("list\n".encode("utf-16"), "line 1: this is UTF-16"),
        ("list\n".encode("utf-16-be"), "line 1: this is UTF-16"),
        (b"list\nrun a\0b\n", "line 2: it has a NUL byte"),
    ],
)
def test_what_is_no_text_is_refused_by_its_kind(content: bytes, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        lines(content)


@pytest.mark.parametrize(("rest", "more"), [(b"", False), (b"\n  \n# a comment\n", False), (b"\n\nlist", True), (b"exit\n", True)])
def test_whether_lines_follow_that_say_something_is_known_of_a_file(tmp_path: Path, rest: bytes, *, more: bool) -> None:
    (tmp_path / "lines").write_bytes(b"run false\n" + rest)
    with open_file(str(tmp_path / "lines")) as file:
        assert next(read_lines(file, "lines")) == (1, "run false")
        assert may_have_more(file) is more


def test_of_a_pipe_it_is_not_waited_for() -> None:
    read, write = os.pipe()
    with open(read, "rb") as reader, open(write, "wb"):  # noqa: PTH123 -- descriptors
        assert may_have_more(reader)
