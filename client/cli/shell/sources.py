"""Where the lines of `jobwire shell` come from: a file, stdin as it arrives, or a person at a prompt."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from ....schemas.text.plain_text import NotText, decode_text
from ...batch.reading import STDIN
from ..exit_status import BadInput
from ..terminal.streams import Patient

# Longer than any command that a worker accepts.
LONGEST_LINE = 2 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _Owned(Patient):
    """A descriptor that is closed with this object."""

    def close(self) -> None:
        if not self.closed:
            os.close(self._fd)
        super().close()


def open_file(name: str) -> BinaryIO:
    """Return a file of lines, or stdin for `-`, which is then empty for the commands: they must not read the lines.

    Raises BadInput.
    """
    if name == "-":
        fd = os.dup(STDIN)
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, STDIN)
        os.close(empty)
        return io.BufferedReader(_Owned(fd))
    try:
        return io.BufferedReader(_Owned(os.open(name, os.O_RDONLY | os.O_CLOEXEC)))
    except (OSError, ValueError) as error:
        raise BadInput(f"{name}: {getattr(error, 'strerror', None) or error}") from None


def may_have_more(file: BinaryIO) -> bool:
    """Return whether a command may follow. For anything but a regular file, that is unknown before it arrives."""
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return True
    return any(line.strip() and not line.lstrip().startswith(b"#") for line in iter(lambda: file.readline(LONGEST_LINE), b""))


def read_lines(file: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    """Iterate over the lines with their numbers, each as soon as it is available. Bytes that are not UTF-8 are kept, as in arguments.

    Raises BadInput.
    """
    number = 0
    while True:
        try:
            line = file.readline(LONGEST_LINE + 1)
        except OSError as error:
            raise BadInput(f"{name}: {error.strerror}") from None
        number += 1
        if not line:
            return
        if len(line) > LONGEST_LINE:
            raise BadInput(f"{name}, line {number}: it is longer than {LONGEST_LINE} bytes")
        if b"\0" in line:
            # Also all text in UTF-16, which names its kind in the first line.
            try:
                decode_text(line)
            except NotText as wrong:
                raise BadInput(f"{name}, line {number}: {wrong.what}" + (f"; {wrong.next_step}" if wrong.next_step else "")) from None
        yield number, os.fsdecode(line.removeprefix(_BYTE_ORDER_MARK if number == 1 else b"").rstrip(b"\r\n"))
