"""Files that a command writes: the whole of one, or nothing of it."""

from __future__ import annotations

import os
from pathlib import Path

from .exit_status import BadInput


def write_file(name: str, text: str) -> None:
    """Write a file: who has it open sees the old one until then. A device or a pipe is not replaced.

    Raises BadInput.
    """
    path = Path(name)
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        new = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            new.write_text(text, encoding="utf-8")
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"{name} cannot be written: {error.strerror}") from None
