"""The verbs that a broker may use over its link to a worker, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from ...keys.members.rights import Member, Right, demand
from ...schemas.frames import read_envelope
from ...schemas.jobs.states import State
from ...schemas.naming import AttemptKey, JobKey
from ...schemas.refusal import Code, Refused
from ...schemas.requests.large import Large
from ..access.notary import Notary
from ..desk.desk import Desk
from ..engine import Engine
from ..jobs.loans import MOST_LEVELS
from ..requests.call import Call
from ..requests.dispatch import Handler
from ..retention.followed import Followed
from ..retention.forget import Forgetting
from ..store.queries import Lookup
from ..store.store import Store
from ..streams.watchers import Watchers
from .checks.job_keys import JobKeys
from .deliveries import Parts, Starts, deliver, discard, read_name, settle
from .facts import FactStream, follow_facts
from .files import relay_put
from .inputs import relay_feed
from .orders import Done, find_job, limit_first, read_for, relay, relay_fetch
from .registry import Registry
from .removal import removed

# Of the jobs of one member, twice as many as there are slots may run at once that start jobs, at each of so many levels.
_LENT_FOR_A_SLOT = 2 * MOST_LEVELS
# They are what they are for a client that is connected itself.
_UNCHANGED = ("hello", "status", "credit", "cancel", "push", "resize")


class RelayedVerbs:
    """The handlers of requests from brokers. `verbs`: those for clients.

    `leave`: ends the worker, if a broker may do that.
    """

    def __init__(  # noqa: PLR0913 -- the parts that its handlers need
        self,
        *,
        desk: Desk,
        lookup: Lookup,
        store: Store,
        engine: Engine,
        watchers: Watchers,
        followed: Followed,
        forgetting: Forgetting,
        member_of: Callable[[bytes], Member | None],
        verbs: Mapping[str, Handler],
        notary: Notary,
        leave: Callable[[], None] | None = None,
        offer: int = 0,
        is_hashing: Callable[[AttemptKey], bool] = lambda _: False,
    ) -> None:
        """`offer`: the maximum number of slots for a broker; 0: all. `is_hashing`: see `Registry`."""
        registry, done = Registry(store, followed, is_hashing), Done()

        def limit(by: Member, name: AttemptKey, key: JobKey, raw: bytes) -> None:
            limit_first(by, name, key, raw, parts, done)

        self.registry = registry
        keys = JobKeys(notary.worker.public, member_of)
        parts = Parts(desk, lookup, store, registry, Starts(store), member_of, engine.depot, verbs["place"], self._taken, limit, keys)
        self._parts = parts
        self._streams: dict[bytes, FactStream] = {}
        self._is_telling = False
        self.handlers: Mapping[str, Handler] = {
            **{verb: verbs[verb] for verb in _UNCHANGED},
            "deliver": lambda call: deliver(call, parts),
            "lend": self._lend,
            "leave": lambda call: _leave(call, desk, leave),
            "follow_facts": lambda call: follow_facts(
                call, desk, lookup, engine, watchers, registry, notary=notary, streams=self._streams, offer=offer
            ),
            "removed": lambda call: removed(call, parts, notary.worker.public),
            "settle": lambda call: settle(call, registry),
            "discard": lambda call: discard(call, registry, forgetting),
            "relay": lambda call: relay(call, parts, done),
            "relay_feed": lambda call: relay_feed(call, parts, verbs["feed"]),
            "relay_put": lambda call: relay_put(call, parts, verbs["put"]),
            "relay_fetch": lambda call: relay_fetch(call, parts, verbs["fetch"]),
            "read_log": lambda call: read_for(call, parts, verbs["read_log"]),
            "follow_log": lambda call: read_for(call, parts, verbs["follow_log"]),
        }

    def _lend(self, call: Call) -> None:
        """Let others use the slots of a job until the connection is lost: then nobody can end the loan any more."""
        demand(call.member, Right.RELAY, call.member.key)
        asked, stream = call.request.lend, self._streams.get(call.member.key)
        job = find_job(call, read_name(asked.job), self._parts)
        if not job.spec.may_submit:
            raise Refused(Code.PERMISSION_DENIED, "its client did not permit the job to start jobs, so it cannot wait for any")
        if asked.begins and stream is not None and job.key not in stream.lent and len(stream.lent) >= self._most_lent():
            message = f"{len(stream.lent)} jobs already lend their slots, which is the limit for jobs that start each other"
            raise Refused(Code.RESOURCE_EXHAUSTED, message, "let it wait with its slots")
        # One that has ended meanwhile has no slots any more.
        if stream is not None and job.state is not State.FINISHED:
            stream.lend(job, begins=asked.begins)
        call.done(None)

    def _most_lent(self) -> int:
        """Return how many jobs may lend their slots: otherwise a broker could claim that any number wait, and run them all at once."""
        return _LENT_FOR_A_SLOT * self._parts.desk.stock.capacity.slots

    def usage_changed(self) -> None:
        """Report, a moment later, what other jobs use: the broker places nothing that would wait behind them."""
        if self._streams and not self._is_telling:
            self._is_telling = True
            asyncio.get_running_loop().call_soon(self._tell_usage)

    def _tell_usage(self) -> None:
        self._is_telling = False
        for stream in list(self._streams.values()):
            stream.tell_usage()

    def capacity_changed(self) -> None:
        """Report this worker's present capacity for jobs to brokers."""
        for stream in list(self._streams.values()):
            stream.tell_stock()

    def roster_changed(self) -> None:
        """Tell brokers that jobs with refused signers may be accepted now."""
        for stream in list(self._streams.values()):
            stream.tell_stock(renewed=True)

    def stopped(self) -> None:
        """Tell brokers that this worker was stopped and will not restart by itself."""
        for stream in list(self._streams.values()):
            stream.tell_stopped()

    def hashed(self, key: AttemptKey) -> None:
        """Report the end of a job to its broker once more, now with the hashes of its output."""
        found = self.registry.name_of(key.job)
        stream = self._streams.get(found[0]) if found is not None else None
        if found is not None and stream is not None:
            stream.hashed(found[1], key.job)
            stream.flush()

    def _taken(self, relay_key: bytes, name: AttemptKey, key: JobKey) -> None:
        stream = self._streams.get(relay_key)
        if stream is not None:
            stream.report(name, key)
            # Not at once: the desk replies before the job is in its queue, and what it waits for is part of what is reported.
            asyncio.get_running_loop().call_soon(stream.flush)


def _leave(call: Call, desk: Desk, leave: Callable[[], None] | None) -> None:
    """Exit: the broker has requested this worker from a cluster, and it is idle."""
    demand(call.member, Right.RELAY, call.member.key)
    if leave is None:
        raise Refused(Code.FAILED_PRECONDITION, "this worker does not run in an allocation; only its operator can stop it")
    if desk.live:
        raise Refused(Code.FAILED_PRECONDITION, f"this worker has {len(desk.live)} jobs", "send it away when they have ended")
    call.done(None)
    # When the answer is on its way.
    asyncio.get_running_loop().call_soon(leave)


def read(frame: bytes) -> Large:
    """Return a request of a broker, which may contain a whole start."""
    return Large(*read_envelope(frame), None)
