"""Problems of a worker's engine and of its surroundings, in words for its operators. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ...broker.health.troubles import Trouble
from ...keys.holder import SUSPENDED
from ...keys.members.rights import Right
from ...schemas.workers.warning_subjects import Subject
from .supervisor import Hello

_WITHOUT_CGROUPS = "by session and mark only, because it has no writable cgroup v2: a job that drops both on purpose can escape stop"
_BY_SESSION = (
    "by session only, because it has no writable cgroup v2, and the hard limit RLIMIT_RTTIME prevents marks:"
    " a process that creates its own session (setsid) escapes stop"
)


def find(hello: Hello, surroundings: Sequence[str], *, answers: bool, state: Callable[[int], str]) -> Iterator[Trouble]:
    """Iterate over the problems. `hello`: the latest hello of the supervisor; `surroundings`: inherited restrictions.

    `state` returns that of a process, a letter of proc_pid_stat(5).
    """
    if not answers:
        yield Trouble(Subject.SUPERVISOR, "it does not respond, so no job starts until it or another one does: see supervisor.log")
    elif state(hello.pid) in SUSPENDED:
        yield Trouble(Subject.SUPERVISOR, f"it is suspended, so no job starts or stops; resume it with: kill -CONT {hello.pid}")
    elif not hello.keeper_pid:
        yield Trouble(
            Subject.KEEPER,
            "it was killed: another one starts when no job is running; if the supervisor is killed before that, jobs can be lost",
        )
    elif state(hello.keeper_pid) in SUSPENDED:
        yield Trouble(
            Subject.KEEPER,
            f"it is suspended; if the supervisor is killed, no other one starts; resume it with: kill -CONT {hello.keeper_pid}",
        )
    if not hello.cgroups:
        # Everybody's jobs are concerned.
        yield Trouble(Subject.CONTAINMENT, _WITHOUT_CGROUPS if hello.marks else _BY_SESSION, needs=None)
    for sentence in surroundings:
        yield Trouble(Subject.SURROUNDINGS, sentence, Right.SEE_OTHERS)
