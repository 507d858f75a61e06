"""`jobwire convert`: a batch file of what was written for Slurm, GNU parallel or xargs."""

from __future__ import annotations

import os
from typing import Annotated

from ....schemas.refusal import Code, Refused
from ...batch.batch_file import LARGEST_FILE
from ...batch.octets import as_typed, to_text
from ...batch.reading import STDIN, read_whole
from ...conversion.convert import COMMANDS, FORMS, Converted, Origin, convert_command, convert_text
from ...files.current_folder import current_folder
from .. import exit_status
from ..arguments import understanding
from ..exit_status import BadInput, Ending
from ..files.whole_file import write_file
from ..parser.parameters import Argument, Option
from ..terminal.screen import flush, say, write_text

_STANDARD = "-"
_HOW = "name a file, or give a command: jobwire convert -- parallel -j 4 gzip ::: *.log"


def convert(
    what: Annotated[
        list[str] | None,
        Argument(metavar="FILE|-- COMMAND [ARG]...", help="What to convert: a file, - for standard input, or a command line itself."),
    ] = None,
    *,
    output: Annotated[
        str, Option("-o", "--output", metavar="FILE", help="Where to write the batch file. - is standard output.", show_default=False)
    ] = "-",
    from_: Annotated[
        str | None, Option("--from", metavar="FORM", help=f"What the file is: {', '.join(FORMS)}. Default: what it looks like.")
    ] = None,
) -> None:
    """Turn a Slurm script, or a command line of GNU parallel or xargs, into a batch file.

    What cannot be converted is reported by line, with what to do instead. Exits with 1 if something essential is missing in the batch file,
    which is written nevertheless. Nothing is submitted.
    """
    if not what or not what[0]:
        raise BadInput(_HOW)
    if from_ is not None and from_ not in FORMS:
        raise BadInput(f"--from: {from_!r} is none of {', '.join(FORMS)}")
    if not output:
        raise BadInput("--output names no file; - is standard output")
    with understanding():
        converted = _convert([as_typed(word) for word in what], as_typed(output), from_)
    _write(output, converted.text)
    for remark in converted.remarks:
        say(remark.sentence(converted.name))
    if not converted.is_whole:
        say("something essential is missing, see above; the batch file names it too")
        raise Ending(exit_status.REFUSED)


def _convert(words: list[str], output: str, form: str | None) -> Converted:
    here = to_text(current_folder())
    if len(words) > 1 or (words[0] in COMMANDS and not os.path.exists(words[0])):  # noqa: PTH110 -- text
        if form not in {None, words[0].rpartition("/")[2]} and (form, words[0]) != ("slurm", "sbatch"):
            raise BadInput(f"--from {form} is for a file, and {words[0]} is a command")
        return convert_command(words, Origin(words[0], "", here), _read)
    (file,) = words
    if _is_one_file(file, output):
        raise BadInput(f"--output would replace {file} itself")
    name = "standard input" if file == _STANDARD else file
    # The batch names files relative to its own folder.
    place = os.path.dirname(output) if output != _STANDARD and not output.startswith("/dev/") else ""  # noqa: PTH120 -- text
    path = "" if file == _STANDARD else file if file.startswith("/") else os.path.relpath(file, place or ".")
    return convert_text(_read(file), Origin(name, path, here), _read, form)


def _is_one_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(os.fsencode(one), os.fsencode(other))  # noqa: PTH121 -- bytes
    except (OSError, ValueError):
        return False


def _read(file: str) -> str:
    name, source = ("standard input", STDIN) if file == _STANDARD else (file, os.fsencode(file))
    try:
        data = read_whole(source, LARGEST_FILE)
    except (OSError, ValueError) as error:
        raise BadInput(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > LARGEST_FILE:
        raise Refused(Code.INVALID_ARGUMENT, f"{name} is too large for a batch", "divide it")
    return to_text(data)


def _write(output: str, text: str) -> None:
    if output == _STANDARD:
        write_text(text)
        flush()
        return
    write_file(output, text)
