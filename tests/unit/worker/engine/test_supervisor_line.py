"""The worker's end of the line to the supervisor."""

from __future__ import annotations

import asyncio
import socket

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
