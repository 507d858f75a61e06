"""The source of a conversion: where it came from, and how to read other files that it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ....schemas.refusal import Code, Refused

STANDARD_INPUT = "-"


def at(line: int) -> str:
    """Return the place of a command line, as the beginning of a sentence; empty if it was given as words."""
    return f"line {line}: " if line else ""


@dataclass(frozen=True, slots=True)
class Input:
    """The input of another tool's command line. `file`: the redirected file; `read` returns the text of a file, or of stdin.

    `has_stdin`: whether stdin contains values. `producer`: the commands that would have written them.
    """

    read: Callable[[str], str]
    file: str = ""
    producer: str = ""
    has_stdin: bool = False

    def text(self, file: str, line: int, tool: str) -> str:
        """Return the text of a file or, without a name, of stdin.

        Raises `Refused(FAILED_PRECONDITION)` if it is unknown.
        """
        if file not in {"", STANDARD_INPUT}:
            return self.read(file)
        if self.has_stdin:
            return self.read(STANDARD_INPUT)
        if self.producer:
            what, how = f"{tool} reads the output of a command: {self.producer}", f"{self.producer} | jobwire convert -- {tool} ..."
        else:
            what, how = f"{tool} reads its standard input, which is not here", f"... | jobwire convert -- {tool} ..."
        raise Refused(Code.FAILED_PRECONDITION, f"{at(line)}{what}", f"run it now, with the same arguments: {how}")
