"""The bare worker's supervisor: starts programs in log folders, moves what they write into logs, and tells how they ended.

Run as `supervisor.py FD LOGS`: FD is a SEQPACKET socket. A datagram from the worker is a JSON list of jobs to start, one to the worker a
list of ends. Knows no cgroup, no signal, no limit, and adopts nothing.
"""

# ruff: noqa: PTH104, PTH123 -- as the supervisor of jobwire, it loads no pathlib
from __future__ import annotations

import json
import os
import select
import socket
import sys
from time import time_ns

_LARGEST_DATAGRAM = 1 << 20
_AT_ONCE_BYTES = 1 << 20
_TAIL_BYTES = 4096
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_DO_NOT_WAIT = os.O_CLOEXEC | os.O_NONBLOCK


class Job:
    """A running job: its process, and the pipe and log of each output."""

    __slots__ = ("folder", "outputs", "pid", "pidfd", "row", "started_us")

    def __init__(self, row: int, folder: str, argv: list[str]) -> None:
        logs = [os.open(f"{folder}/{name}", _NEW_FILE, 0o600) for name in ("stdout", "stderr")]
        pipes = [os.pipe2(_DO_NOT_WAIT) for _ in logs]
        actions = [(os.POSIX_SPAWN_DUP2, end, number) for number, (_, end) in enumerate(pipes, 1)]
        words = [os.fsencode(word) for word in argv]
        self.row = row
        self.started_us = time_ns() // 1000
        self.pid = os.posix_spawn(words[0], words, {b"PATH": b"/usr/bin:/bin"}, file_actions=actions, setsid=True)
        for _, end in pipes:
            os.close(end)
        self.pidfd = os.pidfd_open(self.pid)
        self.outputs = [(pipe, log) for (pipe, _), log in zip(pipes, logs, strict=True)]
        self.folder = f"{self.pid}_{self.started_us}"
        os.rename(folder, self.folder)

    def fds(self) -> list[int]:
        """Return what tells of its output and its end."""
        return [self.pidfd, *(pipe for pipe, _ in self.outputs)]

    def move(self) -> None:
        """Move what was written into the logs."""
        for pipe, log in self.outputs:
            try:
                while os.splice(pipe, log, _AT_ONCE_BYTES):
                    pass
            except BlockingIOError:
                pass

    def end(self) -> dict[str, object]:
        """Write the outcome of the process, which has ended and whose output was moved, and return what is to be told."""
        with open(f"{self.folder}/stdout", "rb") as written:
            tail = written.read(_TAIL_BYTES)
        for pipe, log in self.outputs:
            os.close(pipe)
            os.close(log)
        found = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
        os.close(self.pidfd)
        ended_us = time_ns() // 1000
        outcome = {"status": found.si_status if found else -1, "started_us": self.started_us, "ended_us": ended_us, "pid": self.pid}
        file = os.open(f"{self.folder}/outcome", _NEW_FILE, 0o600)
        os.write(file, json.dumps(outcome).encode())
        os.close(file)
        os.rename(self.folder, f"{self.folder}_{ended_us}")
        return {**outcome, "row": self.row, "tail": tail.decode()}


def supervise(line: socket.socket) -> None:
    """Start and watch jobs until the worker is gone."""
    line.setblocking(False)  # noqa: FBT003 -- of the standard library
    watched = select.epoll()
    watched.register(line, select.EPOLLIN)
    jobs: dict[int, Job] = {}
    while True:
        ends: list[dict[str, object]] = []
        ready = [fd for fd, _ in watched.poll()]
        for job in dict.fromkeys(jobs[fd] for fd in ready if fd in jobs):
            job.move()
            if job.pidfd in ready:
                for fd in job.fds():
                    watched.unregister(fd)
                    del jobs[fd]
                ends.append(job.end())
        if ends:
            line.send(json.dumps(ends).encode())
        if line.fileno() in ready:
            told = line.recv(_LARGEST_DATAGRAM)
            if not told:
                return
            for job in [Job(**wish) for wish in json.loads(told)]:
                for fd in job.fds():
                    jobs[fd] = job
                    # Edges: a pipe that nobody can write into any more stays ready until its job has ended.
                    watched.register(fd, select.EPOLLIN | select.EPOLLET)


if __name__ == "__main__":
    os.chdir(sys.argv[2])
    supervise(socket.socket(fileno=int(sys.argv[1])))
