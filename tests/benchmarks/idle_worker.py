"""A worker whose engine does nothing: a real desk, store and link, and jobs that have ended as soon as they are started.

    python tests/benchmarks/idle_worker.py FOLDER ENDPOINT BROKER_KEY SLOTS

FOLDER holds its identity and its roster. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/support/doubles")]

from desk_house import EngineDouble  # noqa: E402 -- found by the path above

from jobwire.broker.daemon import Daemon  # noqa: E402 -- as above
from jobwire.broker.engine import Ended, Fact, Launch, Run, Started  # noqa: E402 -- as above
from jobwire.broker.foundation import Foundation  # noqa: E402 -- as above
from jobwire.broker.relayed.line import Line  # noqa: E402 -- as above
from jobwire.broker.settings import Settings  # noqa: E402 -- as above
from jobwire.keys.identity import load_or_make, parse_public  # noqa: E402 -- as above
from jobwire.schemas.clock import wall_us  # noqa: E402 -- as above
from jobwire.schemas.jobs.states import Outcome, OutcomeKind  # noqa: E402 -- as above
from jobwire.schemas.naming import AttemptKey  # noqa: E402 -- as above
from jobwire.schemas.workers.capacity import Capacity  # noqa: E402 -- as above

_PID = 2
_OUTCOME = Outcome(OutcomeKind.EXITED, sentence="exited with status 0")


class NothingDone(EngineDouble):
    """Tells each start and end at once."""

    hear: Callable[[Sequence[Fact]], None]

    def start(self, launches: Sequence[Launch]) -> None:
        now_us = wall_us()
        facts: list[Fact] = []
        for launch in launches:
            facts += [Started(launch.key, _PID, now_us), Ended(launch.key, _PID, now_us, now_us, _OUTCOME)]
        asyncio.get_running_loop().call_soon(self.hear, facts)

    def settled(self, keys: Sequence[AttemptKey]) -> None: ...

    def discard(self, runs: Sequence[Run], done: Callable[[Sequence[Run]], None]) -> None:
        done(runs)


async def _run(folder: Path, endpoint: str, broker: bytes, slots: int) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    identity, engine = load_or_make(folder / "identity"), NothingDone(Capacity(slots))
    settings = Settings("worker", "idle", folder / "state.db", folder / "roster.toml", "tcp://127.0.0.1:*", has_broker=True)
    daemon = Daemon(Foundation(settings, identity), engine)
    engine.hear = daemon.desk.hear
    await daemon.start()
    line = Line(endpoint, broker, identity, daemon.context, loop, daemon.from_brokers, "idle")
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()
    line.close()
    daemon.close()


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1]), sys.argv[2], parse_public(sys.argv[3]), int(sys.argv[4])))
