import pytest

from jobwire.client.cli.exit_status import BadInput
from jobwire.client.cli.shell.lines import understand


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("list -a", ["list", "-a"]),
        ("jobwire list", ["list"]),
        ("  run -- sh -c 'a | b' \"c d\" e\\ f # why", ["run", "--", "sh", "-c", "a | b", "c d", "e f"]),
        ("", []),
        ("   # nothing", []),
        ("jobwire", []),
        ("help run", ["help", "run"]),
        ("run -- exit", ["run", "--", "exit"]),
    ],
)
def test_a_line_is_divided_as_a_shell_would(line: str, words: list[str]) -> None:
    assert understand(line).words == words


def test_exit_and_quit_end_it() -> None:
    assert understand(" exit ").ends
    assert understand("quit").ends
    assert understand("exit").status is None
    assert [understand(f"exit {number}").status for number in ("0", "3", "255")] == [0, 3, 255]


@pytest.mark.parametrize("line", ["exit now", "exit 256", "exit -1", "exit 1 2", "quit x"])
def test_exit_takes_a_status_and_nothing_else(line: str) -> None:
    with pytest.raises(BadInput, match="takes an exit status from 0 to 255"):
        understand(line)


@pytest.mark.parametrize(
    "line", ["list | head", "run -- a > b", "X=1 run -- a", "run -- 'a", "shell", "worker run --slots 2", "run -- a \\"]
)
def test_what_needs_a_shell_or_a_process_of_its_own_is_refused(line: str) -> None:
    with pytest.raises(BadInput):
        understand(line)


def test_what_a_shell_would_expand_is_passed_on_with_a_warning() -> None:
    said = understand("run -- echo $HOME *")
    assert said.words == ["run", "--", "echo", "$HOME", "*"]
    assert said.warning == "$HOME, * are passed on unchanged, as no shell runs; to use one: sh -c '...'"
    assert understand("run -- echo '$HOME'").warning == ""
