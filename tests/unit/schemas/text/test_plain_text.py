import codecs

import pytest

from jobwire.schemas.text.plain_text import NotText, decode_text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_any_end_of_line_and_a_byte_order_mark_are_read(mark: bytes, end: str) -> None:
    assert decode_text(mark + f"grün{end}{end}blau".encode()) == "grün\n\nblau"


@pytest.mark.parametrize(
    ("data", "line", "what", "next_step"),
    [
        ("echo hi\n".encode("utf-16"), 1, "UTF-16", "iconv -f UTF-16 "),
        (codecs.BOM_UTF16_BE + "echo hi\n".encode("utf-16-be"), 1, "UTF-16", "iconv -f UTF-16 "),
        ("echo hi\n".encode("utf-16-le"), 1, "UTF-16", "iconv -f UTF-16LE "),
        ("echo hi\n".encode("utf-16-be"), 1, "UTF-16", "iconv -f UTF-16BE "),
        ("echo hi\n".encode("utf-32"), 1, "UTF-32", "iconv -f UTF-32 "),
        (b"a\r\nb\0c", 2, "NUL byte", ""),
        (b"\0", 1, "NUL byte", ""),
        (bytes(100), 1, "NUL byte", ""),
        (b"a\rgr\xfcn", 2, "byte 0xfc", "iconv -f LATIN1 "),
        (b"a\n\xed\xa0\xbd\xed\xb8\x80", 2, "half a character", "write the whole character"),
        (b"\xed\xb0\x80", 1, "half a character", "write the whole character"),
        (b"\xed\x9f", 1, "byte 0xed", "iconv -f LATIN1 "),
    ],
)
def test_a_line_that_is_not_text_is_named(data: bytes, line: int, what: str, next_step: str) -> None:
    with pytest.raises(NotText) as caught:
        decode_text(data)
    assert caught.value.line == line
    assert what in caught.value.what
    assert next_step in caught.value.next_step
