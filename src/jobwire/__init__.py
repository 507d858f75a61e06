"""jobwire: run any Linux program on another machine, safely, and be told the moment it ends.

The public names of the library are loaded when they are first used, so that commands and daemons that need none of them start fast.
"""

from __future__ import annotations

# Type checkers take this name for true; importing it from typing would cost the keeper a megabyte.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .client.library.client import (
        BatchInfo,
        Client,
        Code,
        CompletedJob,
        CursorTooOld,
        Event,
        EventCursor,
        EventKind,
        EventStream,
        Forgotten,
        Job,
        JobInfo,
        JobOutput,
        JobSpec,
        Outcome,
        OutcomeKind,
        Refused,
        State,
        job_spec,
    )
    from .client.library.failures import JobFailed, JobTimeout

__version__ = "0.1.0"
__all__ = [
    "BatchInfo",
    "Client",
    "Code",
    "CompletedJob",
    "CursorTooOld",
    "Event",
    "EventCursor",
    "EventKind",
    "EventStream",
    "Forgotten",
    "Job",
    "JobFailed",
    "JobInfo",
    "JobOutput",
    "JobSpec",
    "JobTimeout",
    "Outcome",
    "OutcomeKind",
    "Refused",
    "State",
    "__version__",
    "job_spec",
]

_HOMES = {"JobFailed": ".client.library.failures", "JobTimeout": ".client.library.failures"}
_HOME = ".client.library.client"


def __getattr__(name: str) -> object:
    """Import a public name at its first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'jobwire' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 -- kept out of the start-up of those that need no public name

    value = getattr(import_module(_HOMES.get(name, _HOME), __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, also those that were not used yet."""
    return [*globals(), *(name for name in __all__ if name not in globals())]
