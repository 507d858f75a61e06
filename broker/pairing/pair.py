"""pair: the holder of a temporary key registers the public key of a new member; answered when that is in the roster and in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ...keys.members.rights import PAIRING, Member
from ...keys.pairing import possession
from ...keys.pairing.invitations import Joined, expired, join
from ...schemas.clock import Reading
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Reason, Refused
from ..requests.call import Call
from .edits import RosterEdits
from .validity import Validity

# With one token, in one run of the daemon. An honest machine needs one, and one more after each crash.
MOST_TRIES = 32


class Pairing:
    """Lets new members join. `tokens()` returns the temporary keys in the roster in force."""

    def __init__(
        self,
        edits: RosterEdits,
        public: bytes,
        tokens: Callable[[], tuple[Member, ...]],
        clock: Callable[[], Reading],
    ) -> None:
        self._edits = edits
        self._public = public
        self._tokens = tokens
        self._clock = clock
        self._validity = Validity()
        self._tries: Counter[bytes] = Counter()
        self.roster_changed()

    def roster_changed(self) -> None:
        """Note which tokens are in the roster in force."""
        tokens = self._tokens()
        self._validity.see(tokens, self._clock())
        known = {token.key for token in tokens}
        self._tries = Counter({key: tries for key, tries in self._tries.items() if key in known})

    def may_come(self, member: Member) -> bool:
        """Return whether a member's key may connect at all: a temporary one only until a day after its expiry."""
        return member.role != PAIRING or self._validity.may_come(member.key, self._clock())

    def pair(self, call: Call) -> None:
        """Make the holder of a key a member. Raises Refused."""
        token, asked = call.member, call.request.pair
        if token.role != PAIRING or token.invited is None:
            message = f"{token.name} is already a member; only the temporary key of a token can be used for this"
            raise Refused(Code.FAILED_PRECONDITION, message, reason=Reason.MEMBER_ALREADY)
        self._tries[token.key] += 1
        if self._tries[token.key] > MOST_TRIES:
            message = f"this token was tried {MOST_TRIES} times, which is the limit"
            raise Refused(Code.RESOURCE_EXHAUSTED, message, "ask for a new token")
        possession.check(asked.key, asked.possession, self._public, token.key)
        ended_us = self._validity.ended_us(token.key, self._clock())
        if ended_us >= 0 and not token.invited.taken_by:
            raise expired(ended_us)
        self._edits.edit(
            lambda roster: join(roster, token.key, asked.key, name=asked.name), lambda result: call.guard(_answer, call, result)
        )


def _answer(call: Call, result: Callable[[], Joined]) -> None:
    joined = result()
    call.reply(request_pb2.Reply(pair=request_pb2.PairReply(name=joined.name, role=joined.role)))
