"""Lists that a worker returns page by page. Knows no connection: requests out, replies in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from ....schemas.generated import request_pb2
from ...protocol.exchange import Item
from ..options.arguments import must_be_whole
from .dialogue import reply_with

_Thing = TypeVar("_Thing")
# More than any worker sends.
_LARGEST_PAGE = 10_000
_NO_LIMIT = 1 << 62


class Pages(Generic[_Thing]):
    """A list that is being read; `things_in` returns the items on a page. At most `limit` items."""

    def __init__(
        self, request: request_pb2.Request, things_in: Callable[[request_pb2.Reply], Sequence[_Thing]], limit: int | None = None
    ) -> None:
        self._content = request.WhichOneof("verb") or ""
        self._request = request
        self._things_in = things_in
        # One that is larger than any request can hold is none.
        self._left = None if limit is None else must_be_whole("limit", min(limit, _NO_LIMIT))
        self._is_over = False

    @property
    def request(self) -> request_pb2.Request | None:
        """The request for the next page; None after the last one."""
        if self._is_over or (self._left is not None and self._left <= 0):
            return None
        if self._left is not None:
            # Cut to what a page holds by the worker.
            getattr(self._request, self._content).limit = min(self._left, _LARGEST_PAGE)
        return self._request

    def take(self, answer: Item) -> Sequence[_Thing]:
        """Return the items on the page."""
        reply = reply_with(self._content, answer)
        things = self._things_in(reply)[: self._left]
        page = getattr(self._request, self._content).page = getattr(reply, self._content).next_page
        self._is_over = not page
        self._left = None if self._left is None else self._left - len(things)
        return things


def read_all(call: Callable[[request_pb2.Request], Item], pages: Pages[_Thing]) -> Iterator[_Thing]:
    """Iterate over a list; the next page is requested when it is needed. Raises the refusal."""
    while (request := pages.request) is not None:
        yield from pages.take(call(request))
