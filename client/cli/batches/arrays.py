"""The jobs of `submit --array`: one command, with another index for each."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import NoReturn

from ....schemas.jobs.spec import JobSpec, check
from ....schemas.refusal import Refused
from ...batch.batch_file import Batch
from ...batch.expansion.array_indexes import Array, parse_array
from ...batch.finishing import finish_of_command, parse_finish
from ...batch.forms.counting import MOST_JOBS
from ...batch.job_options import Wishes
from ...batch.octets import to_text
from ...batch.option_values import Misunderstood
from ..arguments import understanding, understood
from ..job.job_arguments import surroundings
from ..parser.parameters import Context
from .new_run import Ways, start_run

VARIABLE = b"JOBWIRE_ARRAY_INDEX"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.+-]")


def submit_array(ctx: Context, spec: JobSpec, array: str, ways: Ways, context: str, on_finish: JobSpec | None = None) -> NoReturn:
    """Submit the jobs of an array as one run, and end the command. `on_finish`: what it ends with."""
    with understanding("--array"):
        batch = batch_of_array(spec, parse_array(array, MOST_JOBS))
    start_run(ctx, replace(batch, on_finish=on_finish), ways, context)


def finish_of_array(command: str | None, wishes: Wishes, context: str) -> JobSpec | None:
    """Return what an array ends with, from the value of `--on-finish` and the options of its jobs. Raises BadInput."""
    words = understood("--on-finish", parse_finish, command)
    return None if words is None else finish_of_command(words, wishes, surroundings(context))


def batch_of_array(spec: JobSpec, array: Array) -> Batch:
    """Return the batch: each job has its index in its environment and in its name, which is that of the program if it has none.

    Raises `Misunderstood` for a name that is too long with its index.
    """
    name = spec.name or _NOT_IN_NAMES.sub("_", to_text(os.path.basename(spec.argv[0])))  # noqa: PTH119 -- bytes
    others = tuple(variable for variable in spec.environment if variable[0] != VARIABLE)
    jobs = tuple(replace(spec, name=f"{name}[{index}]", environment=(*others, (VARIABLE, b"%d" % index))) for index in array.indexes)
    try:
        check(max(jobs, key=lambda job: len(job.name)))
    except Refused as refused:
        raise Misunderstood("name", refused) from None
    return Batch(spec.name, array.parallel, jobs)
