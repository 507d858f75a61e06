"""What a proof proves: who requested a job, what was requested, and for which worker or broker it was signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from ...keys.identity import fingerprint, format_public
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.naming import short_id
from ...schemas.refusal import Refused
from .asked import AskedJob, Signed, find_job, read_signed, stops
from .checks import Check, Checks, wrong
from .ends import SignedEnd, compare, read_end
from .logs import signed_logs


@dataclass(frozen=True, slots=True)
class Wanted:
    """Further conditions: whose signature it must be, for whom the request was signed, and who ran it; public keys, empty: anybody.

    `trusted`: other keys known as those of workers. Without them, a key could be one that the broker made. `contexts`: the pinned keys of
    daemons; each of them is trusted unless the job was requested from it, because it may be a broker. `names`: of known keys.
    """

    signer: bytes = b""
    audience: bytes = b""
    workers: frozenset[bytes] = frozenset()
    trusted: frozenset[bytes] = frozenset()
    contexts: frozenset[bytes] = frozenset()
    names: Mapping[bytes, str] = field(default_factory=dict)

    def name(self, key: bytes) -> str:
        """Return a key in words: its name if it is known, and its fingerprint."""
        return f"{self.names[key]} ({fingerprint(key)})" if key in self.names else fingerprint(key)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The checks; `start`, `asked` and `stop` are None if they do not hold."""

    checks: tuple[Check, ...]
    start: Signed | None
    asked: AskedJob | None
    stop: Signed | None
    ends: tuple[SignedEnd, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether all checks hold."""
        return all(check.holds for check in self.checks)

    @property
    def is_proven(self) -> bool:
        """Whether all checks hold, with signatures of trusted keys."""
        return all(check.holds and check.proven for check in self.checks)


def verify(proof: request_pb2.JobProof, wanted: Wanted, read: Callable[[bytes], Signed] = read_signed) -> Verdict:
    """Check a proof; never raises for what is wrong with it. `read` is `read_signed`, or a cache of it."""
    checks = Checks()
    start = checks.make("signature", lambda: read(proof.start))
    asked, trusted = None, wanted.trusted
    if start is not None:
        checks.holds("signature", f"signed by {wanted.name(start.signer)}")
        trusted = wanted.trusted | (wanted.contexts - {start.audience})
        # A worker that was asked itself speaks for its jobs; of a broker, one of its workers does.
        is_known = not start.acts_for or start.said_by in wanted.workers | trusted | {start.audience}
        _check_keys(checks, start, wanted, is_known=is_known)
        owner = checks.make("owner", lambda: _demand_owner(start, proof, wanted, is_known=is_known))
        if owner is not None:
            (checks.holds if is_known else checks.leaves_open)("owner", owner)
        asked = checks.make("job", lambda: find_job(start, proof))
    if asked is not None:
        checks.holds("job", f"job {short_id(proof.key.id)} was asked for, {asked.how}")
    stop = checks.make("stop signature", lambda: read_signed(proof.stop)) if proof.stop else None
    if stop is not None:
        checks.holds("stop signature", f"signed by {wanted.name(stop.signer)}")
        batch = asked.batch if asked is not None else None
        _check(checks, "stop", lambda: f"job {short_id(proof.key.id)} was stopped {stops(stop, proof.key, batch, start)}")
    ends = _check_ends(checks, proof, wanted, trusted)
    return Verdict(tuple(checks.made), start, asked, stop, tuple(ends))


def _check_ends(checks: Checks, proof: request_pb2.JobProof, wanted: Wanted, trusted: frozenset[bytes]) -> list[SignedEnd]:
    signed: dict[int, SignedEnd] = {}
    for raw in proof.ends:
        found = checks.make("end signature", partial(read_end, raw, proof.key, wanted.workers, trusted))
        if found is not None:
            _tell_signer(checks, found, wanted)
            if found.is_trusted or found.end.attempt not in signed:
                signed[found.end.attempt] = found
    for number in sorted(signed):
        _check_hashes(checks, signed[number], proof)
    for told in proof.told:
        compared = checks.make("end", partial(_compared, told, signed.get(told.attempt)))
        if compared is not None:
            sentence, is_proven = compared
            (checks.holds if is_proven else checks.leaves_open)("end", sentence)
    return list(signed.values())


def _check_hashes(checks: Checks, found: SignedEnd, proof: request_pb2.JobProof) -> None:
    """Note what is signed about the bytes of the output. That nothing is signed is no error: then only their number is stated."""
    attempt = f"attempt {found.end.attempt}"
    for log in signed_logs(found.end, proof):
        if not log.size:
            continue
        if log.why_not:
            # As it was before output was hashed: so nothing that was proven is less so.
            checks.holds("output", f"{attempt}: only the size of {log.stream} is signed, {log.size} bytes: {log.why_not}")
        elif log.parts is None:
            checks.fails("output", f"{attempt}: the hashes of the parts of {log.stream} are not those that are signed")
        elif found.is_trusted:
            checks.holds("output", f"{attempt}: the hash of {log.stream} is signed, {log.size} bytes; --logs checks them")
        else:
            checks.leaves_open("output", f"{attempt}: that key has signed the hash of {log.stream}, {log.size} bytes")


def _tell_signer(checks: Checks, found: SignedEnd, wanted: Wanted) -> None:
    attempt = f"attempt {found.end.attempt}"
    if found.is_trusted:
        checks.holds("end signature", f"{attempt}: signed by {wanted.name(found.worker)}")
        return
    who = f"{wanted.name(found.worker)}, which is not one of the workers that you trust"
    checks.leaves_open("end signature", f"{attempt}: signed by {who}; its key is {format_public(found.worker)}")


def _compared(told: job_pb2.EarlierAttempt, signed: SignedEnd | None) -> tuple[str, bool]:
    try:
        sentence, is_proven = compare(told, signed)
    except Refused as refused:
        raise wrong(f"attempt {told.attempt}: {refused.message}") from None
    return f"attempt {told.attempt}: {sentence}", is_proven


def _check(checks: Checks, name: str, part: Callable[[], str]) -> None:
    if (sentence := checks.make(name, part)) is not None:
        checks.holds(name, sentence)


def _check_keys(checks: Checks, start: Signed, wanted: Wanted, *, is_known: bool) -> None:
    if wanted.signer:
        told = "that is the key that was expected" if start.owner == wanted.signer else f"not by {wanted.name(wanted.signer)}"
        checks.made.append(Check("signer", told, start.owner == wanted.signer, proven=is_known))
    told = f"it was signed for {wanted.name(start.audience)}"
    if not wanted.audience or start.audience == wanted.audience:
        checks.holds("audience", told)
    else:
        checks.fails("audience", f"{told}, not for {wanted.name(wanted.audience)}")


def _demand_owner(start: Signed, proof: request_pb2.JobProof, wanted: Wanted, *, is_known: bool) -> str:
    if start.owner != proof.key.owner:
        raise wrong(f"the job belongs to {wanted.name(proof.key.owner)}, who has not signed this")
    if start.acts_for:
        said = f"the signer is the key of a job, which acted for {wanted.name(start.acts_for)}"
        if start.said_by == start.audience:
            return f"{said}, as the worker has signed"
        who = wanted.name(start.said_by)
        return f"{said}, as the worker {who} has signed{'' if is_known else ', which is not one of the workers that you trust'}"
    return "the signer owns the job"
