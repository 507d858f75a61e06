"""Wrong inputs, made of right ones: by changing, cutting, repeating and mixing them at random. The same seed gives the same inputs."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_MOST_CHANGES = 6
_LONGEST = 256 * 1024
# What often makes a parser stumble.
_ODD = [
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\r\n",
    b"\n",
    b"\x7f" * 9,
    b"\xff" * 9 + b"\x01",
    b"\x80" * 11,
    b"[[[[",
    b"{" * 40,
    b'"""',
    b"'",
    b"\\u0000",
    b"\\UDEADBEEF",
    b"nan",
    b"inf",
    b"-1",
    b"1e999",
    b"9" * 5000,
    b"0x10",
    b"1979-05-27T07:32:00Z",
    "\u0661\u0662".encode(),
    "\u202e".encode(),
]


def mutations(seeds: Sequence[bytes], seed: int, words: Sequence[bytes] = ()) -> Iterator[bytes]:
    """Yield inputs without end; `words` are pieces that mean something to the reader."""
    dice = random.Random(seed)
    pieces = [*_ODD, *words]
    while True:
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.randint(0, _MOST_CHANGES)):
            _change(data, dice, seeds, pieces)
        yield bytes(data[:_LONGEST])


def _change(data: bytearray, dice: random.Random, seeds: Sequence[bytes], pieces: Sequence[bytes]) -> None:
    at = dice.randint(0, len(data))
    upto = min(len(data), at + dice.choice((1, 1, 2, 4, 16, 64, 1024)))
    match dice.randrange(8):
        case 0 if at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        case 1 if at < len(data):
            data[at] = dice.randrange(256)
        case 2:
            del data[at:upto]
        case 3:
            data[at:at] = dice.choice(pieces)
        case 4:
            data[at:upto] = dice.choice(pieces)
        case 5:
            data[at:at] = bytes(data[at:upto]) * dice.choice((1, 2, 50))
        case 6:
            other = dice.choice(seeds)
            begin = dice.randint(0, len(other))
            data[at:] = other[begin:]
        case _:
            data[at:at] = dice.randbytes(dice.randint(1, 8))
