"""How far the clock of a worker is off from the clock of its broker, and what follows. Pure.

The expiry of signatures, and start times, are judged where the jobs are: a worker whose clock is far off would refuse what is valid, or
accept what is not.
"""

from __future__ import annotations

_SECOND_US = 1_000_000
# Beyond the first it is told; beyond the second, the worker gets no jobs.
_TOLD_US = 60 * _SECOND_US
_MOST_US = 300 * _SECOND_US


def ahead_us(worker_now_us: int, now_us: int) -> int:
    """Return how many microseconds a worker's clock is ahead, negative: behind; 0 for an older worker, which does not report it."""
    return worker_now_us - now_us if worker_now_us else 0


def in_words(clock_ahead_us: int) -> str:
    """Return how far the clock of a worker is off, as the text after its name."""
    seconds = round(abs(clock_ahead_us) / _SECOND_US)
    return f"has a clock that is {seconds} seconds {'ahead of' if clock_ahead_us > 0 else 'behind'} that of the broker"


def is_told(clock_ahead_us: int) -> bool:
    """Return whether the clock is so far off that its operator should know."""
    return abs(clock_ahead_us) > _TOLD_US


def is_too_far(clock_ahead_us: int) -> bool:
    """Return whether the worker gets no jobs until its clock is corrected."""
    return abs(clock_ahead_us) > _MOST_US
