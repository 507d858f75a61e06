"""Value files: one value per line; empty lines are skipped. Lines end with LF or CRLF, and need not be UTF-8, as file names need not."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from ....schemas.refusal import Code, Refused
from ....schemas.text.plain_text import NotText, decode_text
from ..octets import to_bytes, to_text
from ..reading import STDIN, read_whole

LARGEST = 32 * 1024 * 1024


def read_lines(file: str, folder: Path, *, stdin: bool = False) -> list[str]:
    """Return the lines of a file. `stdin`: `-` is the standard input.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    if file == "-" and not stdin:
        message = "the values cannot come from standard input here"
        raise Refused(Code.INVALID_ARGUMENT, message, "name a file, or use: jobwire sweep COMMAND {} :::: -")
    if not file:
        raise Refused(Code.INVALID_ARGUMENT, "the file of the values has no name")
    try:
        data = read_whole(STDIN if file == "-" else os.path.join(os.fsencode(folder), to_bytes(file)), LARGEST)  # noqa: PTH118 -- bytes
    except OSError as error:
        raise Refused(Code.INVALID_ARGUMENT, f"the values in {file!r} cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise Refused(Code.INVALID_ARGUMENT, f"the file of values {file!r} is larger than {LARGEST // 1024**2} MiB")
    if b"\0" in data or data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            decode_text(data)
        except NotText as problem:
            raise Refused(Code.INVALID_ARGUMENT, f"{file}, line {problem.line}: {problem.what}", problem.next_step) from None
    lines = to_text(data.removeprefix(codecs.BOM_UTF8)).split("\n")
    return [line for line in (one.removesuffix("\r") for one in lines) if line]
