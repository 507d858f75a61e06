"""How a job ended, in words and numbers. Pure."""

from __future__ import annotations

import os
from signal import SIGKILL

from ....schemas.naming import signal_name
from ....schemas.text.sizes import format_limit


def seconds(milliseconds: int) -> str:
    """Return a duration in seconds, for people."""
    return f"{milliseconds / 1000:g} s"


class Verdict:
    """How a job ended: the kind is a word of the protocol with the worker, the numbers are those of waitpid(2)."""

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
    killed_after_ms: int | None = None,
) -> Verdict:
    """Return the verdict for a leader's wait status; None if that is not known, for the reason `why_unknown`.

    `limit_passed_ms` is the time limit that ended it (0: none), `output_limit_bytes` the output limit that ended it (None: none),
    `killed_after_ms` the grace time after which it was killed.
    """
    if wait_status is None:
        verdict = Verdict("lost", f"how it ended is not known: {why_unknown}")
    elif os.WIFSIGNALED(wait_status):
        number = os.WTERMSIG(wait_status)
        core = ", and left a core dump" if os.WCOREDUMP(wait_status) else ""
        verdict = Verdict("signaled", f"ended by {signal_name(number)}{core}", signal=number)
        if number == SIGKILL and killed_after_ms:
            verdict.sentence = f"did not end within {seconds(killed_after_ms)} of being told to, and was killed (SIGKILL)"
    else:
        status = os.WEXITSTATUS(wait_status)
        verdict = Verdict("exited", f"exited with status {status}", exit_status=status)
    if limit_passed_ms:
        # It was stopped because of the limit, whatever its status is.
        verdict.kind = "timed_out"
        verdict.sentence = f"exceeded its time limit of {seconds(limit_passed_ms)}, and {verdict.sentence}"
    elif output_limit_bytes is not None:
        verdict.kind = "over_limit"
        verdict.sentence = f"wrote more than its output limit of {format_limit(output_limit_bytes)}, and {verdict.sentence}"
    return verdict


def what_is_missing(sentence: str, problems: dict[str, str]) -> str:
    """Return a continuation of the sentence about how a job ended: which of its streams are incomplete and why; `problems` by stream."""
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
