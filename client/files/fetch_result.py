"""The result of `get` for a file or folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from .fetching import FetchedFile


class Fetched(NamedTuple):
    """A file or folder that was fetched: its path here, and how many bytes were received, for a folder including headers.

    `left_out`: what was not created below `path`: symbolic links that lead out of the folder, FIFOs, sockets and devices.
    """

    path: Path
    size_bytes: int
    left_out: tuple[str, ...]


def as_fetched(file: FetchedFile) -> Fetched:
    """Return the result with paths as text."""
    return Fetched(Path(os.fsdecode(file.place)), file.size, tuple(map(os.fsdecode, file.left_out + file.others)))
