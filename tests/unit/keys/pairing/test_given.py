import os
import threading
import time
from pathlib import Path

import pytest

from jobwire.keys.pairing import given, token
from jobwire.keys.pairing.token import Token
from jobwire.schemas.refusal import Refused

TOKEN = Token("tcp://lab:7341", b"\x07" * 32, bytes(32), "viewer")
WRITTEN = token.write(TOKEN)


def test_a_token_is_an_argument_a_file_or_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert given.read_given(WRITTEN) == TOKEN
    (tmp_path / "token").write_text(WRITTEN + "\n")
    assert given.read_given(f"@{tmp_path / 'token'}") == TOKEN
    with (tmp_path / "token").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert given.read_given("-") == TOKEN


def test_a_line_typed_at_a_terminal_is_the_whole_token(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = os.openpty()
    try:
        os.write(master, WRITTEN.encode() + b"\n")
        with os.fdopen(slave) as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            assert given.read_given("-") == TOKEN
    finally:
        os.close(master)


def test_what_cannot_be_read_is_refused_with_its_name(tmp_path: Path) -> None:
    for name, words in (("none", "No such file"), (".", "is a folder"), ("large", "too long")):
        (tmp_path / "large").write_text(token.PREFIX + "0" * 100_000)
        with pytest.raises(Refused, match=words):
            given.read_given(f"@{tmp_path / name}")


def test_what_is_no_text_is_no_token(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\x00" * 9)
    with pytest.raises(Refused, match="begins with"):
        given.read_given(f"@{tmp_path / 'bytes'}")


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xef\xbb\xbf" + WRITTEN.encode() + b"\r\n")
    assert given.read_given(f"@{tmp_path / 'token'}") == TOKEN


def test_a_pipe_that_is_non_blocking_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)

    def send() -> None:
        for piece in (WRITTEN[:20], WRITTEN[20:]):
            # The time itself is tested: the reader finds nothing at first.
            time.sleep(0.05)
            os.write(write, piece.encode())
        os.close(write)

    sender = threading.Thread(target=send)
    with os.fdopen(read) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        sender.start()
        assert given.read_given("-") == TOKEN
    sender.join()


def test_a_standard_input_that_is_closed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = (tmp_path / "token").open("w")
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(Refused, match="the token on standard input cannot be read: Bad file descriptor"):
        given.read_given("-")
    stdin.close()
