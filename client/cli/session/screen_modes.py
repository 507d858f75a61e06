"""What the programs of a job have switched on or off on this terminal, and how to undo that when the job is left. Pure.

Only the modes that make a terminal unusable afterwards: the second screen, a hidden cursor, reports of the mouse, of pastes and of the
focus, other cursor keys, colours. See console_codes(4), and "XTerm Control Sequences" for the private modes.
"""

from __future__ import annotations

from ....schemas.text.patterns import pattern

_SWITCH = pattern(rb"\x1b\[\?([0-9;]{1,40})([hl])|\x1b([=>])")
_ESCAPE = b"\x1b"
# A sequence that was cut has at most this many bytes.
_LONGEST = 48
_OFF_BY_DEFAULT = (1, 9, 47, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1047, 1049, 2004)
_CURSOR = 25
# The modes in which a program has the second screen.
_SECOND = frozenset({47, 1047, 1049})


class ScreenModes:
    """Reads what is shown."""

    def __init__(self) -> None:
        self._rest = b""
        # Modes that differ from their defaults.
        self._changed: set[int] = set()
        self._has_keypad = False
        self._is_coloured = False

    def see(self, data: bytes) -> None:
        """Note what these bytes switch; a sequence may be cut anywhere."""
        text = self._rest + data
        if _ESCAPE not in text:
            # As in nearly all that is shown for a key.
            self._rest = b""
            return
        end = 0
        for match in _SWITCH.finditer(text):
            end = match.end()
            modes, switch, keypad = match.groups()
            if keypad:
                self._has_keypad = keypad == b"="
                continue
            for mode in map(int, filter(None, modes.split(b";"))):
                if (switch == b"h") == (mode in _OFF_BY_DEFAULT) and (mode in _OFF_BY_DEFAULT or mode == _CURSOR):
                    self._changed.add(mode)
                else:
                    self._changed.discard(mode)
        self._is_coloured = self._is_coloured or b"\x1b[" in data
        self._rest = text[max(end, len(text) - _LONGEST) :]

    @property
    def is_second_screen(self) -> bool:
        """Whether a program has the whole screen for itself, as editors do."""
        return not _SECOND.isdisjoint(self._changed)

    def redone(self) -> bytes:
        """Return what to show after `undone` to have it again as it is now; empty if that makes no difference. Colours are not known."""
        redo = b"".join(b"\x1b[?%d%c" % (mode, b"l" if mode == _CURSOR else b"h") for mode in sorted(self._changed))
        return redo + (b"\x1b=" if self._has_keypad else b"")

    def undone(self) -> bytes:
        """Return what to show to have everything as it was; empty if it is."""
        undo = b"".join(b"\x1b[?%d%c" % (mode, b"h" if mode == _CURSOR else b"l") for mode in sorted(self._changed, reverse=True))
        return undo + (b"\x1b>" if self._has_keypad else b"") + (b"\x1b[0m" if self._is_coloured else b"")
