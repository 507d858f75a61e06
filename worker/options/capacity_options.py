"""The capacity of this machine for jobs, where the command line does not set it: slots, memory, GPUs; and how resources are written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ...schemas.jobs.claims import MOST_RESOURCES
from ...schemas.refusal import Code, Refused
from ...schemas.text.sizes import parse_size
from ...schemas.workers.capacity import parse_gpus, parse_resource
from ...schemas.workers.host_name import host_name
from ...schemas.workers.labels import ARCH, HOST, MOST_LABELS, OWN, WORKER, label_value, parse_label

_LEAST_SLOTS = 4
_DEVICES = Path("/dev")


def usual_slots() -> int:
    """Return the default number of slots: one per CPU, but at least 4."""
    return max(_LEAST_SLOTS, os.cpu_count() or 1)


def parse_memory(said: str) -> int:
    """Return how much memory jobs can reserve, in bytes; for an empty text, the memory of the machine.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    return parse_size(said) if said else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def read_gpus(said: str, devices: Path = _DEVICES) -> tuple[str, ...]:
    """Return the ids of the GPUs; for an empty text, those for which NVIDIA's driver has devices.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    if said:
        return parse_gpus(said)
    numbers = (path.name.removeprefix("nvidia") for path in devices.glob("nvidia[0-9]*"))
    return tuple(map(str, sorted(int(number) for number in numbers if number.isdecimal())))


def read_resources(said: Sequence[str]) -> dict[str, int]:
    """Return how much there is of each resource, written as NAME=N.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    found: dict[str, int] = {}
    for one in said:
        name, amount = parse_resource(one)
        if name in found:
            raise Refused(Code.INVALID_ARGUMENT, f"the resource {name} is named twice")
        found[name] = amount
    if len(found) > MOST_RESOURCES:
        raise Refused(Code.INVALID_ARGUMENT, f"a worker has at most {MOST_RESOURCES} resources, not {len(found)}")
    return found


def read_labels(said: Sequence[str]) -> dict[str, str]:
    """Return the labels of the worker, written as NAME or NAME=VALUE.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    found: dict[str, str] = {}
    for one in said:
        name, value = parse_label(one)
        if name in found:
            raise Refused(Code.INVALID_ARGUMENT, f"the label {name} is given twice", "a label has one value")
        found[name] = value
    if len(found) > MOST_LABELS - len(OWN):
        most = f"a worker has at most {MOST_LABELS} labels, {len(OWN)} of which it sets itself"
        raise Refused(Code.INVALID_ARGUMENT, f"{most}; {len(found)} were given")
    return found


def own_labels() -> dict[str, str]:
    """Return the labels that every worker has. A broker names it by the name in its roster instead of that of its machine."""
    host = label_value(host_name())
    return {HOST: host, WORKER: host, ARCH: os.uname().machine}
