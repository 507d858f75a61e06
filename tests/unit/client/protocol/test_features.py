"""What an older worker is not asked, because it would misread or ignore it."""

from __future__ import annotations

import pytest
from conversation_house import DAEMON, House, start

from jobwire.client.protocol.features import ALL_CHECKED, check_features
from jobwire.schemas import frames
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.refusal import Code, Reason, Refused


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
