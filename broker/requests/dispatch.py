"""Decode requests, check their senders and rights, and call the handlers.

Every problem of one request ends here in a refusal to its sender. A bug in a handler is logged with its traceback, answered with INTERNAL
without details, and the worker continues.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from ...keys.members.rights import PAIRING, PAIRING_VERBS, Member
from ...keys.proofs import signature
from ...schemas.frames import SIGNED_VERBS
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.requests import bounds, large
from ..fairness.apart import Apart
from ..fairness.sharing import Sharing
from ..fairness.turns import Turns
from ..sockets.peers import Peer
from .call import BUG, Call
from .checks.delegated import demand_verb
from .held_requests import HeldRequests

_log = logging.getLogger(__name__)

# The signature of so long a request takes some milliseconds to check.
_LONG = 512 * 1024
# What is sent after a request about so many jobs waits for its answer. What each takes of the loop after it was decided: its row, its
# place in the queue, its event.
_MANY_JOBS = 16
_RECORD_SECONDS = 50e-6
# And after these: what they hold while they are answered in steps has megabytes.
_HEAVY = frozenset({"query_proof"})

Handler = Callable[[Call], None]


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Handles messages from the router. `member_of` looks a public key up in the current roster."""

    public: bytes
    nonce: bytes
    member_of: Callable[[bytes], Member | None]
    handlers: Mapping[str, Handler]
    turns: Turns
    # The statement of the worker about a key that is a job's, as it is stored.
    statement_of: Callable[[bytes], bytes] = lambda _: b""
    read: Callable[[bytes], large.Large] = large.read
    # Those that wait while the desk recovers.
    held: HeldRequests | None = None
    # What lets further requests of a sender wait: while a long signature is checked, or for an answer about many jobs.
    apart: Apart | None = None

    def take(self, peer: Peer, frame: bytes, bulk: memoryview | None, sharing: Sharing) -> None:
        """Handle one message, with its second frame if it has one; never raises. `sharing` is charged for later parts of it."""
        if peer.unwelcome is not None:
            peer.outlet.refuse(peer, large.id_of(frame), peer.unwelcome)
            return
        request_id = 0
        try:
            request, envelope, jobs, rest = self.read(frame)
            request_id = request.id
            member = self._member(peer)
            bounds.check(request)
            verb = request.WhichOneof("verb")
            # Serialized messages that follow each other are one.
            proof = frame + self.statement_of(member.acting) if member.acting and verb in SIGNED_VERBS else frame
            turns = self.turns.of(peer.public, sharing.charge)
            call = Call(member, peer, request, proof, jobs, turns, bulk, envelope.proof.root, envelope.proof.jobs)
            if bulk is not None and verb != "push":
                raise Refused(Code.INVALID_ARGUMENT, "a request is one frame, not 2; only a push is followed by its bytes")
            if verb is None or verb not in self.handlers:
                raise _no_verb(request)
            if member.role == PAIRING and verb not in PAIRING_VERBS:
                raise _only_pairs(verb)
            demand_verb(member, verb)
            if call.is_for_nobody or self._holds(call, verb, frame, sharing):
                return
            _refuse_fields_of_daemons(envelope)
            if self.apart is not None and ((named := _jobs_in(call, verb)) >= _MANY_JOBS or verb in _HEAVY):
                # Others of its sender would be read, decided and written together with it, in long pieces for which everybody waits.
                call.let_go = partial(self.apart.hold(sharing, peer.public), named * _RECORD_SECONDS)
            self._pass_on(call, verb, sharing, partial(self._check_signer, peer, envelope, rest if verb == "start" else None))
        except large.TooLarge as refused:
            peer.outlet.expel(peer, large.id_of(frame), refused, f"sent a request of {len(frame)} bytes")
        except Refused as refused:
            peer.outlet.refuse(peer, request_id or large.id_of(frame), refused)
        except Exception:  # noqa: BLE001 -- a bug affects this request, not the worker
            _log.exception("a request of %s failed", peer.public.hex()[:8])
            peer.outlet.refuse(peer, request_id, Refused(Code.INTERNAL, BUG))

    def _pass_on(self, call: Call, verb: str, sharing: Sharing, check: Callable[[], None]) -> None:
        """Check the signature if the request needs one, and pass the request to its handler."""
        if verb not in SIGNED_VERBS:
            call.guard(self.handlers[verb], call)
        elif self.apart is not None and len(call.proof) > _LONG:
            self.apart.run(sharing, call.peer.public, check, partial(self._checked, call, self.handlers[verb]))
        else:
            call.guard(_check_and_handle, check, self.handlers[verb], call)

    def _checked(self, call: Call, handler: Handler, raised: Exception | None) -> None:
        """Continue with a request whose signature was checked on a thread."""

        def handle() -> None:
            if raised is not None:
                raise raised
            handler(call)

        if call.peer.left or not call.peer.gone:
            call.guard(handle)

    def _holds(self, call: Call, verb: str, frame: bytes, sharing: Sharing) -> bool:
        """Hold a request until the desk has recovered, if it must wait for that; return whether it must."""
        needs_others = bool(call.member.job) or call.request.start.HasField("batch")
        if self.held is None or not self.held.holds(verb, call.peer.public, needs_others=needs_others):
            return False
        self.held.hold(call.peer, frame, call.bulk, sharing)
        return True

    def _member(self, peer: Peer) -> Member:
        member = self.member_of(peer.key)
        if member is None:
            # The handshake admitted it before it was removed from the roster.
            message = "this key is not on the worker's roster, or no longer"
            raise Refused(Code.PERMISSION_DENIED, message, "ask the administrator of the worker to add it", reason=Reason.NOT_ON_ROSTER)
        return member

    def _check_signer(self, peer: Peer, envelope: request_pb2.Envelope, rest: bytes | None) -> None:
        if signature.check(envelope, self.public, self.nonce, rest) != peer.key:
            raise Refused(Code.UNAUTHENTICATED, "the request was signed with a key other than the connection's")


def _check_and_handle(check: Callable[[], None], handler: Handler, call: Call) -> None:
    check()
    handler(call)


def _jobs_in(call: Call, verb: str) -> int:
    """Return how many jobs a request names or contains."""
    if call.jobs is not None:
        return len(call.jobs)
    asked = getattr(call.request, verb)
    return len(getattr(asked, "jobs", ())) + len(getattr(asked, "keys", ()))


def _only_pairs(verb: str) -> Refused:
    message = f"this is the temporary key of a token: it can be used only to join, and not for {verb}"
    return Refused(Code.PERMISSION_DENIED, message, "join with the token first", reason=Reason.ROLE)


def _refuse_fields_of_daemons(envelope: request_pb2.Envelope) -> None:
    if envelope.HasField("delegation"):
        raise Refused(Code.INVALID_ARGUMENT, "the envelope has a `delegation`, which only a worker may add", "leave it out")
    if envelope.shown:
        raise Refused(Code.INVALID_ARGUMENT, "the envelope has only some jobs of a start, as only a broker may send it", "send all of them")


def _no_verb(request: request_pb2.Request) -> Refused:
    """Return the refusal of a request without a known verb: a verb of a newer version is an unknown field here."""
    size = request.ByteSize()
    request.DiscardUnknownFields()
    if request.ByteSize() == size:
        return Refused(Code.INVALID_ARGUMENT, "the request has no verb", "set one of the fields of `verb`")
    message = "this worker does not know the verb of the request"
    return Refused(Code.UNIMPLEMENTED, message, "upgrade the worker", reason=Reason.UNKNOWN_VERB)
