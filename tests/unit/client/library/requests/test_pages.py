from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.asynchronous import dialogue as for_a_loop
from jobwire.client.asynchronous.loop.connection import AsyncConnection
from jobwire.client.library.requests.pages import Pages, read_all
from jobwire.client.protocol.exchange import Item
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Refused

RUNS = 7


class Worker:
    """Has so many runs, and sends at most so many on a page."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.asked: list[request_pb2.ListRuns] = []

    def answer(self, request: request_pb2.Request) -> Item:
        asked = request_pb2.ListRuns.FromString(request.list_runs.SerializeToString())
        self.asked.append(asked)
        begin = int(asked.page or b"0")
        end = min(RUNS, begin + min(self.most, asked.limit or self.most))
        runs = [request_pb2.Run(queued=number) for number in range(begin, end)]
        return request_pb2.Reply(list_runs=request_pb2.ListRunsReply(runs=runs, next_page=b"%d" % end if end < RUNS else b""))

    async def open(self) -> None: ...

    async def call(self, request: request_pb2.Request) -> Item:
        return self.answer(request)


def pages(limit: int | None = None) -> Pages[int]:
    def numbers(reply: request_pb2.Reply) -> Sequence[int]:
        return [run.queued for run in reply.list_runs.runs]

    return Pages(request_pb2.Request(list_runs=request_pb2.ListRuns()), numbers, limit)


@given(st.integers(1, RUNS + 1), st.none() | st.integers(0, RUNS + 2))
async def test_all_pages_are_read_up_to_the_limit_and_no_page_more(most: int, limit: int | None) -> None:
    worker, other = Worker(most), Worker(most)
    wanted = [*range(RUNS)][:limit]
    assert [*read_all(worker.answer, pages(limit))] == wanted
    assert [number async for number in for_a_loop.read_all(cast("AsyncConnection", other), pages(limit))] == wanted
    assert worker.asked == other.asked
    assert len(worker.asked) == -(-len(wanted) // most)


def test_the_next_page_is_asked_for_only_when_it_is_needed() -> None:
    worker = Worker(2)
    numbers = read_all(worker.answer, pages())
    assert [next(numbers), next(numbers)] == [0, 1]
    assert len(worker.asked) == 1
    assert next(numbers) == 2
    assert [asked.page for asked in worker.asked] == [b"", b"2"]


def test_a_limit_beyond_what_a_request_can_hold_reads_everything() -> None:
    assert [*read_all(Worker(3).answer, pages(10**20))] == [*range(RUNS)]


def test_another_answer_is_refused() -> None:
    with pytest.raises(Refused, match="did not answer with list_runs"):
        next(read_all(lambda _: request_pb2.Reply(done=request_pb2.Done()), pages()))
