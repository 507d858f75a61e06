"""jobwire: run any Linux program on another machine, safely, and be told the moment it ends.

The public names of the library are loaded when they are first used, so that commands and daemons that need none of them start fast.
"""

from __future__ import annotations

# Type checkers take this name for true; importing it from typing would cost the keeper a megabyte.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .client.blocking import Client, CompletedJob, Job
    from .schemas.refusal import Refused

__version__ = "0.1.0"
__all__ = ["Client", "CompletedJob", "Job", "Refused", "__version__"]

_HOMES = {
    "Client": ".client.blocking",
    "CompletedJob": ".client.blocking",
    "Job": ".client.blocking",
    "Refused": ".schemas.refusal",
}


def __getattr__(name: str) -> object:
    """Import a public name at its first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'jobwire' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 -- kept out of the start-up of those that need no public name

    value = getattr(import_module(home, __name__), name)
    globals()[name] = value
    return value
