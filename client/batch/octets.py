"""Convert arguments, variables and paths to text and back, always as UTF-8: files and the wire have no locale.

Bytes that are not UTF-8 become lone surrogates in the text, as in PEP 383, and are converted back to the same bytes.
"""

from __future__ import annotations

import os

from ...schemas.refusal import Code, Refused


def to_text(data: bytes) -> str:
    """Return bytes as text."""
    return data.decode("utf-8", "surrogateescape")


def to_bytes(text: str) -> bytes:
    """Return text as bytes.

    Raises `Refused(INVALID_ARGUMENT)` for a surrogate that stands for no byte, which JSON can hold.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise Refused(Code.INVALID_ARGUMENT, f"{text!r} is not text: {text[error.start]!r} stands for no character") from None


def as_typed(text: str) -> str:
    """Return a word of the command line, which Python decoded by the locale, as UTF-8 text."""
    return to_text(os.fsencode(text))
