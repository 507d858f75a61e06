from collections.abc import Callable

from desk_house import EngineDouble, asked, attempt, key

from jobwire.broker.engine import LogPiece, LogReader, Run, StreamName
from jobwire.broker.jobs.job import Attempt, Job
from jobwire.broker.jobs.life import Phase
from jobwire.broker.streams.log_stream import LogStream, Source
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.refusal import Code, Refused


class Growing(EngineDouble):
    """An engine with one log that grows on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.position = 0
        self.closed = 0
        self.broken: Refused | None = None
        self.on_growth: Callable[[], None] = lambda: None

    def follow_log(self, run: Run, stream: StreamName, start: int, on_growth: Callable[[], None]) -> LogReader:
        self.position, self.on_growth = start, on_growth
        return self

    @property
    def pieces(self) -> list[LogPiece]:
        return []

    def write(self, data: bytes) -> None:
        self.written += data
        self.on_growth()

    def read(self, length: int) -> bytes:
        if self.broken is not None:
            raise self.broken
        data = self.written[self.position : self.position + length]
        self.position += len(data)
        return data

    def close(self) -> None:
        self.closed += 1


class Followed:
    """A stream of a running job; turns and timers are run by hand."""

    def __init__(self, credit: int) -> None:
        one = asked(1)
        self.job = Job(1, key(1), one.spec, one.digest, None, 1, Attempt(attempt(1), Phase.RUNNING, pid=5, started_at_us=2))
        self.engine = Growing()
        self.sent: list[tuple[request_pb2.Reply, bytes | None]] = []
        self.later: list[Callable[[], object]] = []
        self.refused: list[Refused] = []
        self.ended = 0
        self.hurry = False
        self.credit = credit
        self.stream = self.follow(self.job.attempt)
        self.stream.started(self.job)
        self.stream.flush()

    def follow(self, followed: Attempt) -> LogStream:
        return LogStream(
            7,
            self.job,
            followed,
            Source(("stdout",), (0, 0)),
            self.engine,
            self,
            credit=self.credit,
            starts_in_us=lambda _: None,
            send=self.send,
            refuse=self.refused.append,
            ended=self.end,
        )

    def time_left(self) -> bool:
        return not self.hurry

    def call_soon(self, callback: Callable[[], object], /) -> None:
        self.later.append(callback)

    def call_later(self, _delay: float, callback: Callable[[], object], /) -> None:
        self.later.append(callback)

    def send(self, reply: request_pb2.Reply, bulk: bytes | None) -> bool:
        self.sent.append((reply, bulk))
        return True

    def end(self, stream: LogStream) -> None:
        assert stream is self.stream
        self.ended += 1

    def pass_time(self) -> None:
        due, self.later = self.later, []
        for callback in due:
            callback()

    def bytes(self) -> bytes:
        return b"".join(data for _, data in self.sent if data)

    def finish(self) -> None:
        self.job.attempt.phase, self.job.attempt.outcome = Phase.FINISHED, Outcome(OutcomeKind.EXITED)
        self.stream.finished(self.job)
        self.stream.flush()


def test_nothing_is_sent_beyond_the_credit_and_the_end_waits_for_it() -> None:
    followed = Followed(credit=4)
    followed.engine.write(b"0123456789")
    assert followed.bytes() == b"0123"
    followed.finish()
    assert followed.ended == 0
    followed.stream.grant(request_pb2.Credit(bytes=100))
    assert followed.bytes() == b"0123456789"
    assert followed.sent[-1][0].log_end.size == 10
    assert (followed.ended, followed.engine.closed) == (1, 1)


def test_the_end_of_the_file_is_not_the_end_of_the_log() -> None:
    followed = Followed(credit=100)
    followed.engine.write(b"one")
    followed.engine.on_growth()
    assert followed.ended == 0
    followed.engine.write(b"two")
    followed.finish()
    assert followed.bytes() == b"onetwo"


def test_small_writes_are_gathered_when_no_new_credit_comes() -> None:
    followed = Followed(credit=1_000_000)
    for _ in range(1000):
        followed.engine.write(b"up\n")
    assert len(followed.sent) < 100
    followed.pass_time()
    assert followed.bytes() == b"up\n" * 1000
    sent = len(followed.sent)
    for _ in range(1000):
        followed.engine.write(b"up\n")
    followed.pass_time()
    assert len(followed.sent) == sent + 1


def test_without_time_in_this_turn_it_continues_in_the_next() -> None:
    followed = Followed(credit=100)
    followed.hurry = True
    followed.engine.write(b"one")
    followed.engine.write(b"two")
    assert followed.sent == []
    assert len(followed.later) == 1
    followed.hurry = False
    followed.pass_time()
    assert followed.bytes() == b"onetwo"


def test_what_was_gathered_is_sent_at_the_end() -> None:
    followed = Followed(credit=1_000_000)
    for _ in range(200):
        followed.engine.write(b"up\n")
    followed.finish()
    assert followed.bytes() == b"up\n" * 200
    assert followed.sent[-1][0].last


def retried(followed: Followed) -> None:
    """Let the attempt fail, and another one take its place, before anybody hears of it."""
    ended = followed.job.attempt
    ended.phase, ended.outcome = Phase.FINISHED, Outcome(OutcomeKind.EXITED, exit_status=6)
    followed.job.earlier = (*followed.job.earlier, ended)
    followed.job.attempt = Attempt(attempt(1, 2), Phase.QUEUED)


def test_the_end_of_an_attempt_says_which_one_follows() -> None:
    followed = Followed(credit=100)
    followed.engine.write(b"abc")
    retried(followed)
    followed.stream.flush()
    (chunk, data), (end, _) = followed.sent
    assert (chunk.log_chunk.attempt, data) == (1, b"abc")
    assert end.last
    assert (end.log_end.size, end.log_end.outcome.exit_status, end.log_end.next_attempt) == (3, 6, 2)
    assert followed.ended == 1


def test_the_log_of_an_attempt_that_failed_at_once_is_sent_all_the_same() -> None:
    followed = Followed(credit=100)
    followed.stream.close()
    followed.sent.clear()
    followed.engine.written = b"abc"
    retried(followed)
    followed.stream = late = followed.follow(followed.job.earlier[0])
    late.started(followed.job)
    late.flush()
    assert [data for _, data in followed.sent] == [b"abc", None]
    assert followed.sent[-1][0].log_end.next_attempt == 2


def test_a_log_that_cannot_be_read_any_more_is_refused_and_nothing_follows() -> None:
    followed = Followed(credit=100)
    followed.engine.write(b"before")
    followed.engine.broken = Refused(Code.INTERNAL, "the log cannot be read: Input/output error")
    followed.engine.write(b"after")
    assert followed.refused == [followed.engine.broken]
    assert (followed.ended, followed.engine.closed) == (1, 1)
    followed.engine.on_growth()
    assert [bulk for _, bulk in followed.sent] == [b"before"]
