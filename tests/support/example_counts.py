"""How many examples of a state machine or a property are tested: the same few each time, and with `make soak` many others."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import unittest
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine

# The machine may be busy with other work.
_PATIENT = (HealthCheck.too_slow,)


def scratch() -> Path:
    """Return a folder for one example, in memory if possible: thousands of commits would wait for a busy disk."""
    return Path(tempfile.mkdtemp(dir=_scratches()))


@cache
def _scratches() -> Path:
    """Return the folder of this process, removed at its end; if it is killed, the next one removes it."""
    memory = Path("/dev/shm")
    root = memory if memory.is_dir() else Path(tempfile.gettempdir())
    for left in root.glob("jobwire-scratch-*"):
        with suppress(OSError):
            lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(lock)
    folder = Path(tempfile.mkdtemp(prefix="jobwire-scratch-", dir=root))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # Held until this process ends.
    fcntl.flock(os.open(folder, os.O_RDONLY | os.O_DIRECTORY), fcntl.LOCK_EX)
    return folder


def briefly(examples: int = 60, steps: int = 30) -> settings:
    """Return settings for this many examples of this many steps, the same each time."""
    return settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True, database=None, suppress_health_check=_PATIENT
    )


def at_length(machine: type[RuleBasedStateMachine], examples: int = 1000, steps: int = 60) -> type[unittest.TestCase]:
    """Return a soak test that tries many other examples."""
    longer: type[unittest.TestCase] = type(f"{machine.__name__}AtLength", (machine.TestCase,), {})
    longer.settings = settings(  # type: ignore[attr-defined] # reason: hypothesis looks for it
        max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=False, suppress_health_check=_PATIENT
    )
    soak = pytest.mark.timeout(900)(pytest.mark.soak(longer))
    assert isinstance(soak, type)
    return soak
