"""How often a job is retried after a failed attempt, how long it waits before each retry, and after which exit statuses."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..generated import job_pb2
from ..private_parts.frozen import frozen
from ..refusal import Code, Refused
from . import reserved_statuses

# Each attempt has a log folder of its own.
MOST_RETRIES = 100
HIGHEST_BACKOFF = 100.0
MOST_STATUSES = 64
HIGHEST_STATUS = 255
LONGEST_DELAY_MS = 1000 * 86_400 * 1000
# However much it grows: somebody waits for it.
_LONGEST_GROWN_MS = 86_400 * 1000
# Whoever submitted such a program would find it missing at every attempt.
NEVER_RETRIED = (reserved_statuses.NOT_EXECUTABLE, reserved_statuses.NOT_FOUND)


@frozen
class RetryRule:
    """At most `most` attempts follow the first. The delay before the next one is multiplied by `backoff` each time, up to a day.

    `on_exit`: retry only after these exit statuses (128+n for a signal); empty: after every failure.
    """

    most: int
    delay_ms: int = 0
    backoff: float = 1.0
    on_exit: tuple[int, ...] = ()

    def delay_after_ms(self, attempt: int) -> int:
        """Return the delay in milliseconds after this attempt (1 for the first), before the next one starts."""
        grown = self.delay_ms * self.backoff ** (attempt - 1)
        return int(min(grown, max(self.delay_ms, _LONGEST_GROWN_MS)))


def check(retry: RetryRule) -> None:
    """Raise `Refused(INVALID_ARGUMENT)`, with a reason in words, unless this is a valid retry rule."""
    if not 1 <= retry.most <= MOST_RETRIES:
        raise _refuse(
            f"a job can be retried 1 to {MOST_RETRIES} times, not {retry.most} times", "leave the retries out if it is not to be retried"
        )
    if retry.delay_ms > LONGEST_DELAY_MS:
        raise _refuse("the delay before a retry is longer than 1000 days")
    if not (math.isfinite(retry.backoff) and 1 <= retry.backoff <= HIGHEST_BACKOFF):
        raise _refuse(
            f"the delay before a retry cannot be multiplied by {retry.backoff:g} each time", f"give a backoff from 1 to {HIGHEST_BACKOFF:g}"
        )
    if len(retry.on_exit) > MOST_STATUSES:
        raise _refuse(f"{len(retry.on_exit)} exit statuses to retry on are too many, the limit is {MOST_STATUSES}")
    for status in retry.on_exit:
        if not 0 <= status <= HIGHEST_STATUS:
            raise _refuse(f"{status} is not an exit status: they are 1 to {HIGHEST_STATUS}")
        if status == 0:
            raise _refuse("a job that exits with 0 succeeded and is not retried", "leave the 0 out")
        if status in NEVER_RETRIED or status == reserved_statuses.OVER_LIMIT:
            raise _refuse(f"a job that ends with {status} is never retried: {_WHY_NEVER[status]}", f"leave the {status} out")


_WHY_NEVER = {
    reserved_statuses.NOT_EXECUTABLE: "its program could not be executed, and would not be the next time",
    reserved_statuses.NOT_FOUND: "its program was not found, and would not be the next time",
    reserved_statuses.OVER_LIMIT: "it exceeded a limit, and would exceed it again",
}


def digest_parts(retry: RetryRule) -> Iterator[tuple[int, tuple[bytes, ...]]]:
    """Iterate over the values that go into the digest of a spec, with their field numbers."""
    yield 20, (b"%d:%d" % (retry.most, retry.delay_ms), repr(retry.backoff).encode(), *(b"%d" % status for status in retry.on_exit))


def from_wire(message: job_pb2.Retry) -> RetryRule:
    """Return a rule received over the wire. Exit statuses are sorted and unique; without a backoff, the delay stays the same."""
    return RetryRule(message.max, message.delay_ms, message.backoff or 1.0, tuple(sorted(set(message.on_exit))))


def to_wire(retry: RetryRule) -> job_pb2.Retry:
    """Return the rule as it is sent and stored."""
    backoff = retry.backoff if retry.backoff != 1 else 0
    return job_pb2.Retry(max=retry.most, delay_ms=retry.delay_ms, backoff=backoff, on_exit=retry.on_exit)


def _refuse(message: str, next_step: str = "") -> Refused:
    return Refused(Code.INVALID_ARGUMENT, message, next_step)
