"""What is done to the processes of a job that is to end, and when; the table itself, and whole jobs that go by it: test_ending.py."""

from __future__ import annotations

from signal import SIGINT, SIGTERM
from unittest.mock import call, create_autospec

import pytest

from jobwire.worker.supervisor.jobs.ending import Happening, Reason, Stage
from jobwire.worker.supervisor.jobs.job_processes import JobProcesses
from jobwire.worker.supervisor.jobs.stopping import Stopping
from jobwire.worker.supervisor.loop import Loop

LONG_MS = 3_600_000


class House:
    def __init__(self, grace_ms: int = LONG_MS) -> None:
        self.loop = Loop()
        self.processes = create_autospec(JobProcesses, instance=True)
        self.finished = 0
        self.stopping = Stopping(self.loop, self.processes, SIGTERM, grace_ms, self.finish)

    def finish(self) -> None:
        self.finished += 1

    def due_in(self) -> list[float]:
        """Return in how many seconds something happens by itself."""
        return [round(timer.due - self.loop.now()) for timer in self.loop._timers if timer.callback is not None]


@pytest.mark.parametrize("what", [Happening.LIMIT_PASSED, Happening.OUTPUT_PASSED, Happening.REMAINS_LEFT])
def test_what_nobody_asked_for_ends_as_was_agreed(what: Happening) -> None:
    house = House()
    house.stopping.happen(what)
    assert house.processes.mock_calls == [call.ask_to_end(SIGTERM)]
    assert (house.stopping.stage, house.due_in()) == (Stage.TOLD, [LONG_MS / 1000])


def test_without_a_grace_time_it_is_killed_at_once() -> None:
    house = House(grace_ms=0)
    house.stopping.happen(Happening.LIMIT_PASSED)
    assert house.processes.mock_calls == [call.kill()]
    assert (house.stopping.reasons, house.stopping.killed_after_ms) == ((Reason.TIME,), 0)


def test_the_first_reason_comes_first_and_each_counts_once() -> None:
    house = House()
    house.stopping.ask(SIGINT, LONG_MS)
    house.stopping.happen(Happening.OUTPUT_PASSED)
    house.stopping.ask(SIGINT, LONG_MS)
    house.stopping.happen(Happening.MEMORY_PASSED)
    house.stopping.happen(Happening.OUTPUT_PASSED)
    assert house.stopping.reasons == (Reason.ASKED, Reason.OUTPUT, Reason.MEMORY)
    assert house.processes.mock_calls[-1] == call.kill()


def test_there_is_one_deadline_at_a_time_and_none_when_it_is_over() -> None:
    house = House()
    house.stopping.ask(SIGINT, LONG_MS)
    house.stopping.ask(SIGINT, 60_000)
    assert house.due_in() == [60]
    house.stopping.ask(SIGINT, 0)
    # After that, whoever is left is named.
    assert house.due_in() == [10]
    house.stopping.happen(Happening.NOTHING_LEFT)
    assert (house.due_in(), house.finished, house.stopping.killed_after_ms) == ([], 1, 0)
