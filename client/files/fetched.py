"""What `get` returns about a file or folder that it fetched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from .fetching import FetchedFile


class Fetched(NamedTuple):
    """A file or folder that was fetched: where it is now, and how many bytes came, for a folder with their headers.

    `left_out`: what was not created below `path`: symbolic links that lead out of the folder, FIFOs, sockets and devices.
    """

    path: Path
    size_bytes: int
    left_out: tuple[str, ...]


def as_fetched(file: FetchedFile) -> Fetched:
    """Return it in text."""
    return Fetched(Path(os.fsdecode(file.place)), file.size, tuple(map(os.fsdecode, file.left_out + file.others)))
