"""A terminal that can be looked at: a window of tmux, with a shell in it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from daemons import wait_until
from home import Home, command

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Tmux:
    """One window of a tmux server of its own, with a shell in it."""

    def __init__(self, home: Home, folder: Path) -> None:
        self._socket = str(folder / "tmux")
        # With the shell of a user who may not log in, there would be no window.
        self._env = {**home.env, "SHELL": "/bin/sh"}
        # The name of the command is short, so that it is not wrapped.
        (folder / "jw").write_text(f'#!/bin/sh\nexec "{command()[0]}" -P -m jobwire.client.cli.main "$@"\n')
        (folder / "jw").chmod(0o755)
        shell = f"exec env \"PATH={folder}:$PATH\" 'PS1=outer> ' sh"
        self.run("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-c", str(folder), shell)
        self.until("outer>")

    def run(self, *arguments: str) -> str:
        ended = subprocess.run(
            ["tmux", "-S", self._socket, *arguments], capture_output=True, text=True, env=self._env, timeout=60, check=True
        )
        return ended.stdout

    def type(self, text: str, *keys: str) -> None:
        self.run("send-keys", "-l", text)
        if keys:
            self.run("send-keys", *keys)

    def keys(self, *keys: str) -> None:
        self.run("send-keys", *keys)

    def screen(self) -> list[str]:
        """Return the lines of the screen, without spaces at their ends."""
        return [line.rstrip() for line in self.run("capture-pane", "-p").splitlines()]

    def until(self, text: str) -> list[str]:
        """Wait until the screen shows a text."""
        try:
            wait_until(lambda: any(text in line for line in self.screen()), f"{text!r} is shown")
        except AssertionError:
            print(*self.screen(), sep="\n")
            raise
        return self.screen()

    def until_back(self) -> None:
        """Wait until the shell of the window asks for a command: what is typed before that may be for the job."""
        wait_until(lambda: [line for line in self.screen() if line][-1:] == ["outer>"], "the prompt")

    def resize(self, columns: int, rows: int) -> None:
        self.run("resize-window", "-x", str(columns), "-y", str(rows))
