"""Messages about a run that is submitted or watched: how to return to it, and what failed."""

from __future__ import annotations

from .. import exit_status
from ..shown.sentences import how_many_jobs
from ..terminal.screen import say


def what_continues(run: str) -> str:
    """Return the message for a user who stops watching a run."""
    return f"the jobs continue; jobwire wait {run} waits for them, jobwire stop {run} stops them"


def detached(run: str) -> exit_status.Ending:
    """Print how to return after Ctrl-C, and return the end of the command."""
    say(what_continues(run))
    return exit_status.Ending(exit_status.INTERRUPTED)


def not_acknowledged(run: str) -> exit_status.Ending:
    """Print what to type after Ctrl-C while it is unknown whether the jobs were accepted."""
    say(f"interrupted before the batch was acknowledged; run it again with --id {run}: no job starts twice")
    return exit_status.Ending(exit_status.INTERRUPTED)


def what_failed(failures: int, jobs: int, run: str) -> str:
    """Return the message at the end of a run about failed jobs."""
    which = "the job" if jobs == 1 else f"{failures} of {how_many_jobs(jobs)}"
    return f"{which} failed; jobwire show {run} shows why, jobwire batch --retry-failed {run} runs what failed again"
