"""The token argument of a command: the token itself, `-` for standard input, or `@FILE`."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

from ...schemas.refusal import Code, Refused
from . import token
from .token import LONGEST, Token

_STDIN = 0


def read_given(argument: str) -> Token:
    """Return the token that an argument stands for.

    Raises `Refused(INVALID_ARGUMENT)`, also if the file cannot be read.
    """
    if argument == "-":
        try:
            # From a terminal a line: it is the whole token, and who pastes it need not say that it ends.
            # None: it is closed.
            stream = sys.stdin.fileno() if sys.stdin is not None else _STDIN
            return token.read(sys.stdin.readline(LONGEST) if os.isatty(stream) else _read(stream))
        except OSError as error:
            raise Refused(Code.INVALID_ARGUMENT, f"the token on standard input cannot be read: {error.strerror}") from None
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
        raise Refused(Code.INVALID_ARGUMENT, f"{path} is a folder, not a file with a token") from None
    finally:
        os.close(fd)


def _read(fd: int) -> str:
    data = b""
    while len(data) <= LONGEST:
        try:
            part = os.read(fd, LONGEST)
        except BlockingIOError:
            # A pipe of a program with an event loop.
            select.select([fd], [], [])
            continue
        if not part:
            break
        data += part
    # Editors of another system write a byte order mark first.
    return data.decode("utf-8-sig", errors="replace")
