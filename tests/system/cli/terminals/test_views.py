"""The view of a run, as a person sees it: under tmux, which draws what a terminal would show."""

from __future__ import annotations

import re
from pathlib import Path

from daemons import wait_until
from home import Home
from tmux import Tmux, needs_tmux

pytestmark = needs_tmux


def shown(tmux: Tmux, pattern: str) -> list[str]:
    """Wait until a line of the screen matches, and return the screen without empty lines."""
    try:
        wait_until(lambda: any(re.search(pattern, line) for line in tmux.screen()), f"{pattern!r} is shown")
    except AssertionError:
        print(*tmux.screen(), sep="\n")
        raise
    return [line for line in tmux.screen() if line]


def test_a_run_is_watched_left_and_returned_to_on_terminals_of_any_size(tmux: Tmux, home: Home, tmp_path: Path) -> None:
    def let_go(*numbers: int) -> None:
        for number in numbers:
            (tmp_path / f"go{number}").touch()

    script = tmp_path / "step"
    script.write_text(
        f"#!/bin/sh\nwhile [ ! -e {tmp_path}/go$1 ]; do sleep 0.05; done\n[ $1 != 3 ] || {{ echo one >&2; echo last words >&2; exit 4; }}\n"
    )
    script.chmod(0o755)
    tmux.type(f"NO_COLOR= jw sweep --parallel 3 -n step-{{i}} -- {script} {{i}} ::: i=1..12", "Enter")
    screen = shown(tmux, r"3 running, 0 failed, 9 queued, time left unknown")
    assert re.search(r"━━  0/12  0%$", screen[-5])
    assert [line.split()[1] for line in screen[-3:]] == ["step-1", "step-2", "step-3"]
    let_go(1, 2, 3)
    screen = shown(tmux, r"3 running, 1 failed, 6 queued")
    # What failed stays above, with the last line of its stderr only.
    failed = next(number for number, line in enumerate(screen) if "exited with status 4" in line)
    assert "step-3: exited with status 4" in screen[failed]
    assert screen[failed + 1] == "    last words"
    assert not any("one" in line.split() for line in screen)
    tmux.keys("C-c")
    screen = shown(tmux, "the jobs continue; jobwire wait")
    assert not any("%" in line for line in screen)
    run = re.search(r"jobwire wait (\S+)", "".join(screen))
    assert run is not None

    # Another command sees what is left, in a narrow terminal, and without colours; it is made smaller while it looks.
    tmux.type(f"clear; jw wait {run[1]}", "Enter")
    screen = shown(tmux, r"^#+x+>+\.+ +3/12  25%$")
    shown(tmux, "step-4")
    tmux.resize(20, 12)
    screen = shown(tmux, r"^#+x+>+\.+ +3/12  25%$")
    assert max(map(len, screen)) <= 20
    let_go(4)
    shown(tmux, r"4/12  33%$")
    shown(tmux, "step-7")
    assert sum("%" in line for line in tmux.screen()) == 1
    tmux.resize(60, 20)
    let_go(*range(5, 13))
    shown(tmux, r"12 jobs ended in .*: 11 ok, 1 failed")
    tmux.until_back()
    tmux.type("echo status $?; stty -a | grep -e -icanon; echo raw $?", "Enter")
    tmux.until("raw 1")
    tmux.until("status 1")

    # A terminal that cannot move its cursor gets plain lines.
    let_go(1)
    tmux.run("clear-history")
    tmux.type(f"clear; TERM=dumb jw sweep -n dumb-{{i}} -- {script} {{i}} ::: i=1..2", "Enter")
    screen = shown(tmux, "dumb-2: exited with status 0")
    tmux.until_back()
    assert not any("%" in line for line in tmux.screen())
