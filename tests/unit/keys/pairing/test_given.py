import os
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
