import os
import re
import shlex

import pytest
from documents import ROOT

from jobwire.client.cli.examples import EXAMPLES
from jobwire.client.cli.main import command_line
from jobwire.client.cli.parser.typer_commands import load
from jobwire.client.cli.reference.definitions import read_commands
from jobwire.client.cli.verbs import VERBS

COMING_FROM = ROOT / "docs/coming-from.md"


def of_jobwire(example: str) -> list[str]:
    """Return the command and its arguments in the part of a pipeline that calls jobwire."""
    (part,) = [part for part in re.split(r" \| (?=jobwire)", example) if part.startswith("jobwire ")]
    words = shlex.split(part)[1:]
    return words[2:] if words[0] == "--context" else words


def test_every_command_has_examples_and_every_example_a_command() -> None:
    assert {command.path for command in read_commands()} == set(EXAMPLES)
    assert all(1 <= len(examples) <= 3 for examples in EXAMPLES.values())


@pytest.mark.parametrize("example", [example for path, examples in EXAMPLES.items() if path != "jobwire" for example in examples])
def test_an_example_is_understood_by_the_parser(example: str) -> None:
    verb, *arguments = of_jobwire(example)
    command = load(verb)
    if parts := getattr(command, "commands", None):
        command = parts[arguments.pop(0)]
    # Raises what is wrong.
    command.make_context(verb, arguments).close()


_COMMAND_IN_A_TABLE = re.compile(r"`((?:[^`]* )?jobwire [^`]*)`")
_INSTEAD_OF = [
    command.replace("\\|", "|")
    for line in COMING_FROM.read_text().splitlines()
    if line.startswith("|")
    for command in _COMMAND_IN_A_TABLE.findall(line)
]


@pytest.mark.parametrize("typed", list(dict.fromkeys(_INSTEAD_OF)))
def test_what_to_type_instead_of_the_command_of_another_tool_is_understood(typed: str) -> None:
    for part in re.split(r" \| ", typed):
        if "jobwire " not in part:
            continue
        verb, *arguments = shlex.split(part[part.index("jobwire ") :])[1:]
        command = load(verb)
        if parts := getattr(command, "commands", None):
            command = parts[arguments.pop(0)]
        command.make_context(verb, arguments).close()


def test_an_example_stands_in_the_help_of_its_own_command() -> None:
    for path, examples in EXAMPLES.items():
        words = path.split()
        for example in examples:
            assert (
                len(words) == 1
                or of_jobwire(example)[: len(words) - 1] == words[1:]
                or words[-1] in {"keys", "context", "worker", "completion"}
            )


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize(
    "arguments", [[], *[[verb] for verb in VERBS if not VERBS[verb].hidden], ["keys", "add"], ["worker", "run"], ["context", "use"]]
)
def test_the_help_ends_with_the_examples(
    arguments: list[str], flag: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert command_line([*arguments, flag]) == 0
    shown = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    examples = EXAMPLES[" ".join(["jobwire", *arguments])]
    assert shown[-len(examples) :] == [f"$ {example}" for example in examples]


@pytest.mark.parametrize("columns", [20, 40])
def test_a_narrow_terminal_gets_the_whole_help(columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for arguments in (["attach"], ["keys", "add"]):
        assert command_line([*arguments, "-h"]) == 0
        shown = capsys.readouterr().out
        assert "\u2026" not in shown
        assert "\u2502" not in shown
        # Below that, lists of options are wider than the terminal, which wraps them.
        assert columns < 40 or max(map(len, shown.splitlines())) <= columns
        for option in ("--help", "--detach-keys" if arguments == ["attach"] else "--role"):
            assert option in shown
        last = EXAMPLES[" ".join(["jobwire", *arguments])][-1]
        assert "".join(shown.split()).endswith("".join(last.split()))


@pytest.mark.parametrize(
    "surroundings", [{"COLUMNS": "1"}, {"COLUMNS": "0"}, {"COLUMNS": "99999999999999"}, {"COLUMNS": "-1"}, {"TERMINAL_WIDTH": "wide"}]
)
def test_help_is_whole_whatever_the_surroundings_say_about_the_width(
    surroundings: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # No longer than that: with -v, pytest pads its own line to the width before fixtures are undone.
    with monkeypatch.context() as here:
        for name, value in surroundings.items():
            here.setenv(name, value)
        assert command_line(["attach", "-h"]) == 0
        assert {name: os.environ[name] for name in surroundings} == surroundings
    shown = capsys.readouterr().out
    assert "--detach-keys" in shown
    assert len(shown) < 100_000


def test_h_of_a_program_is_for_the_program() -> None:
    command = load("run")
    with command.make_context("run", ["ls", "-h"]) as context:
        # A tuple, unless something before has replaced the adapter of typer.
        assert [*context.params["command"]] == ["ls", "-h"]
