"""The keys that detach from a job's terminal: their syntax, and how they are recognised in the input. Pure."""

from __future__ import annotations

from typing import NamedTuple

# As machinectl: no program needs this three times within a second.
USUAL = "^] three times within a second"
_USUAL_KEYS = b"\x1d\x1d\x1d"
_USUAL_SECONDS = 1.0
# As the keyseq-timeout of readline.
_HELD_SECONDS = 0.5
_CTRL = "ctrl-"
_DELETE = "DEL"
_CONTROLS = "@abcdefghijklmnopqrstuvwxyz[\\]^_"


class DetachKeys(NamedTuple):
    """The keys, and the time limit between them in seconds; None: no limit."""

    keys: bytes = _USUAL_KEYS
    seconds: float | None = _USUAL_SECONDS


def parse_detach_keys(text: str) -> DetachKeys:
    """Return the keys, written as for docker: separated by commas, each a character, ctrl-LETTER or DEL. Empty: the default keys.

    Raises ValueError.
    """
    if not text:
        return DetachKeys()
    keys = bytearray()
    for word in text.split(","):
        if word.lower().startswith(_CTRL) and word[len(_CTRL) :].lower() in set(_CONTROLS):
            keys.append(_CONTROLS.index(word[len(_CTRL) :].lower()))
        elif word == _DELETE:
            keys += b"\x7f"
        elif len(word) == 1 and word.isascii() and word.isprintable():
            keys += word.encode()
        else:
            raise ValueError(f"{word!r} is not a key: write a character or ctrl-LETTER, with commas between them, such as ctrl-p,ctrl-q")
    return DetachKeys(bytes(keys), None)


class DetachWatch:
    """Looks for the keys in the input.

    With a time limit, all keys but the last reach the job at once, so that none is late. Without, keys that may be the beginning are held
    back, because the job would act on them; if no other key follows, for half a second, as a shell would wait.
    """

    def __init__(self, wanted: DetachKeys) -> None:
        self._wanted = wanted
        # How many of the keys were typed, and when each was.
        self._times: list[float] = []

    @property
    def due(self) -> float | None:
        """When keys that are held back go to the job after all; None: there are none."""
        return self._times[-1] + _HELD_SECONDS if self._times and self._wanted.seconds is None else None

    def overdue(self, now: float) -> bytes:
        """Return keys that were held back, and go to the job after all."""
        if self.due is None or now < self.due:
            return b""
        held, self._times = self._wanted.keys[: len(self._times)], []
        return held

    def take(self, typed: bytes, now: float) -> tuple[bytes, bool]:
        """Return which bytes go to the job, and whether the keys were typed; later input is ignored. `now` is in seconds."""
        keys, seconds = self._wanted
        if not self._times and keys[:1] not in typed:
            # As in nearly all that is typed.
            return typed, False
        passed = bytearray(self.overdue(now))
        for position in range(len(typed)):
            byte = typed[position : position + 1]
            if seconds is not None:
                self._times = [time for time in self._times if now - time <= seconds]
            # What may be a beginning now, and what was one and is none any more.
            found = keys[: len(self._times)] + byte
            kept = next(count for count in range(len(found), -1, -1) if keys.startswith(found[len(found) - count :]))
            self._times = [*self._times, now][len(found) - kept :]
            if kept == len(keys):
                return bytes(passed), True
            passed += byte if seconds is not None else found[: len(found) - kept]
        return bytes(passed), False
