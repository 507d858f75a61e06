"""Text from elsewhere, made fit for one line of a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return the text with escapes for what would control the terminal, end a line or cell, or is not a character."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode() for char in text)
