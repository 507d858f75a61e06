"""The conditions of the jobs in a start: limits, cycles, and the conditions of reruns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ....schemas.batches.order import Cycle, find_layers
from ....schemas.jobs import spec as specs
from ....schemas.jobs.conditions import MOST_CONDITIONS_OF_A_START, After, base_of
from ....schemas.naming import JobKey
from ....schemas.refusal import Code, Refused
from ...desk.inputs import Asked
from ...jobs.targets import title_of
from ...store.queries import Lookup


def demand_order(asked: Sequence[Asked], run: bytes) -> Iterator[None]:
    """Check in steps that the conditions of the jobs in a start have no cycle. `run`: the run that they join, or empty.

    Raises Refused(INVALID_ARGUMENT).
    """
    if not any(one.spec.after for one in asked):
        return
    if (count := sum(len(one.spec.after) for one in asked)) > MOST_CONDITIONS_OF_A_START:
        message = f"the jobs of the start wait for each other under {count} conditions, the limit is {MOST_CONDITIONS_OF_A_START}"
        raise Refused(Code.INVALID_ARGUMENT, message, "give jobs one name, and let others wait for that")
    positions = {one.id: position for position, one in enumerate(asked)}
    groups: dict[str, int] = {}
    waits: list[list[int]] = []
    for one in asked:
        own = [positions[after.job] for after in one.spec.after if after.job in positions]
        own += [groups.setdefault(after.name, len(asked) + len(groups)) for after in one.spec.after if after.run and after.run == run]
        waits.append(own)
        yield
    waits += [[] for _ in groups]
    for position, one in enumerate(asked if groups else ()):
        for name in {"", one.spec.name, base_of(one.spec.name)} & groups.keys():
            waits[groups[name]].append(position)
        yield
    try:
        yield from find_layers(waits, len(asked), [])
    except Cycle as cycle:
        raise _circle(asked, [node for node in cycle.nodes if node < len(asked)]) from None


def _circle(asked: Sequence[Asked], nodes: Sequence[int]) -> Refused:
    names = [title_of(asked[node].id, asked[node].spec.name) for node in nodes]
    if len(names) == 1:
        message = f"{names[0]} waits for its own end"
    else:
        message = f"jobs wait for each other, so that none of them could start: {' waits for '.join([*names, names[0]])}"
    return Refused(Code.INVALID_ARGUMENT, message, "leave one of these conditions out", nodes[0])


def adapt_reruns(asked: list[Asked], owner: bytes, run: bytes, lookup: Lookup) -> Iterator[None]:
    """In steps, let reruns wait only for jobs that are run again with them. A known rerun stays as it is.

    `run`: the new run, or empty. A condition on a name in the old run becomes one on that name in the new run, if it has such jobs.
    """
    new = {one.rerun_of: one.id for one in asked if one.rerun_of is not None}
    names = {"", *(name for one in asked for name in (one.spec.name, base_of(one.spec.name)))} if new and run else set()
    for position, one in enumerate(asked if new else ()):
        yield
        if one.rerun_of is None or not one.spec.after or lookup.job(JobKey(owner, one.id)) is not None:
            continue
        before = lookup.job(one.rerun_of)
        old_run = before.batch.id if before is not None and before.batch is not None else b""
        after: list[After] = []
        for condition in one.spec.after:
            if condition.job and (key := JobKey(one.rerun_of.owner, condition.job)) in new:
                after.append(condition._replace(job=new[key]))
            elif condition.run and condition.run == old_run and condition.name in names:
                after.append(condition._replace(run=run))
        spec = replace(one.spec, after=tuple(after))
        asked[position] = Asked(one.id, spec, specs.digest(spec), specs.to_wire(spec).SerializeToString(), one.rerun_of)
