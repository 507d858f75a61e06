"""The limits on the fields of a request: a count for each repeated field, a length for each text. Checked before any work is done.

A test compares the table with the descriptor of the schema: it fails for a field without a limit. Other conditions on a field (the id of a
job is not empty, arguments fit the limits of Linux) are checked by the code that uses it.
"""

from __future__ import annotations

import re
from collections.abc import Sized
from functools import cache
from typing import Any

from ..batches.parts import HASH_BYTES
from ..frames import (
    ENVELOPE_BYTES,
    LARGEST_MESSAGE,
    LARGEST_OTHER_MESSAGE,
    MOST_JOBS_PER_FILTER,
    MOST_JOBS_PER_KEPT_PART,
    MOST_JOBS_PER_PART,
    MOST_JOBS_PER_START,
    MOST_KEYS,
    MOST_KEYS_OF_A_KEPT_REQUEST,
    MOST_KEYS_OF_A_LINK,
    MOST_PARTS,
    STORE_ID_BYTES,
    TOKEN_BYTES,
    TOPIC_BYTES,
)
from ..jobs.brought_files import DIGEST_BYTES, LONGEST_PATH, MOST_FILES
from ..jobs.claims import MOST_RESOURCES
from ..jobs.conditions import MOST_CONDITIONS
from ..jobs.process_limits import NUMBERS
from ..jobs.retry import MOST_STATUSES
from ..jobs.spec_check import LARGEST_STDIN, LONGEST_ARGUMENT, LONGEST_LABEL, MOST_ARGUMENTS, MOST_LABELS, MOST_VARIABLES
from ..naming import ID_BYTES, LONGEST_NAME, OWNER_BYTES
from ..refusal import Code, Refused
from ..text.articles import with_article
from ..workers.labels import MOST_TERMS

# Of what is not in SIZES: keys of jobs, nonces and signatures, whose readers check the exact size.
LONGEST_ID = 64
LONGEST_TEXT = 256
# Each of them once, and more than there are today.
MOST_STATES = 16
# Of the command of a cluster, in a queue through which a broker grows.
MOST_OPTIONS = 50

# Repeated fields: their number.
COUNTS = {
    "Start.jobs": MOST_JOBS_PER_START,
    "Stage.jobs": MOST_JOBS_PER_PART,
    "Commit.parts": MOST_PARTS,
    "AddSchedule.parts": MOST_PARTS,
    "ChangeSchedule.parts": MOST_PARTS,
    "Stop.keys": MOST_KEYS,
    "Pause.keys": MOST_KEYS,
    "Resume.keys": MOST_KEYS,
    "Forget.keys": MOST_KEYS,
    "Change.keys": MOST_KEYS,
    "QueryProof.keys": MOST_KEYS,
    "Filter.jobs": MOST_JOBS_PER_FILTER,
    "Filter.labels": MOST_LABELS,
    "List.states": MOST_STATES,
    "List.labels": MOST_LABELS,
    "JobSpec.argv": MOST_ARGUMENTS,
    "Retry.on_exit": MOST_STATUSES,
    "JobSpec.environment": MOST_VARIABLES,
    "JobSpec.labels": MOST_LABELS,
    "JobSpec.files": MOST_FILES,
    "JobSpec.outputs": MOST_FILES,
    "JobSpec.after": MOST_CONDITIONS,
    "NewJob.after": MOST_CONDITIONS,
    "Place.files": MOST_FILES,
    "JobSpec.resources": MOST_RESOURCES,
    "JobSpec.on": MOST_TERMS,
    "JobSpec.not_on": MOST_TERMS,
    "SetSlots.labels": MOST_LABELS,
    "SetSlots.removed_labels": MOST_LABELS,
    "JobSpec.rlimits": len(NUMBERS),
    "SetSlots.resources": MOST_RESOURCES,
    "GpuList.ids": MOST_RESOURCES,
    "Deliver.jobs": MOST_KEYS_OF_A_LINK,
    "Deliver.hashes": MOST_PARTS,
    "ParentStart.hashes": MOST_PARTS,
    "Envelope.shown": MOST_KEYS_OF_A_LINK,
    "Settle.jobs": MOST_KEYS_OF_A_LINK,
    "Discard.jobs": MOST_KEYS_OF_A_LINK,
    "GrowthQueue.options": MOST_OPTIONS,
    "GrowthQueue.labels": MOST_LABELS,
}
# Of what a broker passes on that a client has signed, perhaps for an earlier version: a stop is good for ever.
KEPT_COUNTS = dict.fromkeys(("Stop.keys", "Pause.keys", "Resume.keys", "Change.keys"), MOST_KEYS_OF_A_KEPT_REQUEST)
# Bytes that have this size or are absent. With another one they would only match nothing, as if what is meant did not exist.
SIZES = {
    **dict.fromkeys(("Stage.batch", "Unstage.batch", "Batch.id", "Selection.batch", "List.batch", "Filter.batch"), ID_BYTES),
    **dict.fromkeys(("Start.within", "AddSchedule.id", "QuerySchedule.id", "ChangeSchedule.run_now", "AttemptName.id"), ID_BYTES),
    **dict.fromkeys(("Selection.owner", "List.owner", "Filter.owner", "QueryRun.owner", "ListRuns.owner"), OWNER_BYTES),
    **dict.fromkeys(("ListSchedules.owner", "QuerySchedule.owner", "RelayPut.owner", "AttemptName.owner"), OWNER_BYTES),
    **dict.fromkeys(("Start.first_store", "Commit.first_store", "Cursor.store", "Deliver.store"), STORE_ID_BYTES),
    **dict.fromkeys(("Put.digest", "RelayPut.digest", "Deliver.digest"), DIGEST_BYTES),
    **dict.fromkeys(("Feed.token", "Put.token"), TOKEN_BYTES),
    "Unsubscribe.topic": TOPIC_BYTES,
}
# Texts and bytes: their length in characters and bytes.
LENGTHS = {
    **SIZES,
    "Envelope.request": LARGEST_MESSAGE,
    "Proof.signer": LONGEST_ID,
    "Proof.audience": LONGEST_ID,
    "Proof.nonce": LONGEST_ID,
    "Proof.signature": LONGEST_ID,
    "Proof.root": LONGEST_ID,
    # Refused whatever they are.
    "SignedJob.path": LONGEST_TEXT,
    # Refused whatever they are.
    **dict.fromkeys((f"Delegation.{name}" for name in ("worker", "owner", "job", "key", "signature")), LONGEST_ID),
    **dict.fromkeys((f"Delegation.{name}" for name in ("audience", "store", "possession")), LONGEST_ID),
    "Hello.software": LONGEST_TEXT,
    "Commit.parts": LONGEST_ID,
    "AddSchedule.parts": LONGEST_ID,
    "ChangeSchedule.parts": LONGEST_ID,
    "NewJob.id": LONGEST_ID,
    "Batch.name": LONGEST_TEXT,
    # Part of replies, where a batch tells how its on_finish ended.
    **dict.fromkeys((f"Outcome.{name}" for name in ("sentence", "stdout_problem", "stderr_problem", "stdin_problem")), LONGEST_TEXT),
    **dict.fromkeys(
        (f"Outcome.{name}" for name in ("attestation", "late_end", "stdout_root", "stderr_root", "hash_problem")), LONGEST_TEXT
    ),
    "JobKey.owner": LONGEST_ID,
    "JobKey.id": LONGEST_ID,
    "JobSpec.argv": LONGEST_ARGUMENT,
    "JobSpec.directory": LONGEST_PATH,
    "JobSpec.stdin": LARGEST_STDIN,
    "JobSpec.name": LONGEST_TEXT,
    "After.job": LONGEST_ID,
    "After.run": LONGEST_ID,
    "After.name": LONGEST_TEXT,
    "EnvironmentVariable.name": LONGEST_ARGUMENT,
    "EnvironmentVariable.value": LONGEST_ARGUMENT,
    "Label.name": LONGEST_LABEL,
    "Label.value": LONGEST_LABEL,
    "QueryOne.name": LONGEST_TEXT,
    "QueryRun.name": LONGEST_TEXT,
    "ListRuns.owner_name": LONGEST_TEXT,
    "ListRuns.batch_name": LONGEST_TEXT,
    "ListRuns.page": LONGEST_TEXT,
    "Selection.batch_name": LONGEST_TEXT,
    "List.batch_name": LONGEST_TEXT,
    "List.page": LONGEST_TEXT,
    "List.name": LONGEST_TEXT,
    "List.begins": LONGEST_TEXT,
    "List.owner_name": LONGEST_TEXT,
    "Push.seal": LONGEST_ID,
    "JobFile.path": LONGEST_PATH,
    "JobFile.digest": LONGEST_ID,
    "JobSpec.outputs": LONGEST_PATH,
    "Fetch.path": LONGEST_PATH,
    "AddSchedule.name": LONGEST_TEXT,
    "AddSchedule.cron": LONGEST_TEXT,
    "AddSchedule.zone": LONGEST_TEXT,
    "RunEnd.outcome": LONGEST_TEXT,
    "ListSchedules.page": LONGEST_TEXT,
    "QuerySchedule.name": LONGEST_TEXT,
    "Fetch.validator": LONGEST_ID,
    "JobSpec.only_one": LONGEST_TEXT,
    "JobSpec.on": LONGEST_TEXT,
    "JobSpec.not_on": LONGEST_TEXT,
    "SetSlots.removed_labels": LONGEST_TEXT,
    "Resource.name": LONGEST_TEXT,
    "ResourceLimit.name": LONGEST_TEXT,
    "GpuList.ids": LONGEST_TEXT,
    "Enlist.software": LONGEST_TEXT,
    "Deliver.hashes": HASH_BYTES * MOST_JOBS_PER_KEPT_PART,
    "ParentStart.hashes": HASH_BYTES * MOST_JOBS_PER_KEPT_PART,
    "Delivery.staged_job": LARGEST_MESSAGE,
    "Delivery.limit": LARGEST_OTHER_MESSAGE,
    "Deliver.start": LARGEST_MESSAGE + ENVELOPE_BYTES,
    "ParentStart.start": LARGEST_MESSAGE + ENVELOPE_BYTES,
    "Relay.request": LARGEST_OTHER_MESSAGE,
    "RelayFeed.request": LARGEST_OTHER_MESSAGE,
    "ChangeWorker.name": LONGEST_TEXT,
    "ChangeQueue.name": LONGEST_TEXT,
    **dict.fromkeys((f"GrowthQueue.{name}" for name in ("name", "cluster", "partition", "endpoint")), LONGEST_TEXT),
    **dict.fromkeys((f"GrowthQueue.{name}" for name in ("folder", "scratch", "python")), LONGEST_PATH),
    "GrowthQueue.options": LONGEST_PATH,
    "GrowthQueue.labels": LONGEST_TEXT,
    "Pair.key": LONGEST_ID,
    "Pair.possession": LONGEST_ID,
    "Pair.name": LONGEST_TEXT,
    "QueryWorker.name": LONGEST_TEXT,
    "RemoveWorker.name": LONGEST_TEXT,
    "RemoveWorker.key": LONGEST_ID,
    "Removed.request": LARGEST_OTHER_MESSAGE,
    "RosterMember.name": LONGEST_TEXT,
    "RosterMember.key": LONGEST_ID,
    "RosterMember.role": LONGEST_TEXT,
    "ChangeMembers.version": LONGEST_ID,
    "ChangeMembers.remove": LONGEST_ID,
}
# Jobs are read a few at a time, and each is checked then.
SLICED = frozenset({"Start.jobs", "Stage.jobs"})
# spec_check.py says which argument, variable or label is too long, and why.
SAID_BY_SPEC = frozenset({"JobSpec.argv", "JobSpec.directory", "JobSpec.stdin", "EnvironmentVariable.name", "EnvironmentVariable.value"})
_WORD = re.compile(r"(?<!^)(?=[A-Z])")
# The reader of a name checks LONGEST_NAME, with a better message.
assert LONGEST_TEXT > LONGEST_NAME


def check(message: Any, *, kept: bool = False) -> None:
    """Raise if a field of the message exceeds its limit; the jobs of a start or a stage are checked by their reader.

    `kept`: the message was accepted before, perhaps by an earlier version. Raises `Refused(INVALID_ARGUMENT)`.
    """
    for field, value in message.ListFields():
        most, longest, has_parts = _limits_of(field)
        if kept and most is not None:
            most = KEPT_COUNTS.get(field_name(field), most)
        if most is not None and len(value) > most:
            said = f"{len(value)} {field.name} in one {owner_of(field.containing_type)}, the limit is {most}"
            raise Refused(Code.INVALID_ARGUMENT, said, "split the request")
        if longest is not None:
            # As most values are, without a call for each.
            if most is not None or len(value) != longest:
                _check_length(value if most is not None else (value,), longest, field)
        elif has_parts:
            if most is None:
                check(value, kept=kept)
                continue
            # Asked before it is looked through: a request may have a thousand parts.
            for part in value if (least := _least_limit(field.message_type)) < LARGEST_MESSAGE else ():
                if part.ByteSize() > least:
                    check(part, kept=kept)


@cache
def _least_limit(kind: Any) -> int:
    """Return the smallest limit of any field in this kind of message: a message of at most that many bytes exceeds no limit.

    0 if one of its fields has a required size, because a short message may violate that.
    """
    limits = [LARGEST_MESSAGE]
    for field in kind.fields:
        most, longest, has_parts = _limits_of(field)
        limits += [0] if _is_exact(field) else [limit for limit in (most, longest) if limit is not None]
        if has_parts:
            limits.append(_least_limit(field.message_type))
    return min(limits)


@cache
def _limits_of(field: Any) -> tuple[int | None, int | None, bool]:
    """Return how often a field may occur, how long it may be (both as far as `check` has to check them), and whether it is a message."""
    name = field_name(field)
    if name in SLICED or name in SAID_BY_SPEC:
        return COUNTS.get(name), None, False
    return COUNTS.get(name), LENGTHS.get(name), field.message_type is not None


def _check_length(values: Any, longest: int, field: Any) -> None:
    most: Sized = max(values, key=len)
    is_exact = _is_exact(field)
    if len(most) > longest or (is_exact and 0 < len(most) < longest):
        unit = "characters" if isinstance(most, str) else "bytes"
        right = f"not {longest}" if is_exact else f"the limit is {longest}"
        raise Refused(
            Code.INVALID_ARGUMENT, f"the {field.name} of {with_article(owner_of(field.containing_type))} has {len(most)} {unit}, {right}"
        )


def _is_exact(field: Any) -> bool:
    return field_name(field) in SIZES


def field_name(field: Any) -> str:
    """Return the name of a field as the tables write it."""
    return f"{field.containing_type.name}.{field.name}"


def owner_of(kind: Any) -> str:
    """Return the name that messages use for a kind of message."""
    return _WORD.sub(" ", kind.name).lower()
