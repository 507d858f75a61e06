"""Shorten and escape what a sentence quotes: an echo of 5,000 characters hides what is wrong with them, and raw bytes are not text.

Knows no request and no terminal: refusals and the command line call it for their sentences.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

_MOST = 300
# Names of files differ in how they end.
_HEAD, _TAIL = 120, 60
# What repr() quotes, which an apostrophe after a letter does not begin; and words.
# Possessive: re keeps 120 bytes for each repetition of a group to which it could return.
_LONG = rf"""(?<!\w)'(?:[^'\\]|\\.){{{_MOST + 1},}}+'|(?<!\w)"(?:[^"\\]|\\.){{{_MOST + 1},}}+"|\S{{{_MOST + 1},}}"""


def brief(sentence: str) -> str:
    """Return a sentence in which words and quotations of more than 300 characters have `...` in the middle."""
    if len(sentence) <= _MOST:
        return sentence
    import re  # noqa: PLC0415 -- rare, and not light

    return re.sub(_LONG, _cut, sentence, flags=re.DOTALL)


def sendable(sentence: str) -> str:
    r"""Return a sentence without surrogates, which could be neither sent nor stored.

    Those of bytes that are not UTF-8 (PEP 383) are written as `\xff`, others as `\ud800`.
    """
    try:
        sentence.encode()
    except UnicodeEncodeError:
        return "".join(map(_written, sentence))
    return sentence


def _written(char: str) -> str:
    if not "\ud800" <= char <= "\udfff":
        return char
    return f"\\x{ord(char) - 0xDC00:02x}" if "\udc80" <= char <= "\udcff" else f"\\u{ord(char):04x}"


def _cut(found: re.Match[str]) -> str:
    return f"{found[0][:_HEAD]}...{found[0][-_TAIL:]}"
