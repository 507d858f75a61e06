"""forget: removes ended jobs with their logs: those that are named, or that a selection finds. If one of the former has not ended, none is.

They are removed in steps: if the worker dies in between, some are left. The same request, repeated, removes the rest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from ...schemas.generated import request_pb2
from ...schemas.job import State
from ...schemas.naming import JobKey, format_id
from ...schemas.refusal import Code, Reason, Refused
from ..desk.desk import Desk
from ..desk.job import Job
from ..retention.ages import Ages
from ..retention.forget import Forgetting, Forgotten
from ..store.queries import Ended, Lookup
from ..store.selection import Selection
from .call import Call
from .job_keys import read_key_to_stop
from .selected import find_selected, has_selection, read_selection

# Found at once, and then removed, so that a request for many holds the keys of few.
_JOBS_A_PART = 500


def forget(call: Call, desk: Desk, lookup: Lookup, forgetting: Forgetting, ages: Ages) -> None:
    """Check all jobs first; reply when only their tombstones are left on disk. Naming one that was forgotten before is not an error."""
    request = call.request.forget
    if has_selection(request, "forget"):
        _forget_selected(call, request, desk, lookup, forgetting, ages)
        return
    named = request.keys
    keys: list[JobKey] = []

    def look() -> Iterator[None]:
        for key in dict.fromkeys(read_key_to_stop(message, call.member) for message in named):
            yield
            # A repeated request finds jobs that the first one removed.
            if lookup.forgotten(key):
                continue
            if lookup.has_ended(key):
                keys.append(key)
                continue
            lookup.visible_job(key, call.member)
            raise _not_ended(key)

    call.in_slices(look(), lambda: forgetting.forget(keys, partial(_done, call)))


def _done(call: Call, result: Forgotten | Refused) -> None:
    if isinstance(result, Refused):
        call.refuse(result)
    else:
        call.reply(request_pb2.Reply(forget=request_pb2.ForgetReply(jobs=result.jobs, log_bytes=result.log_bytes)))


def _forget_selected(call: Call, request: request_pb2.Forget, desk: Desk, lookup: Lookup, forgetting: Forgetting, ages: Ages) -> None:
    """Remove the jobs of a selection that have ended, in parts; reply when only their tombstones are left on disk."""
    selected = read_selection(request.selection, call.member, lookup)
    has_age = request.HasField("ended_ago_us")
    unfinished: list[Job] = []
    rows = lookup.runs(selected.owner, selected.run, selected.name) if selected.run or selected.name else None
    selection = Selection(
        states=frozenset({State.FINISHED}),
        owner=selected.owner,
        runs=rows,
        batch_name=selected.name if rows is None else "",
        aged_until_us=ages.now_us() - request.ended_ago_us if has_age else None,
    )
    found = Ended((), 0, None)

    def check() -> None:
        if unfinished and not (has_age or request.dry_run):
            raise _not_ended(unfinished[0].key)
        call.in_slices(find(), partial(forget_part, Forgotten(0, 0)))

    def find() -> Iterator[None]:
        nonlocal found
        yield
        found = lookup.ended(selection, found.onward, _JOBS_A_PART)
        while not found.keys and found.onward is not None:
            yield
            found = lookup.ended(selection, found.onward, _JOBS_A_PART)

    def forget_part(so_far: Forgotten) -> None:
        if request.dry_run:
            part_done(Forgotten(so_far.jobs + len(found.keys), so_far.log_bytes + found.log_bytes))
        elif found.keys:
            forgetting.forget(found.keys, part_done, so_far=so_far)
        else:
            _done(call, so_far)

    def part_done(result: Forgotten | Refused) -> None:
        if isinstance(result, Refused) or found.onward is None:
            _done(call, result)
        else:
            begun = time.monotonic()
            call.guard(call.in_slices, find(), partial(forget_part, result), to_the_end=True)
            call.charge(call.peer.public, time.monotonic() - begun)

    # Of everything, what has not ended is kept.
    call.in_slices(find_selected(selected, desk.runs, unfinished, []) if rows is not None or selected.name else (), check)


def _not_ended(key: JobKey) -> Refused:
    return Refused(Code.FAILED_PRECONDITION, f"the job {format_id(key.id)} has not ended", "stop it first", reason=Reason.NOT_ENDED)
