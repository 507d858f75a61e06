"""Where a token stands that a person gives to a command: the argument itself, `-` for standard input, or `@FILE`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ...schemas.refusal import Code, Refused
from . import token
from .token import LONGEST, Token


def read_given(argument: str) -> Token:
    """Return the token of an argument.

    Raises `Refused(INVALID_ARGUMENT)`, also if the file cannot be read.
    """
    if argument == "-":
        # From a terminal a line: it is the whole token, and who pastes it need not say that it ends.
        stream = sys.stdin.fileno()
        return token.read(sys.stdin.readline(LONGEST) if os.isatty(stream) else _read(stream))
    if not argument.startswith("@"):
        return token.read(argument)
    path = Path(argument.removeprefix("@"))
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(Code.INVALID_ARGUMENT, f"the token in {path} cannot be read: {error.strerror}") from None
    try:
        return token.read(_read(fd))
    except IsADirectoryError:
        raise Refused(Code.INVALID_ARGUMENT, f"{path} is a folder, and not a file with a token") from None
    finally:
        os.close(fd)


def _read(fd: int) -> str:
    data = b""
    while len(data) <= LONGEST and (part := os.read(fd, LONGEST)):
        data += part
    return data.decode(errors="replace")
