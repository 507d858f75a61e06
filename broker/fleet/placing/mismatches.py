"""Why a job is not placed on any of a broker's machines, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ....schemas.text.durations import format_duration
from ....schemas.workers.capacity import Wants, shortage
from ....schemas.workers.labels import WORKER, Where, holds, in_words
from .machines import Machine

# Workers that a sentence names.
_NAMED = 8


def why_on_none(wants: Wants, machines: Sequence[Machine], now: float) -> str:
    """Return why a job could run on none of these machines, even if nothing else ran there."""
    if ends_before := _why_too_long(wants, machines, now):
        return ends_before
    if len(machines) == 1:
        return shortage(wants, machines[0].stock.capacity)
    largest = max((one.stock.capacity for one in machines), key=lambda one: one.slots)
    return f"no worker is large enough: {shortage(wants, largest)}"


def _why_too_long(wants: Wants, machines: Sequence[Machine], now: float) -> str:
    """Return that a job fits only on machines that end too soon; empty if it fits nowhere."""
    ends = [one.end for one in machines if one.end is not None and (not one.is_known or one.stock.could_fit(wants))]
    if not ends:
        return ""
    left = max(end.left_seconds(now) for end in ends)
    takes = f"it may run for {format_duration(wants.limit_seconds)}" if wants.limit_seconds else "it has no time limit"
    return f"{takes}, and the worker that could run it the longest ends in {format_duration(max(0, left))}"


def why_not_where_asked(wants: Wants, known: Sequence[Machine], is_member: Callable[[str], bool]) -> str:
    """Return why none of these machines may run a job with these labels, or can now; empty if one will when it has room.

    `is_member`: whether a worker of a name exists, which may not be connected.
    """
    allowed = [one for one in known if holds(wants.where, one.stock.capacity.labels)]
    if not allowed:
        return _why_no_label(wants.where, known, is_member)
    able = [one for one in allowed if one.stock.could_fit(wants)]
    if not able:
        return f"no worker with {in_words(wants.where)} is large enough: {shortage(wants, allowed[0].stock.capacity)}"
    return "" if any(one.ready for one in able) else _why_none_ready(able)


def _why_no_label(where: Where, known: Sequence[Machine], is_member: Callable[[str], bool]) -> str:
    """Return which requested labels exclude all of these workers."""
    missing = f"no worker fits all of {in_words(where)}"
    for term in where.on:
        if not any(holds(Where(on=(term,)), one.stock.capacity.labels) for one in known):
            name = term.removeprefix(f"{WORKER}=")
            if name != term and is_member(name):
                return f"it can run only on {name}, which is not connected"
            missing = f"no worker has the label {term}"
            break
    else:
        for term in where.not_on:
            if not any(holds(Where(not_on=(term,)), one.stock.capacity.labels) for one in known):
                missing = f"no worker is without the label {term}"
                break
    return f"{missing}; workers: {_names([one for one in known if not one.is_to_come]) or 'none'}"


def _why_none_ready(able: Sequence[Machine]) -> str:
    """Return why a job waits although it may run on some machines: none of them is ready."""
    if queues := [one for one in able if one.is_to_come]:
        return f"it waits for a worker that is requested through {_names(queues)}"
    if len(able) == 1 and able[0].why_closed:
        return f"it can run only on {able[0].name}, which {able[0].why_closed}"
    return f"the workers that could run it get no jobs now: {_why_each_closed(able)}"


def lacks(wants: Wants, able: Sequence[Machine]) -> str:
    """Return what a job waits for that may run on these machines, all of them ready."""
    nearest = max(able, key=lambda one: one.stock.free_slots)
    less = f", and less on {_others(len(able) - 1)}" if len(able) > 1 else ""
    return f"{nearest.stock.lacks(wants)} on {nearest.name}{less}"


def lacks_worker(able: Sequence[Machine]) -> str:
    """Return what a job waits for that may run on these machines, none of them ready."""
    return f"a worker that is large enough: {_why_each_closed(able)}"


def why_closed(known: Sequence[Machine]) -> str:
    """Return why nothing can start at all: none of these machines is ready."""
    there = [one for one in known if not one.is_to_come]
    why = f"no worker is ready: {_why_each_closed(there)}" if there else "there is no worker"
    queues = sorted({one.name for one in known if one.is_to_come})
    return f"{why}; more are requested through {', '.join(queues)}" if queues else why


def _why_each_closed(machines: Sequence[Machine]) -> str:
    """Return why each of these machines gets no jobs; only the first few are named."""
    told = sorted(f"{one.name} {one.why_closed}" for one in machines if one.name and one.why_closed)
    silent = [one for one in machines if not one.why_closed]
    parts = told[:_NAMED] + ([f"{_names(silent)} cannot take jobs now"] if silent else [])
    return "; ".join(parts) + (f"; and {len(told) - _NAMED} more" if len(told) > _NAMED else "")


def _names(machines: Sequence[Machine]) -> str:
    names = sorted({one.name for one in machines if one.name})
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _others(count: int) -> str:
    return "1 other" if count == 1 else f"{count} others"
