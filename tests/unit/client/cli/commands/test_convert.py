import tomllib
from pathlib import Path

import pytest

from jobwire.client.cli.main import command_line

SCRIPT = "#!/bin/sh\n#SBATCH --array=1-3\n#SBATCH -p gpu\nmake\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.sh").write_text(SCRIPT)
    return tmp_path


def test_the_batch_is_printed_and_the_rest_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["convert", "job.sh"]) == 0
    shown = capsys.readouterr()
    (job,) = tomllib.loads(shown.out)["job"]
    assert (job["script"], job["dir"], job["for_each"]) == ("job.sh", str(here), ["1", "2", "3"])
    assert "job.sh, line 3: -p gpu has no effect" in shown.err


def test_the_batch_names_the_script_from_its_own_folder(here: Path) -> None:
    (here / "made").mkdir()
    assert command_line(["convert", "job.sh", "-o", "made/job.toml"]) == 0
    assert tomllib.loads((here / "made/job.toml").read_text())["job"][0]["script"] == "../job.sh"
    assert command_line(["batch", "--dry-run", "made/job.toml"]) == 0


def test_what_is_lost_ends_with_1_and_the_file_is_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "job.sh").write_text(SCRIPT.replace("-p gpu", "-N 4"))
    assert command_line(["convert", "job.sh", "-o", "job.toml"]) == 1
    assert "line 3: -N 4: a job runs on one machine" in capsys.readouterr().err
    assert "a job runs on one machine" in (here / "job.toml").read_text()
    assert command_line(["batch", "--dry-run", "job.toml"]) == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "name a file"),
        (["nosuch"], 2, "nosuch cannot be read: No such file"),
        (["."], 2, "cannot be read: Is a directory"),
        (["--from", "pbs", "job.sh"], 2, "'pbs' is none of slurm"),
        (["job.sh", "-o", ""], 2, "names no file"),
        (["job.sh", "-o", "./job.sh"], 2, "would replace job.sh itself"),
        (["job.sh", "-o", "no/such/folder"], 2, "cannot be written"),
        (["--from", "slurm", "--", "parallel", "x"], 2, "is for a file"),
        (["--", "make", "all"], 2, "is none of sbatch, parallel and xargs"),
        (["--", "sbatch", "nosuch.sh"], 2, "nosuch.sh cannot be read"),
        (["--from", "xargs", "job.sh"], 2, "there is no command xargs in it"),
    ],
)
def test_mistakes_are_said(arguments: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["convert", *arguments]) == status
    assert said in capsys.readouterr().err


def test_a_command_is_converted_as_the_shell_has_read_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["convert", "--", "parallel", "-j", "2", "gzip", "{}", ":::", "a b", "c"]) == 0
    made = tomllib.loads(capsys.readouterr().out)
    assert made["batch"]["parallel"] == 2
    assert made["job"][0]["for_each"] == ["a b", "c"]
