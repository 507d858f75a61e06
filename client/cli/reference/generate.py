"""Write what is generated from the definitions of the commands: the table of completion. With `--check`, only report what is stale."""

from __future__ import annotations

import sys
from pathlib import Path

from ..examples import EXAMPLES
from . import completion_table
from .definitions import read_commands

_TABLE = Path(__file__).resolve().parents[1] / "completion" / "table.py"


def main(arguments: list[str]) -> None:
    """Run as `make commands` (no argument) or as part of `make check` (`--check`)."""
    commands = list(read_commands())
    if bare := [command.path for command in commands if command.path not in EXAMPLES]:
        raise SystemExit(f"no example of {', '.join(bare)}; add one to client/cli/examples.py")
    fresh = {_TABLE: completion_table.source(commands)}
    stale = [path.name for path, text in fresh.items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        if stale:
            raise SystemExit(f"stale: {', '.join(stale)}; run: make commands")
        return
    for path, text in fresh.items():
        path.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
