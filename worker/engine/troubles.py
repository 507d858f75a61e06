"""What those who run a worker should look at in its engine and in what it was started with, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...broker.troubles import Trouble
from ...keys.members.rights import Right
from ...schemas.jobs.subjects import Subject
from .supervisor import Hello


def find(hello: Hello, surroundings: Sequence[str], *, connected: bool) -> Iterator[Trouble]:
    """Iterate over it. `hello`: what the supervisor last said about itself; `surroundings`: what the worker inherited and cannot change."""
    if not connected:
        yield Trouble(Subject.SUPERVISOR, "it does not answer, so that nothing starts until another one does")
    elif not hello.keeper_pid:
        yield Trouble(
            Subject.KEEPER,
            "it was killed, and if the supervisor is killed too, jobs can be lost",
        )
    if not hello.cgroups:
        # Everybody's jobs are concerned.
        yield Trouble(
            Subject.CONTAINMENT,
            "by session and mark only, as there is no cgroup v2 that it may write to: a job that drops both on purpose can escape stop",
            needs=None,
        )
    for sentence in surroundings:
        yield Trouble(Subject.SURROUNDINGS, sentence, Right.SEE_OTHERS)
