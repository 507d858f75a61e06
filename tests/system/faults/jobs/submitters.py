"""Client processes that can be killed, and what each of them was asked and has not completed yet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, NamedTuple

from jobwire.keys import identity as identities
from jobwire.keys.identity import Identity

_ENDS_SECONDS = 120
_PATHS = (Path(__file__).parents[3] / "support", Path(__file__).parent)


class Address(NamedTuple):
    """Where a desk is: the file with its description, its endpoint when there is none, and its public key as text."""

    description: Path
    endpoint: str
    key: str


class Submitter:
    """A client process, and the requests that it has not completed yet."""

    def __init__(self, address: Address, identity: Identity, acknowledged: Path, ledger: Path, file: Path) -> None:
        identities.save(identity, file)
        self._command = [sys.executable, "-P", str(Path(__file__).with_name("submitter.py")), *map(str, address)]
        self._command += [str(file), str(acknowledged), str(ledger)]
        self._log = file.with_suffix(".log")
        self.open_wishes: dict[int, dict[str, Any]] = {}
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(filter(None, [*map(str, _PATHS), os.environ.get("PYTHONPATH")]))
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": paths, "PYTHONSAFEPATH": "1"},
            )

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def send(self, wish: dict[str, Any]) -> None:
        """Give it a request."""
        self.open_wishes[wish["number"]] = wish
        self._stdin.write(json.dumps(wish).encode() + b"\n")
        self._stdin.flush()

    def kill_and_replace(self) -> None:
        """Kill it, and give its incomplete requests to the next one, with the same ids."""
        self.close(kill=True)
        self._process = self._start()
        for wish in list(self.open_wishes.values()):
            self.send(wish)

    def assert_alive(self) -> None:
        """Fail if it exited by itself, because its requests would never be completed."""
        assert self._process.poll() is None, f"a client ended:\n{self.logged()}"

    def close(self, *, kill: bool = False) -> None:
        """Stop it; it has nothing to do any more, or is killed."""
        if kill:
            self._process.kill()
        self._stdin.close()
        self._process.wait(_ENDS_SECONDS)

    def logged(self) -> str:
        return self._log.read_text(errors="replace")
