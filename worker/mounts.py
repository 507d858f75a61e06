"""What is mounted, as the kernel tells it; see proc_pid_mountinfo(5). The supervisor uses it too, so this imports almost nothing.

The names in there were chosen by whoever mounted something, anywhere on the machine: they need not be UTF-8, and may have any character
but a newline, a tab, a space and a backslash, which the kernel writes as octal numbers.
"""

from __future__ import annotations

import os

from ..schemas.private_parts.light_typing import NamedTuple

MOUNTS = "/proc/self/mountinfo"
_ESCAPED = ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\043", b"#"), (b"\\134", b"\\"))


class Mount(NamedTuple):
    """A mount. `root`: what of the file system is shown at `place`; `options`: those of the file system itself."""

    device: str
    root: str
    place: str
    kind: str
    options: list[str]


def read_mounts(path: str = MOUNTS) -> list[Mount]:
    """Return all mounts that this process sees. Raises OSError."""
    with open(path, "rb") as file:  # noqa: PTH123 -- pathlib is not light
        lines = file.read().split(b"\n")
    found = []
    for line in filter(None, lines):
        fields = line.split(b" ")
        kind, options = fields[fields.index(b"-", 6) + 1], fields[-1]
        found.append(Mount(os.fsdecode(fields[2]), _name(fields[3]), _name(fields[4]), os.fsdecode(kind), os.fsdecode(options).split(",")))
    return found


def _name(escaped: bytes) -> str:
    for sign, char in _ESCAPED:
        escaped = escaped.replace(sign, char)
    return os.fsdecode(escaped)
