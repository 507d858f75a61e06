"""`jobwire put`: files and folders into the folder of a job."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from ....schemas.refusal import Refused
from ...batch.octets import as_typed, to_bytes
from ...files.local_files import choose, parse_put
from ...files.placing import put as put_all
from ..arguments import JobName, understanding
from ..chosen_context import client
from ..other_words.scp import of_scp
from ..parser.parameters import Argument, Context
from ..targets.job_names import one_unfinished_job, single_job


def put(
    ctx: Context,
    name: JobName,
    files: Annotated[
        list[str],
        Argument(metavar="FILE[:PATH]", help="A file or folder of this machine, and where to put it below the job's folder."),
    ],
) -> None:
    """Put files and folders into the folder of a job.

    The job may be queued, running, or ended and kept; it has a folder of its own if it was submitted with --script, --put or --get. A job
    that is queued finds them when it starts. PATH is the name of the file or folder there; with a slash at its end, the folder to put it
    into; . is the job's folder. Without PATH, it keeps its name.

    A file replaces a file or a link of that name: at once, when it is complete. A folder is merged into a folder of that name, which keeps
    its permissions. A file never replaces a folder, nor a folder a file; links are not followed. Permissions and symbolic links are kept,
    owners and times are not. If the command is interrupted, the next one like it continues.
    """
    with understanding(), _in_order(name, files):
        chosen = [choose(*parse_put(to_bytes(as_typed(said)))) for said in files]
    with client(ctx) as connected:
        with of_scp("put", name, files[0]):
            job = single_job(connected, name, one_unfinished_job)
        put_all(connected.connection, job.key, chosen)


@contextmanager
def _in_order(name: str, files: list[str]) -> Iterator[None]:
    """Explain an unreadable file by the order of the arguments, if that of scp was typed."""
    try:
        yield
    except Refused as refused:
        job = files[-1].partition(":")[0]
        if os.path.exists(to_bytes(as_typed(name))) and not os.path.exists(to_bytes(as_typed(files[-1]))) and job:  # noqa: PTH110 -- bytes
            refused.next_step = f"the job comes first: jobwire put {shlex.quote(job)} {' '.join(map(shlex.quote, [name, *files[:-1]]))}"
        raise
