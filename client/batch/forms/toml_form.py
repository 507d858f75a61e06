"""Batch files in TOML."""

from __future__ import annotations

import re

from ....schemas.text import toml_text
from ..expansion.written_numbers import WrittenFloat
from ..mistakes import Mistakes
from .conversion import Found, convert_file
from .counting import check_count
from .toml_lines import Place, Places

# For what is no batch file, by whether it is a script.
_HINTS = {
    False: "for one command per line use: batch --lines FILE",
    True: "to run a script as one job: jobwire submit --script FILE; for one with lines #SBATCH: jobwire convert FILE",
}
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
        hint = "" if _JOB_HEADER.search(text) else _HINTS[text.startswith("#!")]
        if error.reason == toml_text.twice("job", is_table=True):
            hint = "write [[job]] for each"
        raise mistakes.refusal(Place(error.line), f"this is not TOML: {error.reason}", hint) from None
    return convert_file(tables, Places(text).find, mistakes)
