"""Many queries about jobs at once, for event loops; see the module of this name in the library."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TypeVar

from ...schemas.refusal import Refused
from ..library.requests.dialogue import Dialogue
from ..library.requests.questions import AT_ONCE
from .dialogue import carry_out
from .loop.connection import AsyncConnection

_Found = TypeVar("_Found")


async def ask_all(connection: AsyncConnection, questions: Mapping[int, Dialogue[_Found]]) -> list[_Found]:
    """Return the results of these dialogues, in their order. Raises Refused: its `job_index` is the position of the dialogue."""
    found: dict[int, _Found] = {}
    rest = iter(questions.items())

    async def ask_one_after_the_other() -> None:
        for number, one in rest:
            try:
                found[number] = await carry_out(connection, one)
            except Refused as refused:
                refused.job_index = number
                raise

    tasks = [asyncio.ensure_future(ask_one_after_the_other()) for _ in range(AT_ONCE)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [found[number] for number in questions]
