"""What all jobs of a supervisor share: the loop, the lines to keeper and worker, boxes, the clock, and work that outlasts a job."""

from __future__ import annotations

from collections.abc import Callable

from ...schemas.clock import Clock
from ..wire.words import USUAL_FEED_WAIT_MS
from .containment.containment import Boxes
from .containment.memory import NO_MEMORY, Memory
from .containment.oom_kills import OomKills
from .jobs.lingering import Lingering
from .jobs.outcome_files import OutcomeFiles
from .keeper_line import KeeperLine
from .loop import Loop


class Services:
    """One of each. `logs` is the folder of the log folders, `report` sends a fact to the worker, `hand` one with a descriptor."""

    def __init__(
        self,
        loop: Loop,
        line: KeeperLine,
        boxes: Boxes,
        logs: str,
        report: Callable[[str], None],
        hand: Callable[[str, int], None],
        memory: Memory = NO_MEMORY,
    ) -> None:
        self.loop = loop
        self.line = line
        self.boxes = boxes
        self.memory = memory
        self.logs = logs
        self.report = report
        self.hand = hand
        self.feed_wait_seconds = USUAL_FEED_WAIT_MS / 1000
        self.clock = Clock()
        self.oom_kills = OomKills()
        self.outcome_files = OutcomeFiles(loop)
        self.lingering = Lingering(line, logs)

    def unfinished(self) -> int:
        """Return for how many ended jobs work remains to be done."""
        return len(self.outcome_files) + len(self.lingering)
