"""Process unended jobs one by one, and all jobs of a run with one request."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ....schemas.refusal import Refused
from ...library.client import Client
from ...library.job import Job
from ..chosen_context import client
from ..parser.parameters import Context
from .job_names import Named, find_unfinished
from .one_by_one import OneByOne
from .runs import Run


def for_each_unfinished(
    ctx: Context,
    names: Iterable[str],
    do_job: Callable[[Client, Job], None],
    do_run: Callable[[Run], int],
    none_of: Callable[[Run], Refused],
) -> None:
    """Do it for each named job and run. `do_run` returns the number of jobs; for 0, `none_of` is the refusal.

    Raises Ending if anything was refused, and Refused if the worker does not respond.
    """
    with client(ctx) as connected:

        def do(one: Named) -> None:
            if one.job is not None:
                do_job(connected, one.job)
            elif one.run is not None and not do_run(one.run):
                raise none_of(one.run)

        each_one = OneByOne()
        each_one.each(each_one.each(names, lambda name: find_unfinished(connected, name)), do)
        each_one.finish()
