"""One decision, complete and in the making."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...schemas.generated import event_pb2
from .effects import Effect, Reply
from .inputs import Moment
from .job import Job, StopOrder
from .state import Accepting, Recording, State


@dataclass(slots=True, eq=False)
class Decision:
    """The effects to carry out at once, and the numbers of the writes (in `State.under_way`) to submit after them."""

    effects: list[Effect] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Turn:
    """A decision in the making."""

    state: State
    moment: Moment
    decision: Decision = field(default_factory=Decision)
    events: dict[Job, list[event_pb2.Event]] = field(default_factory=dict)
    proof: bytes | None = None
    replies: list[Reply] = field(default_factory=list)
    ending: list[tuple[Job, StopOrder]] = field(default_factory=list)

    def effect(self, effect: Effect) -> None:
        """Add an effect."""
        self.decision.effects.append(effect)

    def submit(self, write: Accepting | Recording) -> None:
        """Add a write, under the next number."""
        self.state.writes += 1
        self.state.under_way[self.state.writes] = write
        self.decision.writes.append(self.state.writes)
