"""`jobwire forget`."""

from __future__ import annotations

from typing import Annotated

import typer

from ....schemas.text.durations import parse_age
from ....schemas.text.sizes import format_size
from ...library.results import Forgotten, JobInfo
from ..arguments import Json, understood
from ..chosen_context import client
from ..exit_status import BadInput
from ..job_names import chosen_infos, chosen_jobs, only_job
from ..terminal.screen import say, write_json
from ..terminal.sentences import how_many_jobs


def forget(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[JOB]...", help="A job as in jobwire show, or a batch: its newest run, or a run id.")
    ] = None,
    *,
    all_ended: Annotated[bool, typer.Option("--all-ended", help="Forget all your jobs that have ended.")] = False,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="TIME", help="Only jobs that ended longer ago than this: 12h, 30d.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed without removing it.")] = False,
    json: Json = False,
) -> None:
    """Remove jobs that have ended, with their logs.

    There is no confirmation and no way back. Jobs that are named must have ended. The id of a forgotten job is never run again.
    --older-than without jobs implies --all-ended.
    """
    age_ms = understood("--older-than", parse_age, older_than)
    if names and all_ended:
        raise BadInput("JOB and --all-ended cannot be combined; --all-ended means all your jobs")
    if not names and not all_ended and age_ms is None:
        raise BadInput("name jobs, or use --all-ended or --older-than")
    with client(ctx) as connected:
        if names and age_ms is None and not dry_run:
            jobs = chosen_jobs(connected, names, only_job)
        else:
            mine = connected.connection.identity.public
            known = chosen_infos(connected, names) if names else connected.list(all=True, owner=mine)
            chosen = {info.key: info.outcome for info in known if info.outcome is not None and _is_older(info, age_ms)}
            if dry_run:
                would_be = Forgotten(len(chosen), sum(outcome.log_bytes for outcome in chosen.values()))
                _tell(would_be, "would be forgotten", json=json)
                return
            jobs = [connected.job_by_key(*key) for key in chosen]
        _tell(connected.forget(jobs), "forgotten", json=json)


def _is_older(info: JobInfo, age_ms: int | None) -> bool:
    # By the worker's clock: ours may differ.
    return not age_ms or (info.ended_ago_us is not None and info.ended_ago_us >= age_ms * 1000)


def _tell(forgotten: Forgotten, what: str, *, json: bool) -> None:
    if json:
        write_json({"jobs": forgotten.jobs, "log_bytes": forgotten.log_bytes})
    else:
        say(f"{how_many_jobs(forgotten.jobs)} {what}, {format_size(forgotten.log_bytes)} of logs")
