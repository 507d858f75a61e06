"""What the warnings of a worker can be about, each of which begins with it and a colon. Pure."""

from __future__ import annotations

from enum import StrEnum


class Subject(StrEnum):
    """A part of a worker, or of its machine, that may need somebody."""

    # Jobs are held by no cgroup.
    CONTAINMENT = "containment"
    SUPERVISOR = "supervisor"
    KEEPER = "keeper"
    # What its parent left it without.
    SURROUNDINGS = "surroundings"
    DESCRIPTORS = "descriptors"
    SPACE = "space"
    INODES = "inodes"
    BALLAST = "ballast"
    LOG = "log"


def split_warning(text: str) -> tuple[Subject | None, str]:
    """Return what a warning is about, and the rest; None and all of it if it does not begin with that."""
    about, colon, sentence = text.partition(": ")
    try:
        return (Subject(about), sentence) if colon else (None, text)
    except ValueError:
        return None, text
