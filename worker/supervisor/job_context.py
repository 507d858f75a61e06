"""What all jobs of a supervisor share: loop, keeper, boxes, the clock; and what remains to be done for jobs that have ended."""

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
        # Jobs that have ended, but whose pipes a process may still write to, or whose outcome is not on disk yet.
        self.lingering: set[str] = set()
        self.clock = Clock()

    def write(self, handle: str, folder: str, text: str) -> bool:
        """Write an outcome; return False if the disk is full."""
        try:
            write_outcome(folder, text)
        except OSError as error:
            if error.errno in DISK_FULL:
                return False
            # For example, somebody removed the folder. The fact is reported nevertheless.
            say(f"the outcome of {handle} could not be written: {error}")
        return True

    def write_later(self, handle: str, folder: str, text: str, then: Callable[[], None]) -> None:
        """Write an outcome as soon as there is disk space, and then call `then`."""
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
        """Report when a job begins to wait in its writes because the disk is full, and when it continues."""
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
        """Tell the keeper when the pipes of an ended job are drained, usually at once.

        A process that escaped may still write. Then the pipes are pumped until it closes them; otherwise it would wait forever. That is
        noted next to the folder, for a later pair of supervisor and keeper: there are too many folders of ended jobs to read them all.
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
            # There is no job any more that could be ended because of it.
            pump.quota.on_exceeded = None
            pump.when_closed = look
        note_lingering(self.logs, handle, folder)
