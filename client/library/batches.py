"""A batch as a program passes it: a batch file, its tables, or its jobs. Knows no worker."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...schemas.jobs.spec import JobSpec
from ...schemas.jobs.states import OnFailure
from ...schemas.naming import batch_job_id, format_id
from ...schemas.refusal import Code, Refused
from ...schemas.text.printable import printable
from .options.arguments import Text, make_id, once
from .options.specs import args_of, as_spec
from .requests.dialogue import Dialogue, reply_with
from .values.results import BatchInfo
from .verbs.actions import is_large

if TYPE_CHECKING:
    from ..batch.batch_file import Batch

# A job that is described by the keys of a table `[[job]]`.
JobTable = Mapping[str, Any]
# The name of a batch file, all of its tables, or the jobs.
Described = str | os.PathLike[str] | Mapping[str, Any] | Iterable[JobSpec | Sequence[Text] | JobTable]

_MOST_OF_A_COMMAND = 60


class PlannedBatch(NamedTuple):
    """What is to be submitted: the run, its jobs by their ids, and the argv of each as given."""

    about: BatchInfo
    specs: Mapping[bytes, JobSpec]
    args: Sequence[tuple[Text, ...]]
    # The batch, if it has jobs that run on each worker: which those are has to be asked before.
    each: Batch | None = None

    def placed(self, known: Sequence[JobSpec]) -> Dialogue[PlannedBatch]:
        """Return it with its jobs for each worker expanded to the existing workers; `known`: its jobs, if it was submitted before."""
        if self.each is None:
            return self
        from ..batch.each import expand, questions  # noqa: PLC0415 -- few batches have such jobs
        from .values.fitting_workers import fitting_request, read_fitting  # noqa: PLC0415 -- as above

        workers: dict[int, Sequence[str]] = {}
        for place, job, before in questions(self.each, known):
            workers[place] = before or read_fitting(reply_with("find_workers", (yield fitting_request(job)))).names
        specs = expand(self.each, workers).specs(self.about.id)
        return PlannedBatch(self.about, specs, [args_of(spec) for spec in specs.values()])

    def demand_same(self, known: Collection[bytes]) -> None:
        """Check that its run gets no further jobs, as `demand_same` does; the worker compares the parts of a large run."""
        if not is_large([*self.specs.values()]):
            demand_same(self.about.id, self.specs, known)


def demand_same(run: bytes, specs: Mapping[bytes, JobSpec], known: Collection[bytes]) -> None:
    """Check that a run gets no jobs that it did not have when it was submitted before. `known`: the ids of those it has.

    Raises Refused(ALREADY_EXISTS).
    """
    others = [spec for job_id, spec in specs.items() if job_id not in known] if known else []
    if not others:
        return
    title = others[0].name or printable(os.fsdecode(b" ".join(others[0].argv)))[:_MOST_OF_A_COMMAND]
    without = f"{len(others)} of these {len(specs)} jobs, such as {title}" if len(specs) > 1 else f"this job ({title})"
    message = f"the run {format_id(run)} was submitted before without {without}, or it was forgotten since; no job was submitted"
    raise Refused(Code.ALREADY_EXISTS, message, "submit the same jobs again, or others with another id")


def plan_batch(
    jobs: Described,
    *,
    id: bytes | str | None,  # noqa: A002 -- it is one
    name: str | None,
    parallel: int | None,
    on_failure: str | None,
    on_finish: JobSpec | Sequence[Text] | None,
    values: Mapping[str, object] | None,
    lines: bool,
) -> PlannedBatch:
    """Return what is to be submitted for a call of `Client.batch`.

    Raises `Refused(INVALID_ARGUMENT)`: its message is about the first mistake, its notes are about the others.
    """
    run = make_id(id)
    about, specs, args, each = _read(jobs, run, {key: str(value) for key, value in (values or {}).items()}, lines=lines)
    return PlannedBatch(
        BatchInfo(
            run,
            about.name if name is None else name,
            about.parallel if parallel is None else parallel,
            about.on_failure if on_failure is None else _on_failure(on_failure),
            about.on_finish if on_finish is None else as_spec(on_finish),
            is_whole=True,
        ),
        specs,
        args,
        each,
    )


def _read(jobs: Described, run: bytes, values: Mapping[str, str], *, lines: bool) -> PlannedBatch:
    if isinstance(jobs, str | os.PathLike | Mapping):
        return _read_tables(jobs, run, values, lines=lines)
    given = [job if isinstance(job, Mapping | JobSpec) else once(job) for job in jobs]
    plain = [job for job in given if not isinstance(job, Mapping)]
    if len(plain) < len(given):
        return _read_tables({"job": [*map(_as_table, given)]}, run, values, lines=lines)
    if values or lines:
        raise Refused(Code.INVALID_ARGUMENT, "values= and lines= are for a batch file, or its tables", "leave them out")
    specs: dict[bytes, JobSpec] = {}
    seen: Counter[str] = Counter()
    for job in plain:
        spec = as_spec(job)
        specs[batch_job_id(run, spec.name, seen[spec.name])] = spec
        seen[spec.name] += 1
    return PlannedBatch(BatchInfo(run), specs, [*map(args_of, plain)])


def _as_table(job: JobSpec | Sequence[Text] | JobTable) -> JobTable:
    if isinstance(job, JobSpec):
        raise TypeError("results of job_spec and tables cannot be mixed; write all as tables")
    return job if isinstance(job, Mapping) else {"argv": [os.fsdecode(word) for word in job]}


def _read_tables(said: str | os.PathLike[str] | Mapping[str, Any], run: bytes, values: Mapping[str, str], *, lines: bool) -> PlannedBatch:
    from ..batch.batch_file import LARGEST_FILE, read_batch  # noqa: PLC0415 -- few programs have batch files
    from ..batch.options.job_options import Surroundings  # noqa: PLC0415 -- as above
    from ..batch.python_form import read_tables  # noqa: PLC0415 -- as above
    from ..batch.reading import read_whole  # noqa: PLC0415 -- as above
    from ..files.current_folder import absolute, current_folder  # noqa: PLC0415 -- as above

    if isinstance(said, Mapping):
        if lines:
            raise Refused(Code.INVALID_ARGUMENT, "lines= is for a file with one command per line", "leave it out")
        try:
            around = Surroundings(Path(os.fsdecode(current_folder())), read_files={})
        except Refused:
            around = Surroundings(Path(), is_gone=True, read_files={})
        batch = read_tables(said, around, values)
    else:
        path = Path(os.fsdecode(absolute(os.fsencode(said))))
        try:
            text = read_whole(os.fsencode(path), LARGEST_FILE)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise Refused(Code.INVALID_ARGUMENT, f"the batch file {os.fspath(said)} cannot be read: {why}") from None
        batch = read_batch(text, os.fspath(said), Surroundings(path.parent, read_files={}), lines=lines, values=values)
    about = BatchInfo(run, batch.name, batch.parallel, batch.on_failure, batch.on_finish)
    if batch.each:
        return PlannedBatch(about, {}, [], batch)
    specs = batch.specs(run)
    return PlannedBatch(about, specs, [args_of(spec) for spec in specs.values()])


def _on_failure(said: str) -> OnFailure:
    from ..batch.options.option_values import ON_FAILURE  # noqa: PLC0415 -- as above

    if said not in ON_FAILURE:
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is not an action for failed jobs", f"use one of {', '.join(ON_FAILURE)}")
    return ON_FAILURE[said]
