from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jobwire.client.cli.doctor import findings
from jobwire.client.cli.doctor.findings import Level
from jobwire.client.library.values.broker_workers import BrokerWorker
from jobwire.client.library.values.job_info import JobInfo
from jobwire.client.library.values.status import WorkerStatus
from jobwire.keys.members.rights import ROLES
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import State
from jobwire.schemas.naming import JobKey

HOUR_US = 3_600_000_000
WELL = WorkerStatus(
    endpoint="tcp://lab:1",
    key=b"k" * 32,
    kind="worker",
    version="1.2.3",
    host="lab",
    name="ada",
    role="admin",
    rights=tuple(right.value for right in ROLES["admin"]),
    slots=4,
    running=1,
    queued=0,
    disk_free_bytes=1 << 40,
    disk_bytes=1 << 41,
    tells_troubles=True,
)


def found(status: WorkerStatus) -> dict[str, tuple[Level, str, str]]:
    return {what: (level, sentence, step) for level, what, sentence, step in findings.of_status(status)}


def test_of_a_worker_that_is_well_every_check_says_so() -> None:
    said = found(WELL)
    assert {level for level, _, _ in said.values()} == {Level.OK}
    assert said.keys() == {
        *(
            "you",
            "roster",
            "slots",
            "disk",
            "containment",
            "supervisor",
            "keeper",
            "surroundings",
            "descriptors",
            "inodes",
            "ballast",
            "log",
        )
    }


def test_what_a_worker_says_about_itself_is_a_warning_with_what_to_do() -> None:
    said = found(replace(WELL, warnings=("containment: by mark", "space: 1 KiB are free", "supervisor: gone")))
    assert said["containment"] == (Level.WARNING, "by mark", "run the worker as root, or as a service with Delegate=yes")
    assert said["disk"][:2] == (Level.WARNING, "1 KiB are free")
    assert said["supervisor"][0] is Level.PROBLEM
    assert said["keeper"][0] is Level.OK
    assert found(WELL)["supervisor"][1].endswith("death of their parent (setpriv --pdeathsig)")


def test_nothing_is_called_well_of_which_one_would_not_be_told() -> None:
    submitter = replace(WELL, role="submitter", rights=tuple(right.value for right in ROLES["submitter"]))
    assert found(submitter).keys() == {"you", "roster", "slots", "disk", "containment"}
    assert "log" not in found(replace(WELL, rights=tuple(right.value for right in ROLES["viewer"])))
    assert "containment" not in found(replace(WELL, tells_troubles=False))


def test_a_broker_has_no_processes_of_jobs_and_its_own_warnings_stay() -> None:
    said = found(replace(WELL, kind="broker", warnings=("queue big does not grow: paused",)))
    assert said["broker"] == (Level.WARNING, "queue big does not grow: paused", "")
    assert not said.keys() & {"containment", "supervisor", "keeper", "surroundings"}
    assert "descriptors" in said


def test_a_broken_roster_and_refused_jobs_are_problems() -> None:
    said = found(replace(WELL, roster_problem="line 3", refuses="the disk is full", memory_problem="no controller"))
    assert said["new jobs"][2].startswith("jobwire forget")
    assert [said[what][0] for what in ("roster", "new jobs", "memory")] == [Level.PROBLEM, Level.PROBLEM, Level.WARNING]
    assert found(replace(WELL, running=None, queued=None))["worker"][2] == "upgrade the worker"


@pytest.mark.parametrize(
    ("theirs", "private", "level", "step"),
    [
        ("0.10.0", False, Level.OK, ""),
        ("0.9.9", False, Level.WARNING, "upgrade the worker"),
        ("0.11.0", False, Level.WARNING, "upgrade jobwire here"),
        ("0.9.9", True, Level.WARNING, "jobwire worker reload"),
    ],
)
def test_the_older_one_is_to_be_upgraded(theirs: str, private: bool, level: Level, step: str) -> None:  # noqa: FBT001 -- a case
    said = findings.of_version("0.10.0", theirs, "worker", private=private)
    assert (said.level, said.next_step) == (level, step)


@pytest.mark.parametrize(("seconds", "level"), [(0.2, Level.OK), (-20, Level.OK), (45, Level.WARNING), (-400, Level.PROBLEM)])
def test_a_clock_may_be_off_by_so_much(seconds: float, level: Level) -> None:
    said = findings.of_clock(int(seconds * 1_000_000), "worker")
    assert said.level is level
    assert ("behind" in said.sentence) == (seconds < 0)


def test_a_suspended_worker_is_told_to_go_on() -> None:
    assert findings.of_process("47", "T").next_step == "kill -CONT 47"
    assert findings.of_process("47", "Z").level is Level.PROBLEM
    assert findings.of_process("47", "S").level is Level.OK
    assert "elsewhere" not in findings.of_process("47", "").sentence
    assert "on another machine" in findings.of_process("47", "").sentence


def worker(name: str, state: str, **others: Any) -> BrokerWorker:
    fields = {"key": b"", "drained": False, "host": "h", "version": "1", "slots": 4, "used_slots": 0, "jobs": 0, "resources": ()}
    return BrokerWorker(name=name, state=state, since=timedelta(minutes=5), **{**fields, **others})


def test_workers_that_are_away_are_named_once() -> None:
    workers = [
        worker("a", "ready"),
        worker("b", "unreachable", jobs=2),
        worker("c", "unreachable", drained=True),
        worker("d", "never seen"),
    ]
    first, *away = findings.of_workers(workers)
    assert (first.level, first.sentence) == (Level.OK, "1 of 4 is ready")
    assert [one.next_step for one in away] == ["jobwire broker show b", "jobwire broker show d"]
    assert "has 2 jobs, which start nowhere else" in away[0].sentence
    assert findings.without_workers(("worker b cannot be reached", "worker bb is off", "queue q"), workers) == (
        "worker bb is off",
        "queue q",
    )
    assert next(findings.of_workers(workers[1:])).level is Level.PROBLEM
    assert next(findings.of_workers([])).level is Level.WARNING


def test_a_job_that_waits_for_an_hour_without_being_asked_to_is_worth_a_look() -> None:
    key = JobKey(b"o" * 32, b"i" * 16)
    job = JobInfo(
        key, JobSpec((b"x",), name="big"), State.QUEUED, "me", None, 1, 0, 0, None, None, "it waits for a slot", lasted_us=2 * HOUR_US
    )
    said = findings.of_oldest(job)
    assert said.level is Level.WARNING
    assert "(big) has been waiting for longest, for 2h00m: it waits for a slot" in said.sentence
    for meant in (replace(job, held=True), replace(job, lasted_us=HOUR_US // 2), replace(job, starts_at_us=7)):
        assert findings.of_oldest(meant).level is Level.OK
