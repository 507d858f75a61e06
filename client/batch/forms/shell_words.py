r"""Split a line into words as sh(1) does, without running a shell.

Handles quotes, backslashes and comments: `#` begins one where a word could begin. What a shell would act on (`|`, `>`, `&&`, `X=1 prog`) is
refused unless it is quoted; what it would expand (`$X`, a glob, `~`) is left unchanged and reported.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Line(NamedTuple):
    """The words of a line, and the parts of it that a shell would have expanded."""

    words: list[str]
    unexpanded: list[str]

    @property
    def note(self) -> str:
        """A note about those parts, because no shell runs; empty if there are none."""
        if not (parts := list(dict.fromkeys(self.unexpanded))):
            return ""
        are = "is" if len(parts) == 1 else "are"
        return f"{', '.join(parts)} {are} passed on unchanged, as no shell runs; to use one: sh -c '...'"


class NotWords(ValueError):  # noqa: N818 -- a fact
    """Raised for a line that cannot be split into words, or that only a shell can run."""


_PIECE = re.compile(
    r"""
    (?P<blank>[ \t]+)
    | (?P<plain>[^\s\\'"$`*?\[\]{}~#|&;<>()!]+)
    | '(?P<single>[^']*)'
    | "(?P<double>[^"\\]*+(?:\\.[^"\\]*+)*+)"
    | \\(?P<escaped>.)
    | (?P<operator>\|\||&&|;;|>>|<<|[|&;<>()])
    | (?P<variable>\$(?:\w+|\{[^}]*\}|[@*\#?$!-]|(?=['"])))
    | (?P<glob>[*?]|\[[^\]\s]*\]|\{[^{}\s]*(?:,|\.\.)[^{}\s]*\})
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
# A shell expands these inside double quotes too.
_IN_QUOTES = re.compile(r"\\(?P<escaped>[$`\"\\])|(?P<replaced>\$(?:\w+|\{[^}]*\}|\([^)]*\)|[@*#?$!-])|`[^`]*`)", re.DOTALL)
_REST_OF_QUOTATION = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=", re.ASCII)


def divide(line: str) -> Line:
    """Return the words of a line.

    Raises NotWords.
    """
    words: list[str] = []
    unexpanded: list[str] = []
    # None between words, because an empty pair of quotes is a word too.
    word: str | None = None
    at = 0
    while at < len(line):
        if line[at] == "#" and word is None:
            break
        piece = _PIECE.match(line, at)
        assert piece is not None
        if piece["blank"] is not None:
            if word is not None:
                words.append(word)
            word = None
        elif word is None and not words and (said := _only_a_shell(line, at)):
            raise NotWords(_no_shell(said))
        else:
            word = (word or "") + _meant(piece, unexpanded, is_first=word is None)
        at = piece.end()
    if word is not None:
        words.append(word)
    return Line(words, unexpanded)


def cut(line: str) -> list[str]:
    """Return the commands of a line as written, and the operators between them: `|`, `<`, `&&`."""
    parts = [""]
    at = 0
    begins = True
    while at < len(line):
        if line[at] == "#" and begins:
            break
        piece = _PIECE.match(line, at)
        assert piece is not None
        if piece["operator"]:
            parts += [piece[0], ""]
        else:
            parts[-1] += piece[0]
        begins = bool(piece["blank"] or piece["operator"])
        at = piece.end()
    return parts


def has_open_quote(line: str) -> bool:
    """Return whether a quotation that begins in a line does not end in it."""
    at = 0
    while at < len(line):
        piece = _PIECE.match(line, at)
        assert piece is not None
        if piece[0] in {"'", '"'}:
            return True
        if line[at] == "#" and (at == 0 or line[at - 1] in " \t"):
            return False
        at = piece.end()
    return False


class Continuation:
    """Finds out which lines a shell continues on the next one: those that end with a backslash that is not quoted, nor in a comment."""

    def __init__(self) -> None:
        # Where the line before ended: in double quotes, or where a word could begin.
        self._is_quoted = False
        self._begins = True

    def continues(self, line: str) -> bool:
        """Return whether the next line is a part of this one, which is itself the rest of the one before if that continued."""
        # Each line is looked at once, however many of them make one command.
        goes_on = line.endswith("\\") and self._reaches_end(line)
        if not goes_on:
            self._is_quoted, self._begins = False, True
        return goes_on

    def _reaches_end(self, line: str) -> bool:
        at = 0
        if self._is_quoted:
            if (closed := _REST_OF_QUOTATION.match(line)) is None:
                return _has_escape_at_end(line)
            self._is_quoted, self._begins, at = False, False, closed.end()
        while at < len(line):
            if line[at] == "#" and self._begins:
                return False
            piece = _PIECE.match(line, at)
            assert piece is not None
            if piece[0] == '"':
                self._is_quoted = True
                return _has_escape_at_end(line)
            if piece[0] in {"'", "\\"}:
                # A quotation without an end on this line, in which a backslash is one; or the last character.
                return piece[0] == "\\"
            at = piece.end()
            self._begins = bool(piece["blank"] or piece["operator"])
        return False


def _has_escape_at_end(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _only_a_shell(line: str, at: int) -> str:
    """Return the beginning of a command that needs a shell; empty if none is needed."""
    if found := _ASSIGNMENT.match(line, at):
        return found[0]
    return "!" if re.match(r"!(\s|$)", line[at:]) else ""


def _no_shell(said: str) -> str:
    return f"{said!r} needs a shell, and commands run without one; to use one: sh -c '...'"


def _meant(piece: re.Match[str], unexpanded: list[str], *, is_first: bool) -> str:
    match piece.lastgroup:
        case "single" | "escaped" | "plain":
            return piece[piece.lastgroup]
        case "double":
            unexpanded += [found["replaced"] for found in _IN_QUOTES.finditer(piece["double"]) if found["replaced"]]
            return _IN_QUOTES.sub(lambda found: found["escaped"] or found[0], piece["double"])
        case "operator":
            raise NotWords(_no_shell(piece[0]))
        case "variable" | "glob":
            unexpanded.append(piece[0])
        case _:
            _check_other(piece[0])
            if piece[0] == "`" or (piece[0] == "~" and is_first):
                unexpanded.append(piece[0])
    return piece[0]


def _check_other(char: str) -> None:
    if char in "'\"":
        raise NotWords("this line cannot be split into words: no closing quotation")
    if char == "\\":
        raise NotWords("this line ends with a backslash, but a command cannot continue on the next line")
