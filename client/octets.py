"""Arguments, variables and paths as text and back, always as UTF-8: a file or a wire has no locale.

What is no UTF-8 is a lone surrogate in the text, as in PEP 383, and comes back as the same bytes.
"""

from __future__ import annotations

import os

from ..schemas.refusal import Code, Refused


def to_text(data: bytes) -> str:
    """Read bytes as text."""
    return data.decode("utf-8", "surrogateescape")


def to_bytes(text: str) -> bytes:
    """Write text as bytes.

    Raises `Refused(INVALID_ARGUMENT)` for a surrogate that stands for no byte, which JSON can hold.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise Refused(Code.INVALID_ARGUMENT, f"{text!r} is no text: {text[error.start]!r} stands for no character") from None


def as_typed(text: str) -> str:
    """Take a word of the command line, which Python has read by the locale, for the bytes that were typed."""
    return to_text(os.fsencode(text))
