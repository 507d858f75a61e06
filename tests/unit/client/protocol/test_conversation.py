from __future__ import annotations

import secrets
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobwire.client.protocol.conversation import Chunk, Conversation, Exchange, Greeted, Happened
from jobwire.client.protocol.features import ALL_CHECKED, check_features
from jobwire.client.protocol.flow_control import WINDOW_BYTES, WINDOW_MESSAGES
from jobwire.client.protocol.proving import ROOTS
from jobwire.keys.identity import Identity, generate
from jobwire.keys.proofs import signature
from jobwire.keys.proofs.input_seal import Fed, RunningHash
from jobwire.schemas import frames
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.naming import JobKey
from jobwire.schemas.private_parts.frozen import replace
from jobwire.schemas.refusal import Code, Reason, Refused

ME = generate()
DAEMON = generate()
STORE = b"s" * 16


class House:
    """A conversation, and the words of a daemon to say in it."""

    def __init__(self, identity: Identity = ME) -> None:
        self.conversation = Conversation(identity, DAEMON.public)
        self.nonce = b"n" * 16
        self.limits = frames.limits()
        self.features = ["home"]

    def connect(self) -> list[Happened]:
        self.conversation.connected()
        (hello,) = self.sent()
        assert hello.WhichOneof("verb") == "hello"
        return self.greet(hello)

    def greet(self, hello: request_pb2.Request, **changes: object) -> list[Happened]:
        answer = request_pb2.HelloReply(
            version=1, daemon=DAEMON.public, store=STORE, nonce=self.nonce, limits=self.limits, features=self.features
        )
        for name, value in changes.items():
            setattr(answer, name, value)
        return self.say(hello, last=True, hello=answer)

    def sent(self) -> list[request_pb2.Request]:
        return [frames.read_envelope(frame)[0] for frame, *_ in self.conversation.outgoing()]

    def say(self, to: request_pb2.Request | int, data: bytes = b"", **content: object) -> list[Happened]:
        number = to if isinstance(to, int) else to.id
        reply = request_pb2.Reply(request_id=number, **content)  # type: ignore[arg-type]
        return self.conversation.receive(reply.SerializeToString(), data)

    def refuse(self, to: request_pb2.Request, refused: Refused) -> list[Happened]:
        return self.say(to, last=True, refusal=frames.refusal_message(refused))


@pytest.fixture
def house() -> House:
    made = House()
    made.connect()
    return made


def listing() -> request_pb2.Request:
    return request_pb2.Request(list=request_pb2.List())


def start(*ids: bytes, watch: bool = True) -> request_pb2.Request:
    jobs = [request_pb2.NewJob(id=job_id, spec=job_pb2.JobSpec(argv=[b"true"])) for job_id in ids]
    return request_pb2.Request(start=request_pb2.Start(jobs=jobs, watch=watch))


def follow() -> request_pb2.Request:
    return request_pb2.Request(follow_log=request_pb2.FollowLog(key=job_pb2.JobKey(id=b"j" * 16)))


def report(job_id: bytes, state: job_pb2.State = job_pb2.STATE_RUNNING) -> request_pb2.Report:
    return request_pb2.Report(key=job_pb2.JobKey(id=job_id), state=state)


def reports(*parts: request_pb2.Report) -> request_pb2.Reports:
    return request_pb2.Reports(reports=parts)


def stale() -> Refused:
    """What a daemon answers to a signature for the run before."""
    request = request_pb2.Request().SerializeToString()
    envelope = request_pb2.Envelope(request=request, proof=signature.sign(ME, DAEMON.public, b"x" * 16, request))
    with pytest.raises(Refused) as caught:
        signature.check(envelope, DAEMON.public, b"y" * 16)
    return caught.value


def test_hello_comes_first_and_everything_else_waits_for_its_answer() -> None:
    house = House()
    exchange = house.conversation.ask(listing())
    assert house.sent() == []

    house.conversation.connected()
    (hello,) = house.sent()
    assert hello.hello.newest_version == 1
    happened = house.greet(hello)

    assert [type(what) for what in happened] == [Greeted]
    assert [request.WhichOneof("verb") for request in house.sent()] == ["list"]
    assert not exchange.ended


def test_a_reply_is_taken_once_and_ends_its_exchange(house: House) -> None:
    exchange = house.conversation.ask(listing())
    (sent,) = house.sent()

    assert house.say(sent, last=True, list=request_pb2.ListReply()) == [exchange]
    assert exchange.ended
    assert house.conversation.take(exchange) is not None
    assert house.conversation.take(exchange) is None
    assert not house.conversation.waits


def test_replies_to_unknown_requests_are_ignored(house: House) -> None:
    assert house.say(4711, last=True, done=request_pb2.Done()) == []
    # What a daemon says of a frame that it could not read.
    assert house.say(0, last=True, refusal=request_pb2.Refusal(code=request_pb2.CODE_INVALID_ARGUMENT)) == []


def test_what_is_no_reply_is_refused(house: House) -> None:
    with pytest.raises(Refused, match="not a jobwire reply"):
        house.conversation.receive(b"\xff\xff\xff")


def test_only_what_changes_something_is_signed(house: House) -> None:
    house.conversation.ask(listing())
    house.conversation.ask(start(b"a" * 16))
    plain, signed = (request_pb2.Envelope.FromString(frame) for (frame,) in house.conversation.outgoing())

    assert not plain.HasField("proof")
    assert signature.check(signed, DAEMON.public, house.nonce) == ME.public


def test_after_a_reconnect_everything_unanswered_is_repeated_oldest_first(house: House) -> None:
    house.conversation.ask(listing())
    answered = house.conversation.ask(listing())
    house.conversation.ask(start(b"a" * 16))
    first, second, third = house.sent()
    house.say(second, last=True, list=request_pb2.ListReply())
    assert answered.ended
    house.conversation.lost()
    house.nonce = b"m" * 16
    house.connect()

    envelopes = [request_pb2.Envelope.FromString(frame) for (frame,) in house.conversation.outgoing()]
    again = [request_pb2.Request.FromString(envelope.request) for envelope in envelopes]
    # The start is a stream: had it slipped through before, the daemon would serve it twice.
    assert [request.WhichOneof("verb") for request in again] == ["list", "cancel", "start"]
    assert {first.id, third.id}.isdisjoint({again[0].id, again[2].id})
    assert signature.check(envelopes[2], DAEMON.public, house.nonce) == ME.public


def test_an_answer_to_an_earlier_attempt_is_ignored(house: House) -> None:
    exchange = house.conversation.ask(listing())
    (first,) = house.sent()
    house.connect()
    (second,) = house.sent()

    assert house.say(first, last=True, list=request_pb2.ListReply()) == []
    assert house.say(second, last=True, list=request_pb2.ListReply()) == [exchange]


def test_nothing_is_sent_while_the_connection_is_lost(house: House) -> None:
    house.conversation.lost()
    house.conversation.ask(listing())

    assert house.sent() == []


def test_another_run_of_the_daemon_is_reported() -> None:
    house = House()
    (first,) = house.connect()
    (same,) = house.connect()
    house.nonce = b"m" * 16
    (other,) = house.connect()

    assert [what.new_run for what in (first, same, other) if isinstance(what, Greeted)] == [False, False, True]


def test_a_stale_nonce_leads_to_hello_and_one_more_try(house: House) -> None:
    exchange = house.conversation.ask(start(b"a" * 16))
    (first,) = house.sent()

    assert house.refuse(first, stale()) == []
    (hello,) = house.sent()
    house.nonce = b"m" * 16
    house.greet(hello)
    again = [request for request in house.sent() if request.WhichOneof("verb") == "start"]

    assert len(again) == 1
    assert house.say(again[0], acknowledged=request_pb2.Acknowledged()) == [exchange]


def test_the_reason_of_a_refusal_counts_and_not_its_words(house: House) -> None:
    house.conversation.ask(start(b"a" * 16))
    (first,) = house.sent()
    assert house.refuse(first, Refused(Code.FAILED_PRECONDITION, "in any words", reason=Reason.STALE_NONCE)) == []
    (hello,) = house.sent()
    house.nonce = b"m" * 16
    house.greet(hello)
    (again,) = [request for request in house.sent() if request.WhichOneof("verb") == "start"]
    (exchange,) = house.refuse(again, Refused(Code.FAILED_PRECONDITION, stale().message))
    assert str(exchange.refusal) == stale().message


def test_a_refusal_as_stale_under_the_same_nonce_counts(house: House) -> None:
    exchange = house.conversation.ask(start(b"a" * 16))
    (first,) = house.sent()
    house.refuse(first, stale())
    (hello,) = house.sent()

    assert exchange in house.greet(hello)
    assert exchange.refusal is not None
    assert exchange.refusal.code is Code.FAILED_PRECONDITION


def test_any_other_failed_precondition_is_an_answer(house: House) -> None:
    exchange = house.conversation.ask(start(b"a" * 16))
    (first,) = house.sent()

    assert house.refuse(first, Refused(Code.FAILED_PRECONDITION, "may have run")) == [exchange]
    assert str(exchange.refusal) == "may have run"


def test_the_first_store_is_kept_from_the_first_attempt(house: House) -> None:
    house.conversation.ask(start(b"a" * 16))
    (first,) = house.sent()
    assert first.start.first_store == STORE

    house.conversation.connected()
    (hello,) = house.sent()
    house.greet(hello, store=b"t" * 16, nonce=b"m" * 16)

    assert [request.start.first_store for request in house.sent() if request.HasField("start")] == [STORE]


def test_a_request_over_a_limit_never_leaves(house: House) -> None:
    house.limits.message_bytes = 1000
    house.limits.jobs_per_start = 2
    house.limits.stdin_bytes = 10
    house.connect()
    many = house.conversation.ask(start(*(bytes([number]) * 16 for number in range(3))))
    large = house.conversation.ask(request_pb2.Request(query_one=request_pb2.QueryOne(name="x" * 2000)))
    fed = start(b"a" * 16, b"b" * 16)
    fed.start.jobs[1].spec.stdin = b"x" * 11
    fed_exchange = house.conversation.ask(fed)

    assert house.sent() == []
    assert [exchange.refusal and exchange.refusal.code for exchange in (many, large, fed_exchange)] == [Code.INVALID_ARGUMENT] * 3
    assert "3 jobs" in str(many.refusal)
    assert "at most 2" in str(many.refusal)
    assert "at most 1000" in str(large.refusal)
    assert fed_exchange.refusal is not None
    assert fed_exchange.refusal.job_index == 1


def test_a_request_for_which_the_worker_would_close_the_connection_never_leaves(house: House) -> None:
    limit = house.limits.other_message_bytes
    named = house.conversation.ask(request_pb2.Request(query_one=request_pb2.QueryOne(name="x" * limit)))
    signed = house.conversation.ask(request_pb2.Request(pause=request_pb2.Pause(keys=[job_pb2.JobKey(id=b"j" * 16)] * (limit // 20))))
    large = start(b"a" * 16)
    large.start.jobs[0].spec.argv.append(b"x" * limit)
    house.conversation.ask(large)

    assert [request.WhichOneof("verb") for request in house.sent()] == ["start"]
    assert [exchange.refusal and exchange.refusal.code for exchange in (named, signed)] == [Code.INVALID_ARGUMENT] * 2
    assert f"at most {limit}" in str(named.refusal)


@pytest.mark.parametrize("field", ["start_in_ms", "not_after_ms", "start_at_us"])
def test_a_start_with_an_endless_time_is_sent_and_spoils_no_other_request(field: str) -> None:
    house = House()
    house.features = [ROOTS, "at", "not_after"]
    house.connect()
    far = start(b"a" * 16)
    setattr(far.start.jobs[0].spec, field, (1 << 63) - 1)
    house.conversation.ask(far)
    house.conversation.ask(listing())

    assert [request.WhichOneof("verb") for request in house.sent()] == ["start", "list"]


def test_what_no_request_can_hold_fails_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_: object) -> request_pb2.Proof:
        raise ValueError("Value out of range: 9223372036854775808")

    monkeypatch.setattr("jobwire.client.protocol.conversation.prove", too_large)
    spoilt = house.conversation.ask(start(b"a" * 16))
    house.connect()
    house.conversation.ask(listing())

    assert spoilt.ended
    assert "Value out of range" in str(spoilt.refusal)
    assert [request.WhichOneof("verb") for request in house.sent()] == ["list"]


def test_a_folder_in_the_home_of_a_job_is_sent_only_to_a_worker_that_knows_it(house: House) -> None:
    for features, code in ((["home"], None), (["start", "logs"], Code.UNIMPLEMENTED)):
        house.features = features
        house.connect()
        request = start(b"a" * 16, b"b" * 16)
        request.start.jobs[1].spec.directory = b"~/x"
        asked = house.conversation.ask(request)
        assert (asked.refusal and (asked.refusal.code, asked.refusal.job_index)) == (code and (code, 1))
        assert len(house.sent()) == (code is None)
        house.conversation.forget(asked)
    assert "write the absolute path, or upgrade the worker" in str(asked.refusal)


def test_an_older_worker_is_not_asked_for_its_status(house: House) -> None:
    asked = house.conversation.ask(request_pb2.Request(status=request_pb2.Status()))
    assert "older and cannot tell its status" in str(asked.refusal)
    assert not house.sent()


def test_a_refused_hello_ends_everything_that_waits() -> None:
    house = House()
    exchange = house.conversation.ask(listing())
    house.conversation.connected()
    (hello,) = house.sent()

    assert house.refuse(hello, Refused(Code.PERMISSION_DENIED, "expired")) == [exchange]
    assert str(exchange.refusal) == "expired"


def test_after_a_refused_hello_the_next_request_sends_it_again() -> None:
    house = House()
    house.conversation.connected()
    (hello,) = house.sent()
    house.refuse(hello, Refused(Code.UNAVAILABLE, "not yet"))
    house.conversation.ask(listing())
    house.conversation.ask(listing())

    (again,) = house.sent()
    house.greet(again)

    assert [request.WhichOneof("verb") for request in house.sent()] == ["list", "list"]


@pytest.mark.parametrize(("field", "value"), [("version", 2), ("daemon", b"z" * 32)])
def test_a_hello_of_another_kind_ends_everything_that_waits(field: str, value: object) -> None:
    house = House()
    exchange = house.conversation.ask(listing())
    house.conversation.connected()
    (hello,) = house.sent()

    assert house.greet(hello, **{field: value}) == [exchange]
    assert exchange.refusal is not None


def test_a_hello_without_a_sound_nonce_refuses_only_what_is_signed() -> None:
    house = House()
    house.nonce = b""
    house.connect()
    signed = house.conversation.ask(start(b"a" * 16))
    plain = house.conversation.ask(listing())

    assert signed.refusal is not None
    assert plain.refusal is None


def test_reports_of_a_repeated_start_come_once(house: House) -> None:
    exchange = house.conversation.ask(start(b"a" * 16, b"b" * 16))
    (sent,) = house.sent()
    house.say(sent, acknowledged=request_pb2.Acknowledged())
    house.say(sent, reports=reports(report(b"a" * 16), report(b"b" * 16)))
    house.connect()
    (again,) = (request for request in house.sent() if request.HasField("start"))

    assert house.say(again, acknowledged=request_pb2.Acknowledged(known=2)) == []
    assert house.say(again, reports=reports(report(b"a" * 16))) == []
    finished = report(b"a" * 16, job_pb2.STATE_FINISHED)
    assert house.say(again, reports=reports(report(b"b" * 16), finished)) == [exchange]
    items = [house.conversation.take(exchange) for _ in range(3)]
    last = items[2]
    assert isinstance(last, request_pb2.Reply)
    assert list(last.reports.reports) == [finished]


def test_each_reason_why_a_job_waits_is_reported_and_each_once(house: House) -> None:
    exchange = house.conversation.ask(start(b"a" * 16))
    (sent,) = house.sent()
    started, stuck, full = (report(b"a" * 16) for _ in range(3))
    stuck.waits_for = "process 1 cannot be ended"
    full.waits_for = "its end cannot be recorded"
    for number, part in enumerate((started, stuck, full)):
        assert house.say(sent, reports=reports(part)) == [exchange], number
    house.connect()
    (again,) = (request for request in house.sent() if request.HasField("start"))

    assert house.say(again, reports=reports(started, stuck, full)) == []


def test_a_report_of_a_worker_that_is_upgraded_meanwhile_is_the_same_one(house: House) -> None:
    exchange = house.conversation.ask(start(b"a" * 16))
    (sent,) = house.sent()
    finished = report(b"a" * 16, job_pb2.STATE_FINISHED)
    assert house.say(sent, reports=reports(finished)) == [exchange]
    house.connect()
    (again,) = (request for request in house.sent() if request.HasField("start"))

    finished.attempt = 1
    assert house.say(again, reports=reports(finished)) == []


def test_credit_for_reports_is_granted_as_they_are_taken(house: House) -> None:
    exchange = house.conversation.ask(start(b"a" * 16))
    (sent,) = house.sent()
    assert sent.start.credit_messages == WINDOW_MESSAGES
    for number in range(WINDOW_MESSAGES):
        house.say(sent, reports=reports(report(bytes([number]) * 16)))
    assert house.sent() == []

    while house.conversation.take(exchange) is not None:
        pass

    grants = [request.credit for request in house.sent()]
    assert sum(grant.messages for grant in grants) >= WINDOW_MESSAGES // 2
    assert {grant.request_id for grant in grants} == {sent.id}


def test_credit_for_a_log_is_granted_by_halves_as_it_is_taken(house: House) -> None:
    exchange = house.conversation.ask(follow())
    (sent,) = house.sent()
    assert sent.follow_log.credit_bytes == WINDOW_BYTES
    half = bytes(WINDOW_BYTES // 2)
    house.say(sent, half, log_chunk=request_pb2.LogChunk(start=0))
    house.say(sent, half, log_chunk=request_pb2.LogChunk(start=len(half)))
    assert house.sent() == []

    house.conversation.take(exchange)

    assert [request.credit.bytes for request in house.sent()] == [len(half)]


def test_both_logs_continue_at_the_bytes_reached_in_each() -> None:
    hello = request_pb2.HelloReply()
    both = request_pb2.FollowLog(stream=request_pb2.STREAM_BOTH, start=10, stderr_start=4)
    exchange = Exchange(request_pb2.Request(follow_log=both))
    out, err = request_pb2.STREAM_STDOUT, request_pb2.STREAM_STDERR

    def chunk(start: int, *pieces: tuple[request_pb2.Stream, int]) -> request_pb2.Reply:
        parts = [request_pb2.LogPiece(stream=stream, size=size) for stream, size in pieces]
        return request_pb2.Reply(log_chunk=request_pb2.LogChunk(start=start, pieces=parts))

    exchange.prepare(1, hello)
    exchange.receive(chunk(10, (out, 1), (err, 2)), b"oee")
    exchange.take()
    exchange.receive(chunk(13, (err, 1), (out, 1)), b"eo")
    again = request_pb2.Request.FromString(exchange.prepare(2, hello)).follow_log
    assert (again.start, again.stderr_start) == (15, 7)
    with pytest.raises(Refused, match="does not fit"):
        exchange.receive(chunk(15, (err, 1)), b"xy")


def test_a_worker_without_times_is_not_asked_for_them() -> None:
    hello = request_pb2.HelloReply(software="jobwire 0.0.9", features=sorted(ALL_CHECKED - {"times", "stderr_to_stdout"}))
    follow = request_pb2.FollowLog(stream=request_pb2.STREAM_STDOUT, timed=True)
    one_pipe = request_pb2.NewJob(spec=job_pb2.JobSpec(argv=[b"true"], stderr_to_stdout=True))
    for request, what in (
        (request_pb2.Request(follow_log=follow), "does not record when output arrives"),
        (request_pb2.Request(read_log=request_pb2.ReadLog(stream=request_pb2.STREAM_BOTH)), "does not record when output arrives"),
        (request_pb2.Request(start=request_pb2.Start(jobs=[one_pipe])), "cannot give a job one pipe as stdout and stderr"),
    ):
        with pytest.raises(Refused, match=what):
            check_features(request, hello)


def test_a_followed_log_continues_at_the_byte_reached(house: House) -> None:
    exchange = house.conversation.ask(follow())
    (sent,) = house.sent()
    house.say(sent, b"abc", log_chunk=request_pb2.LogChunk(start=0))
    house.connect()
    (again,) = (request for request in house.sent() if request.HasField("follow_log"))

    assert again.follow_log.start == 3
    # Nothing was taken: the window is as full as it was.
    assert again.follow_log.credit_bytes == WINDOW_BYTES - 3
    house.say(again, b"bcde", log_chunk=request_pb2.LogChunk(start=1))
    assert [bytes(item.data) for item in exchange.items if isinstance(item, Chunk)] == [b"abc", b"de"]


def test_a_log_with_a_gap_is_an_error_and_not_passed_on(house: House) -> None:
    exchange = house.conversation.ask(follow())
    (sent,) = house.sent()

    assert house.say(sent, b"x", log_chunk=request_pb2.LogChunk(start=5)) == [exchange]
    assert exchange.refusal is not None
    assert exchange.refusal.code is Code.INTERNAL


def test_reports_that_were_not_asked_for_end_their_request(house: House) -> None:
    exchange = house.conversation.ask(listing())
    (sent,) = house.sent()

    assert house.say(sent, reports=reports(report(b"a" * 16))) == [exchange]
    assert exchange.refusal is not None


def test_a_forgotten_stream_is_cancelled(house: House) -> None:
    exchange = house.conversation.ask(follow())
    (sent,) = house.sent()

    house.conversation.forget(exchange)

    assert [request.cancel.request_id for request in house.sent()] == [sent.id]
    assert house.say(sent, b"x", log_chunk=request_pb2.LogChunk(start=0)) == []


def test_a_range_of_a_log_comes_with_its_bytes(house: House) -> None:
    exchange = house.conversation.ask(request_pb2.Request(read_log=request_pb2.ReadLog()))
    (sent,) = house.sent()

    house.say(sent, b"bytes", last=True, log_range=request_pb2.LogRange(start=3, size=8))

    item = house.conversation.take(exchange)
    assert isinstance(item, Chunk)
    assert (item.start, item.data, item.reply.log_range.size) == (3, b"bytes", 8)


class LogDaemon:
    """The other end of one followed log: never sends more than was granted, and forgets everything at a reconnect."""

    def __init__(self, log: bytes) -> None:
        self.log = log
        self.number = 0
        self.position = 0
        self.credit = 0

    def hear(self, requests: Sequence[request_pb2.Request]) -> None:
        for request in requests:
            if request.HasField("follow_log"):
                self.number = request.id
                self.position = request.follow_log.start
                self.credit = request.follow_log.credit_bytes
            elif request.HasField("credit") and request.credit.request_id == self.number:
                self.credit += request.credit.bytes


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["send", "take", "reconnect"]), max_size=60), st.integers(1, 3 * 1024 * 1024))
def test_a_log_arrives_whole_whatever_happens(steps: list[str], chunk: int) -> None:
    house = House()
    house.connect()
    daemon = LogDaemon(secrets.token_bytes(1024) * (6 * 1024))
    exchange = house.conversation.ask(follow())
    daemon.hear(house.sent())
    taken: list[bytes] = []

    def send() -> None:
        data = daemon.log[daemon.position : daemon.position + min(chunk, daemon.credit)]
        if data:
            start_at = daemon.position
            daemon.position += len(data)
            daemon.credit -= len(data)
            house.say(daemon.number, data, log_chunk=request_pb2.LogChunk(start=start_at))

    def take() -> None:
        item = house.conversation.take(exchange)
        if isinstance(item, Chunk):
            taken.append(bytes(item.data))

    def reconnect() -> None:
        house.connect()

    actions = {"send": send, "take": take, "reconnect": reconnect}
    chunk_before = chunk
    for step in steps:
        actions[step]()
        daemon.hear(house.sent())
        waiting = sum(len(item.data) for item in exchange.items if isinstance(item, Chunk))
        assert waiting <= WINDOW_BYTES + steps.count("reconnect")
    chunk = max(chunk_before, 256 * 1024)
    while len(b"".join(taken)) < len(daemon.log):
        send()
        take()
        daemon.hear(house.sent())
    assert b"".join(taken) == daemon.log


def test_events_in_replies_pass_through(house: House) -> None:
    exchange: Exchange = house.conversation.ask(request_pb2.Request(replay=request_pb2.Replay()))
    (sent,) = house.sent()

    house.say(sent, last=True, replay=request_pb2.ReplayReply(events=[event_pb2.Event(seq=1)]))

    item = house.conversation.take(exchange)
    assert isinstance(item, request_pb2.Reply)
    assert [event.seq for event in item.replay.events] == [1]


def test_an_older_worker_is_not_asked_to_run_a_job_again_which_it_would_misread(house: House) -> None:
    start = request_pb2.Start(jobs=[request_pb2.NewJob(id=b"i" * 16, rerun=job_pb2.JobKey(id=b"j" * 16))])
    exchange = house.conversation.ask(request_pb2.Request(start=start))
    assert house.sent() == []
    assert exchange.ended
    assert exchange.refusal is not None
    assert (exchange.refusal.code, exchange.refusal.reason) == (Code.UNIMPLEMENTED, Reason.UNKNOWN_FIELD)
    assert "is older" in exchange.refusal.message


def test_a_worker_that_was_replaced_by_an_older_one_is_not_asked_either() -> None:
    newer = House()
    newer.conversation.connected()
    (hello,) = newer.sent()
    answer = request_pb2.HelloReply(version=1, daemon=DAEMON.public, nonce=b"n" * 16, limits=frames.limits(), features=["start", "rerun"])
    newer.say(hello, last=True, hello=answer)
    start = request_pb2.Start(jobs=[request_pb2.NewJob(id=b"i" * 16, rerun=job_pb2.JobKey(id=b"j" * 16))])
    exchange = newer.conversation.ask(request_pb2.Request(start=start))
    assert [request.WhichOneof("verb") for request in newer.sent()] == ["start"]
    newer.conversation.lost()
    newer.nonce = b"o" * 16
    newer.connect()
    assert newer.sent() == []
    assert exchange.refusal is not None
    assert exchange.refusal.code is Code.UNIMPLEMENTED


@pytest.mark.parametrize("owner", [b"", b"o" * 32])
@pytest.mark.parametrize("kind", ["broker", "worker"])
def test_an_input_is_sealed_where_it_goes_through_a_broker(kind: str, owner: bytes) -> None:
    # The key of a job signs for the owner of that.
    identity = replace(ME, acts_for=owner)
    house = House(identity)
    house.conversation.connected()
    (hello,) = house.sent()
    house.greet(hello, kind=kind)
    asked = request_pb2.Feed(key=job_pb2.JobKey(id=b"i" * 16), token=b"t" * 16)
    exchange = house.conversation.ask(request_pb2.Request(feed=asked))
    (feed,) = house.sent()
    assert feed.feed.sealed is (kind == "broker")
    house.say(feed, window=request_pb2.Window(reached=0, limit=100))
    told = RunningHash()
    for data in (b"one ", b"two"):
        told.add(data)
        house.conversation.feed(exchange, data)
    house.sent()
    # Over the next connection, the second half is sent again, and hashed once.
    house.conversation.lost()
    house.conversation.connected()
    (hello,) = house.sent()
    house.greet(hello, kind=kind)
    *_, feed = house.sent()
    house.say(feed, window=request_pb2.Window(reached=4, limit=100))
    house.conversation.feed(exchange, b"")
    pushes = [one.push for one in house.sent()]
    assert pushes[-1].last
    assert told.is_sealed(Fed(JobKey(owner or ME.public, b"i" * 16), b"t" * 16, ME.public), pushes[-1].seal) is (kind == "broker")
    assert not any(push.seal for push in pushes[:-1])
