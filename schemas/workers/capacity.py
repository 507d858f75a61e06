"""The capacity of a worker: slots, memory, GPUs, and resources that its operator defined; and how much of it a job takes. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..jobs.claims import MOST_RESOURCES, MOST_SLOTS, resource_problem
from ..private_parts.frozen import frozen
from ..refusal import Code, Refused
from ..text.patterns import pattern
from ..text.sizes import format_limit, format_size
from .labels import ANYWHERE, MOST_LABELS, Labels, Where, holds, in_words, labels_text

if TYPE_CHECKING:
    from ..jobs.spec import JobSpec

SLOTS, MEMORY, GPUS = "slots", "memory", "gpus"
# Before the name of a label among what is stored, where a resource cannot have it.
_LABEL = "label:"
MOST_MEMORY_BYTES = (1 << 63) - 1
_MOST_DIGITS = 18
_GPU_ID = pattern(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}")


class Shun(NamedTuple):
    """A machine that refused a job and is not tried again until more is known about it; `known` counts what was known at that time."""

    machine: bytes
    known: int


class Wants(NamedTuple):
    """What a job takes while it runs: slots, amounts of other things sorted by name, and the name under which only one may run.

    `level`: of a job that may start jobs, how many jobs started each other down to it; 0: it may start none. `limit_seconds`: its time
    limit, where that decides on which machine it runs; 0: it has none.
    """

    slots: int = 1
    others: tuple[tuple[str, int], ...] = ()
    only_one: str = ""
    level: int = 0
    limit_seconds: int = 0
    # Labels of the worker that it runs on.
    where: Where = ANYWHERE
    # Of several machines, those that have refused it.
    shuns: tuple[Shun, ...] = ()

    def amount(self, name: str) -> int:
        """Return how much of something the job takes."""
        return self.slots if name == SLOTS else dict(self.others).get(name, 0)


PLAIN = Wants()
# Of what somebody has who has nothing.
NOBODYS = Wants(0)


def wants_of(spec: JobSpec, depth: int = 0) -> Wants:
    """Return what a job with this spec takes; the same object for all that take only one slot.

    `depth`: how many jobs started each other before it, 0 if a person did.
    """
    if not (spec.cpus or spec.memory_bytes or spec.gpus or spec.resources or spec.only_one or spec.may_submit or spec.on or spec.not_on):
        return PLAIN
    own = ((MEMORY, spec.memory_bytes), (GPUS, spec.gpus))
    others = [*((name, amount) for name, amount in own if amount), *spec.resources]
    where = Where(spec.on, spec.not_on) if spec.on or spec.not_on else ANYWHERE
    return Wants(spec.cpus or 1, tuple(sorted(others)), spec.only_one, depth + 1 if spec.may_submit else 0, where=where)


@frozen
class Capacity:
    """The capacity of a worker. `gpus`: their ids, in the order in which jobs get them. `resources`: how much there is of each name.

    `labels`: those of the worker, by which jobs select it.
    """

    slots: int
    memory_bytes: int = 0
    gpus: tuple[str, ...] = ()
    resources: tuple[tuple[str, int], ...] = ()
    labels: Labels = ()

    def totals(self) -> dict[str, int]:
        """Return the amounts of everything except slots."""
        return {MEMORY: self.memory_bytes, GPUS: len(self.gpus), **dict(self.resources)}


def shortage(wants: Wants, capacity: Capacity) -> str:
    """Return why a worker with this capacity can never run such a job; empty if it can."""
    if wants is PLAIN:
        return ""
    if wants.slots > capacity.slots:
        return f"it takes {amount_text(SLOTS, wants.slots)}, but there {'is' if capacity.slots == 1 else 'are'} {capacity.slots}"
    totals = capacity.totals()
    for name, amount in wants.others:
        if name not in totals:
            known = ", ".join(sorted(dict(capacity.resources))) or "none"
            return f"it takes {amount_text(name, amount)}, which this worker does not have (defined here: {known})"
        if amount > totals[name]:
            total = totals[name]
            there = f"the worker has {format_size(total)}" if name == MEMORY else f"there {'is' if total == 1 else 'are'} {total or 'none'}"
            return f"it takes {amount_text(name, amount)}, but {there}"
    if wants.where is not ANYWHERE and not holds(wants.where, capacity.labels):
        return f"it asks for a worker with {in_words(wants.where)}, but this one has: {labels_text(capacity.labels) or 'no labels'}"
    return ""


def amount_text(name: str, amount: int) -> str:
    """Return an amount as people read it: `2 gpus`, `1 slot`, `4 GiB of memory`, `3 of license`."""
    if name == MEMORY:
        return f"{format_limit(amount)} of memory"
    if name in {SLOTS, GPUS}:
        return f"{amount} {name[:-1] if amount == 1 else name}"
    return f"{amount} of {name}"


def capacity_problem(capacity: Capacity) -> str:
    """Return what is wrong with a capacity; empty if it is valid."""
    if not 1 <= capacity.slots <= MOST_SLOTS:
        return f"a worker has 1 to {MOST_SLOTS} slots, not {capacity.slots}"
    if not 0 <= capacity.memory_bytes <= MOST_MEMORY_BYTES:
        return "no machine has so much memory"
    if len(set(capacity.gpus)) != len(capacity.gpus):
        return "the same GPU is named twice"
    bad = next((one for one in capacity.gpus if not _GPU_ID.fullmatch(one)), None)
    if bad is not None:
        return f"{bad[:100]!r} is not the id of a GPU"
    if len(capacity.gpus) > MOST_RESOURCES or len(capacity.resources) > MOST_RESOURCES:
        return f"at most {MOST_RESOURCES} GPUs and {MOST_RESOURCES} resources can be defined"
    many = f"a worker has at most {MOST_LABELS} labels" if len(capacity.labels) > MOST_LABELS else ""
    return next(filter(None, (resource_problem(name, amount) for name, amount in capacity.resources)), many)


def parse_gpus(said: str) -> tuple[str, ...]:
    """Return the ids of GPUs from a number of them (from 0 on), or from a list: `4`, `0,2`, `GPU-8932f937`; `3,` is the one with the id 3.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    text = said.strip()
    counts = text.isascii() and text.isdigit() and len(text) <= 4  # noqa: PLR2004 -- no machine has more
    ids = tuple(map(str, range(int(text)))) if counts else tuple(part.strip() for part in text.removesuffix(",").split(","))
    if problem := capacity_problem(Capacity(1, gpus=ids)):
        raise Refused(Code.INVALID_ARGUMENT, problem, "write a number, or ids with commas: 4, 0,2, GPU-8932f937")
    return ids


@frozen
class Settings:
    """What an operator has set, instead of what the worker was started with. None: not set. 0 for a resource: there is none.

    None for a label: it was removed.
    """

    slots: int | None = None
    memory_bytes: int | None = None
    gpus: tuple[str, ...] | None = None
    resources: tuple[tuple[str, int], ...] = ()
    labels: tuple[tuple[str, str | None], ...] = ()

    def over(self, base: Capacity) -> Capacity:
        """Return a capacity with these settings applied."""
        resources = {name: amount for name, amount in {**dict(base.resources), **dict(self.resources)}.items() if amount}
        return Capacity(
            base.slots if self.slots is None else self.slots,
            base.memory_bytes if self.memory_bytes is None else self.memory_bytes,
            base.gpus if self.gpus is None else self.gpus,
            tuple(sorted(resources.items())),
            tuple(sorted((name, value) for name, value in {**dict(base.labels), **dict(self.labels)}.items() if value is not None)),
        )

    def then(self, later: Settings) -> Settings:
        """Return these settings with later ones applied."""
        return Settings(
            self.slots if later.slots is None else later.slots,
            self.memory_bytes if later.memory_bytes is None else later.memory_bytes,
            self.gpus if later.gpus is None else later.gpus,
            tuple(sorted({**dict(self.resources), **dict(later.resources)}.items())),
            tuple({**dict(self.labels), **dict(later.labels)}.items()),
        )

    def rows(self) -> list[tuple[str, str]]:
        """Return the settings by name, as they are stored."""
        named = {SLOTS: self.slots, MEMORY: self.memory_bytes, GPUS: self.gpus, **dict(self.resources)}
        labels = [(f"{_LABEL}{name}", json.dumps(value)) for name, value in self.labels]
        return [(name, json.dumps(value)) for name, value in named.items() if value is not None] + labels


def read_settings(rows: Mapping[str, str]) -> Settings:
    """Return the settings that `Settings.rows` wrote."""
    said = {name: json.loads(value) for name, value in rows.items()}
    gpus = said.pop(GPUS, None)
    labels = tuple((name.removeprefix(_LABEL), said.pop(name)) for name in tuple(said) if name.startswith(_LABEL))
    return Settings(
        said.pop(SLOTS, None), said.pop(MEMORY, None), None if gpus is None else tuple(map(str, gpus)), tuple(sorted(said.items())), labels
    )


def parse_resource(said: str, fewest: int = 1) -> tuple[str, int]:
    """Return name and amount of a resource, written as `license=4`.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    name, _, amount = said.partition("=")
    if not (amount.isascii() and amount.isdigit() and len(amount) <= _MOST_DIGITS):
        raise Refused(Code.INVALID_ARGUMENT, f"{said[:100]!r} is not a resource with an amount", "write it like license=4")
    if problem := resource_problem(name, int(amount) if fewest else max(int(amount), 1)):
        raise Refused(Code.INVALID_ARGUMENT, problem)
    return name, int(amount)
