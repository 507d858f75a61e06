"""Why a job in the queue does not start yet, in words. Pure."""

from __future__ import annotations

from ....schemas.naming import JobKey
from ....schemas.workers.capacity import PLAIN
from .choice import Choice
from .lanes import Place


def why_waiting(key: JobKey, place: Place, choice: Choice) -> str:
    """Return why a waiting job does not start."""
    owner, lane, wants, stock = place.owner, place.lane, place.wants, choice.stock
    held = ""
    if lane.width and lane.running >= lane.width:
        why = f"its batch runs {_jobs(lane.running)} at once, which is its limit"
    elif not choice.may_run_more(key.owner, owner):
        why = f"its owner runs {_jobs(owner.running)} at once, which is the limit in the roster"
    elif closed := stock.why_closed():
        why = closed
    elif wants.only_one in owner.busy:
        why = f"only one {wants.only_one!r} runs at once, and another one is running"
    elif wants.level in owner.full:
        why = f"{_jobs(owner.parents[wants.level])} that may start jobs are running for its owner, which is the limit"
    elif never := stock.never_fits(wants):
        why = f"{never}: it can start when there is more"
    elif nowhere := stock.why_nowhere(wants):
        why = nowhere
    elif wants is PLAIN or stock.fits(wants):
        why = _all_in_use(stock.capacity.slots) if stock.free_slots <= 0 else _why_not_now(choice)
    else:
        why = f"it waits for {stock.lacks(wants)}"
        held = "; what becomes free is reserved for it" if choice.holds_room(key) else ""
    priority = -place.rank[0] if place.rank is not None else 0
    before = sum(count for other, count in owner.waiting.items() if other > priority)
    why += held
    return f"{why}; {_jobs(before)} of a higher priority {'is' if before == 1 else 'are'} before it" if before else why


def _all_in_use(slots: int) -> str:
    return "the only slot is in use" if slots == 1 else f"all {slots} slots are in use"


def _why_not_now(choice: Choice) -> str:
    return "room is reserved for a job that has waited longer and needs more" if choice.holds_any_room() else "it is about to start"


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
