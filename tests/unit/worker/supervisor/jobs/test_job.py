import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from jobwire.worker.state.log_folders.job_files import JobFile
from jobwire.worker.supervisor.jobs import job as jobs
from jobwire.worker.supervisor.jobs import lifetime, outcome_files, stopping
from jobwire.worker.supervisor.jobs.job import Job
from jobwire.worker.supervisor.jobs.leaders import Use
from jobwire.worker.supervisor.loop import Loop
from jobwire.worker.supervisor.services import Services
from jobwire.worker.supervisor.streams.pump import Pump, Quota, Stream

HANDLE = f"{'1' * 32}.{'2' * 64}"
FILE = JobFile(HANDLE, ["true"], [], "/", False, "", [], None, 15, 50)  # noqa: FBT003 -- as in the file


class Leader:
    pid = 7
    why_unknown = ""

    def __init__(self, box: "Box") -> None:
        self.box = box
        self.end: Callable[[int | None], None] = lambda _status: None

    def await_end(self, loop: Loop, callback: Callable[[int | None], None]) -> None:
        del loop
        self.end = callback

    def kill(self) -> None:
        self.box.done.append("kill leader")

    def moved_bytes(self) -> tuple[int, int]:
        return 11, 12

    def reap(self) -> Use:
        self.box.done.append("reap")
        return Use(1, 2, 3)


class Box:
    """Records what is done to it; the test sets when it is empty."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.members = [7, 8]
        self.refused: set[int] = set()
        self.emptied: Callable[[], None] = lambda: None

    def enter(self) -> None:
        raise AssertionError

    leave = enter

    def lead(self, pid: int) -> None:
        raise AssertionError(pid)

    def pids(self) -> list[int]:
        return self.members

    def is_empty(self) -> bool:
        return not self.members

    def send(self, number: int) -> set[int]:
        if number:
            self.done.append(int(number))
        return self.refused

    def beyond(self, refused: set[int]) -> set[int]:
        return refused

    def kill(self) -> None:
        self.done.append("kill")

    def freeze(self) -> set[int]:
        self.done.append("freeze")
        return self.refused

    def thaw(self) -> None:
        self.done.append("thaw")

    def is_frozen(self) -> bool:
        raise AssertionError

    def await_empty(self, loop: Loop, callback: Callable[[], None]) -> None:
        del loop
        self.emptied = callback

    def cpu_us(self) -> int:
        return 5000

    def release(self) -> None:
        self.done.append("release")


class Line:
    def __init__(self) -> None:
        self.said: list[str] = []

    def ended(self, _handle: str, _folder: str) -> None:
        self.said.append("ended")

    def drained(self, _handle: str) -> None:
        self.said.append("drained")


class Memory:
    """A limit that is exceeded when the test says so."""

    def __init__(self) -> None:
        self.exceeded = self.released = False
        self.excess: Callable[[], None] = lambda: None

    def await_excess(self, loop: Loop, callback: Callable[[], None]) -> None:
        del loop
        self.excess = callback

    def is_exceeded(self) -> bool:
        return self.exceeded

    def peak_bytes(self) -> int:
        return 99

    def release(self, loop: Loop) -> None:
        del loop
        self.released = True


class House:
    def __init__(self, tmp_path: Path, file: JobFile = FILE, memory: Memory | None = None) -> None:
        self.loop, self.line, self.box = Loop(), Line(), Box()
        self.leader = Leader(self.box)
        self.reports: list[dict[str, object]] = []
        self.ended: list[dict[str, object]] = []
        self.is_limited = memory is not None
        self.folder = tmp_path / "7_start"
        self.folder.mkdir()
        self.services = Services(
            self.loop, self.line, None, str(tmp_path), lambda fact: self.reports.append(json.loads(fact)), lambda *_: None
        )  # type: ignore[arg-type] # reason: doubles
        streams = [Stream(name, -1, os.open(self.folder / name, os.O_CREAT | os.O_WRONLY)) for name in ("stdout", "stderr")]
        self.job = Job(
            self.services, file, str(self.folder), 1, self.leader, self.box, streams=streams, quota=Quota(), on_end=self.hear, memory=memory
        )
        self.job.begin()

    def hear(self, _job: Job, fact: str) -> None:
        self.ended.append(json.loads(fact))
        # Nobody waits for what is left to do then. What belongs to one job alone is gone.
        assert ("release" in self.box.done) is self.is_limited
        self.loop.do_postponed()

    def run(self, seconds: float) -> None:
        self.loop.after(seconds, self.loop.end)
        self.loop.run()
        self.loop._ended = False


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_leader_that_ends_alone_is_written_reaped_and_released(house: House) -> None:
    house.box.members.clear()
    house.leader.end(3 << 8)
    assert house.box.done == ["reap", "release"]
    assert house.line.said == ["ended", "drained"]
    (fact,) = house.ended
    assert (fact["kind"], fact["exit_status"], fact["user_us"], fact["max_resident_bytes"]) == ("exited", 3, 1, 3)


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "found at its end"])
def test_a_job_that_needs_too_much_memory_is_killed_as_a_whole_whoever_is_dead_already(tmp_path: Path, *, is_told: bool) -> None:
    memory = Memory()
    house = House(tmp_path, FILE._replace(memory_bytes=1 << 30), memory)
    memory.exceeded = True
    if is_told:
        memory.excess()
        memory.excess()
        assert house.box.done == ["kill", "kill leader"]
    house.leader.end(9)
    assert (house.box.done[:2], house.ended, memory.released) == (["kill", "kill leader"], [], False)
    house.box.members.clear()
    house.box.emptied()
    (fact,) = house.ended
    assert fact["sentence"] == "used more memory than its limit of 1 GiB, and ended by SIGKILL"
    assert (fact["kind"], fact["peak_memory_bytes"], fact["cpu_us"], fact["written_bytes"]) == ("over_limit", 99, 5000, 12)
    assert (house.box.done[2:], memory.released) == (["reap", "release"], True)


def test_a_job_that_was_stopped_before_is_not_over_its_limit(tmp_path: Path) -> None:
    memory = Memory()
    house = House(tmp_path, FILE._replace(memory_bytes=1 << 30), memory)
    house.job.end(15, 60_000)
    memory.excess()
    house.box.members.clear()
    house.leader.end(9)
    assert house.ended[0]["sentence"] == "ended by SIGKILL; it also used more memory than its limit of 1 GiB, so the kernel killed it"


def test_what_is_left_behind_gets_the_stop_signal_and_then_is_killed(house: House) -> None:
    house.leader.end(0)
    assert house.box.done == [15, 18]
    house.run(0.08)
    assert house.box.done == [15, 18, "kill", "kill leader"]
    assert house.ended == []
    house.box.members.clear()
    house.box.emptied()
    assert house.ended[0]["kind"] == "exited"


def test_what_sigkill_does_not_end_is_named_once_and_may_still_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "_STUCK_SECONDS", 0.02)
    house.job.end(9, 0)
    house.run(0.05)
    why = "process 7 does not end on SIGKILL; process 8 does not end on SIGKILL"
    assert house.reports == [{"fact": "stuck", "job": HANDLE, "pids": [7, 8], "why": why}]
    house.box.members.clear()
    house.leader.end(9)
    assert house.ended[0]["sentence"] == "ended by SIGKILL"


def test_an_end_can_only_come_nearer(house: House) -> None:
    house.job.end(15, 20)
    house.job.end(2, 60_000)
    house.run(0.05)
    assert house.box.done == [15, 18, 2, 18, "kill", "kill leader"]
    house.job.end(15, 5)
    assert house.box.done.count("kill") == 1


def test_an_end_is_reported_while_its_outcome_waits_for_room_on_the_disk_and_the_zombie_is_kept_until_then(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, full = outcome_files.write_outcome, [OSError(28, "full")]

    def limited(folder: str, text: str) -> None:
        if full:
            raise full.pop()
        write(folder, text)

    monkeypatch.setattr(outcome_files, "write_outcome", limited)
    monkeypatch.setattr(outcome_files, "RETRY_SECONDS", 0.01)
    house.box.members.clear()
    house.leader.end(0)
    assert house.ended[0]["exit_status"] == 0
    assert house.box.done == []
    assert house.services.unfinished() == 1
    house.run(0.05)
    assert house.box.done == ["reap", "release"]
    assert house.services.unfinished() == 0
    (folder,) = house.folder.parent.iterdir()
    assert folder.name.count("_") == 2
    assert json.loads((folder / "outcome").read_text())["exit_status"] == 0


def test_a_job_that_lingers_has_ended_with_its_leader_and_its_box_is_kept_until_it_is_empty(tmp_path: Path) -> None:
    house = House(tmp_path, FILE._replace(linger=True))
    house.leader.end(0)
    assert house.ended[0]["sentence"] == "exited with status 0; processes that it left behind continue"
    assert house.box.done == ["reap"]
    house.box.emptied()
    assert house.box.done == ["reap", "release"]


def test_a_job_that_lingers_is_gone_whole_after_an_end(tmp_path: Path) -> None:
    house = House(tmp_path, FILE._replace(linger=True))
    house.job.end(15, 20)
    house.leader.end(15)
    assert house.ended == []
    house.run(0.05)
    assert house.box.done == [15, 18, "kill", "kill leader"]


def test_a_paused_job_is_thawed_by_an_end_after_the_signal_that_it_is_to_see_first(house: House) -> None:
    house.job.pause()
    house.job.pause()
    assert '"paused":true' in house.job.started_fact()
    house.job.end(15, 60_000)
    assert house.box.done == ["freeze", "freeze", 15, 18, "thaw"]
    house.job.pause()
    house.job.resume()
    assert house.box.done[5:] == []
    assert [fact["paused"] for fact in house.reports] == [True, True, False, False, False]


def test_an_end_at_once_kills_a_paused_job_without_letting_it_go_on(house: House) -> None:
    house.job.pause()
    house.job.end(9, 0)
    assert house.box.done == ["freeze", "kill", "kill leader"]


def test_a_stop_ends_what_a_job_left_behind_that_waits_for_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pump, "drain", lambda _pump: False)
    monkeypatch.setattr(jobs, "RETRY_SECONDS", 0.01)
    house = House(tmp_path, FILE._replace(linger=True))
    house.leader.end(0)
    house.run(0.03)
    assert (house.ended, house.box.done) == ([], [])
    house.job.end(15, 20)
    house.run(0.05)
    assert house.box.done == [15, 18, "kill", "kill leader"]
    assert house.ended == []
    house.box.members.clear()
    house.box.emptied()
    assert "the disk of its logs is full or read-only" in str(house.ended[0]["sentence"])


def test_a_job_has_ended_when_nothing_was_left_of_it_however_late_its_output_finds_room(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    room: list[bool] = []
    monkeypatch.setattr(Pump, "drain", lambda _pump: bool(room))
    monkeypatch.setattr(jobs, "RETRY_SECONDS", 0.01)
    house.box.members.clear()
    began = house.job._lifetime._began_us or 0
    monkeypatch.setattr(lifetime, "passed_us", lambda: began + 7_000_000)
    house.leader.end(0)
    monkeypatch.setattr(lifetime, "passed_us", lambda: began + 9_000_000)
    house.run(0.05)
    assert house.ended == []
    room.append(True)
    house.run(0.05)
    (fact,) = house.ended
    assert fact["ended_at_us"] == fact["started_at_us"] + 7_000_000  # type: ignore[operator] # reason: numbers


def test_a_process_of_another_user_is_named_at_once_by_a_stop_a_signal_and_a_pause_which_is_taken_back(house: House) -> None:
    house.box.refused = {os.getppid()}
    owner = pwd.getpwuid(Path(f"/proc/{os.getppid()}").stat().st_uid).pw_name
    whose = f"process {os.getppid()} belongs to {owner} and cannot be"
    house.job.send(10)
    house.job.pause()
    house.job.end(15, 60_000)
    assert house.reports == [
        {"fact": "signalled", "job": HANDLE, "why": f"{whose} signalled"},
        {"fact": "paused", "job": HANDLE, "paused": False, "why": f"{whose} suspended"},
        {"fact": "stuck", "job": HANDLE, "pids": [os.getppid()], "why": f"{whose} ended"},
    ]
    assert house.box.done == [10, "freeze", "thaw", 15, 18]
    assert json.loads(house.job.started_fact())["stuck"] == f"{whose} ended"


@pytest.mark.parametrize("limit_ms", [1, 3_600_000])
def test_a_limit_that_is_set_when_nothing_is_left_but_output_does_not_count(
    house: House, monkeypatch: pytest.MonkeyPatch, limit_ms: int
) -> None:
    room: list[bool] = []
    monkeypatch.setattr(Pump, "drain", lambda _pump: bool(room))
    monkeypatch.setattr(jobs, "RETRY_SECONDS", 0.02)
    house.box.members.clear()
    house.leader.end(0)
    house.job.limit(limit_ms)
    house.run(0.05)
    assert house.ended == []
    room.append(True)
    house.run(0.05)
    (fact,) = house.ended
    assert (fact["kind"], fact["sentence"]) == ("exited", "exited with status 0")
    assert [timer for timer in house.loop._timers if timer.callback is not None] == []
