"""A line between workers and a broker that carries so many bytes a second: all connections over it take turns.

    python tests/benchmarks/slow_line.py HOST PORT BYTES_A_SECOND

Prints the port on which it listens, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys

# So much of one connection is carried before others have their turn; the kernel holds no more than some of these for each.
_TURN_BYTES = 16 * 1024
_BUFFER_BYTES = 64 * 1024


class Line:
    """Carries one piece after the other, in each direction, in the order in which they ask."""

    def __init__(self, bytes_a_second: float) -> None:
        self._bytes_a_second = bytes_a_second
        self._turns = asyncio.Lock()
        self._free_at = 0.0

    async def carry(self, size: int) -> None:
        """Wait until so many bytes have been carried."""
        async with self._turns:
            now = asyncio.get_running_loop().time()
            self._free_at = max(now, self._free_at) + size / self._bytes_a_second
            # The loop wakes up a millisecond late now and then, and what was missed is made up for.
            if self._free_at - now > _LEAST_SECONDS:
                await asyncio.sleep(self._free_at - now)


_LEAST_SECONDS = 0.001


async def _copy(reading: socket.socket, writing: socket.socket, line: Line) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while piece := await loop.sock_recv(reading, _TURN_BYTES):
            await line.carry(len(piece))
            await loop.sock_sendall(writing, piece)
    for one in (reading, writing):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _bounded() -> socket.socket:
    made = socket.socket()
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        made.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
    return made


async def _serve(host: str, port: int, bytes_a_second: float) -> None:
    loop = asyncio.get_running_loop()
    lines = Line(bytes_a_second), Line(bytes_a_second)
    listening = _bounded()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    listening.setblocking(False)  # noqa: FBT003 -- it has no other
    print(listening.getsockname()[1], flush=True)
    loop.add_reader(sys.stdin.fileno(), sys.exit)
    tasks: set[asyncio.Task[None]] = set()
    while True:
        near, _ = await loop.sock_accept(listening)
        far = _bounded()
        for one in (near, far):
            one.setblocking(False)  # noqa: FBT003 -- it has no other
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(far, (host, port))
        for task in (loop.create_task(_copy(near, far, lines[0])), loop.create_task(_copy(far, near, lines[1]))):
            tasks.add(task)
            task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
