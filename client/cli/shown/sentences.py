"""How jobs ended, in words. Every outcome has a sentence."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from ....keys.identity import fingerprint
from ....schemas.jobs.spec import JobSpec
from ....schemas.jobs.states import Outcome, OutcomeKind, ResourceUse, exit_status
from ....schemas.naming import signal_name
from ....schemas.text.printable import with_bytes
from ....schemas.text.sizes import format_size
from ...batch.octets import to_text
from ..exit_status import DONE, OWN_FAILURE
from ..terminal.screen import duration


def how_it_ended(outcome: Outcome) -> str:
    """Return how a job ended, in the words of the worker if it gave any."""
    if outcome.kind is OutcomeKind.FAILED_TO_START:
        # If the worker knows no more than that, its own sentence says so.
        reason = outcome.sentence.removeprefix("it could not be started: ")
        return with_bytes(f"could not be started: {reason}") if reason else "could not be started"
    sentence = outcome.sentence or _in_our_words(outcome)
    return with_bytes("; ".join([sentence, *outcome.problems_beside(sentence)]))


_ENDS = {
    OutcomeKind.TIMED_OUT: "exceeded its time limit",
    OutcomeKind.CANCELLED: "stopped before it ran",
    OutcomeKind.OVER_LIMIT: "exceeded a limit",
    OutcomeKind.LOST: "lost: its exit status is unknown",
}


def _in_our_words(outcome: Outcome) -> str:
    if outcome.kind is OutcomeKind.EXITED:
        return f"exited with status {outcome.exit_status}"
    return _ENDS.get(outcome.kind) or f"ended by {signal_name(outcome.signal)}"


def failed(outcome: Outcome) -> bool:
    """Return whether a job that ended this way counts as failed; incomplete output counts as a failure too."""
    return outcome.is_failure


def status_of(outcome: Outcome) -> int:
    """Return the exit status for a command that stands for a job. It is not 0 if the job's input or output is incomplete."""
    if outcome.kind is OutcomeKind.EXITED and outcome.stdin_problem:
        # Whatever it made of half an input.
        return OWN_FAILURE
    status = exit_status(outcome.kind, outcome.exit_status, outcome.signal)
    return status or (DONE if outcome.is_whole else OWN_FAILURE)


def cpu_of(use: ResourceUse) -> int:
    """Return the CPU time of a job in microseconds: of all its processes, if known; 0: unknown."""
    return max(use.cpu_us, use.user_us + use.system_us)


def memory_of(use: ResourceUse) -> int:
    """Return the peak memory of a job in bytes: of all its processes together, if known; 0: unknown."""
    return use.peak_memory_bytes or use.max_resident_bytes


def what_it_used(use: ResourceUse) -> str:
    """Return what a job used, as far as known, and by which processes; empty if nothing is known."""
    used = []
    if cpu_us := cpu_of(use):
        used.append(f"{duration(cpu_us)} of CPU" + ("" if use.cpu_us else " (not counting processes that nobody waited for)"))
    if use.peak_memory_bytes:
        used.append(f"{format_size(use.peak_memory_bytes)} of memory by all processes together")
    elif use.max_resident_bytes:
        used.append(f"{format_size(use.max_resident_bytes)} of memory by the largest process")
    if use.read_bytes or use.written_bytes:
        used.append(f"{format_size(use.read_bytes or 0)} read from disk, {format_size(use.written_bytes or 0)} written")
    return ", ".join(used)


def not_limited(problem: str) -> str:
    """Return the sentence that a worker does not enforce memory limits, and why."""
    return f"reserved, not limited: {problem}"


def command_line(argv: Iterable[bytes]) -> str:
    """Return a command as it would be typed into a shell."""
    return shlex.join(to_text(argument) for argument in argv)


def title_of(spec: JobSpec) -> str:
    """Return the title of a job: its name, or else its command."""
    return spec.name or command_line(spec.argv)


def owner_of(name: str, public: bytes) -> str:
    """Return the owner of a job: the name in the worker's roster, or the fingerprint of a key that is no longer on it."""
    return name or f"{fingerprint(public)}, no longer on the roster"


def how_many_jobs(count: int) -> str:
    """Return a number of jobs, in words."""
    return f"{count} job{'' if count == 1 else 's'}"
