"""Run lines one after another, and decide what follows from how each ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence

from .. import exit_status
from ..exit_status import BadInput
from ..terminal.screen import say
from .lines import Said, understand

Run = Callable[[Sequence[str]], int]


class Failures:
    """How many lines were run and failed. `status` is that of the first that failed, or 0."""

    def __init__(self) -> None:
        self.lines = 0
        self.failed = 0
        self.status = exit_status.DONE

    def add(self, status: int) -> None:
        """Add the status of a line."""
        self.lines += 1
        if status:
            self.failed += 1
            self.status = self.status or status


def run_file(
    lines: Iterable[tuple[int, str]], name: str, run: Run, *, keep_going: bool, may_have_more: Callable[[], bool] = lambda: True
) -> int:
    """Run the lines of a file up to the first that fails, or all of them, and return the status of the first failure.

    `exit N` ends them with that status. `may_have_more`: whether further commands follow.
    """
    failures, ended = Failures(), None
    for number, line in lines:
        at = f"{name}, line {number}"
        try:
            said = understand(line)
        except BadInput as problem:
            say(f"{at}: {problem}")
            status = exit_status.MISUSED
        else:
            if said.ends:
                ended = said.status
                break
            if not said.words:
                continue
            status = _run_line(said, at, run)
        failures.add(status)
        if status in {exit_status.READER_GONE, exit_status.INTERRUPTED}:
            # Nobody reads what follows, or somebody wants it to end.
            return status
        if status and not keep_going:
            if may_have_more():
                say("the lines after it were not run; --keep-going runs them")
            return status
    if failures.failed:
        say(f"{failures.failed} of {failures.lines} lines failed")
    return failures.status if ended is None else ended


def _run_line(said: Said, at: str, run: Run) -> int:
    """Run a line and return its exit status."""
    if said.warning:
        say(f"{at}: {said.warning}")
    status = run(said.words)
    if status and status != exit_status.READER_GONE:
        say(f"{at}: exited with status {status}")
    return status


def run_typed(read: Callable[[], str | None], run: Run) -> int:
    """Run lines as they are typed, until the end of input, and return the status of the last one. Ctrl-C ends only the present line."""
    status = exit_status.DONE
    while True:
        try:
            line = read()
            if line is None:
                # After the prompt, which has no line of its own.
                os.write(sys.stdout.fileno(), b"\n")
                return status
            said = understand(line)
            if said.ends:
                return status if said.status is None else said.status
            if said.warning:
                say(said.warning)
            if said.words:
                status = run(said.words)
        except BadInput as problem:
            say(str(problem))
            status = exit_status.MISUSED
        except KeyboardInterrupt:
            os.write(sys.stdout.fileno(), b"\n")
            status = exit_status.INTERRUPTED
