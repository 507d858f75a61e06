"""credit and cancel: requests about an open stream. They have no reply, and do nothing if the stream has ended."""

from __future__ import annotations

from .call import Call


def credit(call: Call) -> None:
    """Add credit to a stream."""
    stream = call.peer.streams.get(call.request.credit.request_id)
    if stream is not None:
        stream.grant(call.request.credit)


def cancel(call: Call) -> None:
    """End a stream."""
    stream = call.peer.streams.get(call.request.cancel.request_id)
    if stream is not None:
        stream.close()
