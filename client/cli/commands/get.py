"""`jobwire get`: files and folders from the folder of a job."""

from __future__ import annotations

from typing import Annotated

from ....schemas.refusal import Code, Refused
from .. import exit_status
from ..arguments import JobName, understanding
from ..chosen_context import client
from ..files.fetched import fetch_all, parse_wanted
from ..other_words.scp import of_scp
from ..parser.parameters import Argument, Context
from ..targets.job_names import one_job, single_job


def get(
    ctx: Context,
    name: JobName,
    paths: Annotated[
        list[str] | None,
        Argument(metavar="PATH[:DEST]", help="A file or folder below the job's folder, and where to write it here. . is all of it."),
    ] = None,
) -> None:
    """Fetch files and folders from the folder of a job.

    A job has a folder of its own if it was submitted with --script, --put or --get. Without PATH, fetches what --get named then. DEST is a
    file, or a folder to write into; the default is the current one. A file or folder appears when it is complete, and never replaces a
    folder. Symbolic links that lead out of a fetched folder, FIFOs, sockets and devices are left out. Files that the job is writing to are
    refused instead of being cut off.
    """
    with understanding():
        wanted = parse_wanted(paths or [])
    with client(ctx) as connected:
        with of_scp("get", name):
            job = single_job(connected, name, one_job)
        if not wanted:
            wanted = [(path, b"") for path in job.info().spec.outputs]
        if not wanted:
            message = f"the job {job.id} was submitted without --get"
            raise Refused(Code.INVALID_ARGUMENT, message, "name what to fetch: jobwire get JOB PATH; . is the whole folder")
        if not fetch_all(connected, job.key, wanted):
            raise exit_status.Ending(exit_status.OWN_FAILURE)
