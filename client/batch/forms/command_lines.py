"""A batch file with one command per line."""

from __future__ import annotations

import re

from ....schemas.refusal import Code, Refused
from ..batch_tables import BatchFile, JobTable
from ..mistakes import Mistakes
from .conversion import Found
from .counting import check_count
from .shell_words import NotWords, divide
from .toml_lines import Place

# What no program's name begins with, where a file of commands begins.
_OTHER_FORM = re.compile(r"(?:\s|#[^\n]*\n)*+((?P<json>\{\s*[\"}]|\[\s*\{)|\[\[job\]\]|\[(?:batch|defaults|set)\])")


def read_commands(text: str, mistakes: Mistakes, warnings: list[str]) -> Found:
    """Return the jobs of a file; what a shell would have expanded is added to the warnings.

    Raises `Refused(INVALID_ARGUMENT)` if it has another format, or contains no job.
    """
    if kind := _OTHER_FORM.match(text):
        at = Place(text.count("\n", 0, kind.start(1)) + 1)
        raise mistakes.refusal(at, f"this is not a command: the file is {'JSON' if kind['json'] else 'TOML'}", "leave --lines out")
    if text.startswith("#!"):
        what = "each line of this script is a job by itself; to run it as one: jobwire submit --script FILE"
        warnings.append(f"{mistakes.file}, line 1: {what}")
    jobs: list[JobTable | None] = []
    numbers: list[int] = []
    # Not splitlines(): that also splits at characters that may be part of a string.
    for number, line in enumerate(text.split("\n"), 1):
        try:
            # A byte order mark may be here if files were concatenated.
            divided = divide(line.lstrip("\ufeff"))
        except NotWords as problem:
            mistakes.add(lambda _, number=number: Place(number), (), str(problem))  # type: ignore[misc]
            continue
        if divided.words:
            jobs.append(JobTable(argv=divided.words))
            numbers.append(number)
            check_count(len(jobs), mistakes.file)
        if divided.unexpanded:
            warnings.append(f"{mistakes.file}, line {number}: {divided.note}")
    if not jobs and not mistakes:
        raise Refused(Code.INVALID_ARGUMENT, f"{mistakes.file} contains no job", "write one command per line")
    return Found(BatchFile(), jobs, lambda path: Place(numbers[int(path[1])]))
