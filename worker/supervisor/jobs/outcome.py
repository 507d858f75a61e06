"""How a job ended, in words and numbers. Pure."""

from __future__ import annotations

import os
from signal import SIGKILL, SIGXCPU

from ....schemas.naming import signal_name
from ....schemas.private_parts.light_typing import NamedTuple
from ....schemas.text.sizes import format_limit
from ...state.log_folders.folders import STREAMS
from ...state.log_folders.outcomes import OutcomeFile
from ...wire.words import Kind
from .ending import Reason


class Course(NamedTuple):
    """The facts about an ended job from which its outcome is composed."""

    pid: int
    started_at_us: int
    ended_at_us: int
    # The leader's status as from waitpid(2); None if it is not known, for the reason `why_unknown`.
    wait_status: int | None
    why_unknown: str
    stdout_bytes: int
    stderr_bytes: int
    # Why they are incomplete; empty if they are complete.
    stdout_problem: str
    stderr_problem: str
    reason: Reason | None = None
    time_limit_ms: int | None = None
    output_limit_bytes: int | None = None
    memory_limit_bytes: int | None = None
    # The grace time after which it was killed; None: it was not.
    killed_after_ms: int | None = None
    # Whether output was dropped because of its limit, whether the kernel killed for the limit on memory, whether processes linger, and
    # whether some output is not in its log yet.
    is_over_limit: bool = False
    is_over_memory: bool = False
    # Processes of this machine that the kernel killed meanwhile because memory was short, if this may be one of them.
    oom_kills: int = 0
    lingers: bool = False
    is_undrained: bool = False
    # Why it did not get the whole of its standard input; empty if it did.
    stdin_problem: str = ""
    # What all its processes used together; 0: not known. And the limits of each: name, soft and hard, None is unlimited.
    cpu_us: int = 0
    rlimits: tuple[tuple[str, int | None, int | None], ...] = ()
    peak_memory_bytes: int = 0
    # What the leader and those it waited for read from disks and wrote to them; None: not known.
    moved_bytes: tuple[int, int] | None = None
    # `ended_at_us` on CLOCK_BOOTTIME.
    ended_passed_us: int = 0
    # Why its leader could not be told to end; empty: it was, or nobody asked.
    untold: str = ""


def compose(course: Course) -> OutcomeFile:
    """Return how a job ended, in numbers and in a sentence for people."""
    verdict = judge(
        course.wait_status,
        why_unknown=course.why_unknown,
        limit_passed_ms=(course.time_limit_ms or 0) if course.reason is Reason.TIME else 0,
        output_limit_bytes=course.output_limit_bytes if course.reason is Reason.OUTPUT else None,
        memory_limit_bytes=course.memory_limit_bytes if course.reason is Reason.MEMORY else None,
        killed_after_ms=course.killed_after_ms,
        untold=course.untold,
    )
    read_bytes, written_bytes = course.moved_bytes or (-1, -1)
    sentence = verdict.sentence
    if course.is_over_limit and course.reason is not Reason.OUTPUT:
        sentence += "; output after its output limit was dropped"
    if course.is_over_memory and course.reason is not Reason.MEMORY:
        # Somebody had stopped it before. That SIGKILL was the kernel's.
        limit = format_limit(course.memory_limit_bytes or 0)
        sentence += f"; it also used more memory than its limit of {limit}, so the kernel killed it"
    elif course.oom_kills:
        what = "a process" if course.oom_kills == 1 else f"{course.oom_kills} processes"
        sentence += f"; meanwhile the kernel killed {what} on this machine because memory was short (dmesg says which)"
    sentence += _what_cpu_it_used(verdict, course)
    if course.lingers:
        sentence += "; processes that it left behind continue"
    if course.is_undrained:
        sentence += "; the disk of its logs is full or read-only, or they cannot be opened, so the end of its output is written later"
    if course.stdout_problem or course.stderr_problem:
        sentence += what_is_missing(sentence, dict(zip(STREAMS, (course.stdout_problem, course.stderr_problem), strict=True)))
    if course.stdin_problem:
        sentence += f"; {course.stdin_problem}"
    return OutcomeFile(
        verdict.kind,
        verdict.exit_status,
        verdict.signal,
        sentence,
        course.pid,
        course.started_at_us,
        course.ended_at_us,
        course.stdout_bytes,
        course.stderr_bytes,
        course.stdout_problem,
        course.stderr_problem,
        course.stdin_problem,
        course.cpu_us,
        course.peak_memory_bytes,
        read_bytes,
        written_bytes,
        course.ended_passed_us,
    )


def _what_cpu_it_used(verdict: Verdict, course: Course) -> str:
    """Return the end of the sentence if the kernel may have killed the leader for its CPU time limit: see setrlimit(2).

    The kernel does not report that. The sentence gives the time used, which may be less than the limit: for the limit the kernel counts
    whole ticks for the process that it finds running.
    """
    if course.reason is not None or verdict.signal not in {SIGXCPU, SIGKILL}:
        return ""
    limit = next((soft if verdict.signal == SIGXCPU else hard for name, soft, hard in course.rlimits if name == "cpu"), None)
    if limit is None or course.cpu_us < limit * 750_000:
        return ""
    return f"; it had used {seconds(course.cpu_us // 1000)} of CPU time, and its limit (--rlimit cpu) was {limit} s for each process"


def seconds(milliseconds: int) -> str:
    """Return a duration in seconds, for people."""
    return f"{milliseconds / 1000:g} s"


class Verdict:
    """How a job ended: the kind is one of `Kind`, the numbers are those of waitpid(2)."""

    __slots__ = ("exit_status", "kind", "sentence", "signal")

    def __init__(self, kind: str, sentence: str, exit_status: int = 0, signal: int = 0) -> None:
        self.kind = kind
        self.sentence = sentence
        self.exit_status = exit_status
        self.signal = signal


def judge(
    wait_status: int | None,
    *,
    why_unknown: str = "",
    limit_passed_ms: int = 0,
    output_limit_bytes: int | None = None,
    memory_limit_bytes: int | None = None,
    killed_after_ms: int | None = None,
    untold: str = "",
) -> Verdict:
    """Return the verdict for a leader's wait status; None if that is not known, for the reason `why_unknown`.

    `limit_passed_ms` is the time limit that ended it (0: none), `output_limit_bytes` the output limit that ended it (None: none),
    `memory_limit_bytes` the limit on its memory that ended it (None: none),
    `killed_after_ms` the grace time after which it was killed, `untold` why it could not be told to end before (empty: it was).
    """
    if wait_status is None:
        verdict = Verdict(Kind.LOST, f"how it ended is not known: {why_unknown}")
    elif os.WIFSIGNALED(wait_status):
        number = os.WTERMSIG(wait_status)
        core = ", and left a core dump" if os.WCOREDUMP(wait_status) else ""
        verdict = Verdict(Kind.SIGNALED, f"ended by {signal_name(number)}{core}", signal=number)
        if number == SIGKILL and killed_after_ms:
            grace = seconds(killed_after_ms)
            told = f"did not end within {grace} of being told to, and was killed (SIGKILL)"
            verdict.sentence = f"was killed (SIGKILL) after {grace}; {untold}" if untold else told
    else:
        status = os.WEXITSTATUS(wait_status)
        verdict = Verdict(Kind.EXITED, f"exited with status {status}", exit_status=status)
    if limit_passed_ms:
        # It was stopped because of the limit, whatever its status is.
        verdict.kind = Kind.TIMED_OUT
        verdict.sentence = f"exceeded its time limit of {seconds(limit_passed_ms)}, and {verdict.sentence}"
    elif output_limit_bytes is not None:
        verdict.kind = Kind.OVER_LIMIT
        verdict.sentence = f"wrote more than its output limit of {format_limit(output_limit_bytes)}, and {verdict.sentence}"
    elif memory_limit_bytes is not None:
        verdict.kind = Kind.OVER_LIMIT
        verdict.sentence = f"used more memory than its limit of {format_limit(memory_limit_bytes)}, and {verdict.sentence}"
    return verdict


def what_is_missing(sentence: str, problems: dict[str, str]) -> str:
    """Return the end of the sentence about how a job ended: which of its streams are incomplete and why; `problems` by stream."""
    streams: dict[str, list[str]] = {}
    for stream, problem in problems.items():
        if problem:
            streams.setdefault(problem, []).append(stream)
    return "".join(f"; {_is_missing(problem, names, known=problem in sentence)}" for problem, names in streams.items())


def _is_missing(problem: str, names: list[str], *, known: bool) -> str:
    subject = f"its {' and '.join(names)}"
    if known:
        # Its end was not seen, so its last output is not known either.
        return f"the end of {subject} may be missing"
    return f"{subject} {'is' if len(names) == 1 else 'are'} incomplete: {problem}"
