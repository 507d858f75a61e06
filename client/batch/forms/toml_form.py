"""Batch files in TOML."""

from __future__ import annotations

import re

from ....schemas.text import toml_text
from ..expansion.written_numbers import WrittenFloat
from ..mistakes import Mistakes
from .conversion import Found, convert_file
from .counting import check_count
from .toml_lines import Place, Places

# For what is no batch file.
_OF_COMMANDS = "for one command per line use: batch --lines FILE"
_OF_A_SCRIPT = "to run a script as one job: jobwire submit --script FILE; for one with lines #SBATCH: jobwire convert FILE"
_OF_YAML = "YAML is not read: write TOML, or JSON with an object for each job"
# Its first line that is not a comment: a list, a document or a key.
_YAML = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*(?:- |---|[A-Za-z_][\w-]*:(?:[ \t]|\r?\n|$))")
_JOB_HEADER = re.compile(r"^[ \t]*\[\[", re.MULTILINE)


def read_toml(text: str, mistakes: Mistakes) -> Found:
    """Return what a file says.

    Raises `Refused(INVALID_ARGUMENT)` if it is not TOML, and RecursionError if it is nested too deeply.
    """
    # Checked before parsing, which takes a hundred times the memory of the text.
    check_count(sum(1 for _ in _JOB_HEADER.finditer(text)), mistakes.file)
    try:
        tables = toml_text.parse(text, WrittenFloat)
    except toml_text.NotTomlError as error:
        hint = "" if _JOB_HEADER.search(text) else _hint(text)
        if error.reason == toml_text.twice("job", is_table=True):
            hint = "write [[job]] for each"
        raise mistakes.refusal(Place(error.line), f"this is not TOML: {error.reason}", hint) from None
    return convert_file(tables, Places(text).find, mistakes)


def _hint(text: str) -> str:
    """Return what to do with a text that is no batch file."""
    if text.startswith("#!"):
        return _OF_A_SCRIPT
    return _OF_YAML if _YAML.match(text) else _OF_COMMANDS
