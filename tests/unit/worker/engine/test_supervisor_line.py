"""The worker's end of the line to the supervisor."""

from __future__ import annotations

import asyncio
import socket

from jobwire.worker.engine.supervisor_line import Link


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
