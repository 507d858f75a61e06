"""The keeper: parent of the supervisor. It holds what must outlive the other two, and does little else."""

from __future__ import annotations


def __getattr__(name: str) -> object:
    """Return `main`, which keepers and workers call by this name; loaded only then, as the supervisor imports from here too."""
    if name == "main":
        from .process import main  # noqa: PLC0415 -- as said

        return main
    raise AttributeError(name)
