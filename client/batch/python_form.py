"""Batches that a program describes: a mapping with the tables and keys of a batch file. Knows no file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...schemas.text.msgspec_errors import Path
from .batch_file import Batch, understand
from .batch_jobs import Making
from .forms.conversion import convert_file
from .forms.json_values import dotted
from .forms.toml_lines import Place
from .mistakes import Mistakes
from .options.job_options import Surroundings, Wishes


def read_tables(said: Mapping[str, Any], around: Surroundings, values: Mapping[str, str]) -> Batch:
    """Return the batch; `values`: of placeholders, which override those of the table `set`.

    Raises `Refused(INVALID_ARGUMENT)` naming the key of each mistake: those after the first are its notes.
    """
    mistakes = Mistakes("the batch")
    found = convert_file(dict(said), _place, mistakes)
    return understand(found, mistakes, Making(around, Wishes(), values, [], setting="values"))


def _place(path: Path) -> Place:
    return Place(0, dotted(path))
