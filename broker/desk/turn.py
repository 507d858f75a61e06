"""One decision: finished (`Decision`), or in the making (`Turn`)."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...schemas.generated import event_pb2
from ..engine import Fact
from ..jobs.job import Job, RunKey, StopOrder
from ..jobs.life import Impossible
from ..writes.jobs import CapacityChange, Width
from .effects import Effect, Reply
from .inputs import Moment
from .state import Accepting, Recording, State


@dataclass(slots=True, eq=False)
class Decision:
    """The effects to carry out at once, and the numbers of the writes (in `State.under_way`) to submit after them."""

    effects: list[Effect] = field(default_factory=list, init=False)
    writes: list[int] = field(default_factory=list, init=False)
    # Facts that could not be taken in, each with the bug that kept them out.
    failures: list[tuple[Fact, Exception]] = field(default_factory=list, init=False)
    # Whether `Reconsidered` is the next input: what may start now is chosen when these effects have left, and nobody waits for that.
    reconsiders: bool = field(default=False, init=False)


@dataclass(slots=True, eq=False)
class Turn(Decision):
    """A decision in the making. `dated`: the moment of its input, if that has one."""

    state: State
    dated: Moment | None
    events: dict[Job, list[event_pb2.Event]] = field(default_factory=dict)
    proof: bytes | None = None
    replies: list[Reply] = field(default_factory=list)
    ending: list[tuple[Job, StopOrder]] = field(default_factory=list)
    # The proofs of changes of jobs, and the new widths of runs.
    altered: dict[Job, bytes] = field(default_factory=dict)
    limiting: list[Job] = field(default_factory=list)
    # The jobs of which an attempt has ended and another one follows.
    retrying: list[Job] = field(default_factory=list)
    # Those that the machine has refused on which they were placed.
    returned: list[Job] = field(default_factory=list)
    widths: list[Width] = field(default_factory=list)
    # Runs of which the rest is cancelled, and why.
    broken: list[tuple[RunKey, str]] = field(default_factory=list)
    capacity: CapacityChange | None = None
    # Jobs that are new, with which runs end.
    finishes: list[tuple[RunKey, Job]] = field(default_factory=list)
    # Whether more follows from ends once this is durable.
    goes_on: bool = False

    @property
    def moment(self) -> Moment:
        """The moment of the input. Raises Impossible for an input without one, which is a bug."""
        if self.dated is None:
            raise Impossible("what was written gets no other date")
        return self.dated

    def submit(self, write: Accepting | Recording) -> None:
        """Add a write, under the next number."""
        self.state.writes += 1
        self.state.under_way[self.state.writes] = write
        self.writes.append(self.state.writes)
