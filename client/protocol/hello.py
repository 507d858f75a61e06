"""`hello`: what is asked first on each connection, and whether the answer is that of the worker that is meant. Pure."""

from __future__ import annotations

from typing import NamedTuple

from ...schemas.frames import refusal_from
from ...schemas.generated import request_pb2
from ...schemas.protocol_version import PROTOCOL_VERSION
from ...schemas.refusal import Code, Refused
from .advice import advised

_SOFTWARE = "jobwire-python"


class Greeted(NamedTuple):
    """The worker answered `hello`. `new_run`: it is another run of it than before, so its grants are gone."""

    hello: request_pb2.HelloReply
    new_run: bool


def greeting() -> request_pb2.Request:
    """Return a `hello`."""
    hello = request_pb2.Hello(oldest_version=PROTOCOL_VERSION, newest_version=PROTOCOL_VERSION, software=_SOFTWARE)
    return request_pb2.Request(hello=hello)


def why_not(reply: request_pb2.Reply, daemon: bytes) -> Refused | None:
    """Return why nothing can be asked after this answer to `hello`, or None. `daemon`: the public key that is trusted here."""
    if reply.HasField("refusal"):
        return advised(refusal_from(reply.refusal))
    if not reply.HasField("hello") or reply.hello.version != PROTOCOL_VERSION:
        return Refused(Code.UNIMPLEMENTED, "the worker does not speak this client's version of the protocol", "upgrade the older one")
    if reply.hello.daemon != daemon:
        return Refused(Code.UNAUTHENTICATED, "the public key of the worker is not the one that is trusted here")
    return None
