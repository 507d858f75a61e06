"""The batch file that a command names: its content, the batch that it describes, and mistakes in the options given with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ....batch.batch_file import LARGEST_FILE, Batch, read_batch
from ....batch.finishing import parse_finish
from ....batch.options.job_options import Wishes
from ....batch.reading import STDIN, read_whole
from ...arguments import understanding, understood
from ...exit_status import BadInput
from ...job.job_arguments import surroundings, wishes_of_all_jobs
from .reading_progress import read_saying, read_values


class Beside(NamedTuple):
    """The options given with the file: `--lines`, `--set`, `--on-finish`, and options of a job for all jobs."""

    lines: bool
    values: Sequence[str]
    on_finish: str | None
    wishes: Wishes


def read_file(file: str | None, beside: Beside, context: str) -> Batch:
    """Return the batch that a file describes, for jobs in this context; print its warnings.

    Raises BadInput for mistakes in the file or the options.
    """
    with understanding("--set"):
        values = read_values(beside.values)
    finish = understood("--on-finish", parse_finish, beside.on_finish)
    over = wishes_of_all_jobs(beside.wishes, context, has_file=True)
    name, text = _read(file)
    around = surroundings(context)
    # In a folder that was removed no relative name leads anywhere, which is said when it is read.
    if file and file != "-" and (file.startswith("/") or not around.is_gone):
        around = around._replace(files=Path(file).absolute().parent)

    def read(progress: Callable[[int], None]) -> Batch:
        batch = read_batch(text, name, around, lines=beside.lines, over=over, values=values, progress=progress, finish=finish)
        _demand_retries(over, batch, name)
        return batch

    return read_saying(name, read)


def _demand_retries(over: Wishes, batch: Batch, name: str) -> None:
    """Check that options about retries apply to some job.

    Raises BadInput.
    """
    if over.retry is not None or any(job.retry is not None for job in batch.jobs):
        return
    said = {"--retry-delay": over.retry_delay, "--retry-backoff": over.retry_backoff, "--retry-on-exit": over.retry_on_exit}
    for flag, value in said.items():
        if value is not None:
            raise BadInput(
                f"{flag}: it has no effect without retries, and no job of {name} has any; say how many, as in --retry 3, or retry = 3 in it"
            )


def _read(file: str | None) -> tuple[str, bytes]:
    """Return the name of a batch file for messages, and its content."""
    if file is None:
        raise BadInput("name a batch file, or - for standard input; see jobwire batch --help")
    if not file:
        raise BadInput("the batch file has no name; - is standard input")
    name, source = ("standard input", STDIN) if file == "-" else (file, os.fsencode(file))
    try:
        return name, read_whole(source, LARGEST_FILE)
    except (OSError, ValueError) as error:
        raise BadInput(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
