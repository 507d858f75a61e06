"""hello: protocol version, identity, event endpoint and limits of the worker; status: its condition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ....keys.members.limits import NAMES
from ....keys.members.rights import Right, may
from ....schemas.frames import limits
from ....schemas.generated import request_pb2
from ....schemas.naming import JobKey
from ....schemas.protocol_version import PROTOCOL_VERSION
from ....schemas.refusal import Code, Reason, Refused
from ....schemas.workers.host_name import host_name
from ...health.condition import Condition
from ..call import Call
from ..job_keys import read_key

# A job that acts for a member stages nothing.
_NOT_OF_JOBS = frozenset({"staging", "staged_runs"})
FEATURES = (
    "start",
    "logs",
    "events",
    "batch",
    "forget",
    "home",
    "list",
    "names",
    "within",
    "rerun",
    "cancel",
    "status",
    "selection",
    "feed",
    "files",
    "terminal",
    "change",
    "times",
    "stderr_to_stdout",
    "retry",
    "place",
    "runs",
    "after",
    "fail_fast",
    "limits",
    "resources",
    "lanes",
    "at",
    "schedules",
    "may_submit",
    "on_finish",
    "staging",
    "staged_runs",
    "labels",
    "proofs",
    "many_proofs",
    "pairing",
    "returns",
    "roots",
    "not_after",
    "each",
    "signed_reruns",
    "relayed_finishes",
    "relayed_schedules",
    "relayed_parts",
    "batch_schedules",
    "relayed_batch_schedules",
    "relayed_keys",
    "staged_reruns",
    "members",
    "troubles",
    "beginnings",
)


class Silence(NamedTuple):
    """A worker of a broker that does not respond: its name, and for how many milliseconds."""

    worker: str
    lasts_ms: int


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a worker reports about itself to every client."""

    kind: str
    software: str
    public: bytes
    store_id: bytes
    nonce: bytes
    event_endpoint: Callable[[], str]
    slots: Callable[[], int]
    features: Callable[[], Sequence[str]] = lambda: FEATURES
    # The date; 0: it is not told.
    now_us: Callable[[], int] = lambda: 0
    # Of a broker: whether the worker that has a job is silent.
    silence_of: Callable[[JobKey], Silence | None] = lambda _: None


def hello(call: Call, introduction: Introduction, condition: Condition) -> None:
    """Reply with the identity, limits and features of the worker; refuse a client that has no version in common with it."""
    asked = call.request.hello
    if not asked.oldest_version <= PROTOCOL_VERSION <= asked.newest_version:
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"this worker supports protocol version {PROTOCOL_VERSION}, the client {asked.oldest_version} to {asked.newest_version}",
            "upgrade the older of the two",
            reason=Reason.NO_COMMON_VERSION,
        )
    silence = _silence(call, introduction)
    is_admin = Right.ADMINISTER in call.member.rights
    bounds = limits()
    for name in NAMES:
        setattr(bounds, name, getattr(call.member.limits, name))
    call.reply(
        request_pb2.Reply(
            hello=request_pb2.HelloReply(
                version=PROTOCOL_VERSION,
                software=introduction.software,
                kind=introduction.kind,
                daemon=introduction.public,
                store=introduction.store_id,
                nonce=introduction.nonce,
                event_endpoint=introduction.event_endpoint(),
                limits=bounds,
                features=[feature for feature in introduction.features() if feature not in _NOT_OF_JOBS or not call.member.job],
                your_name=call.member.name,
                your_role=call.member.role,
                slots=introduction.slots(),
                now_us=introduction.now_us(),
                host=host_name(),
                roster_problem=condition.roster_problem(call.member) if is_admin else "",
                silent_worker=silence.worker if silence is not None else "",
                silent_ms=silence.lasts_ms if silence is not None else 0,
            )
        )
    )


def _silence(call: Call, introduction: Introduction) -> Silence | None:
    asked = call.request.hello
    if not asked.HasField("about"):
        return None
    key = read_key(asked.about, call.member)
    return introduction.silence_of(key) if may(call.member, Right.SEE, key.owner) and not call.member.job else None


def status(call: Call, condition: Condition) -> None:
    """Reply with the present condition of the worker and its machine; every member may ask."""
    call.reply(request_pb2.Reply(status=condition.describe(call.member)))
