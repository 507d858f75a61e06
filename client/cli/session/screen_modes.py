"""What the programs of a job have switched on or off on this terminal, and how to undo that when the job is left. Pure.

Only modes that make a terminal unusable afterwards: the alternate screen, a hidden cursor, reports of the mouse, of pastes and of the
focus, other key sequences, colours, line drawing characters, insert mode, and scroll margins. See console_codes(4), "XTerm Control
Sequences" for private modes, margins and modified keys, and "Comprehensive keyboard handling in terminals" of kitty.
"""

from __future__ import annotations

import re

from ....schemas.text.patterns import pattern

_SWITCH = pattern(
    rb"\x1b(?:\[\?(?P<modes>[0-9;]{1,40}[hl])|(?P<keypad>[=>])|\[(?P<margins>[0-9;]{0,20})r|\[4(?P<insert>[hl])|\((?P<letters>[0-9A-K])"
    rb"|\[>4(?:;(?P<modified>[0-9]?))?(?P<of_keys>m)|\[(?P<kitty>[<>][0-9]{0,4})u|(?P<all>c|\[!p))"
)
_ESCAPE = b"\x1b"
# It also moves the cursor to the corner.
_NO_MARGINS = b"\x1b7\x1b[r\x1b8"
_ASCII = b"B"
_PLAIN = b"\x1b[0m"
# A sequence that was cut has at most this many bytes.
_LONGEST = 48
_OFF_BY_DEFAULT = (1, 6, 9, 47, 69, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1047, 1049, 2004, 2026)
_CURSOR = 25
# The modes in which a program has the second screen.
_SECOND = frozenset({47, 1047, 1049})
# As kitty: of more, the first are forgotten.
_MOST_PUSHED = 8


class ScreenModes:
    """Parses the output."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_coloured = False
        self._forget()

    def _forget(self) -> None:
        # Modes that differ from their defaults.
        self._changed: set[int] = set()
        self._has_keypad = False
        # Rows, as they were written.
        self._margins = b""
        self._inserts = False
        self._letters = _ASCII
        self._modified_keys = b""
        # What was pushed on kitty's stack.
        self._pushed: list[bytes] = []

    def see(self, data: bytes) -> None:
        """Note what these bytes switch; a sequence may be split anywhere."""
        text = self._rest + data
        if _ESCAPE not in text:
            # As in nearly all that is shown for a key.
            self._rest = b""
            return
        end = 0
        for match in _SWITCH.finditer(text):
            end = match.end()
            self._note(match)
        _, plain, after = data.rpartition(_PLAIN)
        self._is_coloured = b"\x1b[" in after or (self._is_coloured and not plain)
        self._rest = text[max(end, len(text) - _LONGEST) :]

    @property
    def is_second_screen(self) -> bool:
        """Whether a program uses the alternate screen, as editors do."""
        return not _SECOND.isdisjoint(self._changed)

    def _note(self, match: re.Match[bytes]) -> None:
        said = match[match.lastgroup or 0]
        match match.lastgroup:
            case "modes":
                self._switch(said[:-1], is_on=said.endswith(b"h"))
            case "keypad":
                self._has_keypad = said == b"="
            case "margins":
                self._margins = said.strip(b";")
            case "insert":
                self._inserts = said == b"h"
            case "letters":
                self._letters = said
            case "of_keys":
                self._modified_keys = (match["modified"] or b"").strip(b"0")
            case "kitty":
                self._push_or_pop(said)
            case _:
                self._forget()

    def _push_or_pop(self, said: bytes) -> None:
        if said.startswith(b">"):
            self._pushed = [*self._pushed, said[1:]][-_MOST_PUSHED:]
        else:
            del self._pushed[max(0, len(self._pushed) - int(said[1:] or b"1")) :]

    def _switch(self, modes: bytes, *, is_on: bool) -> None:
        for mode in map(int, filter(None, modes.split(b";"))):
            if is_on == (mode in _OFF_BY_DEFAULT) and (mode in _OFF_BY_DEFAULT or mode == _CURSOR):
                self._changed.add(mode)
            else:
                self._changed.discard(mode)

    def redone(self) -> bytes:
        """Return what to write after `undone` to restore the present modes; empty if that changes nothing. Colours are not known."""
        redo = b"".join(b"\x1b[?%d%c" % (mode, b"l" if mode == _CURSOR else b"h") for mode in sorted(self._changed))
        redo += b"\x1b=" if self._has_keypad else b""
        redo += b"\x1b7\x1b[%br\x1b8" % self._margins if self._margins else b""
        redo += b"\x1b[4h" if self._inserts else b""
        redo += b"\x1b(%b" % self._letters if self._letters != _ASCII else b""
        redo += b"\x1b[>4;%bm" % self._modified_keys if self._modified_keys else b""
        return redo + b"".join(b"\x1b[>%bu" % flags for flags in self._pushed)

    def undone(self) -> bytes:
        """Return what to write to restore the default modes; empty if nothing was switched."""
        undo = b"".join(b"\x1b[?%d%c" % (mode, b"h" if mode == _CURSOR else b"l") for mode in sorted(self._changed, reverse=True))
        undo += b"\x1b>" if self._has_keypad else b""
        undo += _NO_MARGINS if self._margins else b""
        undo += b"\x1b[4l" if self._inserts else b""
        undo += b"\x1b(%b" % _ASCII if self._letters != _ASCII else b""
        undo += b"\x1b[>4m" if self._modified_keys else b""
        undo += b"\x1b[<%du" % len(self._pushed) if self._pushed else b""
        return undo + (_PLAIN if self._is_coloured else b"")
