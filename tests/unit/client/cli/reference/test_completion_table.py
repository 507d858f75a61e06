from pathlib import Path
from typing import Any

from jobwire.client.cli.reference import completion_table
from jobwire.client.cli.reference.completion_table import source
from jobwire.client.cli.reference.definitions import CommandText, OptionText, read_commands


def test_the_table_is_that_of_the_commands() -> None:
    written = Path(completion_table.__file__).parents[1] / "completion" / "table.py"
    assert written.read_text() == source(read_commands()), "run: make commands"


def test_any_text_becomes_a_string_again() -> None:
    odd = "a \"b\" \\ 'c' \u2026"
    made = CommandText("jobwire x", (odd,), (OptionText(("-x", "--long"), "N", odd),), (), ends_options=True)
    space: dict[str, Any] = {"__package__": "jobwire.client.cli.completion", "__name__": "jobwire.client.cli.completion.table"}
    exec(source([made]), space)
    assert space["COMMANDS"]["jobwire x"] == (odd, (("-x --long", "N", odd),), (), True)
