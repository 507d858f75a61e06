"""Find out what happened to jobs: from the supervisor, and from the log folders for jobs that it does not know.

Facts that arrive meanwhile are held back until the answer has been processed. Knows no socket: messages are sent with `say`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ...broker.engine import Ended, Expected, Fact, Started
from ...schemas.naming import AttemptKey
from ...schemas.refusal import Refused
from ..wire.words import DO, ToSupervisor
from .found.found_runs import folders_to_adopt, lost_of, may_be_running, outcomes_of
from .found.unread_ends import UnreadEnds
from .settled import HANDLES_A_MESSAGE
from .supervisor_line import Message

# How often the supervisor is asked to adopt; it may die of it, or be an older one that cannot.
_LOOKS = 3


class Recovery:
    """Queries the supervisor; at other times passes facts to `hear`. `directory`: working folder for jobs that do not set one.

    `rebooted`: the machine was rebooted since the last worker ran, so that a missing file proves nothing.
    """

    def __init__(
        self,
        logs: str,
        directory: bytes,
        loop: asyncio.AbstractEventLoop,
        say: Callable[[Sequence[Message]], None],
        hear: Callable[[Sequence[Fact]], None],
        *,
        rebooted: bool,
    ) -> None:
        self._logs = logs
        self._directory = directory
        self._loop = loop
        self._say = say
        self._hear = hear
        self._rebooted = rebooted
        # While there is a request, facts are held back; None: they are passed on at once.
        self._answer: asyncio.Future[None] | None = None
        self._held: list[Fact] = []
        self._unread = UnreadEnds(logs, loop, self.tell, self._adopt)

    @property
    def awaits_answer(self) -> bool:
        """Whether a query is not answered completely yet."""
        return self._answer is not None and not self._answer.done()

    async def find_out(self, expected: Sequence[Expected]) -> list[Fact]:
        """Return what happened to these jobs, and to all others that the supervisor knows.

        Raises Refused if the supervisor has a newer version of the protocol.
        """
        facts, unknown, unread = await self._ask(expected)
        for _ in range(_LOOKS):
            # For example, their folders were removed. A job counts as lost only after a search for its process.
            if self._rebooted or not self._adopt(unknown):
                break
            facts, unknown, unread = await self._ask(expected)
        if not self._rebooted:
            # Nobody watches it, but it is not lost.
            running = {one.key for one in unknown if may_be_running(one)}
            unread += [(one, f"process {one.pid} is running, but its log folder is damaged") for one in unknown if one.key in running]
            unknown = [one for one in unknown if one.key not in running]
        self._unread.drop(one.key for one in [*facts, *unknown])
        # If the line breaks later, the machine was not restarted.
        rebooted, self._rebooted = self._rebooted, False
        # Later facts are passed on after the caller has processed these.
        self._loop.call_soon(self._hear_held, self._answer)
        return [*facts, *lost_of(unknown, rebooted=rebooted), *self._unread.add(unread, rebooted=rebooted)]

    def give_up(self, key: AttemptKey) -> bool:
        """Report a job as lost whose outcome cannot be read at the moment; return whether it is such a job."""
        return self._unread.give_up(key)

    def close(self) -> None:
        """Stop retrying to read outcomes."""
        self._unread.close()

    def tell(self, facts: Sequence[Fact]) -> None:
        """Pass facts on, or hold them back during a query."""
        self._unread.drop(fact.key for fact in facts if isinstance(fact, (Started, Ended)))
        if self._answer is not None:
            self._held += facts
        else:
            self._hear(facts)

    def told_all(self, facts: Sequence[Fact]) -> bool:
        """Process the end of an answer: these facts and those held back are all that is known. Return False if there is no query."""
        if self._answer is None or self._answer.done():
            return False
        self._held += facts
        self._answer.set_result(None)
        return True

    def ask_again(self) -> None:
        """Repeat the query on a new line; a pending one gets that answer."""
        self._held = []
        self._say([{DO: ToSupervisor.RECOVER}])

    def refuse(self, why: Refused) -> None:
        """Make a pending query raise this."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(why)

    def _adopt(self, unknown: Sequence[Expected]) -> bool:
        """Tell the supervisor to look for those of these jobs that may be running; return False if none may be."""
        names = folders_to_adopt(self._logs, unknown, self._directory)
        parts = [names[at : at + HANDLES_A_MESSAGE] for at in range(0, len(names), HANDLES_A_MESSAGE)]
        if parts:
            self._say([{DO: ToSupervisor.ADOPT, "folders": part} for part in parts])
        return bool(parts)

    async def _ask(self, expected: Sequence[Expected]) -> tuple[list[Fact], list[Expected], list[tuple[Expected, str]]]:
        """Return what is known about jobs from the supervisor or outcomes, the jobs about which nothing is, and those not read."""
        facts = await self._ask_supervisor()
        ended, unread = outcomes_of(self._logs, _without(expected, facts))
        facts += ended
        waiting = {one.key for one, _ in unread}
        return facts, [one for one in _without(expected, facts) if one.key not in waiting], unread

    async def _ask_supervisor(self) -> list[Fact]:
        self._answer = self._loop.create_future()
        self.ask_again()
        await self._answer
        held, self._held = self._held, []
        return held

    def _hear_held(self, answer: asyncio.Future[None] | None) -> None:
        if answer is not self._answer:
            # It was asked again at once; what is held now belongs to the next answer.
            return
        held, self._held, self._answer = self._held, [], None
        if held:
            self._hear(held)


def _without(expected: Sequence[Expected], facts: Sequence[Fact]) -> list[Expected]:
    told = {fact.key for fact in facts}
    return [one for one in expected if one.key not in told]
