"""How a request is signed for a daemon: whether by a root over its jobs, and until when, as far as the daemon supports that."""

from __future__ import annotations

from collections.abc import Iterable

from ...keys.identity import Identity
from ...keys.proofs import merkle, signature
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.jobs.retry import LONGEST_DELAY_MS, MOST_RETRIES
from ...schemas.jobs.spec_check import LONGEST_DURATION_MS

# The feature of a daemon that checks it.
ROOTS = "roots"

_SECOND_US = 1_000_000
# How long after the last time at which one of its jobs may start a start is good, and how long what is done to jobs that run.
START_LASTS_US = 30 * 24 * 3600 * _SECOND_US
ORDER_LASTS_US = 600 * _SECOND_US
# The most that a proof can say. A worker refuses jobs that ask for times so far away; what is said about them must not fail before.
_LATEST_US = (1 << 63) - 1
# A stop is not among them: it is still wanted when a worker is back after hours.
_ORDERS = frozenset({"signal", "pause", "resume"})


def prove(
    identity: Identity, daemon: bytes, hello: request_pb2.HelloReply, request: request_pb2.Request, raw: bytes, now_us: int
) -> request_pb2.Proof:
    """Return the proof of a request; `raw`: the request, serialized. Raises Refused as `sign` does."""
    if ROOTS not in hello.features:
        return signature.sign(identity, daemon, hello.nonce, raw)
    verb = request.WhichOneof("verb")
    if verb == "start":
        until_us = good_until_us((job.spec for job in request.start.jobs), now_us)
        rooted = _rooted(request.start) if len(request.start.jobs) > 1 else None
        return signature.sign(identity, daemon, hello.nonce, raw, not_after_us=until_us, rooted=rooted)
    # A worker itself does at once what it is asked, or never: only a broker could keep it.
    lasts_us = _lasts_us(request) if hello.kind == "broker" else 0
    until_us = max(now_us + lasts_us, request.commit.good_until_us) if lasts_us else 0
    return signature.sign(identity, daemon, hello.nonce, raw, not_after_us=until_us)


def _lasts_us(request: request_pb2.Request) -> int:
    """Return for how many microseconds a request other than a start is valid; 0: for ever."""
    verb = request.WhichOneof("verb")
    if verb == "change_schedule" and request.change_schedule.run_now:
        return START_LASTS_US
    if verb == "commit":
        return START_LASTS_US
    return ORDER_LASTS_US if verb in _ORDERS else 0


def _rooted(start: request_pb2.Start) -> signature.Rooted:
    rest = request_pb2.Start()
    for field, value in start.ListFields():
        if field.name == "jobs":
            continue
        if field.message_type is not None:
            getattr(rest, field.name).CopyFrom(value)
        else:
            setattr(rest, field.name, value)
    root = merkle.root_of(merkle.leaf(job.SerializeToString()) for job in start.jobs)
    return signature.Rooted(len(start.jobs), root, rest.SerializeToString())


def _retries_last_us(spec: job_pb2.JobSpec) -> int:
    """Return how many microseconds later the last of its attempts may start, given the limits and delays of those before."""
    delay_ms, all_ms = float(spec.retry.delay_ms), 0.0
    for _ in range(min(spec.retry.max, MOST_RETRIES)):
        all_ms += min(LONGEST_DELAY_MS, delay_ms) + min(LONGEST_DURATION_MS, spec.time_limit_ms)
        delay_ms *= spec.retry.backoff or 1
    return int(all_ms) * 1000


def good_until_us(wanted: Iterable[job_pb2.JobSpec], now_us: int) -> int:
    """Return until when a start is valid: for a while after the last attempt at one of its jobs may start, or its latest start."""
    latest_us = now_us
    not_after_us = retries_us = 0
    for spec in wanted:
        latest_us = max(latest_us, spec.start_at_us, now_us + spec.start_in_ms * 1000)
        not_after_us = max(not_after_us, spec.not_after_us, now_us + spec.not_after_ms * 1000)
        if spec.HasField("retry"):
            retries_us = max(retries_us, _retries_last_us(spec))
    return min(_LATEST_US, max(latest_us + START_LASTS_US, not_after_us) + retries_us)
