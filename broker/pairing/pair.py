"""pair: the holder of a temporary key leaves the public key of a new member; answered when that is in the roster and in force."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from ...keys.pairing import possession
from ...keys.pairing.invitations import Joined, expired, join
from ...keys.rights import PAIRING, Member
from ...schemas.clock import Reading
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Reason, Refused
from ..requests.call import Call
from .validity import Validity

# With one token, in one run of the daemon. An honest machine needs one, and one more after each crash.
MOST_TRIES = 32


class Pairing:
    """Lets new members in. `in_force()` puts the roster's file into force as it is now."""

    def __init__(
        self,
        roster: Path,
        public: bytes,
        tokens: Callable[[], tuple[Member, ...]],
        in_force: Callable[[], None],
        clock: Callable[[], Reading],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._roster = roster
        self._public = public
        self._tokens = tokens
        self._in_force = in_force
        self._clock = clock
        self._loop = loop
        self._validity = Validity()
        self._tries: Counter[bytes] = Counter()
        # The edit waits for the disk, and for whoever else edits the file.
        self._editor = ThreadPoolExecutor(1, "roster")
        self._closed = False
        self.roster_changed()

    def roster_changed(self) -> None:
        """Note which tokens are in the roster that is in force now."""
        tokens = self._tokens()
        self._validity.see(tokens, self._clock())
        known = {token.key for token in tokens}
        self._tries = Counter({key: tries for key, tries in self._tries.items() if key in known})

    def may_come(self, member: Member) -> bool:
        """Return whether the key of a member is let in at all: a temporary one only near its time."""
        return member.role != PAIRING or self._validity.may_come(member.key, self._clock())

    def pair(self, call: Call) -> None:
        """Make the holder of a key a member. Raises Refused."""
        token, asked = call.member, call.request.pair
        if token.role != PAIRING or token.invited is None:
            message = f"{token.name} is a member already; only the temporary key of a token can be used for this"
            raise Refused(Code.FAILED_PRECONDITION, message, reason=Reason.MEMBER_ALREADY)
        self._tries[token.key] += 1
        if self._tries[token.key] > MOST_TRIES:
            message = f"this token was tried {MOST_TRIES} times, which is the limit"
            raise Refused(Code.RESOURCE_EXHAUSTED, message, "ask for a new token")
        possession.check(asked.key, asked.possession, self._public, token.key)
        ended_us = self._validity.ended_us(token.key, self._clock())
        if ended_us >= 0 and not token.invited.taken_by:
            raise expired(ended_us)
        self._editor.submit(join, self._roster, token.key, asked.key, name=asked.name).add_done_callback(partial(self._joined, call))

    def _joined(self, call: Call, edit: Future[Joined]) -> None:
        """Answer on the loop; this is called on the thread of the edit."""
        if not self._closed:
            self._loop.call_soon_threadsafe(call.guard, self._answer, call, edit)

    def _answer(self, call: Call, edit: Future[Joined]) -> None:
        joined = edit.result()
        # The new member must not be refused when it comes in with its own key after this answer.
        self._in_force()
        call.reply(request_pb2.Reply(pair=request_pb2.PairReply(name=joined.name, role=joined.role)))

    def close(self) -> None:
        """Answer no more. An edit that has begun is completed: it is repeated with the same answer."""
        self._closed = True
        self._editor.shutdown()
