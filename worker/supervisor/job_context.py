"""What all jobs of a supervisor share: loop, keeper, boxes, the clock; and what is still to be done for jobs that ended."""

from __future__ import annotations

from collections.abc import Callable

from ...schemas.clock import Clock
from ..keeper.light_process import say
from ..state.job_files import write_outcome
from ..state.notes import forget_lingering, note_lingering
from ..state.small_files import DISK_FULL, RETRY_SECONDS, to_json
from .containment.containment import Boxes
from .jobs.pump import Pump
from .keeper_line import KeeperLine
from .loop import Loop


class Yard:
    """What all jobs share."""

    def __init__(self, loop: Loop, line: KeeperLine, boxes: Boxes, logs: str, report: Callable[[str], None]) -> None:
        self.loop = loop
        self.line = line
        self.boxes = boxes
        self.logs = logs
        self.report = report
        # Jobs that ended, but into whose pipes something may still write, or whose outcome is not on disk yet.
        self.lingering: set[str] = set()
        self.clock = Clock()

    def write(self, handle: str, folder: str, text: str) -> bool:
        """Write an outcome; False if the disk is full."""
        try:
            write_outcome(folder, text)
        except OSError as error:
            if error.errno in DISK_FULL:
                return False
            # Somebody removed the folder, for instance. The fact still goes up.
            say(f"the outcome of {handle} could not be written: {error}")
        return True

    def write_later(self, handle: str, folder: str, text: str, then: Callable[[], None]) -> None:
        """Write an outcome as soon as there is room, and call back."""
        unwritten = f"outcome of {handle}"

        def again() -> None:
            if self.write(handle, folder, text):
                self.lingering.discard(unwritten)
                then()
            else:
                self.loop.after(RETRY_SECONDS, again)

        self.lingering.add(unwritten)
        self.loop.after(RETRY_SECONDS, again)

    def tell_of_waiting(self, handle: str, pumps: list[Pump]) -> None:
        """Report whenever a job begins to stand still in its writes because the disk is full, and when it goes on."""
        told = False

        def look() -> None:
            nonlocal told
            waits = any(pump.waits for pump in pumps)
            if waits != told:
                told = waits
                self.report(to_json({"fact": "waits", "job": handle, "waits": waits}))

        for pump in pumps:
            pump.on_waiting = look

    def pump_on(self, handle: str, pumps: list[Pump], folder: str) -> None:
        """Tell the keeper when a job that ended is drained: at once, usually.

        A process that escaped may still write. Then it is pumped until it hangs up, or it would wait for ever. That is noted beside the
        folder, for whoever comes after us and our keeper: folders of jobs that ended are too many to be looked into.
        """
        if not any(pump.is_open for pump in pumps):
            self.line.say(f"drained {handle}")
            return

        def look() -> None:
            if not any(pump.is_open for pump in pumps):
                self.lingering.discard(handle)
                forget_lingering(self.logs, handle)
                self.line.say(f"drained {handle}")

        self.lingering.add(handle)
        for pump in pumps:
            # No job is there any more that could be ended for it.
            pump.quota.on_exceeded = None
            pump.when_closed = look
        note_lingering(self.logs, handle, folder)
