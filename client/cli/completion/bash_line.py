r"""A command line of bash up to the cursor: its words, and how a word is to be written there. Pure.

Bash divides a line at more than blanks (`COMP_WORDBREAKS`: `:`, `=`, `@`, ...) and leaves quotes in its words; so the line is read here,
and of a completed word only what follows the last such character is handed back.
"""

from __future__ import annotations

from ....schemas.private_parts.light_typing import NamedTuple

# What bash takes as it is, anywhere in a word. A set: nothing that a Tab needs compiles a pattern.
_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-")
_BLANKS = " \t\n"


class TypedLine(NamedTuple):
    """`words` are unquoted, the last one is being typed; `raw` is its spelling, `quote` the quote that is open in it, if any."""

    words: list[str]
    raw: str
    quote: str


def read(line: str) -> TypedLine:
    """Return the words of a line that may end anywhere, even inside quotes."""
    words: list[str] = []
    word, start, quote, at = "", 0, "", 0
    inside = False
    while at < len(line):
        char = line[at]
        at += 1
        if quote:
            if char == quote:
                quote = ""
            elif char == "\\" and quote == '"' and line[at : at + 1] in {'"', "\\", "$", "`"}:
                word += line[at : at + 1]
                at += 1
            else:
                word += char
        elif char in _BLANKS:
            if inside:
                words.append(word)
            word, inside, start = "", False, at
            continue
        elif char in "'\"":
            quote = char
        elif char == "\\":
            word += line[at : at + 1]
            at += 1
        else:
            word += char
        inside = True
    return TypedLine([*words, word], line[start:], quote)


def write(word: str, typed: TypedLine, breaks: str) -> str:
    """Return the replacement for the last word, or for the part after its last character at which bash divides words."""
    if typed.quote:
        # Bash closes the quote, and divides nothing inside it.
        return word
    escaped = "".join(char if char in _SAFE else f"\\{char}" for char in word)
    kept = max((typed.raw.rfind(char) for char in breaks if char not in "'\" \t\n"), default=-1) + 1
    # Up to there, the typed text and the completed one are the same, unless it was quoted.
    return escaped[kept:] if kept and escaped.startswith(typed.raw[:kept]) else escaped
