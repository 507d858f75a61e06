"""The keeper: the parent of the supervisor. It holds what must outlive worker and supervisor, and does little else."""

from __future__ import annotations


def __getattr__(name: str) -> object:
    """Return `main`, which keepers and workers call by this name; imported lazily, because the supervisor imports this package too."""
    if name == "main":
        from .process import main  # noqa: PLC0415 -- see the docstring

        return main
    raise AttributeError(name)
