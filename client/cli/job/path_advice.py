"""Advice if a job failed because it does not have the PATH of this shell, or because its first word is not a program.

PATH is passed on only on request: the same id from another shell would be another job. Pure, except for `advise` and `advise_after`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from ....schemas.jobs.reserved_statuses import NOT_EXECUTABLE, NOT_FOUND
from ....schemas.jobs.spec import JobSpec
from ....schemas.jobs.states import Outcome, OutcomeKind
from ....schemas.refusal import Refused
from ...batch.octets import to_bytes, to_text
from ...batch.options.caller_variables import of_this_process
from ...config import contexts
from ...library.job import Job
from ..terminal.screen import say
from .first_words import NOTHING, Known, first_word_advice

# In any job's PATH, as docs/protocol.md says.
USUAL_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# What programs print that did not find another one, or a module.
_MISSED = (b"not found", b"No module named")
_LINES = 5
# Set by an activated virtual environment (venv, conda): its folder.
_ENVIRONMENTS = ("VIRTUAL_ENV", "CONDA_PREFIX")
# Returns the path of a program in a PATH.
Find = Callable[[str, str], str | None]
# Returns the last lines of the job's stderr.
LastLines = Callable[[], bytes]


def path_advice(
    spec: JobSpec, outcome: Outcome, caller: Mapping[str, str], find: Find, last_lines: LastLines, known: Known = NOTHING, *, is_here: bool
) -> str:
    """Return what to type after a failure; empty if the PATH is not its likely cause.

    `caller`: the variables of this shell. `is_here`: the worker runs on this machine, where programs have the same paths. `last_lines` is
    called only if what they say matters. `known`: what a first word that is no program can be.
    """
    program = to_text(spec.argv[0])
    # A program that ran may end with this status itself.
    is_none = outcome.kind is OutcomeKind.FAILED_TO_START and outcome.exit_status == NOT_FOUND
    meant = first_word_advice(spec.argv, known) if is_none else ""
    if outcome.exit_status == NOT_EXECUTABLE and outcome.sentence.endswith("noexec"):
        # Also that of a worker that has its state folder there, for --script. An interpreter only reads it.
        meant = f"name the interpreter of a script, which only reads it: {'--put FILE -- ' if spec.files else ''}sh {program}"
    elif is_here and outcome.exit_status == NOT_EXECUTABLE and known.is_file(program) and not known.is_program(program):
        meant = f"--script {program} runs it anyway, with /bin/sh unless its first line names another; chmod +x makes it a program"
    if not is_here and is_none and "/" in program and known.is_file(program):
        meant = f"{program} is a file of this machine; to send it along and run it: --script {program}"
    if meant or any(name == b"PATH" for name, _ in spec.environment):
        return meant
    is_missing = is_none and "/" not in program
    if not is_here:
        return "to search other folders of that machine: -e PATH=/FOLDER:/usr/bin:/bin" if is_missing else ""
    found = "" if "/" in program else find(program, caller.get("PATH", "")) or ""
    if is_missing:
        return f"this shell has {found}, but a job does not get its PATH; to pass it on: -e PATH" if found else ""
    if outcome.kind is not OutcomeKind.EXITED or not outcome.exit_status:
        return ""
    return _about_a_status(outcome.exit_status, caller, found, last_lines)


def _about_a_status(status: int, caller: Mapping[str, str], found: str, last_lines: LastLines) -> str:
    """Return what to type if a program ran and failed; `found`: the program that this shell would have run."""
    environment = next((caller[name] for name in _ENVIRONMENTS if caller.get(name)), "")
    # A script that misses a program of the environment fails with any status.
    if environment and (
        status == NOT_FOUND or found.startswith(f"{environment.rstrip('/')}/bin/") or any(sign in last_lines() for sign in _MISSED)
    ):
        return f"the job did not use {environment}, which is active in this shell; to pass its PATH on: -e PATH"
    # A shell reports so that it did not find a command.
    if status == NOT_FOUND and any(folder and folder not in USUAL_FOLDERS for folder in caller.get("PATH", "").split(":")):
        return "a job does not get the PATH of this shell; to pass it on: -e PATH"
    return ""


def _contexts() -> list[str]:
    try:
        return [context.name for context in contexts.list_contexts()]
    except Refused:
        return []


def advise(spec: JobSpec, job: Job, context: str) -> bool:
    """Print what to type after a failure of a job, or before a certain one, and return whether anything was printed."""
    outcome = job.outcome
    if outcome is None and context == contexts.EMBEDDED and _is_missing_here(spec):
        say(f"the job will find no program {to_text(spec.argv[0])!r} in its PATH")
        outcome = Outcome(OutcomeKind.FAILED_TO_START, NOT_FOUND)
    return advise_after(spec, outcome, context, lambda: _last_lines(job))


def _is_missing_here(spec: JobSpec) -> bool:
    """Return whether a job finds no program on this machine."""
    from shutil import which  # noqa: PLC0415 -- only for who does not wait for the end

    program = spec.argv[0]
    path = dict(spec.environment).get(b"PATH", os.fsencode(":".join(USUAL_FOLDERS)))
    return b"/" not in program and which(program, path=os.fsdecode(path)) is None


def _last_lines(job: Job) -> bytes:
    try:
        return job.tail("stderr", _LINES)
    except Refused:
        # It was forgotten meanwhile, for instance.
        return b""


def advise_after(spec: JobSpec, outcome: Outcome | None, context: str, last_lines: LastLines) -> bool:
    """Print what to type after a failure, and return whether anything was printed."""
    if outcome is None or not outcome.exit_status:
        return False
    from shutil import which  # noqa: PLC0415 -- only after a failure

    def find(name: str, path: str) -> str | None:
        # The bytes count: the locale may not have their letters.
        found = which(to_bytes(name), path=os.fsdecode(to_bytes(path)))
        return to_text(found) if found else None

    known = Known(
        _contexts,
        lambda name: os.path.isfile(to_bytes(name)),  # noqa: PTH113 -- bytes
        lambda name: os.access(to_bytes(name), os.X_OK),
    )
    advice = path_advice(spec, outcome, of_this_process(), find, last_lines, known, is_here=context == contexts.EMBEDDED)
    if advice:
        say(advice)
    return bool(advice)
