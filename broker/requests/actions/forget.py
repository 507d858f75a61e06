"""forget: removes ended jobs with their logs: those that are named, or those of a selection.

If one of the named jobs, or one of a run, has not ended, none is removed.

They are removed in steps: if the worker dies in between, some are left. Repeating the request removes the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ....schemas.generated import request_pb2
from ....schemas.jobs.states import State
from ....schemas.naming import JobKey, format_id
from ....schemas.refusal import Code, Reason, Refused
from ...desk.view import View
from ...jobs.job import Job
from ...retention.ages import Ages
from ...retention.forget import Forgetting, Forgotten
from ...store.queries import Ended, Lookup
from ...store.selection import Selection
from ..call import Call
from ..job_keys import read_key_to_stop
from .selected import Selected, find_selected, has_selection, read_selection

# Found and removed some at a time, so that a request for many holds the keys of few.
_JOBS_A_PART = 500


def forget(call: Call, desk: View, lookup: Lookup, forgetting: Forgetting, ages: Ages) -> None:
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


def _forget_selected(call: Call, request: request_pb2.Forget, desk: View, lookup: Lookup, forgetting: Forgetting, ages: Ages) -> None:
    """Remove the ended jobs of a selection; reply when only their tombstones are left on the disk."""
    selected = read_selection(request.selection, call.member, lookup)
    has_age = request.HasField("ended_ago_us")
    unfinished: list[Job] = []

    def check() -> None:
        if unfinished and not (has_age or request.dry_run):
            raise _not_ended(unfinished[0].key)
        # Nothing is older than the scale of ages; SQLite takes no smaller number than -2**63.
        aged_until_us = max(-1, ages.now_us() - request.ended_ago_us) if has_age else None
        _Parts(call, lookup, forgetting, _ended_of(selected, lookup, aged_until_us)).go_on(Forgotten(0, 0))

    # If everything is selected, jobs that have not ended are kept.
    call.in_slices(find_selected(selected, desk.runs, unfinished, []) if selected.run or selected.name else (), check)


class _Parts:
    """The jobs of a selection, found and forgotten some at a time."""

    def __init__(self, call: Call, lookup: Lookup, forgetting: Forgetting, selection: Selection) -> None:
        self._call = call
        self._lookup = lookup
        self._forgetting = forgetting
        self._selection = selection
        self._found = Ended((), 0, None)
        self._dry_run = call.request.forget.dry_run

    def go_on(self, so_far: Forgotten) -> None:
        """Find some of them, forget these, and continue with the next."""
        self._call.in_slices(self._find(), partial(self._forget, so_far), to_the_end=not self._dry_run)

    def _find(self) -> Iterator[None]:
        yield
        self._found = self._lookup.ended(self._selection, self._found.onward, _JOBS_A_PART)
        while not self._found.keys and self._found.onward is not None:
            yield
            self._found = self._lookup.ended(self._selection, self._found.onward, _JOBS_A_PART)

    def _forget(self, so_far: Forgotten) -> None:
        found = self._found
        if self._dry_run:
            self._forgotten(Forgotten(so_far.jobs + len(found.keys), so_far.log_bytes + found.log_bytes))
        elif found.keys:
            self._forgetting.forget(found.keys, self._forgotten, so_far=so_far)
        else:
            _done(self._call, so_far)

    def _forgotten(self, result: Forgotten | Refused) -> None:
        if isinstance(result, Refused) or self._found.onward is None:
            _done(self._call, result)
        elif not (self._dry_run and self._call.peer.gone):
            # In a later turn: others are served in between, and the parts do not pile up on the stack.
            self._call.later(self.go_on, result)


def _ended_of(selected: Selected, lookup: Lookup, aged_until_us: int | None) -> Selection:
    """Return the ended jobs of a selection; with an age, only those at least that old."""
    runs = lookup.runs(selected.owner, selected.run, selected.name) if selected.run or selected.name else None
    return Selection(
        states=frozenset({State.FINISHED}),
        owner=selected.owner,
        runs=runs,
        batch_name=selected.name if runs is None else "",
        aged_until_us=aged_until_us,
    )


def _not_ended(key: JobKey) -> Refused:
    return Refused(Code.FAILED_PRECONDITION, f"the job {format_id(key.id)} has not ended", "stop it first", reason=Reason.NOT_ENDED)
