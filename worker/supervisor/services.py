"""What the supervisor does for every job: it waits, tells keeper and worker, gives boxes and dates, and finishes what outlasts a job."""

from __future__ import annotations

from collections.abc import Callable

from ...schemas.clock import Clock
from .containment.containment import Boxes
from .jobs.lingering import Lingering
from .jobs.outcome_files import OutcomeFiles
from .keeper_line import KeeperLine
from .loop import Loop


class Services:
    """One of each. `logs` is where the log folders are, `report` tells the worker a fact."""

    def __init__(self, loop: Loop, line: KeeperLine, boxes: Boxes, logs: str, report: Callable[[str], None]) -> None:
        self.loop = loop
        self.line = line
        self.boxes = boxes
        self.logs = logs
        self.report = report
        self.clock = Clock()
        self.outcome_files = OutcomeFiles(loop)
        self.lingering = Lingering(line, logs)

    def unfinished(self) -> int:
        """Say for how many jobs that ended something is still to be done."""
        return len(self.outcome_files) + len(self.lingering)
