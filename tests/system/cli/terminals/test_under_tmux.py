"""Full-screen programs through `run --tty`, as a person sees them: under tmux, which draws what a terminal would show."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from daemons import wait_until
from tmux import Tmux, needs_tmux

from jobwire.keys.holder import SUSPENDED, process_state

pytestmark = needs_tmux


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@needs("vim")
def test_vim_draws_is_left_and_returned_to(tmux: Tmux, tmp_path: Path) -> None:
    tmux.type(f"jw run -it -C {tmp_path} vim -u NONE text", "Enter")
    tmux.until("~")
    tmux.type("ifirst line", "Enter")
    # While it inserts: in its other mode, the key that begins to leave looks for a tag.
    tmux.type("second line")
    assert tmux.until("second line")[:2] == ["first line", "second line"]
    tmux.keys("C-]", "C-]", "C-]")
    screen = tmux.until("return with: jobwire attach")
    # The screen of before, as vim itself would have left it.
    assert "first line" not in screen
    tmux.type("jw attach last", "Enter")
    tmux.until("second line")
    tmux.resize(60, 12)
    wait_until(lambda: tmux.screen()[:3] == ["first line", "second line", "~"] and len(tmux.screen()) == 12, "vim has drawn again")
    tmux.keys("Escape", "Escape")
    tmux.type(":wq", "Enter")
    tmux.until_back()
    wait_until((tmp_path / "text").exists, "it is saved")
    assert (tmp_path / "text").read_text() == "first line\nsecond line\n"
    tmux.type("echo status $?; stty -a | grep -e -icanon; echo raw $?", "Enter")
    tmux.until("raw 1")
    tmux.until("status 0")


@needs("top")
def test_top_fits_a_narrow_terminal(tmux: Tmux) -> None:
    tmux.type("jw run -it top", "Enter")
    tmux.until("PID USER")
    tmux.resize(20, 10)
    wait_until(lambda: len(tmux.screen()) == 10 and tmux.screen()[0].startswith("top - "), "top has drawn again")
    tmux.keys("q")
    tmux.until_back()
    tmux.resize(80, 24)
    tmux.type("echo status $?", "Enter")
    tmux.until("status 0")


@needs("bash")
def test_bash_edits_lines_and_controls_jobs(tmux: Tmux) -> None:
    tmux.type("jw run -it bash --norc --noprofile", "Enter")
    tmux.until("bash-")
    tmux.type("echo on", "Left", "Left")
    tmux.type("t", "BSpace")
    tmux.type("m", "Enter")
    tmux.until("mon")
    tmux.type("sh -c 'echo process $$; exec cat'", "Enter")
    # What is typed before it is in the foreground would be read by the shell.
    shown = wait_until(lambda: re.search(r"^process (\d+)$", "\n".join(tmux.screen()), re.MULTILINE), "it is in the foreground")
    tmux.type("abc", "Enter")
    tmux.until("abc")
    tmux.keys("C-z")
    tmux.until("Stopped")
    tmux.type("fg", "Enter")
    wait_until(lambda: process_state(int(shown[1])) not in SUSPENDED, "it is in the foreground again")
    tmux.keys("C-d")
    tmux.type("exit 9", "Enter")
    tmux.until_back()
    tmux.type("echo status $?", "Enter")
    tmux.until("status 9")


def test_python_reads_lines(tmux: Tmux) -> None:
    tmux.type("jw run -it -e PATH python3 -q", "Enter")
    tmux.until(">>>")
    tmux.type("6 * 7", "Enter")
    tmux.until("42")
    tmux.keys("C-d")
    tmux.until_back()
