"""The commands in the tables of recipes.md and coming-from.md are understood by the parser; what blocks show is run by test_docs.py."""

from __future__ import annotations

import re
import shlex

import pytest
from documents import ROOT

from jobwire.client.cli.parser.typer_commands import load

TEXT = "".join((ROOT / "docs" / name).read_text() for name in ("recipes.md", "coming-from.md"))
COMMANDS = sorted(set(re.findall(r"`(jobwire (?:--context \w+ )?[a-z]+ [^`]*)`", TEXT)))


def test_the_tables_name_commands() -> None:
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("typed", COMMANDS)
def test_a_command_in_a_table_is_one(typed: str) -> None:
    words = shlex.split(typed)[1:]
    if words[0] == "--context":
        words = words[2:]
    command = load(words.pop(0))
    if parts := getattr(command, "commands", None):
        command = parts[words.pop(0)]
    # Raises what is wrong.
    command.make_context("it", words).close()
