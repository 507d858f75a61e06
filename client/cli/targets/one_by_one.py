"""Process the arguments of a command one by one: a refusal is reported, and the others are processed, as kill(1) does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from ....schemas.refusal import Refused
from ..exit_status import REFUSED, Ending, is_no_answer
from ..terminal.screen import say

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")


class OneByOne:
    """Records whether something was refused."""

    def __init__(self) -> None:
        self._has_failed = False

    def each(self, arguments: Iterable[_Argument], do: Callable[[_Argument], _Result]) -> list[_Result]:
        """Call `do` with each argument, and return the results of those that were not refused.

        Raises Refused if the worker no longer responds.
        """
        results: list[_Result] = []
        for argument in arguments:
            try:
                results.append(do(argument))
            except Refused as refused:
                self.tell(refused)
        return results

    def tell(self, refused: Refused) -> None:
        """Report why something was refused.

        Raises it if the worker no longer responds.
        """
        if is_no_answer(refused):
            raise refused
        say(str(refused))
        self._has_failed = True

    def finish(self) -> None:
        """Raise Ending if something was refused."""
        if self._has_failed:
            raise Ending(REFUSED)
