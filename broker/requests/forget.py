"""forget: removes ended jobs with their logs. If one that is named has not ended, none is removed.

They are removed in steps: if the worker dies in between, some are left. The same request, repeated, removes the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...schemas.generated import request_pb2
from ...schemas.naming import JobKey, format_id
from ...schemas.refusal import Code, Reason, Refused
from ..retention.forget import Forgetting, Forgotten
from ..store.queries import Lookup
from .call import Call
from .job_keys import read_key_to_stop


def forget(call: Call, lookup: Lookup, forgetting: Forgetting) -> None:
    """Check all jobs first; reply when only their tombstones are left on disk. Naming one that was forgotten before is not an error."""
    named = call.request.forget.keys
    if not named:
        raise Refused(Code.INVALID_ARGUMENT, "the forget names no job")
    keys: list[JobKey] = []

    def look() -> Iterator[None]:
        for key in dict.fromkeys(read_key_to_stop(message, call.member) for message in named):
            yield
            # A repeated request finds jobs that the first one removed.
            if lookup.forgotten(key):
                continue
            if lookup.has_ended(key):
                keys.append(key)
                continue
            lookup.visible_job(key, call.member)
            raise Refused(Code.FAILED_PRECONDITION, f"the job {format_id(key.id)} has not ended", "stop it first", reason=Reason.NOT_ENDED)

    def done(result: Forgotten | Refused) -> None:
        if isinstance(result, Refused):
            call.refuse(result)
        else:
            call.reply(request_pb2.Reply(forget=request_pb2.ForgetReply(jobs=result.jobs, log_bytes=result.log_bytes)))

    call.in_slices(look(), lambda: forgetting.forget(keys, done))
