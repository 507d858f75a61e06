"""What a decision costs while 100,000 jobs wait, compared with 100: of 50 owners, with eleven priorities. CPU time, without a worker.

Once for plain jobs, and once for jobs of which some take memory or a resource that is scarce, and some several slots.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Sequence

from stage import Ground
from table import Line, Pairs, at_most

from jobwire.broker.desk.decide import decide
from jobwire.broker.desk.effects import Launches
from jobwire.broker.desk.inputs import Asked, Facts, Input, Moment, Reconsidered, Start, Written
from jobwire.broker.desk.queue.queue import Queue
from jobwire.broker.desk.state import Accepting, State
from jobwire.broker.engine import Ended, Started
from jobwire.broker.writes.jobs import Added
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.workers.capacity import Capacity

_OWNERS = [bytes([number]) * 32 for number in range(50)]
_PRIORITIES = range(-5, 6)
_PLAIN = [JobSpec((b"true",), priority=priority) for priority in _PRIORITIES]
_CLAIMS = [
    JobSpec((b"true",), priority=priority, cpus=cpus, resources=resources)
    for priority in _PRIORITIES
    for cpus in (0, 0, 4)
    for resources in ((), (("license", 1),), (("license", 2),), (("disk", 10),), (("disk", 10), ("license", 1)))
]
_JOBS_A_START = 50
_SLOTS = 50
_FEW, _MANY = 100, 100_000
_ROUNDS = 3


class _Desk:
    """Decides, and takes each write as done at once."""

    def __init__(self, specs: Sequence[JobSpec]) -> None:
        self._specs = specs
        self._state = State(Queue(_SLOTS))
        self._state.queue.set_capacity(Capacity(_SLOTS, resources=(("disk", 100), ("license", 8))))
        self._numbers = itertools.count(1)
        self._rows = itertools.count(1)
        self._random = random.Random(1)
        self.running: list[AttemptKey] = []

    def submit(self, count: int = 1) -> None:
        """Accept jobs of some owner, with some priorities."""
        asked = [Asked(next(self._numbers).to_bytes(16, "big"), self._random.choice(self._specs), b"", b"") for _ in range(count)]
        self._take(Start(self._random.choice(_OWNERS), asked, None, b"", None, lambda _: None))

    def end(self) -> None:
        """Let some job end that runs; another one is chosen in its place."""
        key = self.running.pop(self._random.randrange(len(self.running)))
        self._take(Facts([Started(key, 1, 1), Ended(key, 1, 1, 2, Outcome(OutcomeKind.EXITED))]))

    def _take(self, one: Input) -> None:
        decision = decide(self._state, one, Moment(1, 1, 1))
        for effect in decision.effects:
            if isinstance(effect, Launches):
                self.running += [launch.key for launch in effect.launches]
        for number in decision.writes:
            pending = self._state.under_way[number]
            # Each job has a row of its own, which is its place in the order.
            result = Added([next(self._rows) for _ in pending.jobs], frozenset(), 1) if isinstance(pending, Accepting) else 1
            self._take(Written(number, result))
        if decision.reconsiders:
            self._take(Reconsidered())


def measure(ground: Ground) -> list[Line]:
    """Measure a job from its acceptance to its end, at both lengths of the queue in turns."""
    turns = 500 if ground.quick else 2000
    lines = []
    for what, specs, more in (
        ("decisions of a job while 100,000 wait", _PLAIN, ""),
        ("the same with jobs that take two resources", _CLAIMS, ", two scarce resources, jobs of one and of four slots"),
    ):
        few, many = [], []
        for _ in range(_ROUNDS):
            few.append(_cost_us(specs, _FEW, turns))
            many.append(_cost_us(specs, _MANY // (10 if ground.quick else 1), turns))
        note = f"limit: while {_FEW} wait; 50 owners, eleven priorities{more}; CPU time of the decisions"
        lines.append(Pairs(few, many).line(what, "us", at_most(2, 1.1), note=note))
    return lines


def _cost_us(specs: Sequence[JobSpec], waiting: int, turns: int) -> float:
    desk = _Desk(specs)
    for _ in range(-(-(waiting + _SLOTS) // _JOBS_A_START)):
        desk.submit(_JOBS_A_START)
    began = time.process_time()
    for _ in range(turns):
        if desk.running:
            desk.end()
        desk.submit()
    return (time.process_time() - began) / turns * 1_000_000
