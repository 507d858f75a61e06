"""Several requests to a worker, and lists that it returns page by page, for event loops; see the library."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from ...schemas.refusal import Refused
from ..library.requests.dialogue import Dialogue, Done, pass_on
from ..library.requests.pages import Pages
from ..protocol.exchange import Item
from .loop.connection import AsyncConnection

_Result = TypeVar("_Result")
_Thing = TypeVar("_Thing")


async def carry_out(connection: AsyncConnection, dialogue: Dialogue[_Result]) -> _Result:
    """Send these requests one after the other, and return the result. Raises the refusal."""
    await connection.open()
    step = pass_on(dialogue, None)
    while not isinstance(step, Done):
        try:
            answer: Item | Refused = await connection.call(step)
        except Refused as refused:
            answer = refused
        step = pass_on(dialogue, answer)
    result: _Result = step.result
    return result


async def read_all(connection: AsyncConnection, pages: Pages[_Thing]) -> AsyncIterator[_Thing]:
    """Iterate over a list; between two pages nothing is open. Raises the refusal."""
    while (request := pages.request) is not None:
        await connection.open()
        for thing in pages.take(await connection.call(request)):
            yield thing
