"""How long a command takes: `jobwire run -- true`, compared with the imports of the libraries that a command line of typer needs.

Ours loads typer only if a line is not plain; the limit stays what it was, so that results can be compared.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from time import perf_counter

from stage import Ground
from table import Line, at_most, in_turns

_IMPORTS = "import zmq, nacl.signing, google.protobuf.descriptor_pool, typer"


def measure(ground: Ground) -> list[Line]:
    """Measure whole commands, from the start of the process to its end."""
    rounds = 8 if ground.quick else 20
    with ground.stage(slots=4) as stage:

        def ours() -> float:
            return _milliseconds(stage.command("run", "--", "true"), stage.environment)

        def limit() -> float:
            return _milliseconds([sys.executable, "-c", _IMPORTS], stage.environment)

        for once in (limit, ours, limit, ours):
            once()
        pairs = in_turns(limit, ours, rounds)
    return [pairs.line("jobwire run -- true", "ms", at_most(1.2, 1.1), note=f"limit: python -c '{_IMPORTS}'")]


def _milliseconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    begun = perf_counter()
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return (perf_counter() - begun) * 1000
