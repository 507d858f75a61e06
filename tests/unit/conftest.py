"""What hypothesis tries is the same each time, so that a change is not blamed for what was wrong before; `make soak` tries other things.

It takes as long as it needs, however busy the machine is, and half the examples that hypothesis tries by default.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "same", max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Fail a test that leaves a thread: the interpreter would wait for it when it exits, for ever."""
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in before and not thread.daemon]
    assert not left, f"these threads are still running: {left}"
