"""The `on_finish` job of a batch: its spec. It runs where the other jobs do, with their variables; nothing else is shared.

From `[defaults]` and the options of the command line it takes `dir`, `env` and `env_all`, as far as these are the same for all jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from ...schemas.jobs.spec import JobSpec
from ...schemas.refusal import Code, Refused
from .batch_jobs import Making
from .batch_tables import Defaults, Finish, JobTable
from .expansion.placeholders import Unknown, about_unknown, compile_table, compile_value
from .forms.conversion import Found
from .forms.shell_words import NotWords, divide
from .forms.toml_lines import Place
from .mistakes import Find, Mistakes, below
from .options.job_options import Surroundings, Wishes, spec_from
from .table_specs import Layers, spec_of

NAME: Final = "on_finish"
_SHARED = ("dir", "env", "env_all")


def parse_finish(said: str) -> list[str]:
    """Return the command in the value of `--on-finish`.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    try:
        words = divide(said).words
    except NotWords as problem:
        raise Refused(Code.INVALID_ARGUMENT, str(problem)) from None
    if not words:
        raise Refused(Code.INVALID_ARGUMENT, "there is no command in it", "write it like --on-finish './notify ops'")
    return words


def finish_of(found: Found, mistakes: Mistakes, making: Making, values: Mapping[str, str]) -> JobSpec | None:
    """Return the `on_finish` job of a batch; None without one, or if it is invalid and its mistakes are recorded. `values`: of all jobs."""
    said = making.finish if making.finish is not None else found.file.batch.on_finish
    if said is None:
        return None
    table, find = (said, below(found.find, "batch", "on_finish")) if isinstance(said, Finish) else (Finish(said), _whole(found, making))
    if values and (tree := compile_table(table)) is not None:
        try:
            table = tree.render(values)
        except Unknown as unknown:
            mistakes.add(find, unknown.path, *about_unknown(unknown.name, values, making.setting))
            return None
    has_own_values = bool(values) or any(job is not None and job.for_each is not None for job in found.jobs)
    over, defaults = (
        {key: value for key in _SHARED if (value := _shared(getattr(layer, key), values, has_own_values=has_own_values))}
        for layer in (making.over, found.file.defaults)
    )
    layers = Layers.of(Wishes(**over), Defaults(), making.around, mistakes).with_defaults(Defaults(**defaults))
    job = JobTable(**{**msgspec.structs.asdict(table), "name": table.name or NAME})
    return spec_of(job, layers, find)


def finish_of_command(words: list[str], wishes: Wishes, around: Surroundings) -> JobSpec:
    """Return the `on_finish` job of a run of jobs with these options. Raises `Misunderstood`."""
    return spec_from(words, replace(Wishes(name=NAME), dir=wishes.dir, env=wishes.env, env_all=wishes.env_all), around)


def _whole(found: Found, making: Making) -> Find:
    """Return the place of the key, for any mistake in it; an option has no place in the file."""
    return (lambda _: Place(0)) if making.finish is not None else (lambda _: found.find(("batch", "on_finish")))


def _shared(said: Any, values: Mapping[str, str], *, has_own_values: bool) -> Any:
    """Return the value of an option without the parts that differ from job to job."""
    if not has_own_values:
        return said
    if isinstance(said, dict):
        return {key: one for key, member in said.items() if (one := _shared(member, values, has_own_values=True)) is not None}
    if isinstance(said, list):
        return [one for member in said if (one := _shared(member, values, has_own_values=True)) is not None]
    if (tree := compile_value(said, ())) is None:
        return said
    try:
        return tree.render(values)
    except Unknown:
        return None
