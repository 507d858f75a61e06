"""Jobs that wait for each other, compared with as many that do not: 100 layers of `/bin/true`, by the whole of a start to its last end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from stage import Ground
from table import Line, in_turns, share

from jobwire.client.library.client import Client
from jobwire.client.library.values.results import BatchInfo
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.naming import format_id, new_id

_PROGRAM = b"/bin/true"
_LAYERS = 100
_SLOTS = 4


def measure(ground: Ground) -> list[Line]:
    """Measure jobs that wait for the whole layer before theirs, and jobs that wait for one job of it each."""
    # Ten thousand jobs take a minute or more.
    width, rounds = (10, 1) if ground.quick else (100, 1)
    count = width * _LAYERS
    with ground.stage(slots=_SLOTS) as stage, stage.client() as client:
        _run(client, _LAYERS, _plain)
        whole = in_turns(lambda: _run(client, count, _plain), lambda: _run(client, count, _layers), rounds)
        single = in_turns(lambda: _run(client, count, _plain), lambda: _run(client, count, _chains), rounds)
    note = "limit: the same jobs without dependencies"
    return [
        whole.line(f"{count} jobs in {_LAYERS} layers, each after the whole layer before", "jobs/s", share(80, 95), note=note),
        single.line(f"{count} jobs in {_LAYERS} layers, each after one job of the layer before", "jobs/s", share(80, 95), note=note),
    ]


def _run(client: Client, count: int, conditions: Callable[[bytes, Sequence[bytes]], Sequence[tuple[After, ...]]]) -> float:
    """Start jobs with one request, wait for the last end, and return jobs per second."""
    run, ids = new_id(), [new_id() for _ in range(count)]
    width = count // _LAYERS or 1
    specs = [
        JobSpec((_PROGRAM,), name=f"l{number // width}[{number % width}]", after=after) for number, after in enumerate(conditions(run, ids))
    ]
    begun = monotonic()
    client.submit_many(specs, ids=ids, batch=BatchInfo(run), watch=False)
    info = client.batch_run(format_id(run)).wait()
    taken = monotonic() - begun
    if info.ok != count:
        raise RuntimeError(f"{count - info.ok} of {count} jobs failed")
    return count / taken


def _plain(_run: bytes, ids: Sequence[bytes]) -> Sequence[tuple[After, ...]]:
    return [()] * len(ids)


def _layers(run: bytes, ids: Sequence[bytes]) -> Sequence[tuple[After, ...]]:
    width = len(ids) // _LAYERS
    groups = [(), *((After(Condition.OK, run=run, name=f"l{layer}"),) for layer in range(_LAYERS - 1))]
    return [groups[number // width] for number in range(len(ids))]


def _chains(_run: bytes, ids: Sequence[bytes]) -> Sequence[tuple[After, ...]]:
    width = len(ids) // _LAYERS
    return [(After(Condition.OK, job=ids[number - width]),) if number >= width else () for number in range(len(ids))]
