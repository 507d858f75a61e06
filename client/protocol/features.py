"""The features that a worker needs for a request: an older one would refuse it without a reason, or misread it."""

from __future__ import annotations

from ...schemas.generated import job_pb2, request_pb2
from ...schemas.jobs.spec import in_home
from ...schemas.refusal import Code, Reason, Refused

# Requests to a worker with all of these need no check.
ALL_CHECKED = frozenset(
    {
        "change",
        "status",
        "selection",
        "files",
        "home",
        "rerun",
        "feed",
        "terminal",
        "times",
        "stderr_to_stdout",
        "place",
        "runs",
        "after",
        "fail_fast",
        "retry",
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
        "not_after",
        "each",
        "batch_schedules",
        "members",
    }
)

_IN_PARTS = frozenset({"stage", "commit", "unstage", "add_schedule"})


def check_features(request: request_pb2.Request, hello: request_pb2.HelloReply) -> None:
    """Refuse what the worker would not understand or would misread: without `rerun`, it would see a job without a program."""
    try:
        _check(request, hello)
    except Refused as refused:
        if hello.kind != "broker":
            raise
        has_key = any(job.spec.may_submit for job in request.start.jobs)
        if (request.WhichOneof("verb") in _IN_PARTS or has_key) and "schedules" in hello.features:
            # It can, if all of its workers can check it.
            message = refused.message.replace("this worker", "this broker, or a worker of it,").replace(f"({hello.software}) ", "")
            raise Refused(refused.code, message, "upgrade it", refused.job_index, refused.reason) from None
        message = refused.message.replace(f"this worker ({hello.software}) is older and", "a broker")
        message = message.replace("this worker is older and", "a broker")
        step = "; ".join(part for part in refused.next_step.split("; ") if not part.startswith("upgrade"))
        raise Refused(refused.code, message, step or "use the worker itself", refused.job_index, refused.reason) from None


def _check(request: request_pb2.Request, hello: request_pb2.HelloReply) -> None:
    _refuse_verbs(request, hello)
    for feature, refuse in (("change", _refuse_changes), ("files", _refuse_files), ("place", _refuse_to_place), ("proofs", _refuse_proofs)):
        if feature not in hello.features:
            refuse(request, hello)
    if request.start.batch.on_failure and "fail_fast" not in hello.features:
        what = f"this worker ({hello.software}) is older and cannot cancel the rest of a batch when a job fails"
        raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker, or leave that out")
    if request.start.batch.HasField("on_finish") and "on_finish" not in hello.features:
        what = f"this worker ({hello.software}) is older and does not support on_finish"
        raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker; or add a job that waits with after = { any = [...] } for the others")
    for index, job in enumerate(request.start.jobs):
        _check_job(index, job, hello)


def _check_job(index: int, job: request_pb2.NewJob, hello: request_pb2.HelloReply) -> None:
    features, this = hello.features, f"this worker ({hello.software}) is older"
    fields = (
        (
            "feed",
            job.spec.feed or job.feed,
            "cannot take the standard input of a job as a stream",
            "upgrade the worker; or give a file of at most 1 MiB with --stdin, or none with --no-stdin",
        ),
        ("terminal", job.spec.HasField("terminal"), "cannot run a job on a terminal", "upgrade the worker, or leave --tty out"),
        (
            "stderr_to_stdout",
            job.spec.stderr_to_stdout,
            "cannot give a job one pipe as stdout and stderr",
            "upgrade the worker; or let a shell do it: sh -c 'exec \"$@\" 2>&1' - COMMAND [ARG]...",
        ),
        ("after", bool(job.spec.after), "cannot let a job wait for others", "upgrade the worker; or wait in between: jobwire wait JOB"),
        ("limits", _is_limited(job.spec), "cannot limit a job", "upgrade the worker; or begin the command with nice or prlimit"),
        (
            "retry",
            job.spec.HasField("retry"),
            "does not retry jobs",
            "upgrade the worker; or let a shell do it: sh -c 'for try in 1 2 3; do \"$@\" && exit; done; exit 1' - COMMAND [ARG]...",
        ),
        (
            "at",
            job.spec.HasField("start_at_us") or job.spec.HasField("start_in_ms"),
            "cannot start a job at a time",
            "upgrade the worker; or let the command wait: sh -c 'sleep 1h; exec \"$@\"' - COMMAND [ARG]...",
        ),
        (
            "signed_reruns" if job.HasField("spec") else "rerun",
            job.HasField("rerun"),
            "cannot run a job again from what it keeps of it",
            "upgrade it; or, if the job needs no standard input: jobwire show --json JOB | jobwire batch -",
        ),
    )
    more = (
        (
            "resources",
            bool(job.spec.cpus or job.spec.gpus or job.spec.resources),
            "does not support CPUs, GPUs and resources of jobs",
            "upgrade the worker, or leave the option out",
        ),
        (
            "not_after",
            job.spec.HasField("not_after_us") or job.spec.HasField("not_after_ms"),
            "does not end jobs that wait for too long",
            "upgrade the worker, or leave --not-after out",
        ),
        ("may_submit", job.spec.may_submit, "cannot give a job a key of its own", "upgrade the worker, or leave --may-submit out"),
        (
            "labels",
            bool(job.spec.on or job.spec.not_on),
            "has no labels that a job could ask for",
            "upgrade the worker, or leave --on and --not-on out",
        ),
        ("lanes", bool(job.spec.only_one), "cannot run one job of a name at a time", "upgrade the worker, or use flock(1) in the command"),
    )
    for feature, is_wanted, lacks, next_step in (*fields, *more):
        if is_wanted and feature not in features:
            raise Refused(Code.UNIMPLEMENTED, f"{this} and {lacks}", next_step, index, Reason.UNKNOWN_FIELD)
    if "home" not in features and in_home(job.spec.directory):
        what = "this worker is older and does not know ~ in a working folder"
        raise Refused(Code.UNIMPLEMENTED, what, "write the absolute path, or upgrade the worker", job_index=index)


def _is_limited(spec: job_pb2.JobSpec) -> bool:
    return bool(spec.rlimits) or any(spec.HasField(field) for field in ("memory_bytes", "nice", "umask"))


def _refuse_verbs(request: request_pb2.Request, hello: request_pb2.HelloReply) -> None:
    if request.HasField("status") and "status" not in hello.features:
        raise Refused(Code.UNIMPLEMENTED, "this worker is older and cannot tell its status", "upgrade the worker")
    if (request.HasField("query_run") or _selects(request)) and "selection" not in hello.features:
        raise Refused(Code.UNIMPLEMENTED, "this worker is older and does not know runs of batches", "upgrade the worker")
    _refuse_of_brokers(request, hello)
    if request.HasField("list_runs") and "runs" not in hello.features:
        what = f"this worker ({hello.software}) is older and cannot list runs"
        raise Refused(
            Code.UNIMPLEMENTED, what, "upgrade the worker; or list the jobs of all runs: jobwire list -a --columns batch,run,state"
        )
    if (request.set_slots.labels or request.set_slots.removed_labels) and "labels" not in hello.features:
        raise Refused(Code.UNIMPLEMENTED, f"this worker ({hello.software}) is older and has no labels", "upgrade the worker")
    if request.HasField("set_slots") and "resources" not in hello.features:
        raise Refused(Code.UNIMPLEMENTED, "this worker is older, and what it has for jobs is set when it starts", "upgrade the worker")
    if (request.WhichOneof("verb") or "").endswith(("_schedule", "_schedules")) and "schedules" not in hello.features:
        raise Refused(Code.UNIMPLEMENTED, f"this worker ({hello.software}) is older and has no schedules", "upgrade the worker")
    if (request.WhichOneof("verb") or "").endswith("_members") and "members" not in hello.features:
        what = f"this {hello.kind or 'worker'} ({hello.software}) is older and shows and changes its roster only on its machine"
        raise Refused(Code.UNIMPLEMENTED, what, "upgrade it; or use jobwire keys there")
    _refuse_parts(request, hello)
    if _wants_times(request) and "times" not in hello.features:
        what = f"this worker ({hello.software}) is older and does not record when output arrives"
        raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker; its logs can be read without times, each stream for itself")
    if _names_attempt(request) and "retry" not in hello.features:
        raise Refused(Code.UNIMPLEMENTED, f"this worker ({hello.software}) is older and makes only one attempt at a job", "leave it out")


def _refuse_of_brokers(request: request_pb2.Request, hello: request_pb2.HelloReply) -> None:
    if request.HasField("find_workers") and "each" not in hello.features:
        what = f"this {hello.kind or 'worker'} ({hello.software}) is older and cannot tell on which workers a job could run"
        raise Refused(Code.UNIMPLEMENTED, what, "upgrade it; or submit a job for each worker, with --on worker=NAME")
    if request.add_queue.queue.labels and "growth_labels" not in hello.features:
        what = f"this {hello.kind} ({hello.software}) is older and cannot give the workers of a queue labels"
        raise Refused(Code.UNIMPLEMENTED, what, "upgrade it, or leave --label out")


def _refuse_parts(request: request_pb2.Request, hello: request_pb2.HelloReply) -> None:
    if (request.stage.for_schedule or request.add_schedule.HasField("batch")) and "batch_schedules" not in hello.features:
        what = f"this worker ({hello.software}) is older and has no schedules of batches"
        step = "upgrade the worker; or let a job submit the batch: jobwire schedule add NAME --cron TIMES -- jobwire batch --no-wait FILE"
        raise Refused(Code.UNIMPLEMENTED, what, step)
    if request.WhichOneof("verb") in {"stage", "commit", "unstage"} and "staging" not in hello.features:
        what = f"this worker ({hello.software}) is older and does not accept a batch in parts"
        raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker, or divide the batch")
    batch = request.commit.batch
    if (batch.HasField("on_finish") or batch.on_failure) and "staged_runs" not in hello.features:
        what = f"this worker ({hello.software}) is older and does not accept a batch with on_finish or on_failure in parts"
        raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker, or divide the batch")


def _names_attempt(request: request_pb2.Request) -> bool:
    """Return whether a request is about one of several attempts; an older worker would send the log of the only one that it made."""
    return max(request.follow_log.attempt, request.read_log.attempt) > 1


def _selects(request: request_pb2.Request) -> bool:
    """Return whether a request selects jobs by their run; an older worker would find no jobs in it."""
    asked = getattr(request, request.WhichOneof("verb") or "hello")
    return "selection" in asked.DESCRIPTOR.fields_by_name and asked.HasField("selection")


def _refuse_changes(request: request_pb2.Request, hello: request_pb2.HelloReply) -> None:
    what = f"this worker ({hello.software}) is older and does not support priorities and holds"
    if request.HasField("change"):
        raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker")
    for index, job in enumerate(request.start.jobs):
        if job.spec.priority or job.spec.held:
            raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker, or leave the option out", index, Reason.UNKNOWN_FIELD)


def _wants_times(request: request_pb2.Request) -> bool:
    """Return whether a request is about the times of output; an older worker would send a log without them."""
    return request.follow_log.timed or request_pb2.STREAM_BOTH in (request.follow_log.stream, request.read_log.stream)


def _refuse_to_place(request: request_pb2.Request, hello: request_pb2.HelloReply) -> None:
    if request.HasField("place") or request.put.token:
        what = f"this worker ({hello.software}) is older and cannot put files into the folder of an existing job"
        raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker; or submit a job with --put")


def _refuse_proofs(request: request_pb2.Request, hello: request_pb2.HelloReply) -> None:
    if request.HasField("query_proof"):
        raise Refused(Code.UNIMPLEMENTED, f"this worker ({hello.software}) is older and does not support proofs", "upgrade the worker")


def _refuse_files(request: request_pb2.Request, hello: request_pb2.HelloReply) -> None:
    what = f"this worker ({hello.software}) is older and does not support files of jobs"
    if request.WhichOneof("verb") in {"put", "fetch"}:
        raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker")
    for index, job in enumerate(request.start.jobs):
        if job.spec.files or job.spec.outputs:
            raise Refused(Code.UNIMPLEMENTED, what, "upgrade the worker", index, Reason.UNKNOWN_FIELD)
