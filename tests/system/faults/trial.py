"""One run of random faults as a program: it is set up, carried out, compared and reported; what a failed one leaves is kept for study."""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from comparison import Account
from scene import Scene

from jobwire.schemas.refusal import Refused


class Trial(ABC):
    """Faults over jobs, for a while. `interrupted` is set when the run is to end early."""

    scene: Scene[Any]

    @abstractmethod
    def run(self) -> Account:
        """Inject faults until the time is over, wait until everything has ended, and compare."""

    @abstractmethod
    def report(self, account: Account) -> dict[str, object]:
        """Print what was done and found, and return it for a file."""

    @abstractmethod
    def close(self) -> None:
        """Stop everything."""


def read_options(what: str, deeds: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line. `deeds` can be left out."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--json", type=Path, default=None, help="also write the result into this file")
    parser.add_argument("--without", action="append", default=[], choices=deeds, metavar="DEED", help="leave one kind of fault out")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = secrets.randbits(32)
    return options


def carry_out(options: argparse.Namespace, make: Callable[[Path, threading.Event], Trial]) -> int:
    """Carry a trial out, and return the exit status."""
    folder = Path(tempfile.mkdtemp(prefix="jobwire-soak-"))
    print(f"seed {options.seed}, {options.seconds:g} s, in {folder}", flush=True)
    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    trial = make(folder, interrupted)
    account = Account()
    result: dict[str, object] = {}
    kept = folder.with_name(f"{folder.name}-state")
    try:
        try:
            account = trial.run()
        except AssertionError as failed:
            try:
                account = trial.scene.compare()
            except (Refused, TimeoutError, AssertionError) as unreachable:
                account.problems.append(f"nothing can be compared: {unreachable}")
            account.problems.insert(0, str(failed))
        if account.problems:
            # Its files are removed next, so keep what is needed to analyse it.
            trial.scene.house.keep(kept)
            (kept / "said").write_text(trial.scene.logged())
        result = trial.report(account)
        for problem in account.problems:
            print(f"- {problem}", file=sys.stderr, flush=True)
    finally:
        trial.close()
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if not account.problems:
        shutil.rmtree(folder)
        return 0
    print(f"{len(account.problems)} problems; seed {options.seed}; left for study: {folder} and {kept}", file=sys.stderr)
    return 1
