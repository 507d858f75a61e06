"""The conditions of jobs in a batch file, by the names of other jobs in the file. Knows no worker."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from glob import escape as glob_escape
from typing import NamedTuple

from ...schemas.batches.order import Cycle, find_layers
from ...schemas.jobs.conditions import MOST_CONDITIONS, After, Condition, base_of
from ...schemas.jobs.spec import JobSpec
from ...schemas.text.msgspec_errors import Path
from .batch_tables import AfterTable
from .mistakes import Find, Mistakes
from .options.option_values import CONDITIONS

_MOST_SHOWN = 10
_PLACEHOLDER = re.compile(r"\{.*?\}")


class Written(NamedTuple):
    """One condition of a job in a batch file: the name in it, and its place in the file."""

    condition: Condition
    name: str
    path: Path


def read_table(said: str | list[str] | AfterTable | None) -> list[Written]:
    """Return the conditions of the key `after`."""
    if not isinstance(said, AfterTable):
        return _names(Condition.OK, said, ())
    return [one for word, condition in CONDITIONS.items() for one in _names(condition, getattr(said, word), (word,))]


def _names(condition: Condition, said: str | list[str] | None, path: Path) -> list[Written]:
    if isinstance(said, str):
        return [Written(condition, said, ("after", *path))]
    return [Written(condition, name, ("after", *path, place)) for place, name in enumerate(said or ())]


class Link(NamedTuple):
    """One condition of a job of a batch: on the job at a position, or on all jobs of a name."""

    condition: Condition
    position: int | None
    name: str = ""

    def after(self, run: bytes, ids: Sequence[bytes]) -> After:
        """Return the condition for the jobs of a run."""
        if self.position is None:
            return After(self.condition, run=run, name=self.name)
        return After(self.condition, job=ids[self.position])


class Order(NamedTuple):
    """The conditions of the jobs of a batch, by position, and the layer of each; no layers if no job has a condition."""

    links: Mapping[int, Sequence[Link]]
    layers: Sequence[int] = ()


NO_ORDER = Order({})


class Waiting(NamedTuple):
    """A job of a batch file with conditions: its position, None if it is invalid; the conditions, and their place in the file."""

    position: int | None
    written: Sequence[Written]
    find: Find


class Named(NamedTuple):
    """The jobs of a batch by name: their names, also without an index; and names as written, with placeholders."""

    names: Mapping[str, Sequence[int]]
    titles: Mapping[str, Sequence[int]]

    @staticmethod
    def of(jobs: Sequence[JobSpec], titles: Sequence[str]) -> Named:
        """Return the jobs by their names."""
        names: dict[str, list[int]] = {}
        of_titles: dict[str, list[int]] = {}
        for position, job in enumerate(jobs):
            for name in {job.name, base_of(job.name)} - {""}:
                names.setdefault(name, []).append(position)
            if titles[position] not in {"", job.name}:
                of_titles.setdefault(titles[position], []).append(position)
        return Named(names, of_titles)

    def links(self, condition: Condition, name: str) -> list[Link]:
        """Return the conditions that a name stands for; none if there is no such job."""
        found = self.names.get(name, ())
        if len(found) > 1:
            return [Link(condition, None, name)]
        return [Link(condition, position) for position in found or self.titles.get(name, ())]


def read_order(
    jobs: Sequence[JobSpec], titles: Sequence[str], waiting: Sequence[Waiting], written: Collection[str], mistakes: Mistakes
) -> Order:
    """Return the order of the jobs of a batch; mistakes in it are added to `mistakes`.

    `titles`: the name of each job as written, with its placeholders. `written`: the names of all jobs of the file, including invalid ones
    that are missing here.
    """
    named = Named.of(jobs, titles)
    links: dict[int, list[Link]] = {}
    before = len(mistakes)
    for one in waiting:
        own: dict[Link, None] = {}
        for condition, name, path in one.written:
            found = named.links(condition, name)
            if not (found or _is_written(name, written, may_be_rendered=one.position is None)):
                mistakes.add(one.find, path, *_unknown(name, [*dict.fromkeys((*named.names, *named.titles, *sorted(written)))]))
            own |= dict.fromkeys(found)
        if one.position is None:
            continue
        if len(own) > MOST_CONDITIONS:
            what = f"the job has {len(own)} conditions, the limit is {MOST_CONDITIONS}"
            mistakes.add(
                one.find,
                ("after",),
                what,
                "give the jobs that it waits for the same name without placeholders, and let it wait for that name",
            )
        elif twice := _twice(own):
            what = jobs[twice.position].name if twice.position is not None else twice.name
            mistakes.add(one.find, ("after",), f"two conditions are about {what}", "leave one of them out")
        links[one.position] = list(own)
    layers = _layers(jobs, links, named.names, waiting, mistakes)
    return NO_ORDER if len(mistakes) > before else Order(links, layers)


def _is_written(name: str, written: Collection[str], *, may_be_rendered: bool) -> bool:
    """Return whether a name may belong to a missing, invalid job: with placeholders, it may have many names.

    `may_be_rendered`: the name itself may have placeholders.
    """
    if name in written or base_of(name) in written or (may_be_rendered and written and "{" in name):
        return True
    return any("{" in one and fnmatchcase(base_of(name), _PLACEHOLDER.sub("*", glob_escape(one))) for one in written)


def _twice(links: Iterable[Link]) -> Link | None:
    seen: set[Link] = set()
    for link in links:
        target = link._replace(condition=Condition.ANY)
        if target in seen:
            return link
        seen.add(target)
    return None


def _unknown(name: str, known: Sequence[str]) -> tuple[str, str]:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"there is no job {name!r} in this file", f"did you mean {near[0]!r}?"
    shown = ", ".join(known[:_MOST_SHOWN]) + (", ..." if len(known) > _MOST_SHOWN else "")
    return f"there is no job {name!r} in this file", f"named are {shown}" if known else "give that job a name"


def _layers(
    jobs: Sequence[JobSpec],
    links: Mapping[int, Sequence[Link]],
    members: Mapping[str, Sequence[int]],
    waiting: Sequence[Waiting],
    mistakes: Mistakes,
) -> list[int]:
    groups: dict[str, int] = {}
    waits: list[list[int]] = [[] for _ in jobs]
    for position, own in links.items():
        for link in own:
            number = link.position if link.position is not None else groups.setdefault(link.name, len(jobs) + len(groups))
            waits[position].append(number)
    waits += [list(members[name]) for name in groups]
    finds = {one.position: one.find for one in waiting if one.position is not None}
    for _ in range(_MOST_SHOWN):
        layers: list[int] = []
        try:
            for _ in find_layers(waits, len(jobs), layers):
                pass
        except Cycle as cycle:
            nodes = [node for node in cycle.nodes if node < len(jobs)]
            names = [jobs[node].name or "a job without a name" for node in nodes]
            circle = " waits for ".join([*names, names[0]])
            what = (
                f"jobs wait for each other, so that none of them could start: {circle}"
                if len(names) > 1
                else f"{names[0]} waits for itself"
            )
            mistakes.add(finds[nodes[0]], ("after",), what, "leave one of these conditions out")
            # Without it, to find the next one.
            waits[nodes[0]] = []
        else:
            return layers[: len(jobs)]
    return []


def linked(jobs: Sequence[JobSpec], order: Order, run: bytes, ids: Sequence[bytes]) -> list[JobSpec]:
    """Return the jobs of a run, with conditions on each other's ids."""
    if not order.links:
        return list(jobs)
    return [
        replace(job, after=(*job.after, *(link.after(run, ids) for link in order.links[position]))) if position in order.links else job
        for position, job in enumerate(jobs)
    ]
