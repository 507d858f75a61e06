"""Create the jobs of a batch: from a table, the defaults of the file and the options of the command line.

A table with `for_each` creates many; see expansion/. Placeholders are replaced in the tables that have `for_each`, and in all tables if
values are given, with `[set]` or `--set`; everywhere else, braces are ordinary text. Knows no file format.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from operator import attrgetter
from typing import NamedTuple

import msgspec

from ...schemas.jobs.spec import JobSpec
from ...schemas.jobs.spec_check import check_command
from ...schemas.naming import name_problem
from ...schemas.refusal import Refused
from ...schemas.text.msgspec_errors import Path
from .batch_tables import JobTable
from .conditions import Waiting, read_table
from .expansion.axes import ITEM, RESERVED, Axes, read_axes, type_of
from .expansion.placeholders import NAME, Unknown, about_doubtful, about_unknown, compile_table, look_alikes
from .expansion.templates import Template, places
from .expansion.value_files import read_lines
from .expansion.written_numbers import text_of
from .forms.conversion import Found
from .forms.counting import MOST_JOBS
from .mistakes import Find, Mistakes, below
from .octets import to_bytes
from .options.job_options import Surroundings, Wishes
from .options.option_values import read_name
from .table_specs import Layers, spec_of


class Making(NamedTuple):
    """What jobs are made from besides a file: see `read_batch`. `setting`: the option that sets a value on the command line."""

    around: Surroundings
    over: Wishes
    values: Mapping[str, str]
    warnings: list[str]
    progress: Callable[[int], None] = lambda _: None
    setting: str = "--set"
    # The command of `--on-finish`.
    finish: list[str] | None = None


_ROUND = 2_000
_OTHER_KEYS = tuple(key for key in JobTable.__struct_fields__ if key not in {"argv", "name", "for_each"})
_others = attrgetter(*_OTHER_KEYS)
_UNSET = (None,) * len(_OTHER_KEYS)
_FOR_EACH = re.compile(r"\{(?:item(?:\.[\w-]+)*|index)\}")
_MOST_OF_A_VALUE = 40


class Made(NamedTuple):
    """The jobs in order; the name of each as written, with its placeholders; and their conditions.

    If none of them has a condition, the names are left out. `is_whole`: no job is missing because it is invalid.
    """

    jobs: list[JobSpec]
    titles: list[str]
    waiting: list[Waiting]
    is_whole: bool
    # The values of placeholders that all jobs have.
    values: Mapping[str, str]
    # The positions of those that run on each worker.
    each: Sequence[int] = ()


def make_jobs(found: Found, mistakes: Mistakes, making: Making) -> Made:
    """Return the jobs; mistakes in the file are added to `mistakes`."""
    maker = _Maker(found, mistakes, making)
    jobs = list(maker.jobs())
    return Made(jobs, maker.titles, maker.waiting, not mistakes, maker.values, maker.each)


class _Maker:
    def __init__(self, found: Found, mistakes: Mistakes, making: Making) -> None:
        self._found = found
        self._find = found.find
        self._mistakes = mistakes
        self._making = making
        self._made = 0
        # Whether a job waits for others: then names matter.
        self._orders = found.file.defaults.after is not None or any(job is not None and job.after is not None for job in found.jobs)
        self.titles: list[str] = []
        self.waiting: list[Waiting] = []
        self.each: list[int] = []
        self.values = self._values_of_all()
        self._used: set[str] = set()
        self._layers = Layers.of(making.over, found.file.defaults, making.around, mistakes)
        self._is_template = bool(self.values) or any(job is not None and job.for_each is not None for job in found.jobs)
        self._defaults = compile_table(found.file.defaults) if self._is_template else None
        over = {field.name: getattr(making.over, field.name) for field in fields(Wishes)}
        self._over = compile_table(over) if self._is_template else None

    def jobs(self) -> Iterator[JobSpec]:
        """Iterate over all jobs."""
        # On its own, so that mistakes in the defaults are not blamed on the first job.
        alone = self._layers.without(places(self._defaults), places(self._over))
        base = alone.check(below(self._find, "defaults"))
        pattern = _pattern(base) if base is not None else None
        layers = self._layers.with_input(base)
        for place, table in enumerate(self._found.jobs):
            if table is None:
                continue
            find, made = below(self._find, "job", place), self._made
            if table.for_each is not None or self.values:
                yield from self._expanded(table, layers, find)
            else:
                job = pattern.job(table) if pattern is not None and _others(table) == _UNSET else None
                yield from self._one(job or spec_of(table, layers, find) or self._stand_in(table), table.name, table, layers, find)
            if self._made == made:
                # Not valid; the names that it waits for are checked nevertheless, so that all mistakes are told at once.
                self._note_conditions(table, layers, find, is_made=False)
            if not self.values and table.for_each is None:
                self._warn_of_braces(table, find)
        self._making.warnings[:0] = layers.notes()
        self._demand_that_all_are_used()

    def _one(self, job: JobSpec | None, title: str | None, table: JobTable, layers: Layers, find: Find) -> Iterator[JobSpec]:
        """Iterate over a job, if it is valid; `title`: its name with its placeholders."""
        if job is not None:
            if self._orders:
                self.titles.append(title or "")
                self._note_conditions(table, layers, find)
            if layers.defaults.on_each if table.on_each is None else table.on_each:
                self.each.append(self._made)
            self._made += 1
            if self._made % _ROUND == 0:
                self._making.progress(self._made)
            yield job

    def _stand_in(self, table: JobTable) -> JobSpec | None:
        """Return a placeholder for an invalid job, so that references to it are checked all the same."""
        if not self._orders or not table.name or name_problem(table.name):
            return None
        return JobSpec(argv=_TRUE, name=table.name)

    def _note_conditions(self, table: JobTable, layers: Layers, find: Find, *, is_made: bool = True) -> None:
        position = self._made if is_made else None
        if table.after is not None:
            self.waiting.append(Waiting(position, read_table(table.after), find))
        elif layers.defaults.after is not None:
            self.waiting.append(Waiting(position, read_table(layers.defaults.after), below(self._find, "defaults")))

    def _expanded(self, table: JobTable, layers: Layers, find: Find) -> Iterator[JobSpec]:
        """Iterate over the jobs of a table with placeholders; stops after the first invalid one."""
        axes = self._axes(table, below(find, "for_each")) if table.for_each is not None else Axes(())
        if axes is None:
            return
        template = Template(msgspec.structs.replace(table, for_each=None), self._defaults, self._over)
        self._warn_of_look_alikes(table, axes, find)
        pattern: _Pattern | None = None
        for number, point in enumerate(axes.points()):
            values = {**self.values, **point} | ({"index": str(number)} if axes.groups else {})
            if number == 0 and (keys := self._keys_without_values(template, values, find)):
                self._check_others(table, keys, layers, values, number if axes.groups else None, find)
                return
            try:
                one, own = template.render(values, layers, number if axes.groups else None)
            except Unknown as unknown:
                self._mistakes.add(find, unknown.path, f"{about_unknown(unknown.name, values, self._making.setting)[0]}{_where(point)}")
                return
            if number == 0 and template.is_command_only:
                shared = spec_of(msgspec.structs.replace(template.table, argv=["true"], name=None), layers, find)
                if shared is None:
                    return
                pattern = _pattern(shared)
            job = (pattern.job(one) if pattern is not None else None) or spec_of(one, own, find, _where(point))
            yield from self._one(job, table.name, one, own, find)
            if job is None:
                return

    def _axes(self, table: JobTable, find: Find) -> Axes | None:
        def complain(path: Path, what: str, next_step: str) -> None:
            places = [str(step + 1) for step in path if isinstance(step, int)]
            self._mistakes.add(find, path, f"value {places[-1]}: {what}" if places else what, next_step)

        lines = partial(read_lines, folder=self._making.around.files)
        axes = read_axes(table.for_each, lines, complain)
        if axes is None:
            return None
        if both := sorted(self.values.keys() & axes.names):
            complain((), f"the axis {both[0]!r} has the name of a value that is set for all jobs", "rename one of them")
            return None
        count = math.prod(axes.counts)
        if self._made + count > MOST_JOBS:
            product = f" ({' x '.join(map(str, axes.counts))})" if len(axes.counts) > 1 else ""
            complain((), f"this makes {count} jobs{product}, and the limit for a batch is {MOST_JOBS}", "divide it")
            return None
        return axes

    def _keys_without_values(self, template: Template, values: Mapping[str, str], find: Find) -> set[str]:
        """Return the keys with placeholders that have no value, or are ambiguous; each of them is a mistake."""
        unknown: dict[tuple[str, Path], None] = {}
        keys: set[str] = set()
        for text in template.texts():
            for name in text.doubtful:
                self._mistakes.add(find, text.path, *about_doubtful(name))
                keys.add(str(text.path[0]))
            for name in text.names:
                self._used.add(name)
                if name not in values and not (name == "name" and template.table.name and text.path != ("name",)):
                    unknown[name, text.path] = None
        for name, path in unknown:
            self._mistakes.add(find, path, *about_unknown(name, values, self._making.setting))
        return keys | {str(path[0]) for _, path in unknown}

    def _check_others(
        self, table: JobTable, keys: set[str], layers: Layers, values: dict[str, str], number: int | None, find: Find
    ) -> None:
        """Check a table without some of its keys."""
        left = {key: ["true"] if key == "argv" else None for key in keys & {*JobTable.__struct_fields__}}
        try:
            one, own = Template(msgspec.structs.replace(table, for_each=None, **left), self._defaults, self._over).render(
                values, layers, number
            )
        except Unknown:
            # Which the defaults, or the options, have too.
            return
        spec_of(one, own, find)

    def _values_of_all(self) -> dict[str, str]:
        """Return the values of placeholders that all jobs share."""
        values: dict[str, str] = {}
        for key, said in self._found.file.set.items():
            text = text_of(said)
            if text is None:
                self._mistakes.add(self._find, ("set", key), f"{type_of(said)} is not a value", "write a string or a number")
            elif key in RESERVED or key == ITEM or not NAME.fullmatch(key):
                self._mistakes.add(
                    self._find, ("set", key), f"{key!r} cannot be the name of a value", "use another one, of letters, digits and _"
                )
            else:
                values[key] = text
        return {**values, **self._making.values}

    def _warn_of_braces(self, table: JobTable, find: Find) -> None:
        if any("{i" in word for word in table.argv) and (said := _FOR_EACH.search("\n".join(table.argv))):
            self._warn(find, f"{said[0]} is passed on unchanged, because this job has no for_each")

    def _warn_of_look_alikes(self, table: JobTable, axes: Axes, find: Find) -> None:
        known = {*self.values, *axes.names, "index", "name"}
        for said, name in dict.fromkeys(found for found in look_alikes(table.argv) if found[1] in known):
            instead = f"; for a shell's own, write ${{{{{name}}}" if said.startswith("$") else ""
            self._warn(find, f"{said} is passed on unchanged; to replace it, write {{{name}}}{instead}")

    def _warn(self, find: Find, what: str) -> None:
        self._making.warnings.append(f"{self._mistakes.file}, line {find(('argv',)).line}: {what}")

    def _demand_that_all_are_used(self) -> None:
        if self._mistakes:
            return
        for name in self._making.values:
            if name not in self._used and name not in self._found.file.set:
                known = ", ".join(f"{{{one}}}" for one in sorted(self._used - {"index", "name"}))
                what = f"--set {name}: no job has a placeholder {{{name}}}"
                self._mistakes.add_to_all(what, f"there are {known}" if known else "")


def _where(point: Mapping[str, str]) -> str:
    if not point:
        return ""
    return f" (with {', '.join(f'{name} = {_short(text)}' for name, text in point.items())})"


def _short(text: str) -> str:
    return repr(text if len(text) <= _MOST_OF_A_VALUE else f"{text[:_MOST_OF_A_VALUE]}...")


class _Pattern:
    """A job whose command and name are replaced to create others that share the rest."""

    def __init__(self, job: JobSpec) -> None:
        self._environment = job.environment
        self._rest = {field.name: getattr(job, field.name) for field in fields(JobSpec) if field.name not in {"argv", "name"}}

    def job(self, table: JobTable) -> JobSpec | None:
        """Return a job with the command and the name of a table; None if they are invalid."""
        try:
            argv = tuple(map(to_bytes, table.argv))
            check_command(argv, self._environment)
            return JobSpec(argv=argv, name=read_name(table.name) if table.name else "", **self._rest)
        except Refused:
            return None


def _pattern(job: JobSpec) -> _Pattern | None:
    """Return a pattern based on a job that runs `true`; None if another command would change more than that."""
    return _Pattern(job) if job.argv == _TRUE else None


_TRUE = (b"true",)
