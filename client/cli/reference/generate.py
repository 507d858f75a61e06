"""Write what is generated from the definitions of the commands: the table of completion, and the man pages.

With `--check`, only report what is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .... import __version__
from ..examples import EXAMPLES
from . import completion_table, man_pages
from .definitions import read_commands

_ROOT = Path(__file__).resolve().parents[3]
_TABLE = _ROOT / "client" / "cli" / "completion" / "table.py"
_PAGES = _ROOT / "docs" / "man"


def main(arguments: list[str]) -> None:
    """Run as `make commands` (no argument) or as part of `make check` (`--check`)."""
    fresh = generated()
    written = {path: path.read_text() for path in (_TABLE, *_PAGES.glob("*")) if path.exists()}
    stale = sorted(path for path in fresh.keys() | written.keys() if fresh.get(path) != written.get(path))
    if "--check" in arguments:
        if stale:
            raise SystemExit(f"stale: {', '.join(path.name for path in stale)}; run: make commands")
        return
    for path in stale:
        if path in fresh:
            path.parent.mkdir(exist_ok=True)
            path.write_text(fresh[path])
        else:
            path.unlink()


def generated() -> dict[Path, str]:
    """Return the content of each generated file.

    Raises SystemExit for a command without an example.
    """
    commands = list(read_commands())
    if bare := [command.path for command in commands if command.path not in EXAMPLES]:
        raise SystemExit(f"no example of {', '.join(bare)}; add one to client/cli/examples.py")
    pages = {_PAGES / name: text for name, text in man_pages.pages(commands, EXAMPLES, __version__).items()}
    return {_TABLE: completion_table.source(commands), **pages}


if __name__ == "__main__":
    main(sys.argv[1:])
