"""Where a shell finds its completion script, and the line in its start-up file that loads it. Writes both for this user."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ....keys.files.private_files import place_of

_MARK = "# jobwire completion"


class Plan(NamedTuple):
    """What to write: the script, and a line for a start-up file, unless the shell finds the script by itself."""

    script: Path
    startup: Path | None = None
    line: str = ""


def plan(shell: str, home: Path, environment: Mapping[str, str]) -> Plan:
    """Return what to write for a shell. Pure.

    Fish loads what is in its folder. For the others there is no folder that works everywhere: bash reads one only with bash-completion.
    """
    if shell == "fish":
        return Plan(_folder(environment, "XDG_CONFIG_HOME", home / ".config") / "fish" / "completions" / "jobwire.fish")
    script = _folder(environment, "XDG_DATA_HOME", home / ".local" / "share") / "jobwire" / f"completion.{shell}"
    startup = _folder(environment, "ZDOTDIR", home) / ".zshrc" if shell == "zsh" else home / ".bashrc"
    path = shlex.quote(str(script))
    return Plan(script, startup, f"[ -r {path} ] && . {path}  {_MARK}")


def _folder(environment: Mapping[str, str], variable: str, default: Path) -> Path:
    said = environment.get(variable, "")
    return Path(said) if said.startswith("/") else default


def install(wanted: Plan, script: str) -> bool:
    """Write the script and the line. Return whether a line was added; it is not added twice.

    Raises OSError.
    """
    with place_of(wanted.script, make=True) as place:
        place.replace(script.encode())
    if wanted.startup is None:
        return False
    known = b""
    try:
        known = wanted.startup.read_bytes()
    except FileNotFoundError:
        wanted.startup.parent.mkdir(parents=True, exist_ok=True)
    line = os.fsencode(wanted.line)
    if line in known.splitlines():
        return False
    with wanted.startup.open("ab") as file:
        file.write((b"\n" if known and not known.endswith(b"\n") else b"") + line + b"\n")
    return True
