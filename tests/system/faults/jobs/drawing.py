"""What jobs of the soak ask beside a start: whom they wait for, how often they are tried, when they start, what they have alone."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from orders import Deed, Order
from promises import GPUS, LICENCES, SLOTS

from jobwire.schemas.jobs.states import OnFailure

# Options of a worker that has what is claimed here.
OPTIONS = ("--gpus", str(GPUS), "--resource", f"licence={LICENCES}")
CONDITIONS = ("ok", "failed", "any")
# Of jobs; of the rest, nothing is asked.
_KINDS = {"retry": 12, "claim": 12, "alone": 6, "later": 6, "wait": 12, "": 52}
_LATEST_SECONDS = 3
_MOST_RETRIES = 3


def uptime() -> float:
    """Return what /proc/uptime shows, in seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def wish(draw: random.Random, kind: str, owner: str, known: Sequence[Order], status: int) -> dict[str, Any]:
    """Return what a job asks. `known`: jobs of its owner that are acknowledged."""
    match kind:
        case "retry":
            asked = {"status": status or 3, "retries": draw.randint(1, _MOST_RETRIES), "good_at": draw.choice((0, 2, 3))}
            return asked | {"delay": draw.choice((0, 0, 0.2, 1))}
        case "claim":
            return draw.choice(
                (
                    {"gpus": draw.randint(1, GPUS)},
                    {"licences": draw.randint(1, LICENCES)},
                    {"cpus": draw.randint(2, SLOTS - 1)},
                    {"gpus": 1, "licences": 1, "cpus": 2},
                )
            )
        case "alone":
            return {"only_one": f"lane-{owner}-{draw.randint(1, 2)}"}
        case "later":
            seconds = draw.randint(1, _LATEST_SECONDS)
            return {"wait": seconds, "not_before": uptime() + seconds}
        case "wait" if known:
            chosen = draw.sample(known, min(len(known), draw.choice((1, 1, 2))))
            return {"after": tuple(f"{draw.choice(CONDITIONS)}:{order.id}" for order in chosen)}
        case _:
            return {}


def kind_of(draw: random.Random) -> str:
    """Return what is to be asked; most ask for nothing."""
    return draw.choices(list(_KINDS), list(_KINDS.values()))[0]


def as_run(draw: random.Random, orders: Sequence[Order], run: str) -> list[Order]:
    """Return the jobs as those of a run, the last of which may wait for those of a name, or for its first."""
    on_failure = draw.choice((OnFailure.CONTINUE, OnFailure.CONTINUE, OnFailure.CANCEL_REST, OnFailure.STOP_REST))
    parallel = draw.choice((0, 1)) if on_failure else 0
    staged = draw.random() < 0.5  # as often as not
    made = [replace(order, run=run, on_failure=int(on_failure), parallel=parallel, staged=staged) for order in orders]
    if draw.random() < 0.5:  # as often as not
        first = made[0]
        target = draw.choice((first.id, f"{run}:{first.own_name}"))
        made[-1] = replace(made[-1], name="late", after=(*made[-1].after, f"{draw.choice(CONDITIONS)}:{target}"))
    return made


def of_schedule(draw: random.Random, name: str) -> Order:
    """Return a job that a schedule starts; all of its jobs are the same but for the id."""
    return Order(draw.randbytes(16).hex(), rounds=2, lines=5, pause=0.05, schedule=name, name=name, deed=Deed.EXIT)
