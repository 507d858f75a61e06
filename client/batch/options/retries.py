"""The syntax of retries: on the command line, in a batch file, and in the library."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial

from ....schemas.jobs import retry
from ....schemas.jobs.retry import MOST_RETRIES, RetryRule
from ....schemas.refusal import Code, Refused
from ....schemas.text.durations import parse_duration
from ....schemas.text.numbers import why_not_number
from .option_values import Misunderstood, understand

# Of a number that is not absurd.
_MOST_DIGITS = 9
_STATUSES = "write exit statuses such as 6,28"


def retry_of(
    retries: str | int | None,
    retry_delay: str | float | None,
    retry_backoff: str | float | None,
    retry_on_exit: str | Iterable[int] | None,
) -> RetryRule | None:
    """Return the retry rule in the options of these names; None: there is none.

    Raises `Misunderstood`.
    """
    most = understand("retry", parse_count, retries)
    delay_ms = understand("retry_delay", parse_duration, retry_delay)
    backoff = understand("retry_backoff", parse_backoff, retry_backoff)
    on_exit = understand("retry_on_exit", parse_statuses, retry_on_exit)
    if most is None:
        for key, said in (("retry_delay", delay_ms), ("retry_backoff", backoff), ("retry_on_exit", on_exit)):
            if said is not None:
                what = Refused(Code.INVALID_ARGUMENT, "it has no effect without retries", "say how many, as in --retry 3 or max = 3")
                raise Misunderstood(key, what)
    if not most:
        return None
    found = RetryRule(most, delay_ms or 0, 1.0 if backoff is None else backoff, on_exit or ())
    # Whatever is wrong is so whatever the others say.
    for key, alone in (
        ("retry", RetryRule(found.most)),
        ("retry_delay", RetryRule(1, found.delay_ms)),
        ("retry_backoff", RetryRule(1, 0, found.backoff)),
        ("retry_on_exit", RetryRule(1, on_exit=found.on_exit)),
    ):
        understand(key, partial(_check, alone), "")
    return found


def _check(wanted: RetryRule, _: str) -> None:
    retry.check(wanted)


def parse_count(said: str | int) -> int:
    """Return how often a job is retried; 0: not at all.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    text = str(said).strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise Refused(Code.INVALID_ARGUMENT, why_not_number(said, "a number of retries"), f"write a whole number from 1 to {MOST_RETRIES}")
    return int(text)


def parse_backoff(said: str | float) -> float:
    """Return the factor of a growing delay.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    try:
        # float() would also take digits of other scripts, and 1_0.
        found = float(said) if str(said).isascii() and "_" not in str(said) else math.nan
    except ValueError:
        found = math.nan
    if math.isnan(found):
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is not a factor", "write a number such as 2 or 1.5")
    return found


def parse_statuses(said: str | Iterable[int]) -> tuple[int, ...]:
    """Return exit statuses, each of them once and in order.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    items = said.replace(",", " ").split() if isinstance(said, str) else list(said)
    if not items:
        raise Refused(Code.INVALID_ARGUMENT, "there is no exit status in it", _STATUSES)
    for item in items:
        if not (str(item).isascii() and str(item).isdecimal()):
            raise Refused(Code.INVALID_ARGUMENT, f"{item!r} is not an exit status", _STATUSES)
    return tuple(sorted(set(map(int, items))))
