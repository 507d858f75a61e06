"""signal: sends one signal to all processes of a job, without stopping it."""

from __future__ import annotations

import signal as signals

from ...schemas.refusal import Code, Refused
from ..desk.desk import Desk
from ..desk.inputs import Signal
from ..store.queries import Lookup
from .call import Call
from .job_keys import read_key_to_stop


def signal(call: Call, desk: Desk, lookup: Lookup) -> None:
    """Send it at once; `done` means that every process received it, whatever the job did about it."""
    request = call.request.signal
    key = read_key_to_stop(request.key, call.member)
    if not 1 <= request.signal < signals.NSIG:
        raise Refused(Code.INVALID_ARGUMENT, f"{request.signal} is not the number of a signal")

    desk.take(Signal(lookup.visible_job(key, call.member).key, request.signal, call.done))
