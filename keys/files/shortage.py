"""File descriptors that have run out: a file cannot be opened although nothing is wrong with it."""

from __future__ import annotations

from errno import EMFILE, ENFILE

from ...schemas.refusal import Code, Refused


def demand_descriptors(number: int | None) -> None:
    """Raise `Refused(UNAVAILABLE)` if this errno(3) means that no descriptors are left; advice about the file would mislead."""
    if number in {EMFILE, ENFILE}:
        what = "this process cannot open more files or sockets"
        raise Refused(Code.UNAVAILABLE, what, "raise the limit (ulimit -n 1024), or close some") from None
