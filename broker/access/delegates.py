"""The keys of jobs that act for their owners: valid while the job runs, and looked up for every message.

A key is accepted from the launch of its attempt until the desk has the end. Such a job may do what its owner may do at that moment, and at
most `DELEGATED`. The key of a job that came through a broker is accepted by the broker, to which the worker reports it, and not by the
worker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ...keys.identity import Identity, curve_public_of
from ...keys.members.rights import Member, account_of_jobs, acting_for
from ...keys.proofs import delegation
from ...schemas.generated import request_pb2
from ...schemas.naming import AttemptKey, JobKey, short_id
from ...schemas.refusal import Refused
from ..jobs.job import Job
from ..jobs.life import WITH_ENGINE

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Delegate:
    attempt: AttemptKey
    public: bytes
    curve_public: bytes
    # The statement of the worker, stored with what the job signs.
    statement: bytes


@dataclass(slots=True, eq=False)
class Delegates:
    """The keys of jobs. `worker` and `store`: those of this worker or broker; `description`: the path of the file by which jobs find it.

    `member` returns the member of an owner's key. `live` are the desk's jobs. `disconnect` is called with a key, and the key it is counted
    for. `relay_of`: the broker that a job came through, empty if none; `relay_description`: the file by which jobs find that broker.
    `derives`: False for a broker, which makes no keys.
    """

    worker: Identity
    store: bytes
    description: str
    member: Callable[[bytes], Member | None]
    live: Mapping[JobKey, Job]
    disconnect: Callable[[bytes, bytes], None]
    relay_of: Callable[[JobKey], bytes] = lambda _: b""
    relay_description: str = ""
    derives: bool = True
    _by_attempt: dict[AttemptKey, _Delegate] = field(default_factory=dict)
    _by_public: dict[bytes, _Delegate] = field(default_factory=dict)
    _by_curve: dict[bytes, _Delegate] = field(default_factory=dict)

    def admit(self, attempt: AttemptKey) -> bytes:
        """Accept the key of an attempt from now on, and return the content of the key file for the job."""
        if not self.derives:
            return b""
        identity = delegation.derive(self.worker, *attempt)
        if relay := self.relay_of(attempt.job):
            return delegation.write_text(delegation.KeyFile(identity, relay, self.relay_description, is_broker=True))
        said = delegation.delegate(self.worker, attempt, identity, self.worker.public, self.store)
        self._accept(attempt, said, identity.curve_public)
        return delegation.write_text(delegation.KeyFile(identity, self.worker.public, self.description))

    def told(self, said: request_pb2.Delegation) -> None:
        """Accept the key of an attempt that a worker has reported. The caller has checked that the attempt runs there."""
        attempt = delegation.attempt_of(said)
        job, before = self.live.get(attempt.job), self._by_attempt.get(attempt)
        if job is None or job.attempt.key != attempt or not job.spec.may_submit or (before is not None and before.public == said.key):
            return
        try:
            delegation.check(said, self.worker.public)
            curve_public = curve_public_of(said.key)
        except Refused as refused:
            _log.warning("the key of job %s is not accepted: %s", short_id(attempt.id), refused)
            return
        if self.member(said.key) is not None:
            # It would be counted as that of the job, and disconnected when that ends.
            _log.warning("the key of job %s is not accepted: it is that of a member", short_id(attempt.id))
            return
        self.expel([attempt])
        if curve_public in self._by_curve:
            # A key and its negative share one for connections.
            _log.warning("the key of job %s is not accepted: it is that of another job", short_id(attempt.id))
            return
        self._accept(attempt, said, curve_public)

    def _accept(self, attempt: AttemptKey, said: request_pb2.Delegation, curve_public: bytes) -> None:
        statement = request_pb2.Envelope(delegation=said).SerializeToString()
        delegate = _Delegate(attempt, said.key, curve_public, statement)
        self._by_attempt[attempt] = self._by_public[said.key] = self._by_curve[curve_public] = delegate

    def expel(self, attempts: Sequence[AttemptKey]) -> None:
        """Stop accepting the keys of these attempts, because they have ended. Most jobs have none."""
        if not self._by_attempt:
            return
        for attempt in attempts:
            delegate = self._by_attempt.pop(attempt, None)
            if delegate is not None:
                del self._by_public[delegate.public], self._by_curve[delegate.curve_public]
                self._disconnect(delegate)

    def cut_off(self, owner: bytes) -> None:
        """Disconnect all jobs that act for an owner whose rights have changed."""
        for delegate in [one for one in self._by_public.values() if one.attempt.owner == owner]:
            self._disconnect(delegate)

    def _disconnect(self, delegate: _Delegate) -> None:
        self.disconnect(delegate.public, account_of_jobs(delegate.attempt.owner))

    def acting(self, public: bytes) -> Member | None:
        """Return the member that the job with this public key is now; None if it has ended, or its owner is not on the roster."""
        return self._now(self._by_public.get(public))

    def by_curve(self, curve_public: bytes) -> Member | None:
        """Return the same for a CURVE public key."""
        return self._now(self._by_curve.get(curve_public))

    def account(self, public: bytes) -> bytes:
        """Return the key that a connection is counted for: all jobs of one owner share one."""
        delegate = self._by_public.get(public)
        return public if delegate is None else account_of_jobs(delegate.attempt.owner)

    def statement(self, public: bytes) -> bytes:
        """Return the statement to store with a request signed by this key: the field of its envelope that says for whom it acted."""
        delegate = self._by_public.get(public)
        return b"" if delegate is None else delegate.statement

    def _now(self, delegate: _Delegate | None) -> Member | None:
        if delegate is None:
            return None
        attempt = delegate.attempt
        job = self.live.get(attempt.job)
        if job is None or job.attempt.key != attempt or job.attempt.phase not in WITH_ENGINE:
            return None
        owner = self.member(attempt.owner)
        if owner is None:
            return None
        return acting_for(owner, f"job {short_id(attempt.id)} of {owner.name}", attempt.id, delegate.public)
