"""Finds out what became of jobs: asks the supervisor, and the log folders for what it does not know.

Facts that come meanwhile are held back, until whoever asked has taken the answer. Knows no socket: what is said leaves through `say`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ...broker.engine import Expected, Fact
from ...schemas.refusal import Refused
from .found_runs import lost_of, make_again, outcomes_of
from .settled import HANDLES_A_MESSAGE
from .supervisor_line import Message

# So often the supervisor is asked to look for processes; it may die of it, or be an older one that cannot.
_LOOKS = 3


class Recovery:
    """Asks, and lets facts through to `hear` while nobody does. `directory`: where jobs run that do not set one.

    `rebooted`: the machine was restarted since the last worker ran, so that what is not on disk proves nothing.
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
        # While it is asked what is known, facts are held back; None: they go up at once.
        self._answer: asyncio.Future[None] | None = None
        self._held: list[Fact] = []

    @property
    def awaits_answer(self) -> bool:
        """Whether the supervisor was asked, and has not told all yet."""
        return self._answer is not None and not self._answer.done()

    async def find_out(self, expected: Sequence[Expected]) -> list[Fact]:
        """Return what became of these, and of all others that the supervisor knows of.

        Raises Refused where the supervisor cannot be understood.
        """
        facts, unknown = await self._ask(expected)
        for _ in range(_LOOKS):
            # Their folders were removed, for instance. Lost is only whose process was looked for.
            made = [] if self._rebooted else make_again(self._logs, unknown, self._directory)
            if not made:
                break
            self._say([{"do": "adopt", "folders": made[at : at + HANDLES_A_MESSAGE]} for at in range(0, len(made), HANDLES_A_MESSAGE)])
            facts, unknown = await self._ask(expected)
        # If the line breaks later, that is no restart of the machine.
        rebooted, self._rebooted = self._rebooted, False
        # Facts of after that are heard when whoever asked has taken those of before.
        self._loop.call_soon(self._hear_held)
        return [*facts, *lost_of(unknown, rebooted=rebooted)]

    def tell(self, facts: Sequence[Fact]) -> None:
        """Let facts go up, or hold them back."""
        if self._answer is not None:
            self._held += facts
        else:
            self._hear(facts)

    def told_all(self, facts: Sequence[Fact]) -> bool:
        """Take the end of an answer: these facts and those that are held are all that is known. False if nobody asked."""
        if self._answer is None or self._answer.done():
            return False
        self._held += facts
        self._answer.set_result(None)
        return True

    def ask_again(self) -> None:
        """Ask over a new line; who waits gets what is told there."""
        self._held = []
        self._say([{"do": "recover"}])

    def refuse(self, why: Refused) -> None:
        """Have it raised where somebody waits for an answer."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(why)

    async def _ask(self, expected: Sequence[Expected]) -> tuple[list[Fact], list[Expected]]:
        """Get what is known of jobs, to the supervisor or by their outcomes, and those of which nothing is."""
        facts = await self._ask_supervisor()
        facts += outcomes_of(self._logs, _without(expected, facts))
        return facts, _without(expected, facts)

    async def _ask_supervisor(self) -> list[Fact]:
        self._answer = self._loop.create_future()
        self.ask_again()
        await self._answer
        held, self._held = self._held, []
        return held

    def _hear_held(self) -> None:
        held, self._held, self._answer = self._held, [], None
        if held:
            self._hear(held)


def _without(expected: Sequence[Expected], facts: Sequence[Fact]) -> list[Expected]:
    told = {fact.key for fact in facts}
    return [one for one in expected if one.key not in told]
