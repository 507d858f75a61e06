"""A job that was named as scp and docker cp name a file elsewhere, `JOB:PATH`: what to type instead."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from ....schemas.refusal import Code, Refused


@contextmanager
def of_scp(verb: str, name: str, file: str = "") -> Iterator[None]:
    """Explain that there is no such job, if its name is followed by a path; `file`: the one that is to be put there."""
    try:
        yield
    except Refused as refused:
        job, colon, path = name.partition(":")
        if colon and path and refused.code in (Code.NOT_FOUND, Code.INVALID_ARGUMENT):
            # Never absolute: it is below the job's folder.
            below = path.lstrip("/")
            place = f"{file}:{below}".removesuffix(":") if file else below or "."
            refused.next_step = f"a path is an argument of its own, below the job's folder: jobwire {verb} {shlex.join([job, place])}"
        raise
