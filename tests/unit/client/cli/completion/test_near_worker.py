import socket
import time
from pathlib import Path
from typing import cast

import pytest

from jobwire.client.cli.completion.answer import ask, ask_for_schedules
from jobwire.client.cli.completion.line import Wish
from jobwire.client.cli.completion.near_worker import ask_over, schedules_over
from jobwire.client.config import contexts, contexts_file
from jobwire.client.sockets.connection import Connection
from jobwire.keys import identity
from jobwire.schemas.generated import job_pb2, request_pb2


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("JOBWIRE_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("JOBWIRE_CONTEXT", raising=False)
    return tmp_path


WISH = Wish("JOB", "", "jobwire show")


def test_without_a_worker_nothing_is_known_and_nothing_is_created(folders: Path) -> None:
    for asked in (ask, ask_for_schedules):
        assert asked(WISH) == []
        assert asked(WISH._replace(context="nowhere")) == []
    assert list(folders.iterdir()) == []


def test_a_worker_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made = identity.load_or_make(contexts_file.contexts_path().parent / "identity")
        contexts.add("lab", f"tcp://127.0.0.1:{silent.getsockname()[1]}", made.public)
        begun = time.monotonic()
        assert ask(WISH) == []
        assert ask_for_schedules(WISH) == []
        # Far below the five seconds that a command waits for a connection.
        assert time.monotonic() - begun < 2


class Worker:
    """A connection to a worker with a long history: a hundred jobs a page, and the pages that come in time."""

    def __init__(self, *features: str, pages: int) -> None:
        self._features = features
        self._pages = pages
        self.asked = 0

    def hello(self, deadline: float) -> request_pb2.HelloReply:
        return request_pb2.HelloReply(features=self._features)

    def call(self, request: request_pb2.Request, deadline: float) -> request_pb2.Reply:
        if self.asked == self._pages:
            raise TimeoutError
        self.asked += 1
        if request.HasField("list_schedules"):
            page = request_pb2.ListSchedulesReply(schedules=[request_pb2.ScheduleInfo(name=f"s{self.asked}")], next_page=b"more")
            return request_pb2.Reply(list_schedules=page)
        numbers = range(100 * self.asked - 100, 100 * self.asked)
        order = [9999 - number for number in numbers] if request.list.newest_first else numbers
        jobs = [job_pb2.Job(spec=job_pb2.JobSpec(name=f"job{number}")) for number in order]
        return request_pb2.Reply(list=request_pb2.ListReply(jobs=jobs, next_page=b"more"))


def names(worker: Worker) -> list[str]:
    return [job.spec.name for job in ask_over(cast("Connection", worker), WISH, 0)]


def test_of_a_long_history_the_newest_jobs_come_in_the_order_of_their_queueing() -> None:
    found = names(Worker("list", pages=2))
    assert (len(found), found[0], found[-1]) == (200, "job9800", "job9999")
    assert names(Worker(pages=1))[0] == "job0"
    assert names(Worker("list", pages=0)) == []


def test_more_jobs_than_anybody_looks_through_are_not_asked_for() -> None:
    worker = Worker("list", pages=100)
    assert len(names(worker)) == 1000
    assert worker.asked == 10


def test_the_schedules_that_came_in_time_are_known_and_an_older_worker_is_not_asked_for_any() -> None:
    worker = Worker("schedules", pages=2)
    assert [one.name for one in schedules_over(cast("Connection", worker), 0)] == ["s1", "s2"]
    worker = Worker(pages=2)
    assert schedules_over(cast("Connection", worker), 0) == []
    assert worker.asked == 0
