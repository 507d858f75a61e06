"""Record what arrives after the ends of jobs: hashes of logs, computed here or reported by workers, and late ends of lost jobs.

What is still to be hashed is in the store from the commit of the end on: after a crash, hashing continues.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from ..schemas.jobs.states import Outcome, OutcomeKind
from ..schemas.naming import AttemptKey, short_id
from ..schemas.wire_codec import outcome_to_wire
from .engine import Hashed, LogHasher
from .jobs.job import Attempt
from .store.queries import Lookup
from .store.rows import hash_rows
from .store.store import Store
from .writes.jobs import RecordHashes

_log = logging.getLogger(__name__)
# What a worker must not have changed when it tells an end once more.
_SAME = ("kind", "exit_status", "signal", "stdout_bytes", "stderr_bytes")


class LogHashes:
    """The hashes of one store. `recorded(key)` is called when those of an attempt are durable."""

    def __init__(self, store: Store, lookup: Lookup, hasher: LogHasher, recorded: Callable[[AttemptKey], None]) -> None:
        self._store = store
        self._lookup = lookup
        self._hasher = hasher
        self._recorded = recorded

    def open(self) -> None:
        """Continue with what an earlier run has left, and record results from now on."""
        self._hasher.open(self._hashed)
        left = 0
        for key in hash_rows.unhashed(self._store.read):
            attempt = self._find(key)
            if attempt is not None and attempt.outcome is not None:
                self._hasher.add(attempt.run, (attempt.outcome.stdout_bytes, attempt.outcome.stderr_bytes))
                left += 1
        if left:
            _log.info("the output of %d jobs that have ended is still to be hashed", left)

    def _find(self, key: AttemptKey) -> Attempt | None:
        job = self._lookup.job(key.job)
        return None if job is None else next((one for one in (*job.earlier, job.attempt) if one.key.attempt == key.attempt), None)

    def _hashed(self, hashed: Hashed) -> None:
        key, attempt = hashed.key, self._find(hashed.key)
        outcome = with_hashes(attempt.outcome, hashed) if attempt is not None and attempt.outcome is not None else None
        if attempt is None or outcome is None:
            # It was forgotten meanwhile, or is told twice.
            self._hasher.recorded(key)
            return
        if outcome.hash_problem:
            _log.warning("the output of job %s is not hashed: %s", short_id(key.id), outcome.hash_problem)

        def durable() -> None:
            # Of a job that has not ended, the desk tells it from memory.
            attempt.outcome = outcome
            if hashed.told is None or not hashed.told.hash_follows:
                self._hasher.recorded(key)
            self._recorded(key)

        said = outcome_to_wire(outcome, attested=True).SerializeToString()
        self._store.submit(RecordHashes(key, said, hashed.stdout_hashes, hashed.stderr_hashes), durable)


def _with_late_end(outcome: Outcome, told: Outcome) -> Outcome | None:
    """Return the outcome of a lost job with how it really ended; it stays lost. None if the report has nothing new."""
    if told.kind is OutcomeKind.LOST or not told.attestation or told.attestation == outcome.late_end:
        return None
    return replace(outcome, late_end=told.attestation)


def with_hashes(outcome: Outcome, hashed: Hashed) -> Outcome | None:
    """Return an outcome with the hashes that follow it; None if none are expected, or if they come with another end. Pure.

    The worker of a lost attempt may report later how it really ended. If the hashes came with the end at once, those of parts are still to
    be recorded.
    """
    told = hashed.told
    if told is not None and outcome.kind is OutcomeKind.LOST and not outcome.attestation:
        return _with_late_end(outcome, told)
    if told is not None and not told.is_hashed:
        return None
    if not outcome.hash_follows:
        has_parts = bool(hashed.stdout_hashes or hashed.stderr_hashes)
        is_same = told is not None and (told.stdout_root, told.stderr_root) == (outcome.stdout_root, outcome.stderr_root)
        return outcome if has_parts and is_same else None
    if told is None:
        return replace(
            outcome, hash_follows=False, stdout_root=hashed.stdout_root, stderr_root=hashed.stderr_root, hash_problem=hashed.problem
        )
    if told.hash_follows or any(getattr(told, name) != getattr(outcome, name) for name in _SAME):
        return None
    return replace(
        outcome,
        hash_follows=False,
        stdout_root=told.stdout_root,
        stderr_root=told.stderr_root,
        hash_problem=told.hash_problem,
        attestation=told.attestation,
    )
