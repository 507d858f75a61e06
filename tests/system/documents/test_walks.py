"""A start and an event go through the functions of docs/architecture.md, in that order, and through no room that stands not there.

Client, worker and supervisor are real, and each records its own calls (walk_recorder.py). A room is a folder. Passed is a room if the walk
goes on from within a call there; a room that is asked, and answers, must be named below the table.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
from daemons import Worker, wait_until
from documents import ROOT, cells, words
from home import Home

RECORDER = ROOT / "tests/support/pages/walk_recorder.py"
SECONDS = 60
# What stands above the tables of the client.
BEFORE, AFTER = "Before row 1, in the client:", "After row 7, in the client:"
MOST_ROOMS = {"## A start, top to bottom": 12, "## An event, bottom to top": 10}


class Call(NamedTuple):
    """A function was called: the number of what the loop called, and all calls from there to this one."""

    number: int
    chain: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.chain[-1]


class Step(NamedTuple):
    """A row of a table; `is_passed`: the walk continues from here."""

    name: str
    room: str
    is_passed: bool


def room_of(name: str) -> str:
    """Return the folder of a function; generated code belongs to the schemas."""
    folders = name.partition(":")[0].split(".")[1:-1]
    return "/".join(folders[:1] if folders[0] == "schemas" else folders) + "/"


def name_of(file: str, function: str) -> str:
    """Name a function as it is recorded, from two cells of a row."""
    return f"jobwire.{words(file)[0].removesuffix('.py').replace('/', '.')}:{words(function)[0].removesuffix('()')}"


def walk(heading: str) -> list[Step]:
    """Read a table with numbers."""
    steps: list[Step] = []
    for number, file, function, _ in cells("docs/architecture.md", heading)[1:]:
        name = name_of(file, function)
        room = room_of(name)
        before = next((step.room for step in reversed(steps) if step.is_passed), "")
        if number:
            assert int(number) == 1 + len(rooms_of(steps)), f"row {number} of {heading}"
            assert room != before, f"row {number} of {heading} is in the room of the row before"
        steps.append(Step(name, room, bool(number) or room == before))
    return steps


def rooms_of(steps: Iterable[Step]) -> list[str]:
    return collapsed(step.room for step in steps if step.is_passed)


def collapsed(rooms: Iterable[str]) -> list[str]:
    """Leave out a room that is that of before."""
    found: list[str] = []
    for room in rooms:
        if found[-1:] != [room]:
            found.append(room)
    return found


def asked_in(heading: str) -> set[str]:
    """Read which rooms only return something."""
    section = (ROOT / "docs/architecture.md").read_text().split(f"\n{heading}\n", 1)[1]
    return set(words(section.split("\nRooms that only return something", 1)[1].split("\n", 1)[0]))


def find(calls: Sequence[Call], names: Sequence[str]) -> list[int]:
    """Find the shortest stretch in which these functions are called in this order; say where each is."""
    best: list[int] = []
    for end, call in enumerate(calls):
        if call.name != names[-1]:
            continue
        found = [end]
        for name in reversed(names[:-1]):
            at = next((at for at in range(found[-1] - 1, -1, -1) if calls[at].name == name), None)
            if at is None:
                break
            found.append(at)
        else:
            if not best or end - found[-1] < best[-1] - best[0]:
                best = found[::-1]
    return best


@dataclass
class Walked:
    """What was really passed, and what was asked on the way."""

    passed: list[str]
    asked: set[str]


def shared(one: Sequence[str], other: Sequence[str]) -> int:
    """Count how much is the same from the beginning."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def follow(calls: Sequence[Call], steps: Sequence[Step]) -> Walked:
    """Follow the steps through what one process recorded."""
    places = find(calls, [step.name for step in steps])
    assert places, f"these are not called in this order: {[step.name for step in steps]}"
    passed: list[str] = []
    before = Call(0, ())
    for at, step in zip(places, steps, strict=True):
        if step.is_passed:
            # Where the walk begins nothing is passed yet.
            chain = calls[at].chain if passed else calls[at].chain[-1:]
            known = shared(chain, before.chain) if calls[at].number == before.number else 0
            passed += map(room_of, chain[known:])
            before = calls[at]
    numbers = {calls[at].number for at in places}
    on_the_way = (call for call in calls[places[0] : places[-1] + 1] if call.number in numbers)
    return Walked(collapsed(passed), {room_of(call.name) for call in on_the_way})


def test_a_detour_through_another_room_is_found() -> None:
    desk, store = (f"jobwire.broker.{name}" for name in ("desk.desk:Desk.take", "store.store:Store.submit"))
    steps = [Step(desk, "broker/desk/", is_passed=True), Step(store, "broker/store/", is_passed=True)]
    straight = [Call(1, (desk,)), Call(1, (desk, "jobwire.broker.retention.ages:Ages.now_us")), Call(1, (desk, store))]
    assert follow(straight, steps) == Walked(["broker/desk/", "broker/store/"], {"broker/desk/", "broker/retention/", "broker/store/"})
    detour = [Call(1, (desk,)), Call(1, (desk, "jobwire.broker.daemon:Daemon.submit", store))]
    assert follow(detour, steps).passed == ["broker/desk/", "broker/", "broker/store/"]
    later = [Call(1, (desk,)), Call(2, ("jobwire.broker.daemon:Daemon.later", store))]
    assert follow(later, steps).passed == ["broker/desk/", "broker/", "broker/store/"]
    with pytest.raises(AssertionError, match="not called in this order"):
        follow(straight[::-1], steps)


@pytest.mark.parametrize("heading", MOST_ROOMS)
def test_a_walk_is_short(heading: str) -> None:
    assert len(rooms_of(walk(heading))) <= MOST_ROOMS[heading]


class RecordedWorker(Worker):
    """A worker that records its calls, and has its supervisor do so."""

    def argv(self, *words: str) -> list[str]:
        if words[0] != "run":
            return super().argv(*words)
        options = dict(zip(words[1::2], words[2::2], strict=True))
        settings = {"state": str(self.state), "roster": options["--roster"], "slots": self.slots, "directory": str(self.folder)}
        told = {"settings": settings, "ready_fd": int(options["--ready-fd"]), "announce": False}
        return [
            *recorded("record_those_below(); record(); from jobwire.worker.program import main; sys.exit(main(json.loads(sys.argv[1])))"),
            json.dumps(told),
        ]


def recorded(program: str) -> list[str]:
    """Write the command line of an interpreter with the recorder."""
    return [sys.executable, "-P", "-c", f"import json, sys; exec(open({str(RECORDER)!r}).read()); {program}"]


def jobwire(*arguments: str) -> list[str]:
    """Write a command line of the client, recorded from its command on."""
    return [*recorded("record(); from jobwire.client.cli.main import command_line; sys.exit(command_line(sys.argv[1:]))"), *arguments]


class Recorded:
    """What each process recorded, by its pid."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    @property
    def env(self) -> dict[str, str]:
        return {"WALKS": str(self.folder), "WALK_RECORDER": str(RECORDER)}

    def of(self, pid: int) -> list[Call]:
        path = self.folder / str(pid)
        wait_until(path.exists, f"process {pid} has written what it recorded")
        return [Call(int(number), tuple(chain)) for number, *chain in map(str.split, path.read_text().splitlines())]


@dataclass
class Scene:
    """The calls of all processes, of one job from its submission to its end."""

    submit: list[Call]
    events: list[Call]
    worker: list[Call]
    supervisor: list[Call]

    def of(self, step: Step) -> list[Call]:
        return self.supervisor if step.room.startswith("worker/supervisor/") else self.worker


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("walks")
    walks = Recorded(folder / "calls")
    worker = RecordedWorker(folder, env=walks.env).start()
    home = Home(folder / "home", folder / "bytecode", "admin")
    home.use(worker, worker.admin)
    home.env |= walks.env
    with subprocess.Popen(jobwire("events", "--from", "start", "--json"), stdout=subprocess.PIPE, env=home.env) as events:
        try:
            with subprocess.Popen(jobwire("submit", "-q", "sleep", "600"), stdout=subprocess.DEVNULL, env=home.env) as submit:
                assert submit.wait(SECONDS) == 0
            assert events.stdout is not None
            told = map(json.loads, events.stdout)
            # It is subscribed when it tells anything: what comes next is published.
            os.kill(next(event["pid"] for event in told if event["kind"] == "started"), signal.SIGKILL)
            assert any(event["kind"] == "finished" for event in told)
        finally:
            events.send_signal(signal.SIGINT)
            worker.clean()
    assert worker.process is not None
    return Scene(*map(walks.of, (submit.pid, events.pid, worker.process.pid, worker.description["supervisor_pid"])))


@pytest.mark.parametrize("heading", MOST_ROOMS)
def test_a_walk_passes_the_rooms_of_its_table_and_no_other(scene: Scene, heading: str) -> None:
    steps = walk(heading)
    cut = next(at for at, (one, next_) in enumerate(itertools.pairwise(steps), 1) if scene.of(one) is not scene.of(next_))
    parts = [follow(scene.of(part[0]), part) for part in (steps[:cut], steps[cut:])]
    assert collapsed(room for part in parts for room in part.passed) == rooms_of(steps)
    assert set().union(*(part.asked for part in parts)) - set(rooms_of(steps)) <= asked_in(heading)


def test_the_client_goes_the_way_of_its_tables(scene: Scene) -> None:
    for calls, heading in ((scene.submit, BEFORE), (scene.events, AFTER)):
        names = [name_of(file, function) for file, function, _ in cells("docs/architecture.md", heading)[1:]]
        assert find(calls, names), f"these are not called in this order: {names}"
