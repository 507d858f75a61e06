"""Read batch files: TOML, JSON with the same keys, or one command per line.

A refusal names file, line and key of every mistake. Knows no worker; nothing is sent before the whole file has been read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ...schemas.frames import LARGEST_MESSAGE
from ...schemas.jobs.spec import JobSpec
from ...schemas.jobs.states import OnFailure
from ...schemas.naming import batch_job_id, name_problem
from ...schemas.refusal import Code, Refused
from ...schemas.text.plain_text import NotText, decode_text
from ...schemas.text.sizes import format_size
from .batch_jobs import Making, make_jobs
from .conditions import NO_ORDER, Order, linked, read_order
from .finishing import finish_of
from .forms.command_lines import read_commands
from .forms.conversion import Found
from .forms.counting import MOST_JOBS
from .forms.json_form import read_json
from .forms.json_values import is_json
from .forms.toml_form import read_toml
from .forms.toml_lines import Place
from .mistakes import Mistakes
from .options.job_options import Surroundings, Wishes
from .options.option_values import ON_FAILURE

# Larger files cannot be batches: in JSON with escapes, a job takes at most a few times its size on the wire.
LARGEST_FILE = 4 * LARGEST_MESSAGE


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs that are submitted together. `parallel` 0: as many at once as there are slots. `warnings`: possible mistakes.

    `order`: which of them wait for others. `on_failure`: what a failed job does to the others.
    """

    name: str
    parallel: int
    jobs: tuple[JobSpec, ...]
    warnings: tuple[str, ...] = ()
    order: Order = NO_ORDER
    on_failure: OnFailure = OnFailure.CONTINUE
    # What it ends with.
    on_finish: JobSpec | None = None
    # The positions of those that run once on each worker: see each.py.
    each: frozenset[int] = frozenset()

    def specs(self, run: bytes) -> dict[bytes, JobSpec]:
        """Return the jobs of one run by their ids, with conditions on these ids."""
        ids = self.ids(run)
        return dict(zip(ids, linked(self.jobs, self.order, run, ids), strict=True))

    def ids(self, run: bytes) -> list[bytes]:
        """Return the ids of the jobs of one run. The same run has the same ids, so that repeating it starts no job twice."""
        seen: Counter[str] = Counter()
        ids = []
        for job in self.jobs:
            ids.append(batch_job_id(run, job.name, seen[job.name]))
            seen[job.name] += 1
        return ids


# For no jobs in particular.
_NOTHING = Wishes()


def read_batch(
    text: bytes,
    file: str,
    around: Surroundings,
    *,
    lines: bool = False,
    over: Wishes = _NOTHING,
    values: Mapping[str, str] | None = None,
    progress: Callable[[int], None] = lambda _: None,
    finish: list[str] | None = None,
) -> Batch:
    """Return the batch that a file describes; messages call it `file`.

    `over`: options for all jobs, which override those in the file; they must be valid. `values`: of placeholders, which override those in
    the file. `progress` is called now and then with the number of jobs so far. `finish`: a command that replaces `on_finish`. Raises
    `Refused(INVALID_ARGUMENT)` naming file, line and key of each mistake: those after the first are its notes.
    """
    if len(text) > LARGEST_FILE:
        message = f"{file} is larger than {format_size(LARGEST_FILE)}, the limit for batch files"
        raise Refused(Code.INVALID_ARGUMENT, message, "split it, and keep large inputs in files")
    mistakes = Mistakes(file)
    try:
        decoded = decode_text(text)
    except NotText as problem:
        raise mistakes.refusal(Place(problem.line), problem.what, problem.next_step) from None
    warnings: list[str] = []
    if lines:
        found = read_commands(decoded, mistakes, warnings)
    else:
        try:
            found = read_json(decoded, mistakes) if is_json(decoded) else read_toml(decoded, mistakes)
        except RecursionError:
            raise mistakes.refusal(Place(1), "this is nested too deeply") from None
    return understand(found, mistakes, Making(around, over, values or {}, warnings, progress, finish=finish))


def understand(found: Found, mistakes: Mistakes, making: Making) -> Batch:
    """Return the batch described in a file or on a command line.

    Raises `Refused(INVALID_ARGUMENT)` for all mistakes.
    """
    head = found.file.batch
    if not found.jobs and not mistakes:
        raise Refused(Code.INVALID_ARGUMENT, f"{mistakes.file} contains no job", "write a table [[job]] with a key argv for each job")
    if head.name and (problem := name_problem(head.name)):
        mistakes.add(found.find, ("batch", "name"), problem)
    if not 0 <= head.parallel <= MOST_JOBS:
        mistakes.add(found.find, ("batch", "parallel"), f"{head.parallel} is not a number of jobs")
    made = make_jobs(found, mistakes, making)
    order = NO_ORDER
    if made.waiting and None not in found.jobs:
        written = {job.name for job in found.jobs if job is not None and job.name}
        order = read_order(made.jobs, made.titles, made.waiting, frozenset() if made.is_whole else written, mistakes)
    on_finish = finish_of(found, mistakes, making, made.values)
    mistakes.demand_none()
    on_failure = ON_FAILURE[head.on_failure]
    return Batch(head.name, head.parallel, tuple(made.jobs), tuple(making.warnings), order, on_failure, on_finish, frozenset(made.each))
