"""Files that a command writes atomically: all of a file, or nothing."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from ....keys.files.private_files import place_of
from ...files.special_places import is_of_the_system, is_special
from ..exit_status import BadInput


def write_file(name: str, text: str) -> None:
    """Write a file atomically: who has it open sees the old one. A device, a pipe or /dev/stdout is written directly.

    A link is followed, unless another user may have made it. Raises BadInput.
    """
    try:
        if is_special(os.fsencode(name)):
            _write_into(name, text)
        else:
            _replace(Path(name), text)
    except OSError as error:
        raise BadInput(f"{name} cannot be written: {error.strerror}") from None


def _write_into(name: str, text: str) -> None:
    # As >> does: /dev/stdout may be a file that has something in it.
    with Path(name).open("a", encoding="utf-8") as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode) and not is_of_the_system(os.fsencode(name)):
            # Somebody has put a link to a file in place of the pipe.
            raise BadInput(f"{name} changed while it was opened; try again")
        file.write(text)


def _replace(path: Path, text: str) -> None:
    with place_of(path) as place:
        # A name that nobody can have put there before.
        made = f".{place.path.name}.{os.urandom(8).hex()}"
        fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=place.folder)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text)
            os.rename(made, place.path.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(made, dir_fd=place.folder)
            raise
