"""What a decision about a job costs at a broker with 10,000 workers, compared with 10. CPU time, without a worker.

Once for plain jobs, and once for jobs of which some ask for a label that one worker of a hundred has, or for a GPU.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Sequence

from stage import Ground
from table import Line, Pairs, at_most

from jobwire.broker.desk.queue.queue import Queue
from jobwire.broker.fleet.placing.placement import FleetStock
from jobwire.schemas.naming import JobKey
from jobwire.schemas.workers.capacity import PLAIN, Capacity, Wants
from jobwire.schemas.workers.labels import Where

_FEW, _MANY = 10, 10_000
_SLOTS = 4
_ROUNDS = 3
_PLAIN = (PLAIN,)
_CHOOSY = (PLAIN, PLAIN, Wants(2), Wants(1, (("gpus", 1),)), Wants(where=Where(on=("tape",))), Wants(where=Where(not_on=("tape",))))


def measure(ground: Ground) -> list[Line]:
    """Measure a job from its place in the queue to its end, with all slots in use, at both sizes in turns."""
    turns = 1000 if ground.quick else 5000
    many = _MANY // (10 if ground.quick else 1)
    lines = []
    for what, kinds, more in (
        ("placing of a job on 10,000 workers", _PLAIN, ""),
        ("the same with jobs that ask for labels and GPUs", _CHOOSY, ", one of a hundred workers has the label, one of ten a GPU"),
    ):
        small, large = [], []
        for _ in range(_ROUNDS):
            small.append(_cost_us(kinds, _FEW, turns))
            large.append(_cost_us(kinds, many, turns))
        note = f"limit: on {_FEW}; all slots are in use{more}; CPU time of the queue"
        lines.append(Pairs(small, large).line(what, "us", at_most(4, 2), note=note))
    return lines


def _cost_us(kinds: Sequence[Wants], workers: int, turns: int) -> float:
    stock = FleetStock()
    for number in range(workers):
        gpus = ("0",) if number % 10 == 0 else ()
        labels = (("host", f"h{number}"), *((("tape", ""),) if number % 100 == 0 else ()))
        stock.set_machine(number.to_bytes(4, "big"), f"w{number}", Capacity(_SLOTS, gpus=gpus, labels=labels), ready=True)
    queue, numbers, chance = Queue(0, stock=stock), itertools.count(), random.Random(1)
    waiting = workers * _SLOTS + 1000
    for _ in range(waiting):
        _add(queue, next(numbers), chance.choice(kinds))
    running = queue.take()
    began = time.process_time()
    for _ in range(turns):
        at = chance.randrange(len(running))
        running[at], running[-1] = running[-1], running[at]
        queue.release(running.pop())
        _add(queue, next(numbers), chance.choice(kinds))
        running += queue.take()
    return (time.process_time() - began) / turns * 1_000_000


def _add(queue: Queue, number: int, wants: Wants) -> None:
    queue.add(JobKey(b"o" * 32, number.to_bytes(16, "big")), None, wants=wants)
