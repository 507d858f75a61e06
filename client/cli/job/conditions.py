"""The jobs and runs that `--after` names."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from ....schemas.jobs.conditions import After
from ....schemas.jobs.spec import JobSpec
from ....schemas.private_parts.frozen import replace
from ....schemas.refusal import Code, Refused
from ...batch.octets import as_typed
from ...batch.options.option_values import CONDITIONS, parse_after
from ...library.client import Client


def find_conditions(client: Client, typed: Iterable[str]) -> tuple[After, ...]:
    """Return the conditions of a job: a name refers to what it refers to in other commands, a job or a run.

    Raises Refused, also for jobs of others.
    """
    return tuple(dict.fromkeys(_find(client, as_typed(said)) for said in typed))


def with_conditions(client: Client, spec: JobSpec, typed: Iterable[str]) -> JobSpec:
    """Return a spec with the conditions of its job; see `find_conditions`."""
    return replace(spec, after=find_conditions(client, typed)) if typed else spec


def _find(client: Client, said: str) -> After:
    from ..targets.job_names import find_named, one_job  # noqa: PLC0415 -- most jobs wait for no other

    condition, name = parse_after(said)
    if "," in name:
        raise _several(said.removesuffix(name), name)
    try:
        job, run = find_named(client, name, one_job)
    except Refused as refused:
        word, colon, _ = said.partition(":")
        if colon and word not in CONDITIONS:
            refused.next_step = "before the colon, there can be ok, failed or any"
        raise
    owner = job.key.owner if job is not None else run.info.owner if run is not None else b""
    if owner != client.connection.identity.owner:
        message = f"{name} belongs to another member, and a job can wait only for jobs of the same owner"
        raise Refused(Code.PERMISSION_DENIED, message, "wait for it here, then submit the job: jobwire wait")
    if job is not None:
        return After(condition, job=job.key.id)
    return After(condition, run=run.info.batch.id if run is not None else b"")


def _several(when: str, names: str) -> Refused:
    """Return the refusal of several jobs in one option, as other tools take them: no name has a comma."""
    each = " ".join(f"--after {shlex.quote(name if ':' in name else when + name)}" for name in names.split(",") if name)
    return Refused(Code.INVALID_ARGUMENT, f"--after names one job, not {names!r}", f"repeat it: {each}")
