"""Functions that take the options of a job as `**options`: their signature lists them, for `help()` and `inspect`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from ....schemas.jobs.spec import JobSpec
from ...library.options.arguments import Text, make_id
from ...library.options.specs import JobOptions, job_spec
from ...library.options.subprocess_words import demand_one_argv, unexpected
from ...library.streams.text_mode import TextMode
from ...library.values.completed_job import CompletedJob, CompletedTextJob
from ..files import in_thread

_P = ParamSpec("_P")
_R = TypeVar("_R")


def takes_job_options(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return a function whose `**options` are those of `job_spec`: listed in its signature, and a TypeError for any other."""
    own = inspect.signature(function)
    options = [one for one in inspect.signature(job_spec).parameters.values() if one.kind is inspect.Parameter.KEYWORD_ONLY]
    named = [one for one in own.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    positional = tuple(one.name for one in named if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD)
    spelled_out = own.replace(parameters=[*named, *(one for one in options if one.name not in own.parameters)])

    @functools.wraps(function)
    def checked(*args: _P.args, **options: _P.kwargs) -> _R:
        for option in options:
            if option not in spelled_out.parameters:
                raise unexpected(function.__name__, option)
        demand_one_argv(function.__name__, positional, len(args))
        return function(*args, **options)

    checked.__signature__ = spelled_out  # type: ignore[attr-defined] # reason: inspect.signature reads it (PEP 362)
    return checked


def spec_and_id(argv: Sequence[Text], mode: TextMode | None, job_id: bytes | str | None, options: JobOptions) -> tuple[JobSpec, bytes]:
    """Return the spec and the id to submit. Raises what is wrong with the options."""
    given = options.get("input")
    if mode is not None and isinstance(given, str):
        options["input"] = given.encode(mode.encoding, mode.errors)
    return job_spec(argv, **options), make_id(job_id)  # type: ignore[arg-type] # reason: it refuses text itself


async def spec_and_id_in_loop(
    argv: Sequence[Text], mode: TextMode | None, job_id: bytes | str | None, options: JobOptions
) -> tuple[JobSpec, bytes]:
    """Return the same; files of the job are read and hashed in a thread."""
    if options.get("script") is None and not options.get("put"):
        return spec_and_id(argv, mode, job_id, options)
    return await in_thread(lambda: spec_and_id(argv, mode, job_id, options))


def result_of(job: CompletedJob, mode: TextMode | None, *, check: bool) -> CompletedJob | CompletedTextJob:
    """Return the result of a job in the requested form. Raises `JobFailed` with `check`, and UnicodeDecodeError."""
    if check and not job.succeeded:
        raise job.failure(mode)
    return job.as_text(mode) if mode is not None else job
