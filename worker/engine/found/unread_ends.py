"""Ended jobs whose outcome cannot be read, because their disk fails or is missing. Reading is retried until it succeeds.

Nothing reports that a disk is back, so it is checked at intervals, which get longer. A job whose outcome only cannot be read is not lost:
lost is final.
"""

# ruff: noqa: PTH119 -- a name is wanted, not a path
from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from ....broker.engine import Delayed, Expected, Fact
from ....broker.own_process.threads import on_thread
from ....schemas.naming import AttemptKey, parse_folder, short_id
from ...state.log_folders.found_folders import find_run
from ..desk_facts import lost, why_lost, why_unread
from .found_runs import may_be_running, outcomes_of

_log = logging.getLogger(__name__)

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 60.0
# How often the supervisor is asked to adopt a job; it may be starting just then.
_LOOKS = 3


class _Unread(NamedTuple):
    one: Expected
    why: str
    # Whether the machine was restarted since it ran.
    rebooted: bool


class UnreadEnds:
    """Reports with `tell` what is read in the end. Call `drop` when there is an answer.

    `adopt` requests adoption of a job that may be running, and returns False if it cannot be.
    """

    def __init__(
        self,
        logs: str,
        loop: asyncio.AbstractEventLoop,
        tell: Callable[[Sequence[Fact]], None],
        adopt: Callable[[Sequence[Expected]], bool],
    ) -> None:
        self._logs = logs
        self._loop = loop
        self._tell = tell
        self._adopt = adopt
        self._waiting: dict[AttemptKey, _Unread] = {}
        # Of these, how often the supervisor was asked to adopt each.
        self._asked: Counter[AttemptKey] = Counter()
        self._reading: asyncio.Task[None] | None = None

    def add(self, unread: Sequence[tuple[Expected, str]], *, rebooted: bool) -> list[Fact]:
        """Start waiting for these jobs; return the facts that say so. With each: why its outcome cannot be read.

        `rebooted`: the machine was rebooted since they ran.
        """
        for one, why in unread:
            _log.error("%s of job %s cannot be read: %s; trying again", "the outcome" if one.pid else "a folder", short_id(one.key.id), why)
            self._waiting[one.key] = _Unread(one, why, rebooted)
            # Another supervisor may find what the one before did not.
            self._asked.pop(one.key, None)
        if unread and self._reading is None:
            self._reading = self._loop.create_task(self._read_again())
        step = "the worker keeps trying; to give the job up, use jobwire stop --now"
        return [Delayed(one.key, f"{why_unread(one, why)}; {step}", stuck=bool(one.pid)) for one, why in unread]

    def drop(self, keys: Iterable[AttemptKey]) -> None:
        """Stop waiting for these jobs: what happened to them is known from elsewhere."""
        for key in keys:
            self._waiting.pop(key, None)
            self._asked.pop(key, None)

    def give_up(self, key: AttemptKey) -> bool:
        """Report a job as lost, if it waits here; return whether it did."""
        unread = self._waiting.pop(key, None)
        self._asked.pop(key, None)
        if unread is None:
            return False
        one, why, _ = unread
        fact = lost(one, f"{why_unread(one, why)}, and a stop ended the wait for it")
        folder = parse_folder(os.path.basename(find_run(self._logs, one.pid, one.started_at_us) or ""))
        if folder is not None and folder.ended_at_us:
            # So that its logs are found.
            fact = fact._replace(ended_at_us=folder.ended_at_us)
        self._loop.call_soon(self._tell, [fact])
        return True

    def close(self) -> None:
        """Stop reading: the next worker continues."""
        if self._reading is not None:
            self._reading.cancel()

    async def _read_again(self) -> None:
        seconds = _FIRST_SECONDS
        while self._waiting:
            await asyncio.sleep(seconds)
            seconds = min(2 * seconds, _LONGEST_SECONDS)
            asked = dict(self._waiting)
            try:
                # A disk that fails takes its time.
                ended, unread = await on_thread(partial(outcomes_of, self._logs, [waiting.one for waiting in asked.values()]))
            except RuntimeError:
                # No thread can be made.
                continue
            found = {fact.key: fact for fact in ended}
            still = {one.key for one, _ in unread}
            facts: list[Fact] = []
            for key, waiting in asked.items():
                # Meanwhile it may have been dropped, or dropped and added again.
                if key in still or self._waiting.get(key) is not waiting:
                    continue
                if key not in found and not waiting.rebooted:
                    if self._asks_again(waiting.one):
                        seconds = _FIRST_SECONDS
                        continue
                    if may_be_running(waiting.one):
                        # Nobody watches it, but it is not lost.
                        continue
                del self._waiting[key]
                self._asked.pop(key, None)
                sentence = why_lost(waiting.one, rebooted=waiting.rebooted, was_unread=True)
                facts.append(found.get(key) or lost(waiting.one, sentence))
            if facts:
                _log.info("the ends of %d jobs can be read again", len(facts))
                # Not from here: what fails there must not end this task, which others wait for.
                self._loop.call_soon(self._tell, facts)
        self._reading = None

    def _asks_again(self, one: Expected) -> bool:
        """Request adoption of a job whose process may be running; return whether it may be.

        The supervisor could not read its folder either.
        """
        if not one.pid or self._asked[one.key] == _LOOKS or not self._adopt([one]):
            return False
        self._asked[one.key] += 1
        return True
