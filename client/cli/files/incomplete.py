"""Whether all output that a command was to print or write is complete, and its exit status if not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ....schemas.naming import short_id
from ....schemas.refusal import Code, Refused
from ...library.job import Job
from .. import exit_status
from ..terminal.screen import say

# These are not about one job: the others would meet the same.
_OF_ALL = {Code.UNAVAILABLE, Code.UNAUTHENTICATED, Code.PERMISSION_DENIED, Code.INVALID_ARGUMENT, Code.RESOURCE_EXHAUSTED}


class Incomplete:
    """What was missing so far. `of_several`: of independent jobs, so that one failure does not end the command."""

    def __init__(self, *, of_several: bool) -> None:
        self._of_several = of_several
        self._status = exit_status.DONE

    @contextmanager
    def unless_read(self, job: Job) -> Iterator[None]:
        """Report why the output of this job cannot be read, and continue if there are others."""
        try:
            yield
        except Refused as refused:
            if not self._of_several or refused.code in _OF_ALL:
                raise
            say(f"job {short_id(job.key.id)}: {refused}")
            self._status = max(self._status, exit_status.OWN_FAILURE if exit_status.is_no_answer(refused) else exit_status.REFUSED)

    def note(self, *, is_whole: bool) -> None:
        """Note whether the log of a job is complete; the reason was reported already."""
        if not is_whole:
            self._status = exit_status.OWN_FAILURE

    def end(self) -> None:
        """Exit with the worst status; do nothing if nothing is missing."""
        if self._status:
            raise exit_status.Ending(self._status)
