"""The jobs of `submit --array`: one command, with another index for each; and of `--on-each`."""

from __future__ import annotations

import os
import re
from dataclasses import replace

from .....schemas.jobs.spec import JobSpec
from .....schemas.jobs.spec_check import check
from .....schemas.refusal import Refused
from ....batch.batch_file import Batch
from ....batch.expansion.array_indexes import Array, parse_array
from ....batch.finishing import finish_of_command, parse_finish
from ....batch.forms.counting import MOST_JOBS
from ....batch.octets import to_text
from ....batch.options.job_options import Wishes
from ....batch.options.option_values import Misunderstood
from ...arguments import understanding, understood
from ...job.job_arguments import surroundings

VARIABLE = b"JOBWIRE_ARRAY_INDEX"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.+-]")


def batch_of(spec: JobSpec, array: str | None, *, on_each: bool) -> Batch:
    """Return the jobs of one command: one for each index, and `on_each` worker.

    Raises BadInput.
    """
    with understanding("--array"):
        batch = Batch(spec.name, 0, (spec,)) if array is None else batch_of_array(spec, parse_array(array, MOST_JOBS))
    return replace(batch, each=frozenset(range(len(batch.jobs)))) if on_each else batch


def finish_of_array(command: str | None, wishes: Wishes, context: str) -> JobSpec | None:
    """Return the `on_finish` job of an array, from the value of `--on-finish` and the options of its jobs. Raises BadInput."""
    words = understood("--on-finish", parse_finish, command)
    return None if words is None else finish_of_command(words, wishes, surroundings(context))


def batch_of_array(spec: JobSpec, array: Array) -> Batch:
    """Return the batch: each job has its index in its environment and in its name; the default name is that of the program.

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
