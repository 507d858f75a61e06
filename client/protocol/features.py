"""What a worker must be able to do for a request: one that is older would refuse it without a reason, or misread it."""

from __future__ import annotations

from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.spec import in_home

# Requests to a worker with all of these need no check.
ALL_CHECKED = frozenset({"change", "status", "selection", "files", "home", "rerun", "feed", "terminal"})


def check_features(request: request_pb2.Request, hello: request_pb2.HelloReply) -> None:
    """Refuse what the worker would not understand, or misread: without `rerun`, it would see a job without a program."""
    _refuse_verbs(request, hello)
    for feature, refuse in (("change", _refuse_changes), ("files", _refuse_files)):
        if feature not in hello.features:
            refuse(request, hello)
    has_home, has_rerun, has_feed, has_terminal = (feature in hello.features for feature in ("home", "rerun", "feed", "terminal"))
    if has_home and has_rerun and has_feed and has_terminal:
        return
    for index, job in enumerate(request.start.jobs):
        if not has_feed and (job.spec.feed or job.feed):
            what = f"this worker ({hello.software}) is older and cannot take the standard input of a job as a stream"
            next_step = "upgrade the worker; or give a file of at most 1 MiB with --stdin, or none with --no-stdin"
            raise Refused(Code.UNIMPLEMENTED, what, next_step, index, Reason.UNKNOWN_FIELD)
        if not has_terminal and job.spec.HasField("terminal"):
            what = f"this worker ({hello.software}) is older and cannot run a job on a terminal"
            raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker, or leave --tty out", index, Reason.UNKNOWN_FIELD)
        if not has_home and in_home(job.spec.directory):
            what = "this worker is older and does not know ~ in a working folder"
            raise Refused(Code.UNIMPLEMENTED, what, "write the absolute path, or upgrade the worker", job_index=index)
        if not has_rerun and job.HasField("rerun"):
            what = f"this worker ({hello.software}) is older and cannot run a job again from what it keeps of it"
            next_step = "upgrade it; or, if the job needs no standard input: jobwire show --json JOB | jobwire batch -"
            raise Refused(Code.UNIMPLEMENTED, what, next_step, index, Reason.UNKNOWN_FIELD)


def _refuse_verbs(request: request_pb2.Request, hello: request_pb2.HelloReply) -> None:
    if request.HasField("status") and "status" not in hello.features:
        raise Refused(Code.UNIMPLEMENTED, "this worker is older and cannot tell its status", "upgrade the worker")
    if (request.HasField("query_run") or _selects(request)) and "selection" not in hello.features:
        raise Refused(Code.UNIMPLEMENTED, "this worker is older and knows no runs of batches as such", "upgrade the worker")


def _selects(request: request_pb2.Request) -> bool:
    """Return whether a request selects jobs by their run; an older worker would find no jobs in it."""
    asked = getattr(request, request.WhichOneof("verb") or "hello")
    return "selection" in asked.DESCRIPTOR.fields_by_name and asked.HasField("selection")


def _refuse_changes(request: request_pb2.Request, hello: request_pb2.HelloReply) -> None:
    what = f"this worker ({hello.software}) is older and knows no priorities and no holds"
    if request.HasField("change"):
        raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker")
    for index, job in enumerate(request.start.jobs):
        if job.spec.priority or job.spec.held:
            raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker, or leave the option out", index, Reason.UNKNOWN_FIELD)


def _refuse_files(request: request_pb2.Request, hello: request_pb2.HelloReply) -> None:
    what = f"this worker ({hello.software}) is older and keeps no files for jobs"
    if request.WhichOneof("verb") in {"put", "fetch"}:
        raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker")
    for index, job in enumerate(request.start.jobs):
        if job.spec.files or job.spec.outputs:
            raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker", index, Reason.UNKNOWN_FIELD)
