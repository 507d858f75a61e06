"""The limits that a worker states in its reply to `hello`, checked before a request is sent: what is too large is never sent. Pure."""

from __future__ import annotations

from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Refused

# Only these may be larger than the limit for other messages; the last four are what a broker sends its workers.
_LARGE_VERBS = frozenset({"start", "stage", "deliver", "discard", "settle", "relay"})


def check_jobs(request: request_pb2.Request, limits: request_pb2.Limits) -> None:
    """Refuse a start with more jobs or a larger input than the worker accepts."""
    jobs = request.start.jobs
    most = limits.jobs_per_start
    if most and len(jobs) > most:
        message = f"{len(jobs)} jobs are too many in one request, the worker accepts at most {most}"
        raise Refused(Code.INVALID_ARGUMENT, message, f"start at most {most} at a time")
    most = limits.stdin_bytes
    for index, job in enumerate(jobs):
        size = len(job.spec.stdin)
        if most and size > most:
            raise Refused(Code.INVALID_ARGUMENT, f"the standard input has {size} bytes, the worker accepts at most {most}", job_index=index)


def check_request(raw: bytes, limits: request_pb2.Limits) -> None:
    """Refuse a request that is larger than the worker accepts."""
    most = limits.message_bytes
    if most and len(raw) > most:
        raise Refused(Code.INVALID_ARGUMENT, f"the request has {len(raw)} bytes, the worker accepts at most {most}", "split the request")


def check_frame(frame: bytes, verb: str, limits: request_pb2.Limits) -> None:
    """Refuse a message for which the worker would close the connection, which would affect other requests on it."""
    most = limits.other_message_bytes
    if most and len(frame) > most and verb not in _LARGE_VERBS:
        raise Refused(
            Code.INVALID_ARGUMENT,
            f"the request has {len(frame)} bytes, the worker accepts at most {most} of one that starts no jobs",
            "split the request, or shorten the texts in it",
        )
