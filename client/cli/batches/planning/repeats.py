"""A repeated `--id` with a command that differs from the first one: the differences are reported, never ignored. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from .....schemas.jobs.spec import JobSpec
from .....schemas.naming import format_id
from .....schemas.refusal import Refused
from ....library.values.job_info import JobInfo
from ....library.values.results import BatchInfo
from ...shown.sentences import how_many_jobs
from .plan import Plan

# The fields of a spec that a worker tells, and what they are called.
_FIELDS = {
    "argv": "command",
    "environment": "environment",
    "directory": "working directory",
    "name": "name",
    "labels": "labels",
    "time_limit_ms": "time limit",
    "stop_signal": "stop signal",
    "grace_ms": "grace",
    "output_limit_bytes": "output limit",
    "linger": "setting of linger",
    "priority": "priority",
    "held": "setting of hold",
    "after": "condition for its start",
    "stderr_to_stdout": "setting of stderr-to-stdout",
    "retry": "setting of retry",
    "memory_bytes": "limit on memory",
    "nice": "nice value",
    "umask": "umask",
    "rlimits": "limits of processes",
    "cpus": "number of cpus",
    "gpus": "number of gpus",
    "resources": "resources",
    "only_one": "setting of only-one",
    "on": "setting of on",
    "not_on": "setting of not-on",
    "start_at_us": "time to start",
    "start_in_ms": "time to start",
    "not_after_us": "setting of not-after",
    "not_after_ms": "setting of not-after",
    "may_submit": "setting of may-submit",
}


def notes_on_run(known: Sequence[JobInfo], plan: Plan) -> list[str]:
    """Return notes on how a plan differs from the run that was submitted with its id before, and which version applies."""
    if not known:
        return []
    before, now = known[0].batch or BatchInfo(plan.about.id), plan.about
    notes = []
    if before.parallel != now.parallel:
        width = how_many_jobs(before.parallel) if before.parallel else "as many jobs as there are slots"
        without = f"; parallel {now.parallel} has no effect on it" if now.parallel else ", as was set then"
        notes.append(f"this run was submitted before and runs {width} at once{without}")
    if before.name != now.name:
        named = f"is called {before.name}" if before.name else "has no name"
        notes.append(f"this run was submitted before and {named}; {f'the name {now.name}' if now.name else 'that'} has no effect on it")
    if others := sum(info.key.id not in plan.wanted for info in known):
        notes.append(f"this run has {how_many_jobs(others)} more, submitted before and not named now; they are not affected")
    return notes


def differing(asked: JobSpec, found: JobInfo) -> str:
    """Return how a job differs from the one that has its id."""
    names = [name for field, name in _FIELDS.items() if _plain(getattr(asked, field)) != _plain(getattr(found.spec, field))]
    # All else is equal, so it is what the worker does not tell.
    names = names or ["standard input"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _plain(value: object) -> object:
    """Return a value without the order of pairs, which is irrelevant."""
    return sorted(value) if isinstance(value, tuple) and value and isinstance(value[0], tuple) else value


def explained(refused: Refused, asked: JobSpec, found: JobInfo) -> Refused:
    """Return the refusal of an id that belongs to another job, with the differences."""
    message = f"the id {format_id(found.key.id)} belongs to another job: it has another {differing(asked, found)}"
    return Refused(refused.code, message, refused.next_step, refused.job_index, refused.reason)
