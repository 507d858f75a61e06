"""Which job a person refers to by a full id, PID@START, `last`, a name, or a prefix of an id.

A bare name refers to a job of the member who types it; only if they have none, to another member's that they may see. As in queries.py, a
job exists once the desk has been told of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ...keys.members.rights import Member, Right, may, no_such_job
from ...schemas.clock import date_text
from ...schemas.jobs.states import Pick, State
from ...schemas.naming import JobKey, Typed, format_id, prefix_of
from ...schemas.refusal import Code, Reason, Refused
from ..jobs.job import Job
from .store import Store

_MOST_SHOWN = 5
# The first read; the jobs in it that the desk has not been told of are few.
_FIRST = 64
_COLUMNS = "owner, id, state, queued_at, started_at, ended_at"
_NEWEST_FIRST = "ORDER BY queued_at DESC, row DESC"


class Candidate(NamedTuple):
    """A job that may be meant."""

    key: JobKey
    state: State
    queued_at_us: int
    started_at_us: int
    ended_at_us: int

    def __str__(self) -> str:
        """Return the id, the state, and the time of its last change."""
        if self.state is State.FINISHED:
            return f"{format_id(self.key.id)} ended {date_text(self.ended_at_us)}"
        return f"{format_id(self.key.id)} {self.state.name.lower()} since {date_text(self.started_at_us or self.queued_at_us)}"


def choose(text: str, candidates: Sequence[Candidate], pick: Pick) -> JobKey:
    """Return the candidate that is meant; they are passed newest first.

    Raises Refused(INVALID_ARGUMENT) with the reason AMBIGUOUS, whose sentence lists them.
    """
    alive = [one for one in candidates if one.state is not State.FINISHED] if pick is Pick.ALIVE else []
    meant = alive or candidates
    if len(meant) > 1 and (pick is Pick.ONLY or alive):
        shown = ", ".join(map(str, meant[:_MOST_SHOWN])) + (", ..." if len(meant) > _MOST_SHOWN else "")
        which = "more than one job that has not ended" if alive else "more than one job"
        raise Refused(Code.INVALID_ARGUMENT, f"{text!r} names {which}: {shown}", "name one by its id", reason=Reason.AMBIGUOUS)
    return meant[0].key


class Names:
    """Finds the jobs that a text can refer to; `live` are the desk's own. `within`: only this job, and those that it started.

    `is_whole`: whether `live` contains all unended jobs; otherwise the store is read for others.
    """

    def __init__(self, store: Store, live: Mapping[JobKey, Job], is_whole: Callable[[], bool] = lambda: True, within: bytes = b"") -> None:
        self._store = store
        self._live = live
        self._is_whole = is_whole
        self._within = within

    def find(self, text: str, typed: Typed, member: Member, pick: Pick, owner: bytes) -> JobKey:
        """Return the key of the job that is meant; `owner`: its owner, or empty. The caller has checked what the member may see.

        Raises Refused as `choose` does.
        """
        for whose in [owner] if owner else [member.key, b""] if may(member, Right.SEE_OTHERS, b"") else [member.key]:
            found, has_name = self._candidates(typed, whose, pick)
            if found:
                # Neither the beginning of an id nor a name of others means one of several by chance.
                by_chance = not has_name or (not whose and pick is Pick.NEWEST)
                return choose(text, found, Pick.ONLY if by_chance else pick)
        if typed.full_id:
            # It may have been forgotten.
            return JobKey(owner or member.key, typed.full_id)
        raise no_such_job(text)

    def _candidates(self, typed: Typed, whose: bytes, pick: Pick) -> tuple[Sequence[Candidate], bool]:
        """Return the jobs that can be meant, newest first, and whether they were found by name."""
        if typed.full_id:
            return self._by_id(typed.full_id, typed.full_id, whose), False
        if typed.last:
            return self._told("jobs INDEXED BY jobs_by_owner WHERE is_finish IS NULL", whose)[:1] if whose else (), False
        if typed.process[0]:
            process = (typed.process[1], typed.process[0])
            earlier = "jobs WHERE row IN (SELECT job FROM attempts WHERE started_at = ? AND started_at > 0 AND pid = ?)"
            return self._told("jobs WHERE started_at = ? AND pid = ?", whose, *process) or self._told(earlier, whose, *process), False
        named = self._named(typed.name_or_prefix, whose, pick)
        prefix = prefix_of(typed.name_or_prefix)
        if named or prefix is None:
            return named, True
        low, high = (bytes.fromhex(prefix.ljust(32, fill)) for fill in "0f")
        return self._by_id(low, high, whose), False

    def _named(self, name: str, whose: bytes, pick: Pick) -> Sequence[Candidate]:
        found = self._alive(name, whose) if pick is Pick.ALIVE else ()
        index = "jobs_by_name_of_owner" if whose else "jobs_by_name"
        return found or self._told(f"jobs INDEXED BY {index} WHERE name <> '' AND name = ?", whose, name)

    def _alive(self, name: str, whose: bytes) -> Sequence[Candidate]:
        alive = "jobs INDEXED BY jobs_alive_by_name WHERE jobs.ok IS NULL AND name <> '' AND name = ?"
        found = [one for owner in self._whose(whose) for one in self._told(alive, owner, name)]
        return sorted(found, key=lambda one: -one.queued_at_us)

    def _by_id(self, low: bytes, high: bytes, whose: bytes) -> Sequence[Candidate]:
        # Ids are indexed after their owner, and read as they are there: clients make ids, so a hundred thousand may begin alike, and it
        # takes long to sort these. None of several is chosen.
        source = "jobs INDEXED BY jobs_by_key WHERE id BETWEEN ? AND ?"
        found = [one for owner in self._whose(whose) for one in self._told(source, owner, low, high, order="ORDER BY id")]
        return sorted(found, key=lambda one: -one.queued_at_us)

    def _told(self, source: str, whose: bytes, *values: object, order: str = _NEWEST_FIRST) -> Sequence[Candidate]:
        """Return the first jobs of a source, in order, that the desk has been told of; at least two, if there are."""
        found, whole = self._read(source, whose, values, _FIRST, order)
        return found if whole or len(found) > 1 else self._read(source, whose, values, -1, order)[0]

    def _read(self, source: str, whose: bytes, values: Sequence[object], limit: int, order: str) -> tuple[list[Candidate], bool]:
        own, parameters = (" AND owner = ?", [*values, whose]) if whose else ("", values)
        if self._within:
            own, parameters = f"{own} AND (id = ? OR started_by = ?)", [*parameters, self._within, self._within]
        rows = self._store.read(f"SELECT {_COLUMNS} FROM {source}{own} {order} LIMIT {limit}", parameters)  # noqa: S608 -- our own texts
        found = (self._as_known(JobKey(owner, job_id), *rest) for owner, job_id, *rest in rows)
        return [one for one in found if one is not None], len(rows) < limit

    def _as_known(self, key: JobKey, state: int, *times_us: int) -> Candidate | None:
        job = self._live.get(key)
        if job is not None:
            return Candidate(key, job.state, *times_us)
        return Candidate(key, State(state), *times_us) if state == State.FINISHED or not self._is_whole() else None

    def _whose(self, whose: bytes) -> Iterable[bytes]:
        return [whose] if whose else self._owners()

    def _owners(self) -> Iterator[bytes]:
        last = b""
        while rows := self._store.read("SELECT owner FROM jobs WHERE owner > ? ORDER BY owner LIMIT 1", (last,)):
            last = rows[0][0]
            yield last
