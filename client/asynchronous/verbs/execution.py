"""The method `run` of an asynchronous client: a job from its start to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Unpack, overload

from ....schemas.naming import JobKey
from ....schemas.refusal import Refused
from ...files.options import wanted
from ...library.attached import Attached
from ...library.options.arguments import Duration, Text, once
from ...library.options.specs import JobOptions
from ...library.streams.source import Stdin, source_of
from ...library.streams.text_mode import text_mode
from ...library.values.completed_job import CompletedJob, CompletedTextJob
from ...library.verbs import actions
from ..files import send_files
from ..job import AsyncJob
from ..loop.connection import AsyncConnection
from ..loop.session import AsyncSession
from .call_options import result_of, spec_and_id_in_loop, takes_job_options
from .run_to_end import run_to_end


class Execution(Attached):
    """Runs a job for a task that waits for nothing else."""

    connection: AsyncConnection
    _session: AsyncSession

    @overload
    async def run(
        self,
        argv: Sequence[Text],
        *,
        check: bool = False,
        timeout: Duration | None = None,
        text: Literal[False] | None = None,
        encoding: None = None,
        errors: None = None,
        id: bytes | str | None = None,
        stdin: Stdin | None = None,
        **options: Unpack[JobOptions],
    ) -> CompletedJob: ...
    @overload
    async def run(
        self,
        argv: Sequence[Text],
        *,
        check: bool = False,
        timeout: Duration | None = None,
        text: Literal[True],
        encoding: str | None = None,
        errors: str | None = None,
        id: bytes | str | None = None,
        stdin: Stdin | None = None,
        **options: Unpack[JobOptions],
    ) -> CompletedTextJob: ...
    @overload
    async def run(
        self,
        argv: Sequence[Text],
        *,
        check: bool = False,
        timeout: Duration | None = None,
        text: bool | None = None,
        encoding: str,
        errors: str | None = None,
        id: bytes | str | None = None,
        stdin: Stdin | None = None,
        **options: Unpack[JobOptions],
    ) -> CompletedTextJob: ...
    @takes_job_options
    async def run(
        self,
        argv: Sequence[Text],
        *,
        check: bool = False,
        timeout: Duration | None = None,
        text: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        id: bytes | str | None = None,  # noqa: A002 -- it is one
        stdin: Stdin | None = None,
        **options: Unpack[JobOptions],
    ) -> CompletedJob | CompletedTextJob:
        """Run a job to its end and return its result, with all its output. To cancel this stops the job.

        All options are those of `Client.run`. A cancelled call returns when the worker has accepted the stop, or after five seconds; if it
        is cancelled once more it returns at once, and the stop goes on.
        """
        mode = text_mode(text, encoding, errors)
        source = source_of(stdin, has_input=options.get("input") is not None)
        fetches = wanted(options.get("get", ()))
        options["get"] = [path for path, _ in fetches]
        argv = once(argv)
        spec, job_id = await spec_and_id_in_loop(argv, mode, id, options)
        if source is not None:
            spec = replace(spec, feed=True)
        await self.connection.open()
        await send_files(self.connection, [spec])
        job = AsyncJob(self._session, JobKey(self.connection.owner, job_id), tuple(argv))
        watch = self._session.may_watch
        start = self.connection.ask(actions.start_request([spec], [job_id], batch=None, watch=watch, tail_lines=0))
        completed = await run_to_end(self._session, start, job, timeout, options.get("grace"), mode, source=source)
        for fetch in fetches:
            try:
                await job.fetch([fetch])
            except Refused:
                if completed.succeeded:
                    raise
        return result_of(completed, mode, check=check)
