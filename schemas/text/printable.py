"""Escape text from elsewhere so that it fits on one line of a terminal."""

from __future__ import annotations

_BYTES = 0xDC00
_FIRST_BYTE, _LAST_BYTE = "\udc80", "\udcff"


def printable(text: str) -> str:
    r"""Return the text with escapes for whatever would control the terminal, end a line or cell, or is not a character.

    A byte that is not UTF-8 is a lone surrogate in the text, as in PEP 383, and is shown as the byte: `\xff`.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def with_bytes(sentence: str) -> str:
    """Return a sentence with bytes written as `printable` does: repr(), which quotes in sentences use, writes them as surrogates."""
    if "\\udc" not in sentence:
        return sentence
    import re  # noqa: PLC0415 -- rare, and not light

    # With an even number of backslashes before it, it was written so in what is quoted.
    return re.sub(r"(?<!\\)((?:\\\\)*)\\udc([89a-f][0-9a-f])", r"\1\\x\2", sentence)


def _escape(char: str) -> str:
    if _FIRST_BYTE <= char <= _LAST_BYTE:
        return f"\\x{ord(char) - _BYTES:02x}"
    return char.encode("unicode_escape", "surrogatepass").decode()
