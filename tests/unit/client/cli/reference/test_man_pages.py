import shutil
import subprocess
from pathlib import Path

import pytest

from jobwire.client.cli.reference.definitions import ArgumentText, CommandText, OptionText
from jobwire.client.cli.reference.generate import generated
from jobwire.client.cli.reference.man_pages import pages

ODD = CommandText(
    "jobwire odd",
    ("Say 'it' in `this` way: \\n ~ ^ -x.", ".TH is no request here.", "'quoted' first"),
    (OptionText(("-o", "--odd"), "K[=V]...", "Don't \\fBescape\\fR."),),
    (ArgumentText("[JOB]...", "A job."),),
)


def test_every_command_has_a_page_that_is_up_to_date() -> None:
    written = {path: path.read_text() if path.exists() else "" for path in generated()}
    assert written == generated(), "run: make commands"
    names = {path.name for path in written}
    assert {"jobwire.1", "jobwire-run.1", "jobwire-keys-add.1", "table.py"} <= names
    assert "jobwire-ps.1" not in names


def shown(page: Path) -> str:
    ended = subprocess.run(
        ["man", "--warnings", "-l", str(page)], capture_output=True, text=True, check=True, env={"MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    )
    assert ended.stderr == ""
    return ended.stdout


@pytest.mark.skipif(shutil.which("man") is None or shutil.which("groff") is None, reason="this machine has no man or groff")
def test_a_page_is_shown_without_a_warning_and_text_as_it_was_written(tmp_path: Path) -> None:
    for name, text in pages([ODD], {"jobwire odd": ["jobwire odd -- sh -c 'a\\n' ~"]}, "1.2").items():
        (tmp_path / name).write_text(text)
    page = shown(tmp_path / "jobwire-odd.1")
    for part in (
        "jobwire-odd - say 'it' in `this` way: \\n ~ ^ -x",
        "jobwire odd [OPTION]... [JOB]...",
        ".TH is no request here.",
        "'quoted' first",
        "-o, --odd K[=V]",
        "Don't \\fBescape\\fR.",
        "$ jobwire odd -- sh -c 'a\\n' ~",
        "jobwire(1)",
    ):
        assert part in page, page


@pytest.mark.skipif(shutil.which("groff") is None, reason="this machine has no groff")
def test_no_page_has_a_mistake_for_the_formatter() -> None:
    names = [str(path) for path in generated() if path.suffix == ".1"]
    ended = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", *names], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
