from __future__ import annotations

import pytest

from jobwire.client.library.streams.text_mode import TextMode, text_mode


def test_any_of_the_three_options_asks_for_text() -> None:
    assert text_mode(text=None, encoding=None, errors=None) is None
    assert text_mode(text=False, encoding=None, errors=None) is None
    assert text_mode(text=True, encoding=None, errors=None) == TextMode("utf-8", "strict")
    assert text_mode(text=None, encoding="latin-1", errors=None) == TextMode("latin-1", "strict")
    assert text_mode(text=None, encoding=None, errors="replace") == TextMode("utf-8", "replace")


@pytest.mark.parametrize(("encoding", "errors"), [("utf-99", None), (None, "ignored"), ("hex", None)])
def test_an_encoding_that_no_output_can_have_is_named(encoding: str | None, errors: str | None) -> None:
    with pytest.raises(LookupError, match=r"utf-99|ignored|hex"):
        text_mode(text=True, encoding=encoding, errors=errors)


def test_line_ends_become_line_feeds_also_where_a_piece_ends_between_them() -> None:
    mode = TextMode("utf-8", "strict")
    assert mode.decode(b"a\r\nb\rc\n") == "a\nb\nc\n"
    decoder = mode.decoder()
    assert decoder.decode(b"a\r") + decoder.decode(b"\nb\xc3") + decoder.decode(b"\xa4", final=True) == "a\nb\u00e4"


def test_output_that_is_not_in_the_encoding_is_an_error_and_never_hides_another_one() -> None:
    mode = TextMode("utf-8", "strict")
    with pytest.raises(UnicodeDecodeError):
        mode.decode(b"\xff")
    assert mode.decode_for_error(b"\xffa\r\n") == "\\xffa\n"
    # Cut in the middle of a character.
    assert mode.decode_for_error("\u00e4".encode()[:1]) == ""
