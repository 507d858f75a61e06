"""What a schedule starts now: which of its times are due, which were missed, and what happens to them while an earlier job runs.

Pure: the time and the running jobs are passed in. A time that is due more than a minute late is missed: the worker did not run then, the
machine was suspended, or its clock was set forward. A clock that is set back makes nothing due twice: what has fired is recorded.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

from .cron import Times

LATE_US = 60_000_000
# As far as the clocks of client, broker and worker may differ.
MOST_EARLY_US = 300_000_000
MOST_MADE_UP = 100


class Overlap(enum.IntEnum):
    """What happens at a time when an earlier job of the schedule has not ended. The numbers are stored."""

    SKIP = 1
    QUEUE = 2
    STOP = 3


class Missed(enum.IntEnum):
    """What is started later for missed times: one job for all, none, or each of the last hundred. The numbers are stored."""

    ONCE = 1
    SKIP = 2
    ALL = 3


class Due(NamedTuple):
    """The times for which jobs are to be started now, in order, and how many times were missed.

    `upto_us`: the last time that was examined; nothing up to there becomes due again. `more`: even more were missed.
    """

    times: Sequence[int] = ()
    missed: int = 0
    more: bool = False
    upto_us: int = 0


class Steps(NamedTuple):
    """What to do: for which time a job is started, which times wait for the end of the earlier job, and which are dropped.

    `stops`: the earlier job is to be stopped.
    """

    start: int | None
    waiting: tuple[int, ...]
    dropped: tuple[int, ...] = ()
    stops: bool = False


def find_due(times: Times, fired_upto_us: int, now_us: int, missed: Missed) -> Due:
    """Return what is due at this moment, if everything up to `fired_upto_us` was examined before."""
    if now_us <= fired_upto_us:
        return Due(upto_us=fired_upto_us)
    found, more = times.last(fired_upto_us, now_us, MOST_MADE_UP)
    if not found:
        return Due(upto_us=fired_upto_us)
    in_time = [time_us for time_us in found if now_us - time_us <= LATE_US]
    count = len(found) - len(in_time)
    wanted = {Missed.ALL: found, Missed.ONCE: found[-1:], Missed.SKIP: in_time[-1:]}[missed]
    return Due(tuple(wanted), count, more, found[-1])


def arrange(due: Sequence[int], waiting: Sequence[int], overlap: Overlap, *, is_running: bool) -> Steps:
    """Return what to do about due times, while others may be waiting for the end of the running job.

    If several are due at once, their jobs run one after the other.
    """
    line: tuple[int, ...] = (*waiting, *due)
    dropped: tuple[int, ...] = ()
    stops = False
    if len(due) == 1 and (is_running or waiting):
        match overlap:
            case Overlap.SKIP:
                line, dropped = tuple(waiting), tuple(due)
            case Overlap.QUEUE:
                # One waits, and keeps its place.
                line, dropped = (tuple(waiting), tuple(due)) if waiting else (tuple(due), ())
            case Overlap.STOP:
                line, dropped, stops = tuple(due), tuple(waiting), is_running
    dropped += line[:-MOST_MADE_UP]
    line = line[-MOST_MADE_UP:]
    if is_running or not line:
        return Steps(None, line, dropped, stops)
    return Steps(line[0], line[1:], dropped)
