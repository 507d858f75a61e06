"""The worker's end of the line to the supervisor."""

from __future__ import annotations

import asyncio
import json
import os
import socket

import pytest

from jobwire.worker.engine.supervisor_line import Link, Message


async def test_a_line_whose_other_side_is_killed_as_it_is_closed_is_closed() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(0)
    lost: list[str] = []
    link = Link(ours, asyncio.get_running_loop(), lambda _messages: None, lost.append)
    link.send([{"do": "retire"}])
    theirs.close()
    link.close()
    assert ours.fileno() == -1
    (why,) = lost
    assert "Broken pipe" in why


async def test_a_byte_that_is_not_text_and_a_number_that_is_too_large_arrive_and_what_is_not_json_costs_itself() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(0)
    heard: asyncio.Queue[list[Message]] = asyncio.Queue()
    link = Link(ours, asyncio.get_running_loop(), heard.put_nowait, lambda _why: None)
    for datagram in (b'[{"why":"\\udcff"}]', b'[{"n":1e999}]', b'[{"n":184467440737095516160}]', b"{", b"[7]", b'[{"fact":"recovered"}]'):
        theirs.send(datagram)
    messages = []
    while {"fact": "recovered"} not in messages:
        messages += await heard.get()
    assert messages == [{"why": "\udcff"}, {"n": float("inf")}, {"n": 184467440737095516160}, {"fact": "recovered"}]
    link.close()
    theirs.close()


async def test_of_very_many_messages_the_rest_is_taken_in_later_turns_in_their_order() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(0)
    taken: list[list[Message]] = []
    turns: list[int] = []
    turn = 0

    def take(some: list[Message]) -> None:
        taken.append(some)
        turns.append(turn)

    link = Link(ours, asyncio.get_running_loop(), take, lambda _why: None)
    for first in (0, 120):
        theirs.send(json.dumps([{"n": number} for number in range(first, first + 120)]).encode())
    while sum(map(len, taken)) < 240:
        turn += 1
        await asyncio.sleep(0)
    assert [message["n"] for some in taken for message in some] == [*range(240)]
    assert max(map(len, taken)) == 50
    # A turn reads again after it has taken the rest of what was read before.
    assert len(taken) == 6
    assert len({*turns}) >= 5
    link.close()
    theirs.close()


async def test_what_came_before_the_line_broke_is_taken_before_that_is_told() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(0)
    lost: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    taken: list[Message] = []
    Link(ours, asyncio.get_running_loop(), taken.extend, lambda _why: lost.set_result(len(taken)))
    theirs.send(json.dumps([{"n": number} for number in range(120)]).encode())
    theirs.close()
    assert await asyncio.wait_for(lost, 10) == 120
    await asyncio.sleep(0)
    assert len(taken) == 120


async def test_of_a_line_that_is_closed_nothing_is_taken_any_more() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(0)
    taken: list[Message] = []
    link = Link(ours, asyncio.get_running_loop(), taken.extend, lambda _why: None)
    theirs.send(json.dumps([{"n": number} for number in range(120)]).encode())
    while not taken:  # noqa: ASYNC110 -- it is counted in turns
        await asyncio.sleep(0)
    link.close()
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(taken) == 50
    theirs.close()


@pytest.mark.parametrize("how", ["closed", "broken"])
async def test_a_descriptor_that_was_not_taken_before_the_line_ended_is_closed(how: str) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(0)
    taken: list[Message] = []
    lost: list[str] = []
    link = Link(ours, asyncio.get_running_loop(), taken.extend, lost.append)
    read_end, write_end = os.pipe()
    socket.send_fds(theirs, [json.dumps([{"n": number} for number in range(120)]).encode()], [write_end])
    os.close(write_end)
    while not taken:  # noqa: ASYNC110 -- it is counted in turns
        await asyncio.sleep(0)
    theirs.close()
    if how == "broken":
        link.send([{"do": "retire"}])
        await asyncio.sleep(0)
        assert lost
    link.close()
    os.set_blocking(read_end, False)
    # The end of the pipe, as no other process and nothing here has it open for writing.
    assert os.read(read_end, 1) == b""
    os.close(read_end)
