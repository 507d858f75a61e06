"""`jobwire report`: a run of a batch as a page of HTML."""

from __future__ import annotations

from typing import Annotated

from .... import __version__
from ....schemas.clock import wall_us
from ..chosen_context import client
from ..exit_status import BadInput
from ..files.whole_file import write_file
from ..parser.parameters import Argument, Context, Option
from ..report.page import Run, page_of
from ..shown.sentences import how_many_jobs
from ..targets.job_names import checked
from ..targets.runs import find_run, jobs_of
from ..terminal.screen import flush, local_time, say, write_text

_FAILURES = 50
_TAIL_LINES = 20


def report(
    ctx: Context,
    name: Annotated[str, Argument(metavar="BATCH", help="The newest run of this batch, or the run of this id.")],
    *,
    output: Annotated[str, Option("-o", "--output", metavar="FILE", help="Where to write the page. - is standard output.")],
) -> None:
    """Write a page about a run: when its jobs ran, which failed and why, and what used most.

    The page is one file of HTML, needs no network, and can be sent to anybody. It shows commands and the last lines of stderr of jobs that
    failed, and no environment.
    """
    if not output:
        raise BadInput("--output names no file; - is standard output")
    with client(ctx) as connected:
        found = find_run(connected, checked(name), failures=_FAILURES, tail_lines=_TAIL_LINES)
        jobs = [job for job in jobs_of(connected, found) if not job.is_on_finish]
        slots = connected.hello().slots
    made = f"Made by jobwire {__version__} at {local_time(wall_us())}."
    page = page_of(Run(found.info, jobs, slots, made, _TAIL_LINES))
    if output == "-":
        write_text(page)
        flush()
        return
    write_file(output, page)
    say(f"{how_many_jobs(len(jobs))} of {found} are shown in {output}")
