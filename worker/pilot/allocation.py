"""What an allocation provides for its worker, from Slurm's environment, and when it ends. Pure. See sbatch(1), squeue(1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...schemas.refusal import Refused
from ...schemas.workers.capacity import parse_gpus

_LEFT = re.compile(r"(?:(\d+)-)?(?:(?:(\d+):)?(\d+):)?(\d+)")
_DEVICES = ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_GPUS", "ROCR_VISIBLE_DEVICES")


@dataclass(frozen=True, slots=True)
class Given:
    """The resources of an allocation. None: Slurm does not say."""

    cluster_id: str
    slots: int
    memory_bytes: int | None
    gpus: tuple[str, ...]


def read_environment(environment: Mapping[str, str]) -> Given | None:
    """Return the resources that Slurm gave this process; None if it does not run in an allocation.

    Raises `Refused(INVALID_ARGUMENT)` for invalid GPU ids.
    """
    cluster_id = environment.get("SLURM_JOB_ID", "")
    if not cluster_id.isdigit():
        return None
    slots = max(1, _number(environment, "SLURM_CPUS_ON_NODE") or 1)
    memory = _number(environment, "SLURM_MEM_PER_NODE")
    of_one = _number(environment, "SLURM_MEM_PER_CPU")
    if memory is None and of_one is not None:
        memory = of_one * slots
    return Given(cluster_id, slots, memory * 1024 * 1024 if memory else None, _gpus(environment))


def share_of(given: Given, number: int, workers: int) -> Given:
    """Return the share of one of this many workers, counted from 0: equal parts, with the remainder unused."""
    gpus = len(given.gpus) // workers
    memory = given.memory_bytes // workers if given.memory_bytes is not None else None
    return replace(given, slots=max(1, given.slots // workers), memory_bytes=memory, gpus=given.gpus[number * gpus : (number + 1) * gpus])


def _number(environment: Mapping[str, str], name: str) -> int | None:
    said = environment.get(name, "")
    return int(said) if said.isdigit() and said.isascii() else None


def _gpus(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of the visible GPUs; where devices are isolated, they are counted from 0 in each allocation."""
    said = next((environment[name] for name in _DEVICES if environment.get(name)), "")
    try:
        # A trailing comma: `3` is the one with this id, and not three of them.
        return parse_gpus(f"{said},") if said and said != "NoDevFiles" else ()
    except Refused:
        return ()


def read_left(said: str) -> float | None:
    """Return the seconds in a time left as squeue prints it: `4:00`, `1-02:03:04`; None for UNLIMITED and anything else."""
    found = _LEFT.fullmatch(said.strip())
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
