"""The keys that leave a job's terminal: how they are written, and how they are noticed in what is typed. Pure."""

from __future__ import annotations

from typing import NamedTuple

# As machinectl: no program needs this three times within a second.
USUAL = "^] three times within a second"
_USUAL_KEYS = b"\x1d\x1d\x1d"
_USUAL_SECONDS = 1.0
_CTRL = "ctrl-"
_CONTROLS = "@abcdefghijklmnopqrstuvwxyz[\\]^_"


class DetachKeys(NamedTuple):
    """Which keys, and within how many seconds; None: however long it takes."""

    keys: bytes = _USUAL_KEYS
    seconds: float | None = _USUAL_SECONDS


def parse_detach_keys(text: str) -> DetachKeys:
    """Return the keys written as docker's are: with commas, each a character or ctrl-LETTER.

    Raises ValueError.
    """
    keys = bytearray()
    for word in text.split(","):
        if word.lower().startswith(_CTRL) and word[len(_CTRL) :].lower() in set(_CONTROLS):
            keys.append(_CONTROLS.index(word[len(_CTRL) :].lower()))
        elif len(word) == 1 and word.isascii() and word.isprintable():
            keys += word.encode()
        else:
            raise ValueError(f"{word!r} is not a key: write a character or ctrl-LETTER, with commas between them, such as ctrl-p,ctrl-q")
    return DetachKeys(bytes(keys), None)


class DetachWatch:
    """Looks for the keys in what is typed.

    With a limit in time, all of them but the last reach the job at once, so that none is late. Without, those that may be the beginning are
    held back, as the job would act on them.
    """

    def __init__(self, wanted: DetachKeys) -> None:
        self._wanted = wanted
        # How many of the keys were typed, and when each was.
        self._times: list[float] = []

    def take(self, typed: bytes, now: float) -> tuple[bytes, bool]:
        """Return which bytes are for the job, and whether the keys were typed, after which nothing counts. `now` is in seconds."""
        keys, seconds = self._wanted
        passed = bytearray()
        for position in range(len(typed)):
            byte = typed[position : position + 1]
            if seconds is not None:
                self._times = [time for time in self._times if now - time <= seconds]
            if byte == keys[len(self._times) : len(self._times) + 1]:
                self._times.append(now)
                if len(self._times) == len(keys):
                    return bytes(passed), True
                if seconds is not None:
                    passed += byte
                continue
            held = keys[: len(self._times)] if seconds is None else b""
            self._times = []
            passed += held
            if byte == keys[:1]:
                self._times.append(now)
                passed += byte if seconds is not None else b""
            else:
                passed += byte
        return bytes(passed), False
