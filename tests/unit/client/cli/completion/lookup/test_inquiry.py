from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from jobwire.client.cli.completion.line import Wish
from jobwire.client.cli.completion.lookup.inquiry import jobs_over, members_over, schedules_over
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.refusal import Code, Refused

PAGE = 50
ALL = ("list", "runs", "schedules")


class Line:
    """A connection to a worker with a long history: pages of 50 jobs, as many as come in time. Notes what it was asked."""

    def __init__(self, *features: str, pages: int = 1000, has_job: bool = False) -> None:
        self._features = features
        self._pages = pages
        self._has_job = has_job
        self._asked: list[request_pb2.Request] = []
        self.asked: Counter[str] = Counter()
        self.forgotten = 0
        self.greeted_after = 0

    def ask(self, request: request_pb2.Request) -> int:
        self._asked.append(request)
        self.asked[request.WhichOneof("verb") or ""] += 1
        return len(self._asked) - 1

    def forget(self, asked: int) -> None:
        self.forgotten += 1

    def hello(self, deadline: float) -> request_pb2.HelloReply:
        self.greeted_after = len(self._asked)
        return request_pb2.HelloReply(features=self._features)

    def next(self, asked: int, deadline: float) -> request_pb2.Reply:
        request = self._asked[asked]
        match request.WhichOneof("verb"):
            case "query_one" if self._has_job:
                return request_pb2.Reply(query_one=request_pb2.QueryOneReply(job=named("exact")))
            case "list_runs" if "runs" in self._features:
                return request_pb2.Reply(list_runs=request_pb2.ListRunsReply(runs=[request_pb2.Run(batch=job_pb2.Batch(name="run"))]))
            case "list":
                return request_pb2.Reply(list=self._page(request.list))
            case "list_members" if self._has_job:
                return request_pb2.Reply(list_members=request_pb2.ListMembersReply(members=[request_pb2.RosterMember(name="ada")]))
            case "list_schedules":
                page = self._number(request.list_schedules.page)
                schedules = [request_pb2.ScheduleInfo(name=f"s{page}")]
                return request_pb2.Reply(list_schedules=request_pb2.ListSchedulesReply(schedules=schedules, next_page=bytes([page])))
        raise Refused(Code.NOT_FOUND, "there is no such thing")

    def _number(self, page: bytes) -> int:
        number = page[0] + 1 if page else 1
        if number > self._pages:
            raise TimeoutError
        return number

    def _page(self, wanted: request_pb2.List) -> request_pb2.ListReply:
        page = self._number(wanted.page)
        numbers = range(PAGE * page - PAGE, PAGE * page)
        newest_first = wanted.newest_first and "list" in self._features
        jobs = [named(f"job{9999 - number if newest_first else number}") for number in numbers]
        return request_pb2.ListReply(jobs=jobs, next_page=bytes([page]))


def named(name: str) -> job_pb2.Job:
    return job_pb2.Job(spec=job_pb2.JobSpec(name=name))


PUT = Wish("JOB", "", "jobwire put")


def names(line: Line, wish: Wish = PUT, most: int | None = None) -> list[str]:
    return [one.spec.name if isinstance(one, job_pb2.Job) else one.batch.name for one in islice(jobs_over(line, wish, 0), most)]


@pytest.mark.parametrize(("typed", "pages"), [("", 1), ("job", 6)])
def test_of_a_long_history_the_newest_jobs_are_asked_for_and_only_as_many_as_can_be_looked_through(typed: str, pages: int) -> None:
    line = Line(*ALL)
    found = names(line, Wish("JOB", typed, "jobwire put"))
    assert (len(found), found[0], found[-1]) == (PAGE * pages, "job9999", f"job{10000 - PAGE * pages}")
    assert line.asked["list"] == pages


def test_a_page_is_not_asked_for_before_somebody_wants_to_see_it() -> None:
    line = Line(*ALL)
    assert len(names(line, Wish("JOB", "job", "jobwire put"), most=PAGE)) == PAGE
    assert line.asked["list"] == 1


def test_what_is_asked_at_first_is_under_way_together() -> None:
    line = Line(*ALL, has_job=True)
    assert names(line, Wish("JOB", "ex", "jobwire show"), most=3) == ["exact", "run", "job9999"]
    assert line.greeted_after == 3


def test_what_came_before_patience_ended_is_known_and_the_rest_is_not_waited_for() -> None:
    line = Line(*ALL, pages=2)
    assert len(names(line, Wish("JOB", "job", "jobwire put"))) == 2 * PAGE
    assert line.forgotten == 1
    assert names(Line(*ALL, pages=0)) == []


def test_a_worker_that_is_too_old_for_an_order_and_for_runs_is_asked_for_its_oldest_jobs() -> None:
    line = Line()
    assert names(line, Wish("JOB", "", "jobwire show"))[::49] == ["job49", "job0"]
    assert names(Line(pages=1), Wish("JOB", "x", "jobwire show"))[0] == "job49"
    assert names(Line(), Wish("BATCH", "", "jobwire list")) == []


def test_members_are_known_to_whoever_may_see_them() -> None:
    assert [one.name for one in members_over(Line(*ALL, has_job=True), 0)] == ["ada"]
    assert list(members_over(Line(*ALL), 0)) == []


def test_the_schedules_that_came_in_time_are_known_and_an_older_worker_has_none() -> None:
    assert [one.name for one in schedules_over(Line(*ALL, pages=2), 0)] == ["s1", "s2"]
    assert list(schedules_over(Line("list"), 0)) == []
