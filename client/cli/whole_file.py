"""Files that a command writes: the whole of one, or nothing of it."""

from __future__ import annotations

import os
from pathlib import Path

from ..files.special_places import is_special
from .exit_status import BadInput


def write_file(name: str, text: str) -> None:
    """Write a file: who has it open sees the old one until then. What is a device or a pipe, or /dev/stdout, is written into.

    Raises BadInput.
    """
    try:
        if is_special(os.fsencode(name)):
            # As >> does: /dev/stdout may be a file that has something in it.
            with Path(name).open("a", encoding="utf-8") as file:
                file.write(text)
            return
        # Through a link.
        path = Path(os.path.realpath(name))
        new = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            new.write_text(text, encoding="utf-8")
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"{name} cannot be written: {error.strerror}") from None
