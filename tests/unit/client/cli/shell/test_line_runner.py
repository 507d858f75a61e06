from collections.abc import Sequence

import pytest

from jobwire.client.cli.shell.line_runner import run_file, run_typed

LINES = ["list", "", "show one", "echo > x", "show two", "exit", "show three"]


class Commands:
    """Commands that exit as they are told."""

    def __init__(self, **statuses: int) -> None:
        self.ran: list[str] = []
        self._statuses = statuses

    def __call__(self, words: Sequence[str]) -> int:
        self.ran.append(" ".join(words))
        return self._statuses.get(words[-1], 0)


def run(commands: Commands, lines: Sequence[str], *, keep_going: bool = False) -> int:
    return run_file(enumerate(lines, 1), "FILE", commands, keep_going=keep_going)


def test_the_first_failure_ends_it_with_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    commands = Commands(one=7, two=9)
    assert run(commands, LINES) == 7
    assert commands.ran == ["list", "show one"]
    said = "jobwire: FILE, line 3: exited with status 7\njobwire: the lines after it were not run; --keep-going runs them\n"
    assert capsys.readouterr().err == said


def test_lines_that_are_not_there_are_not_said_to_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_file([(1, "show one")], "FILE", Commands(one=7), keep_going=False, may_have_more=lambda: False) == 7
    assert capsys.readouterr().err == "jobwire: FILE, line 1: exited with status 7\n"


def test_with_keep_going_all_lines_run_and_the_first_failure_gives_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    commands = Commands(two=9)
    assert run(commands, LINES, keep_going=True) == 2
    assert commands.ran == ["list", "show one", "show two"]
    assert capsys.readouterr().err.splitlines()[-1] == "jobwire: 2 of 4 lines failed"
    assert run(Commands(), ["list", "show one"]) == 0


def test_exit_ends_it_with_the_status_that_it_names() -> None:
    for ending in ("exit 3", "exit 0"):
        commands = Commands(one=7)
        assert run(commands, ["show one", ending, "list"], keep_going=True) == int(ending[-1])
        assert commands.ran == ["show one"]
    typed = iter(["show one", "exit 4"])
    assert run_typed(lambda: next(typed), Commands(one=7)) == 4


@pytest.mark.parametrize("status", [130, 141])
def test_ctrl_c_and_a_reader_that_is_gone_end_it_in_any_case(status: int) -> None:
    commands = Commands(one=status)
    assert run(commands, LINES, keep_going=True) == status
    assert commands.ran == ["list", "show one"]


def test_what_is_typed_goes_on_after_failures_until_exit() -> None:
    typed = iter(LINES)
    commands = Commands(one=7, two=9)
    assert run_typed(lambda: next(typed), commands) == 9
    assert commands.ran == ["list", "show one", "show two"]


def test_ctrl_c_at_the_prompt_drops_only_the_line(capfd: pytest.CaptureFixture[str]) -> None:
    def read() -> str | None:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    answers: list[str | KeyboardInterrupt | None] = [KeyboardInterrupt(), "list", None]
    commands = Commands()
    assert run_typed(read, commands) == 0
    assert commands.ran == ["list"]
