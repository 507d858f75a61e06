"""What jobs were promised beside their ends: whom they wait for, how often they are tried, what they have for themselves. Pure.

Of two jobs, the order of their lines in the ledger tells what was first: whatever a job has, it has at least from its first line to its
last one. Each promise that was broken is a sentence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from ledger import Ledger
from orders import Deed, Order

from jobwire.schemas.generated import event_pb2
from jobwire.schemas.jobs.conditions import Condition, Fate, holds
from jobwire.schemas.jobs.states import EventKind, OnFailure, Outcome, OutcomeKind

SLOTS = 5
GPUS = 3
LICENCES = 2
# /proc/uptime has hundredths, rounded down.
_ROUNDED_SECONDS = 0.02


class End(NamedTuple):
    """How a job ended, and in which attempt."""

    attempt: int
    outcome: Outcome


_Ends = Mapping[str, End]


def broken(
    orders: Sequence[Order],
    ends: _Ends,
    written: Ledger,
    stopped: Collection[str],
    events: Sequence[event_pb2.Event],
    slots: int = SLOTS,
    place_of: Callable[[str], str] = lambda _: "",
) -> list[str]:
    """Return a sentence for each promise that was broken. `stopped`: ids that somebody wanted to stop.

    `place_of` returns on which machine an attempt ran, by its name in the ledger; `slots`: of each machine.
    """
    may_be_stopped = {*stopped, *stopped_by_runs(orders, ends)}
    return [
        *_of_attempts(orders, ends, written, may_be_stopped),
        *_of_conditions(orders, ends, written, may_be_stopped),
        *_of_runs(orders, ends, stopped, events),
        *_of_shares(orders, written, slots, place_of),
        *_of_times(orders, written),
    ]


def stopped_by_runs(orders: Sequence[Order], ends: _Ends) -> set[str]:
    """Return the ids of those that may be cancelled or stopped because another job of their run failed."""
    failed: dict[str, set[str]] = defaultdict(set)
    for order in orders:
        if order.on_failure and order.id in ends and _breaks(ends[order.id].outcome):
            failed[order.run].add(order.id)
    return {order.id for order in orders if order.run in failed and failed[order.run] - {order.id}}


def _breaks(outcome: Outcome) -> bool:
    """Return whether it breaks its run, unless somebody stopped it. One that was cancelled because of another job does not."""
    return outcome.is_failure and outcome.kind is not OutcomeKind.CANCELLED


def _of_attempts(orders: Sequence[Order], ends: _Ends, written: Ledger, may_be_stopped: Collection[str]) -> Iterator[str]:
    for order in orders:
        found = sorted(int(number or 1) for number in (name.partition(".")[2] for name in _names(order, written)))
        if found != list(range(1, len(found) + 1)) or len(found) > order.retries + 1:
            yield f"{order.text_id} ran in the attempts {found}, of at most {order.retries + 1}"
        if (end := ends.get(order.id)) is None:
            continue
        # The last one may have ended before its first line, or have been cancelled.
        if len(found) not in (end.attempt, end.attempt - 1):
            yield f"{order.text_id} is said to have had {end.attempt} attempts, and wrote down {len(found)}"
        if end.outcome.kind is OutcomeKind.EXITED and end.attempt != order.attempts and order.id not in may_be_stopped:
            yield f"{order.text_id} ended in attempt {end.attempt} and not in {order.attempts}: {end.outcome.sentence}"
        stop = written.stopped.get(order.text_id)
        for number in found[1:]:
            before, span = written.spans.get(order.name_of(number - 1)), written.spans[order.name_of(number)]
            if before is None:
                continue
            if stop is not None and before.last > stop:
                yield f"attempt {number} at {order.text_id} began though it was stopped during the one before"
            if before.ended and span.begun < before.ended + order.delay - _ROUNDED_SECONDS:
                waited = span.begun - before.ended
                yield f"attempt {number} at {order.text_id} began {waited:.2f} s after the one before, not {order.delay} s"


def _names(order: Order, written: Ledger) -> list[str]:
    """Return the attempts of a job that wrote something down."""
    return [name for number in range(1, order.retries + 3) if (name := order.name_of(number)) in written.starts]


def _of_conditions(orders: Sequence[Order], ends: _Ends, written: Ledger, may_be_stopped: Collection[str]) -> Iterator[str]:
    by_id = {order.id: order for order in orders}
    groups: dict[tuple[str, str], list[Order]] = defaultdict(list)
    for order in orders:
        groups[order.run, order.own_name].append(order)
    for order in orders:
        if not order.after or order.id not in ends:
            continue
        end, kept = ends[order.id].outcome, True
        for said in order.after:
            word, target, *name = said.split(":")
            others = groups[target, name[0]] if name else [by_id[target]]
            if not all(other.id in ends for other in others):
                yield f"{order.text_id} has ended, and waits for {said}, which has not"
                continue
            kept = kept and holds(Condition[word.upper()], _fate([ends[other.id].outcome for other in others], grouped=bool(name)))
            last = max((written.spans[name].last for other in others for name in _names(other, written)), default=-1)
            if order.text_id in written.spans and written.spans[order.text_id].first < last:
                yield f"{order.text_id} began before {said} had ended, which it waits for"
        is_cancelled = end.kind is OutcomeKind.CANCELLED
        if is_cancelled and kept and order.id not in may_be_stopped:
            yield f"{order.text_id} was cancelled, and {order.after} holds: {end.sentence}"
        if not kept and (not is_cancelled or _names(order, written)):
            yield f"{order.text_id} ran, and {order.after} does not hold: {end.sentence}"
        if is_cancelled and not end.sentence:
            yield f"{order.text_id} was cancelled without a sentence"


def _fate(outcomes: Sequence[Outcome], *, grouped: bool) -> Fate:
    if any(not outcome.unneeded and not outcome.is_ok for outcome in outcomes):
        return Fate.FAILED
    # Of a group, those that were not needed do not count.
    return Fate.UNNEEDED if not grouped and any(outcome.unneeded for outcome in outcomes) else Fate.OK


def _of_runs(orders: Sequence[Order], ends: _Ends, stopped: Collection[str], events: Sequence[event_pb2.Event]) -> Iterator[str]:
    """Check that nothing of a run in which one job runs at a time begins after one has failed, unless it cleans up."""
    members = {(order.run, order.id) for order in orders}
    single = {order.key_id: order for order in orders if order.on_failure != OnFailure.CONTINUE and order.parallel == 1}
    broken_by: dict[str, Order] = {}
    for event in events:
        order = single.get(event.key.id)
        if order is None or order.id not in ends:
            continue
        if event.kind == EventKind.STARTED and order.run in broken_by and not _cleans_up(order, members):
            yield f"{order.text_id} began after {broken_by[order.run].text_id} of its run had failed"
        if event.kind == EventKind.FINISHED and _breaks(ends[order.id].outcome) and order.id not in stopped:
            broken_by.setdefault(order.run, order)


def _cleans_up(order: Order, members: Collection[tuple[str, str]]) -> bool:
    """Return whether it waits for others of its run to fail, or to end in whatever way."""
    waits = (said.split(":") for said in order.after)
    return any(when != "ok" and (target == order.run or (order.run, target) in members) for when, target, *_ in waits)


def _of_shares(  # noqa: C901 -- a check for each kind of share
    orders: Sequence[Order], written: Ledger, slots: int, place_of: Callable[[str], str]
) -> Iterator[str]:
    """Check that no two had the same GPU, or were alone, at once, and that all of a machine never had more than there is."""
    turns: list[tuple[int, bool, Order, str]] = []
    for order in orders:
        for name in _names(order, written):
            span = written.spans[name]
            if len(span.gpus) != order.gpus and order.deed is not Deed.NO_PROGRAM and span.begun:
                yield f"{name} has the GPUs {span.gpus}, and claimed {order.gpus}"
            turns += [(span.first, False, order, name), (span.last, True, order, name)]
    running: dict[str, Order] = {}
    for _, ends, order, name in sorted(turns, key=lambda turn: turn[:2]):
        if ends:
            running.pop(name, None)
            continue
        place = place_of(name)
        here = {other: what for other, what in running.items() if place_of(other) == place}
        for other in here:
            if shared := set(written.spans[other].gpus) & set(written.spans[name].gpus):
                yield f"{name} and {other} had the GPUs {sorted(shared)} at once"
        for other, what in running.items():
            if order.only_one and what.only_one == order.only_one:
                yield f"{name} and {other} ran at once, each of which is the only one of {order.only_one}"
        running[name] = here[name] = order
        for resource, most in (("cpus", slots), ("gpus", GPUS), ("licences", LICENCES)):
            if (taken := sum(getattr(what, resource) for what in here.values())) > most:
                yield f"with {name} {taken} {resource} are taken, and there are {most}: {sorted(here)}"


def _of_times(orders: Sequence[Order], written: Ledger) -> Iterator[str]:
    for order in orders:
        span = written.spans.get(order.text_id)
        if span is not None and span.begun and span.begun < order.not_before - _ROUNDED_SECONDS:
            yield f"{order.text_id} began {order.not_before - span.begun:.2f} s before its time"
