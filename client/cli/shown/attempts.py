"""Messages about the attempts at a job that is retried."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ....schemas.jobs.retry import RetryRule
from ....schemas.jobs.states import Outcome
from ....schemas.naming import JobKey, short_id
from ...library.streams.output import AttemptEnd
from ..terminal.screen import duration, local_time, say
from .sentences import how_it_ended

if TYPE_CHECKING:
    # A command that runs a job need not wait for it.
    from ...library.values.job_info import JobAttempt, JobInfo


class AttemptEnds:
    """Reports on stderr that an attempt has ended and which one follows, once all of the `streams` being read have got there."""

    def __init__(self, key: JobKey, streams: int) -> None:
        self._name = short_id(key.id)
        self._streams = streams
        self._heard: Counter[int] = Counter()

    def hear(self, end: AttemptEnd) -> None:
        """Note that one of the streams continues with the next attempt."""
        self._heard[end.next_attempt] += 1
        if self._heard[end.next_attempt] == self._streams:
            follows = f"attempt {end.next_attempt} follows" + (f" in {duration(end.next_in_us)}" if end.next_in_us else "")
            say(f"job {self._name}: attempt {end.next_attempt - 1} {_as_verb(end.outcome)}; {follows}")


def tried(job: JobInfo, outcome: Outcome) -> str:
    """Return how a job ended, and how many attempts it took."""
    ended = how_it_ended(outcome)
    # The last one may have been cancelled before it started.
    times = sum(attempt.process is not None for attempt in job.attempts)
    return ended if not job.earlier_attempts else f"tried {'once' if times == 1 else f'{times} times'}; {ended}"


def rule_in_words(rule: RetryRule | None) -> str:
    """Return when a job is retried; empty: never."""
    if rule is None:
        return ""
    words = [f"up to {rule.most} time{'' if rule.most == 1 else 's'}"]
    if rule.on_exit:
        words.append(f"after exit status {', '.join(map(str, rule.on_exit))}")
    if rule.delay_ms:
        growing = f", multiplied by {rule.backoff:g} each time" if rule.backoff > 1 else ""
        words.append(f"{duration(rule.delay_ms * 1000)} later{growing}")
    return ", ".join(words)


def attempt_line(attempt: JobAttempt) -> str:
    """Return a line about an attempt that has ended."""
    ended = how_it_ended(attempt.outcome) if attempt.outcome is not None else ""
    lasted = duration(attempt.ended_at_us - attempt.started_at_us) if attempt.started_at_us else ""
    return f"{attempt.attempt}  {ended}, {local_time(attempt.ended_at_us)}, after {lasted}  {attempt.process or ''}".rstrip()


def _as_verb(outcome: Outcome) -> str:
    said = how_it_ended(outcome)
    if said.startswith(("exceeded", "exited")):
        return said
    return f"was {said}" if said.startswith("ended by") else f"failed: {said}"
