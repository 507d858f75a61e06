"""How a client submits jobs: one, many, a batch, or some again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import JobKey, format_id, new_id
from ..job import Job
from ..known_jobs import Handle
from ..options.arguments import Duration, Moment, Text, make_id, once
from ..options.specs import args_of, as_spec, spec_of_call
from ..options.subprocess_words import explains_options
from ..requests.dialogue import carry_out
from . import actions, starts
from .lookup import Lookup

if TYPE_CHECKING:
    from ...batch.options.limit_values import Limit
    from ...files.options import Files, Paths
    from ..batch_run import BatchRun
    from ..batches import Described
    from ..options.conditions import Awaiting
    from ..options.retry import Retry
    from ..values.job_info import JobInfo
    from ..values.results import BatchInfo


class Submission(Lookup):
    """Submits jobs, and returns once it is certain that they will run."""

    @explains_options
    def submit(  # noqa: PLR0913 -- a job has that many options, all by name
        self,
        argv: Sequence[Text],
        *,
        watch: bool = True,
        id: bytes | str | None = None,  # noqa: A002 -- it is one
        input: bytes | None = None,  # noqa: A002 -- as subprocess calls it
        cwd: Text | None = None,
        env: Mapping[str, Text] | Mapping[bytes, Text] | None = None,
        env_all: bool = False,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        time_limit: Duration | None = None,
        stop_signal: int | None = None,
        grace: Duration | None = None,
        output_limit: int | str | None = None,
        linger: bool = False,
        priority: int = 0,
        after: Awaiting | None = None,
        hold: bool = False,
        stderr_to_stdout: bool = False,
        retry: int | Retry | None = None,
        memory: int | str | None = None,
        nice: int | None = None,
        umask: int | str | None = None,
        rlimits: Mapping[str, Limit] | None = None,
        cpus: int = 1,
        gpus: int = 0,
        resources: Mapping[str, int] | None = None,
        only_one: str = "",
        on: str | Sequence[str] | None = None,
        not_on: str | Sequence[str] | None = None,
        at: Moment | None = None,
        not_after: Moment | None = None,
        may_submit: bool = False,
        script: Text | None = None,
        put: Files = (),
        get: Paths = (),
    ) -> Job:
        """Submit a job. Returns once it is certain that the job will run, whatever happens here.

        `watch`: the worker reports the end of the job at once, so that `wait` is quick; without it, the worker keeps nothing open for it.
        The other options are those of `run`.
        """
        argv = once(argv)
        job = self._start([spec_of_call(locals())], [make_id(id)], batch=None, watch=watch, tail_lines=None)[0]
        job.args = tuple(argv)
        return job

    def submit_many(
        self,
        specs: Iterable[JobSpec | Sequence[Text]],
        *,
        batch: BatchInfo | None = None,
        ids: Sequence[bytes] | None = None,
        watch: bool = True,
        tail_lines: int | None = None,
    ) -> list[Job]:
        """Submit jobs, all or none, and return them; more than 250 in parts, and then as a whole, as a run if they have no `batch`.

        `specs`: results of `jobwire.job_spec`, or an argv for a job without options. `ids`: one for each job, so that a repeated call
        starts nothing twice. `tail_lines`: how many last lines of their logs are reported with their ends. Raises `Refused`, whose
        `job_index` is the position of the job that was wrong.
        """
        given = [spec if isinstance(spec, JobSpec) else once(spec) for spec in specs]
        jobs = self._start([as_spec(spec) for spec in given], ids, batch=batch, watch=watch, tail_lines=tail_lines)
        for job, spec in zip(jobs, given, strict=True):
            job.args = args_of(spec)
        return jobs

    def batch(
        self,
        jobs: Described,
        *,
        id: bytes | str | None = None,  # noqa: A002 -- it is one
        name: str | None = None,
        parallel: int | None = None,
        on_failure: str | None = None,
        on_finish: JobSpec | Sequence[Text] | None = None,
        values: Mapping[str, object] | None = None,
        lines: bool = False,
        watch: bool = True,
    ) -> BatchRun:
        """Submit a batch with one request, all of its jobs or none, and return its run.

        `jobs`: the name of a batch file; a mapping with the tables of one; or the jobs: results of `jobwire.job_spec`, argvs, or mappings
        with the keys of a table `[[job]]`. `id`: of the run, so that a repeated call starts nothing twice. `name`: of the batch.
        `parallel`: at most so many of its jobs run at once, 0 for as many as there are slots. `on_failure`: what a job that fails does to
        the others, `"continue"`, `"cancel-rest"` or `"stop-rest"`. `on_finish`: what is run once when all have ended, a result of
        `job_spec` or an argv. None: as the file says. `values`: of placeholders in a file, as with `--set`. `lines`: the file has one
        command per line. `watch`: as in `submit`.

        Raises `Refused`: for a file, its message is about the first mistake and its notes (`__notes__`) about the others.
        """
        from ..batches import plan_batch  # noqa: PLC0415 -- a command that runs a job need not wait for it

        planned = plan_batch(
            jobs, id=id, name=name, parallel=parallel, on_failure=on_failure, on_finish=on_finish, values=values, lines=lines
        )
        known: list[JobInfo] = []
        # The parts of a large one are compared by the worker.
        if id is not None and not actions.is_large([*planned.specs.values()]):
            found = self.list(all=True, batch=planned.about.id, owner=self.connection.identity.owner)
            known = [info for info in found if not info.is_on_finish]
        planned = carry_out(self.connection.call, planned.placed([info.spec for info in known]))
        planned.demand_same({info.key.id for info in known})
        started = self._start([*planned.specs.values()], [*planned.specs], batch=planned.about, watch=watch, tail_lines=None)
        for job, args in zip(started, planned.args, strict=True):
            job.args = args
        run = self.batch_run(format_id(planned.about.id))
        run.started = started
        return run

    def rerun(
        self,
        jobs: Iterable[Job | JobInfo],
        *,
        batch: BatchInfo | None = None,
        ids: Sequence[bytes] | None = None,
        watch: bool = True,
        tail_lines: int | None = None,
        feed: bool = False,
    ) -> list[Job]:
        """Run jobs again, all or none, and return the new jobs; more than 250 in parts, as `submit_many` does.

        Each has everything as it was, also its standard input, which the worker has kept with the job. The options are those of
        `submit_many`: with `ids`, a repeated call starts nothing twice, even if the jobs were forgotten meanwhile. An input that came as
        a stream was not kept: `feed` promises to give it again to each of the new jobs, with `Job.feed`.

        Raises `Refused`: NOT_FOUND for a job that was forgotten or that this client may not see, UNIMPLEMENTED if the worker is too old,
        FAILED_PRECONDITION for an input that was not kept.
        """
        given = [*jobs]
        found = {job.key: job for job in given if not isinstance(job, Handle)}
        return self._start([job.key for job in given], ids, batch=batch, watch=watch, tail_lines=tail_lines, feed=feed, found=found)

    def _start(
        self,
        wanted: Sequence[JobSpec | JobKey],
        ids: Sequence[bytes] | None,
        *,
        batch: BatchInfo | None,
        watch: bool,
        tail_lines: int | None,
        feed: bool = False,
        found: Mapping[JobKey, JobInfo] = MappingProxyType({}),
    ) -> list[Job]:
        ids = ids or [new_id() for _ in wanted]
        records = starts.start(self._session, wanted, ids, batch=batch, watch=watch, tail_lines=tail_lines, feed=feed, found=found)
        return [Job(self._session, record.key) for record in records]
