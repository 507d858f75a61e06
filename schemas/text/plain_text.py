"""Read text files that were edited by a person with any editor.

They are UTF-8, with or without a byte order mark, whatever the locale; lines end with LF, CRLF or CR. Anything else is refused with a
reason. Knows no file format.
"""

from __future__ import annotations

import codecs

from .patterns import pattern

# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)

# What UTF-8 would be of U+D800 to U+DFFF, which are no characters.
_SURROGATE = pattern(rb"\xed[\xa0-\xbf][\x80-\xbf]")


class NotText(ValueError):  # noqa: N818 -- a fact
    """Raised for bytes that are not text; says what they are instead, on which line, and how to fix it."""

    def __init__(self, line: int, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.line = line
        self.what = what
        self.next_step = next_step


def decode_text(data: bytes) -> str:
    r"""Read the text of a file; each of its lines ends with `\n`.

    Raises NotText.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            raise NotText(1, f"this is {name}, not UTF-8", _convert(name))
    data = data.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if (at := data.find(b"\0")) >= 0:
        # ASCII in UTF-16 without a mark: of the first two characters one half is NUL.
        halves = [data[half:4:2] for half in (0, 1)]
        if b"\0\0" in halves and any(half and b"\0" not in half for half in halves):
            raise NotText(1, "this is UTF-16, not UTF-8", _convert("UTF-16LE" if halves[1] == b"\0\0" else "UTF-16BE"))
        raise NotText(_line(data, at), "it has a NUL byte, which is not allowed in text")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = _line(data, error.start)
        if _SURROGATE.match(data, error.start):
            # CESU-8, and Java's modified UTF-8: each half of what UTF-16 has as a pair is written alone.
            what = "this is not UTF-8: it has half a character (a surrogate of UTF-16)"
            raise NotText(line, what, "write the whole character; programs in Java and some databases export it so") from None
        raise NotText(line, f"this is not UTF-8: byte 0x{data[error.start]:02x}", _convert("LATIN1")) from None


def why_not_text(data: bytes) -> NotText | None:
    """Return why `decode_text` would refuse these bytes; None if it would not."""
    try:
        decode_text(data)
    except NotText as wrong:
        return wrong
    return None


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def _convert(encoding: str) -> str:
    return f"convert it, for example with: iconv -f {encoding} -t UTF-8"
