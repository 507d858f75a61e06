from collections.abc import Sequence
from typing import cast

import pytest

from jobwire.client.asynchronous import dialogue as for_a_loop
from jobwire.client.asynchronous.loop.connection import AsyncConnection
from jobwire.client.library.requests.dialogue import Dialogue, carry_out, piece_of_log, reply_with
from jobwire.client.protocol.exchange import Chunk, Item
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Code, Refused

DONE = request_pb2.Reply(done=request_pb2.Done(jobs=3))
PIECE = Chunk(request_pb2.Reply(log_range=request_pb2.LogRange(size=4)), 0, b"abc\n")
BUSY = Refused(Code.UNAVAILABLE, "it is busy")


def read_until_done() -> Dialogue[tuple[bytes, int]]:
    """Ask for a piece of a log, and then to resume, until that is not refused."""
    data = bytes(piece_of_log((yield request_pb2.Request(read_log=request_pb2.ReadLog()))).data)
    while True:
        try:
            answer = yield request_pb2.Request(resume=request_pb2.Resume())
        except Refused as refused:
            if refused.code is not Code.UNAVAILABLE:
                raise
        else:
            return data, reply_with("done", answer).done.jobs


class Worker:
    """Gives these answers, one after the other."""

    def __init__(self, answers: Sequence[Item | Refused]) -> None:
        self.left = [*answers]
        self.asked: list[str | None] = []
        self.is_open = False

    def answer(self, request: request_pb2.Request) -> Item:
        self.asked.append(request.WhichOneof("verb"))
        answer = self.left.pop(0)
        if isinstance(answer, Refused):
            raise answer
        return answer

    async def open(self) -> None:
        self.is_open = True

    async def call(self, request: request_pb2.Request) -> Item:
        assert self.is_open
        return self.answer(request)


async def both(*answers: Item | Refused) -> list[str | None]:
    """Return what is asked in both ways, which come to the same."""
    one, other = Worker(answers), Worker(answers)
    assert carry_out(one.answer, read_until_done()) == (b"abc\n", 3)
    assert await for_a_loop.carry_out(cast("AsyncConnection", other), read_until_done()) == (b"abc\n", 3)
    assert one.left == other.left == []
    assert one.asked == other.asked
    return one.asked


async def test_each_answer_is_passed_on_and_the_result_is_returned() -> None:
    assert await both(PIECE, DONE) == ["read_log", "resume"]


async def test_a_dialogue_may_go_on_after_a_refusal() -> None:
    assert await both(PIECE, BUSY, BUSY, DONE) == ["read_log", "resume", "resume", "resume"]


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([BUSY], "it is busy"),
        ([PIECE, Refused(Code.NOT_FOUND, "there is no job")], "there is no job"),
        ([DONE], "did not answer with a part of the log"),
        ([PIECE, PIECE], "did not answer with done"),
        ([PIECE, request_pb2.Reply(stage=request_pb2.StageReply())], "did not answer with done"),
    ],
)
async def test_a_refusal_and_another_answer_than_asked_for_are_raised(answers: list[Item | Refused], why: str) -> None:
    with pytest.raises(Refused, match=why):
        carry_out(Worker(answers).answer, read_until_done())
    with pytest.raises(Refused, match=why):
        await for_a_loop.carry_out(cast("AsyncConnection", Worker(answers)), read_until_done())


async def test_a_dialogue_need_not_ask_anything() -> None:
    def nothing(*requests: request_pb2.Request) -> Dialogue[int]:
        yield from requests
        return 7

    worker = Worker([])
    assert carry_out(worker.answer, nothing()) == await for_a_loop.carry_out(cast("AsyncConnection", worker), nothing()) == 7
    assert worker.asked == []
