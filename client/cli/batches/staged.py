"""A large run of a batch: staged in parts, committed as a whole, and followed by its events.

Ctrl-C before the commit leaves nothing at the worker; after it, it ends only the command.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from ....schemas.generated import event_pb2
from ....schemas.jobs.states import EventKind, State
from ....schemas.naming import JobKey, format_id
from ....schemas.refusal import Refused
from ...library.client import Client
from ...library.requests.dialogue import carry_out
from ...library.requests.staging import Parts, Rerun, steps, unstage
from ...library.values.event import Event, event
from ...library.values.job_info import JobInfo
from ...library.values.run_info import RunInfo, query, read_run
from ...library.verbs import actions
from ...protocol.subscription import Phase, Subscription
from .. import exit_status
from ..job.path_advice import advise_after
from ..live.progress import TAIL_LINES, Progress
from ..shown.sentences import failed, title_of
from ..terminal.screen import say
from ..terminal.streams import CannotWrite, ReaderGone
from ..terminal.waiting import Saying
from .finish import hide_finish, show_finish, tell_finish
from .planning.plan import Plan
from .run_messages import detached, not_acknowledged, what_continues, what_failed
from .shown_output import Telling

_HAVE_PROCESS = (State.RUNNING, State.STOPPING)
# The last events come on another socket than the answer that all jobs have ended.
_LATE_SECONDS = 10.0
_LEAVE_SECONDS = 5.0


def is_staged(connected: Client, plan: Plan) -> bool:
    """Return whether a run is staged: it is large, and the worker supports it."""
    wanted = [*plan.wanted.values()]
    return actions.is_large(wanted) and actions.takes_parts(plan.about, connected.connection.hello().features, wanted)


def _runs_again(plan: Plan) -> bool:
    return any(isinstance(job, JobKey) for job in plan.wanted.values())


def stage_run(connected: Client, plan: Plan, known: Sequence[JobInfo]) -> None:
    """Start a run as a whole; returns when all of it is queued. Raises Refused, and Ending after Ctrl-C.

    `known`: its jobs that were submitted before.
    """
    connection, run = connected.connection, plan.about.id
    if known and _runs_again(plan):
        # Its commit was accepted, and which jobs ran again was decided then.
        return
    staging = _Staging(len(plan.specs))
    onlooker, connection.onlooker = connection.onlooker, None
    try:
        with Saying(staging.__str__):
            parts = Parts(plan.about, [*plan.specs], [*plan.specs.values()], again=_reruns(connected, plan))
            carry_out(connection.call, steps(parts, staging.note))
    except KeyboardInterrupt:
        if staging.is_complete:
            raise not_acknowledged(format_id(run)) from None
        with suppress(Refused, TimeoutError):
            connection.call(unstage(run), time.monotonic() + _LEAVE_SECONDS)
        say("interrupted before the batch was complete at the worker; nothing of it was submitted")
        raise exit_status.Ending(exit_status.INTERRUPTED) from None
    finally:
        connection.onlooker = onlooker


def _reruns(connected: Client, plan: Plan) -> dict[bytes, Rerun]:
    if not _runs_again(plan):
        return {}
    signed = actions.find_specs(connected.connection, plan.wanted)
    keys = {own: key for own, key in plan.wanted.items() if isinstance(key, JobKey)}
    return {own: Rerun(key, plan.stdin_bytes.get(own, 0), signed.get(key)) for own, key in keys.items()}


class _Staging:
    """The progress of a batch, in words."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._staged = 0

    @property
    def is_complete(self) -> bool:
        """Whether all jobs are staged, so that the batch may be committed."""
        return self._staged == self._jobs

    def note(self, staged: int, _jobs: int) -> None:
        """Remember how many jobs are staged."""
        self._staged = staged

    def __str__(self) -> str:
        """Return the progress in words."""
        return f"queueing {self._jobs:,} jobs" if self.is_complete else f"staged {self._staged:,} of {self._jobs:,} jobs"


def watch_staged(connected: Client, plan: Plan, context: str | None, known: Sequence[JobInfo], telling: Telling) -> int:
    """Start a run as a whole, report each end as it comes, and return the exit status of the command."""
    connection, run, owner = connected.connection, format_id(plan.about.id), connected.connection.identity.public
    # Heard from before the first job starts.
    news = Subscription(event_pb2.Filter(owner=owner, batch=plan.about.id))
    connection.subscribe(news)
    try:
        while not news.granted and news.phase is not Phase.ENDED:
            connected.pump()
        stage_run(connected, plan, known)
        exchange = connection.ask(query(run, owner=owner, until_ended=True))
        with telling.progress(connected, plan.specs) as progress, connection.silence.looks_at(lambda: progress.running(owner)):
            watching = _Watching(connected, plan, news, progress, context)
            watching.begin(known)
            try:
                while not exchange.items and not exchange.ended:
                    watching.turn()
                    if watching.is_over:
                        show_finish(plan, progress)
                    connected.pump(progress.due)
                ended = read_run(connection.next(exchange))
                watching.take_late(time.monotonic() + _LATE_SECONDS)
                hide_finish(plan, progress)
                progress.tell_end()
                if plan.about.on_finish is not None:
                    tell_finish(connected, ended, quiet=telling.quiet)
            except KeyboardInterrupt:
                progress.close()
                raise detached(run) from None
            except (ReaderGone, CannotWrite):
                progress.close()
                say(what_continues(run))
                raise
            finally:
                connection.forget(exchange)
    finally:
        connection.unsubscribe(news)
    return _end(ended, run)


def _end(ended: RunInfo, run: str) -> int:
    if ended.failed:
        say(what_failed(ended.failed, ended.jobs, run))
    return exit_status.REFUSED if ended.failed else exit_status.DONE


class _Watching:
    """The display of the jobs of a run as its events arrive."""

    def __init__(self, connected: Client, plan: Plan, news: Subscription, progress: Progress, context: str | None) -> None:
        self._connected = connected
        self._plan = plan
        self._news = news
        self._progress = progress
        self._context = context
        self._left = set(plan.specs)

    def begin(self, known: Sequence[JobInfo]) -> None:
        """Show what started or ended before."""
        for info in known:
            if info.key.id not in self._left:
                continue
            if info.outcome is not None:
                self._left.discard(info.key.id)
                self._progress.ended(info.key.id, title_of(info.spec), info.outcome, b"")
            elif info.state in _HAVE_PROCESS:
                self._progress.runs(info.key.id, title_of(info.spec), info.lasted_us)

    @property
    def is_over(self) -> bool:
        """Whether all of its jobs have ended."""
        return not self._left

    def turn(self) -> None:
        """Show what has arrived."""
        while (message := self._news.take()) is not None:
            known = event(b"", message)
            if known is not None and known.key.id in self._left:
                self._show(known)
        self._progress.turn()

    def take_late(self, deadline: float) -> None:
        """Show what still arrives after all jobs have ended."""
        self.turn()
        while self._left and self._news.phase is not Phase.ENDED and time.monotonic() < deadline:
            self._connected.pump(deadline)
            self.turn()

    def _show(self, known: Event) -> None:
        job_id, spec = known.key.id, self._plan.specs[known.key.id]
        if known.kind is EventKind.STARTED:
            self._progress.runs(job_id, title_of(spec))
        elif known.kind is EventKind.RETRYING:
            self._progress.waits(job_id)
        elif known.kind is EventKind.FINISHED and known.outcome is not None:
            self._left.discard(job_id)
            tail = b""
            if failed(known.outcome) and known.pid:
                job = self._connected.job_by_key(*known.key)
                tail = job.tail("stderr" if spec.terminal is None else "stdout", TAIL_LINES)
            self._progress.ended(job_id, title_of(spec), known.outcome, tail)
            # Once for a batch.
            if self._context is not None and failed(known.outcome) and advise_after(spec, known.outcome, self._context, lambda: tail):
                self._context = None
