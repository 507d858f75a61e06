from collections.abc import Callable

from desk_house import EngineDouble, asked, attempt, key

from jobwire.broker.jobs.job import Attempt, Job
from jobwire.broker.jobs.life import Phase
from jobwire.broker.streams.reports import Reports
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind


class Stream:
    def __init__(self, credit: int, jobs: int, *, starts: bool = True) -> None:
        self.engine = EngineDouble()
        self.sent: list[request_pb2.Reply] = []
        self.ended = 0
        self.there = True
        self.hurry = False
        self.later: list[Callable[[], object]] = []
        self.reports = Reports(
            5, self.engine, tail_lines=2, tail_bytes=100, credit=credit, starts=starts, turns=self, send=self.send, ended=self.end
        )
        self.reports.expect(jobs)

    def time_left(self) -> bool:
        return not self.hurry

    def call_soon(self, callback: Callable[[], object], /) -> None:
        self.later.append(callback)

    def call_later(self, _delay: float, callback: Callable[[], object], /) -> None:
        raise AssertionError("nothing here waits for a time")

    def send(self, reply: request_pb2.Reply) -> bool:
        self.sent.append(reply)
        return self.there

    def end(self, reports: Reports) -> None:
        assert reports is self.reports
        self.ended += 1

    def job(self, number: int) -> Job:
        one = asked(number)
        return Job(number, key(number), one.spec, one.digest, None, 1, Attempt(attempt(number), Phase.RUNNING, pid=number, started_at_us=2))

    def finish(self, job: Job) -> None:
        job.attempt.phase, job.attempt.outcome = Phase.FINISHED, Outcome(OutcomeKind.EXITED, exit_status=3, stdout_bytes=4, stderr_bytes=0)
        self.reports.finished(job)

    def told(self) -> list[tuple[int, int]]:
        return [(report.pid, report.state) for reply in self.sent for report in reply.reports.reports]


def test_reports_of_several_jobs_travel_in_one_message() -> None:
    stream = Stream(credit=9, jobs=2)
    jobs = [stream.job(1), stream.job(2)]
    for job in jobs:
        stream.reports.started(job)
        stream.finish(job)
    stream.reports.flush()
    assert len(stream.sent) == 1
    assert stream.sent[0].last
    assert stream.ended == 1
    running, finished = job_pb2.STATE_RUNNING, job_pb2.STATE_FINISHED
    assert stream.told() == [(1, running), (1, finished), (2, running), (2, finished)]


def test_many_reports_that_are_due_are_sent_over_several_turns() -> None:
    stream = Stream(credit=9, jobs=600)
    for number in range(600):
        stream.finish(job := stream.job(number % 200))
        assert job.attempt.outcome
    stream.hurry = True
    stream.reports.flush()
    stream.reports.flush()
    assert (len(stream.sent), len(stream.later)) == (1, 1)
    stream.hurry = False
    stream.later.pop()()
    assert len(stream.told()) == 600
    assert stream.sent[-1].last


def test_a_start_is_reported_once() -> None:
    stream = Stream(credit=9, jobs=1)
    job = stream.job(1)
    stream.reports.started(job)
    stream.reports.started(job)
    stream.reports.flush()
    assert len(stream.told()) == 1


def test_nothing_is_sent_without_credit_and_all_of_it_with() -> None:
    stream = Stream(credit=0, jobs=1)
    stream.reports.started(stream.job(1))
    stream.reports.flush()
    assert stream.sent == []
    stream.reports.grant(request_pb2.Credit(messages=1))
    assert stream.told() == [(1, job_pb2.STATE_RUNNING)]


def test_a_finished_report_has_the_last_lines() -> None:
    stream = Stream(credit=1, jobs=1)
    stream.engine.logs[attempt(1), "stdout"] = b"a\nb\nc\n"
    stream.finish(stream.job(1))
    stream.reports.flush()
    report = stream.sent[0].reports.reports[0]
    assert (report.stdout_tail, report.stderr_tail, report.outcome.exit_status) == (b"b\nc\n", b"", 3)


def test_a_report_that_is_prepared_is_sent_when_the_end_is_durable() -> None:
    stream = Stream(credit=2, jobs=2)
    one, other = stream.job(1), stream.job(2)
    stream.engine.logs[attempt(1), "stdout"] = b"a\nb\n"
    for job in (one, other):
        job.attempt.outcome = Outcome(OutcomeKind.EXITED, exit_status=3, stdout_bytes=4)
    stream.reports.prepare(one)
    stream.reports.flush()
    assert stream.sent == []
    # It was read already.
    stream.engine.logs.clear()
    for job in (other, one):
        stream.reports.finished(job)
    stream.reports.flush()
    assert [(report.pid, report.stdout_tail) for report in stream.sent[0].reports.reports] == [(2, b""), (1, b"a\nb\n")]
    assert stream.ended == 1


def test_a_peer_that_is_gone_ends_the_stream_once() -> None:
    stream = Stream(credit=5, jobs=2)
    stream.there = False
    stream.reports.started(stream.job(1))
    stream.reports.flush()
    stream.reports.started(stream.job(2))
    stream.reports.flush()
    stream.reports.close()
    assert len(stream.sent) == 1
    assert stream.ended == 1


def test_a_client_that_stops_a_job_hears_only_of_its_end() -> None:
    stream = Stream(9, 1, starts=False)
    job = stream.job(1)
    stream.reports.started(job)
    stream.reports.flush()
    stream.finish(job)
    stream.reports.flush()
    assert stream.told() == [(1, job_pb2.STATE_FINISHED)]
