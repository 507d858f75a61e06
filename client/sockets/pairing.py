"""Join with a token: one request over a connection with the temporary key. Knows neither contexts nor files."""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

from ...keys.identity import Identity
from ...keys.pairing import possession
from ...keys.pairing.token import Token
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Refused
from .connection import Connection


class Membership(NamedTuple):
    """The membership at a worker or broker that was joined."""

    name: str
    role: str


def pair(token: Token, own: Identity, name: str) -> Membership:
    """Become a member with a token; `name` is used if the token does not set one. Repeating it has the same result.

    Raises Refused: why the token is not valid, or why there is no connection.
    """
    temporary = token.temporary
    asked = request_pb2.Pair(key=own.public, possession=possession.prove(own, token.daemon, temporary.public), name=name)
    with closing(Connection(token.endpoint, token.daemon, temporary)) as connection:
        try:
            reply = connection.call(request_pb2.Request(pair=asked))
        except Refused as refused:
            if refused.code is not Code.UNAUTHENTICATED:
                raise
            message = f"the token is not valid at {token.endpoint}: it expired more than a day ago, or was withdrawn"
            raise Refused(Code.FAILED_PRECONDITION, message, "ask for a new one") from None
    if not isinstance(reply, request_pb2.Reply) or not reply.HasField("pair"):
        raise Refused(Code.INTERNAL, "a token was not answered as it should be")
    return Membership(reply.pair.name, reply.pair.role)
