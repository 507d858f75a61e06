"""The worker that runs this process as part of a job: found through the job's key file, with which it may start jobs."""

from __future__ import annotations

import os
from pathlib import Path

from ...keys.files.small_file import read_small
from ...schemas.endpoint import to_connect_here
from ...schemas.refusal import Code, Refused
from ..sockets.addressee import Context

KEY_VARIABLE = "JOBWIRE_KEY_FILE"
# No context can be called so.
OF_THIS_JOB = "(this job)"


def is_here() -> bool:
    """Return whether this process is part of a job that may start jobs."""
    return bool(os.environ.get(KEY_VARIABLE))


def resolve() -> Context:
    """Return the worker of this job, and the job's own key.

    Raises `Refused`: as `delegation.read` does, or UNAVAILABLE if the worker does not say how it is reached.
    """
    from ...keys.proofs import delegation  # noqa: PLC0415 -- only in jobs
    from ...schemas.json_text import object_of  # noqa: PLC0415 -- as above

    path = Path(os.environ.get(KEY_VARIABLE, ""))
    file = delegation.read(path)
    try:
        said = object_of(read_small(Path(file.description)))
        endpoint = to_connect_here(said["endpoint"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, Refused) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"the worker of this job cannot be found: {file.description} does not say how it is reached: {reason}"
        raise Refused(Code.UNAVAILABLE, message) from None
    return Context(OF_THIS_JOB, endpoint, file.worker, path, of_job=True)
