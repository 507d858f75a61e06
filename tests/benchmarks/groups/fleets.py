"""Jobs a second through a broker with several workers whose engines do nothing, against one such worker."""

from __future__ import annotations

from groups.launching import launch_at_once
from lab import Lab
from stage import Ground
from table import Line, Pairs, share

_WORKERS = (2, 4, 8, 16)
_SLOTS_IN_ALL = 64
_WARM_UP = 100


def measure(ground: Ground) -> list[Line]:
    """Measure each number of workers in turns with one; all slots together are the same."""
    count, rounds = (600, 1) if ground.quick else (4000, 3)
    found: dict[int, list[float]] = {workers: [] for workers in (1, *_WORKERS)}
    for _ in range(rounds):
        for workers, rates in found.items():
            with Lab(ground, workers=0, slots=_SLOTS_IN_ALL // workers, idle=workers) as lab, lab.client() as client:
                launch_at_once(client, _WARM_UP)
                rates.append(launch_at_once(client, count))
    note = f"limit here: one; {_SLOTS_IN_ALL} slots in all; broker, workers and client on the same cores"
    return [
        Pairs(found[1], found[workers]).line(
            f"{count} jobs through a broker with {workers} workers whose engines do nothing",
            "jobs/s",
            share(90, 100),
            judged=workers == _WORKERS[2],
            note=note if workers == _WORKERS[0] else "",
        )
        for workers in _WORKERS
    ]
