"""The indefinite article for a word that is only known at run time: a job, an hour."""

from __future__ import annotations

_AN = ("a", "e", "i", "o", "u", "hour")
# Spoken with a consonant.
_A = ("us", "uni", "one", "eu")


def with_article(word: str) -> str:
    """Return a word with `a` or `an` before it."""
    begin = word.lower()
    return f"an {word}" if begin.startswith(_AN) and not begin.startswith(_A) else f"a {word}"
