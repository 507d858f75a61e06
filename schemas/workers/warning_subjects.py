"""The subjects of a worker's warnings: each warning begins with its subject and a colon. Pure."""

from __future__ import annotations

from enum import StrEnum


class Subject(StrEnum):
    """A part of a worker or its machine that may need attention."""

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
    """Return the subject of a warning, and the rest; None and the whole warning if it begins with no subject."""
    about, colon, sentence = text.partition(": ")
    try:
        return (Subject(about), sentence) if colon else (None, text)
    except ValueError:
        return None, text
