"""What happens to a worker besides kills: its clock is set, its files are removed, it has an unusual environment, a member attacks it.

Knows nothing of what is compared: all of this must change nothing.
"""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from house import House

_TESTS = Path(__file__).parents[2]
_ATTACKER = _TESTS / "support" / "attackers" / "attacker.py"
ATTACKS = ("subscribe", "frames")
FILES = ("lock", "worker.json", "supervisor.sock")
LARGEST_OFFSET_SECONDS = 86_400
# Each finally executes the worker itself, with the same pid.
SURROUNDINGS: Sequence[Sequence[str]] = (
    (),
    ("nice", "-n", "5"),
    ("env", "--ignore-signal=INT", "--ignore-signal=HUP", "--ignore-signal=CHLD", "--ignore-signal=PIPE"),
    ("prlimit", "--nofile=512:4096", "--core=0", "--stack=4194304:8388608"),
    ("env", "PYTHONOPTIMIZE=2", "TZ=Asia/Kathmandu", "LC_ALL=tr_TR.UTF-8", "MALLOC_ARENA_MAX=1"),
    ("sh", "-c", 'umask 000; exec "$@" 9<&0 8>&1', "sh"),
)
_STOPS_SECONDS = 60


class Clock:
    """The wall clock of worker and supervisor. None if there is no compiler to build it."""

    def __init__(self, folder: Path) -> None:
        self.env: dict[str, str] = {}
        self._path = folder / "offset"
        compiler = shutil.which("cc")
        if compiler is not None:
            library = folder / "set_clock.so"
            subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, _TESTS / "support" / "set_clock.c", "-ldl"], check=True)
            self._path.write_bytes(bytes(8))
            self.env = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(self._path)}

    def set_by(self, seconds: int) -> bool:
        """Set the offset of the clock from now on; return False if it cannot be set."""
        if self.env:
            with self._path.open("r+b") as file:
                file.write(struct.pack("q", seconds * 10**9))
        return bool(self.env)


class Attacker:
    """A member of the roster who attacks for a while, within what a member may."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._seed = house.worker.add("attacker", "submitter").seed.hex()
        self._process: subprocess.Popen[bytes] | None = None

    def turn(self, dice: random.Random) -> None:
        """Begin an attack, or end the current one."""
        if self._process is not None:
            self.stop()
            return
        described = self._house.worker.described_or_last()
        command = [
            sys.executable,
            "-P",
            str(_ATTACKER),
            dice.choice(ATTACKS),
            str(described["endpoint"]),
            str(described["key"]),
            self._seed,
        ]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        """End the attack."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        # An attacker whose worker died waits for it.
        self._process.kill()
        self._process.wait(_STOPS_SECONDS)
        self._process = None


def remove(house: House, name: str) -> None:
    """Remove a file of the worker, as a cleanup of temporary folders would."""
    with suppress(FileNotFoundError):
        (house.worker.state / name).unlink()
