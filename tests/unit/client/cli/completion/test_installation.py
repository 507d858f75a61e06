from pathlib import Path

import pytest

from jobwire.client.cli.completion.installation import install, plan
from jobwire.client.cli.main import command_line
from jobwire.keys.files.user_folders import home_folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_folder() == tmp_path
    return tmp_path


def test_each_shell_is_told_in_its_own_place(home: Path) -> None:
    assert plan("fish", home, {}).script == home / ".config/fish/completions/jobwire.fish"
    assert plan("fish", home, {}).startup is None
    assert plan("bash", home, {}).startup == home / ".bashrc"
    assert plan("zsh", home, {"ZDOTDIR": "/z"}).startup == Path("/z/.zshrc")
    assert plan("zsh", home, {"ZDOTDIR": "relative"}).startup == home / ".zshrc"
    assert plan("bash", home, {"XDG_DATA_HOME": "/d e"}).line == (
        "[ -r '/d e/jobwire/completion.bash' ] && . '/d e/jobwire/completion.bash'  # jobwire completion"
    )


def test_a_line_is_added_once_and_what_was_there_stays(home: Path) -> None:
    (home / ".bashrc").write_bytes(b"alias x=y \xff")
    wanted = plan("bash", home, {})
    assert install(wanted, "one")
    assert not install(wanted, "two")
    assert (home / ".bashrc").read_bytes() == b"alias x=y \xff\n" + wanted.line.encode() + b"\n"
    assert wanted.script.read_text() == "two"


def test_the_login_shell_is_the_one_that_is_meant(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert command_line(["completion", "install"]) == 0
    assert f"completion for fish is in {home}/.config/fish/completions/jobwire.fish" in capsys.readouterr().err
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert command_line(["completion", "install"]) == 2
    assert capsys.readouterr().err == "jobwire: there is no completion for 'tcsh'; name one of bash, zsh, fish\n"


def test_what_cannot_be_written_is_said_with_the_way_by_hand(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ".bashrc").mkdir()
    assert command_line(["completion", "install", "bash"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"jobwire: {home}/.bashrc cannot be written: Is a directory; write it yourself: jobwire completion show bash")
