"""How long a large batch file takes to read and check: `jobwire batch --dry-run`, compared with the parser of TOML alone."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from stage import Ground
from table import Line, at_most, in_turns

_JOBS = 100_000
_PARSER = "import sys, tomllib; tomllib.load(open(sys.argv[1], 'rb'))"


def measure(ground: Ground) -> list[Line]:
    """Measure whole commands, by the processor time that they take: nothing is waited for."""
    with ground.stage(slots=4) as stage, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "jobs.toml"
        file.write_text("".join(f'[[job]]\nname = "n-{number}"\nargv = ["convert", "-v", "{number}.png"]\n' for number in range(_JOBS)))

        def ours() -> float:
            return _seconds(stage.command("batch", "--dry-run", str(file)), stage.environment)

        def limit() -> float:
            return _seconds([sys.executable, "-c", _PARSER, str(file)], stage.environment)

        pairs = in_turns(limit, ours, 1 if ground.quick else 3)
    what = f"jobwire batch --dry-run of {_JOBS} jobs"
    return [pairs.line(what, "s", at_most(3, 1.5), note="limit: tomllib alone; processor time of whole commands")]


def _seconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
