"""The program of a worker in an allocation. Its instructions are in the folder that its broker made for it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from ...broker.growth.folders import TOKEN, TOLD
from ...broker.own_process.collector import follow_collections
from ...keys.files import private_files
from ...keys.files.small_file import read_small
from ...keys.holder import identify
from ...schemas.refusal import Code, Refused
from ...schemas.text.printable import printable
from ...schemas.trees import beneath
from .. import reload
from ..daemon import serve
from ..options import capacity_options
from ..own_process import daemon_loop
from ..pairing.joined import Broker
from ..program import status_of
from ..settings import WorkerSettings
from . import joining
from .allocation import Given, read_environment, read_left, share_of
from .node_disk import make_state
from .pilot import Pilot

# Which process this is, for a broker on the same machine.
PROCESS = "process"
ROSTER = "roster.toml"
_ANSWER_SECONDS = 10


def main(folder: str) -> int:
    """Serve until the allocation ends or the broker sends the worker away, and return the exit status."""
    reload.forget_dispositions()
    # There is no terminal that could hang up, and what was installed meanwhile is for the next allocation.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.umask(0o077)
    follow_collections()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO, stream=sys.stderr)
    state: Path | None = None
    try:
        told, token = _read(Path(folder))
        state = make_state(told["scratch"], told["name"])
        given = read_environment(os.environ) if told["cluster"] == "slurm" else None
        if given is not None:
            # An older broker starts one.
            given = share_of(given, told.get("number", 0), told.get("of", 1))
        pilot = Pilot(_left_seconds(given, told), told["spare_seconds"])
        broker = joining.enter(token, state / "worker", state / ROSTER, as_root=told["jobs_as_root"])
        settings = _settings(state, told, given, broker)
        daemon_loop.run(lambda closing: serve(settings, lambda _: None, closing, pilot=pilot))
    except Refused as refused:
        print(f"jobwire: {printable(str(refused))}", file=sys.stderr)  # noqa: T201 -- a message
        return status_of(refused)
    finally:
        if state is not None:
            _remove(state)
    return 0


def _remove(state: Path) -> None:
    """Remove the state folder, with the folders of jobs, in which something may be mounted that belongs to others: that stays."""
    with contextlib.suppress(OSError):
        folder = os.open(state, beneath.FOLDER)
        try:
            # One by one: the secret key must not stay because a job has left something mounted.
            for name in map(os.fsencode, os.listdir(folder)):  # noqa: PTH208 -- by descriptor
                with contextlib.suppress(OSError):
                    beneath.remove_tree(folder, name)
        finally:
            os.close(folder)
        state.rmdir()


def _read(folder: Path) -> tuple[dict[str, Any], str]:
    """Return this worker's instructions, and its token, which is removed so that nobody else joins with it."""
    try:
        private_files.replace_itself(folder / PROCESS, json.dumps(identify()).encode())
        told = json.loads(read_small(folder / TOLD))
        token = read_small(folder / TOKEN).decode()
        (folder / TOKEN).unlink()
    except OSError as error:
        message = f"the folder {folder} of this worker cannot be read on this node: {error.filename}: {error.strerror}"
        raise Refused(Code.FAILED_PRECONDITION, message, "choose one that all nodes see with --folder") from error
    return told, token


def _left_seconds(given: Given | None, told: dict[str, Any]) -> float:
    """Return how many seconds the allocation still lasts, according to Slurm, which may have granted less or more than was requested."""
    asked = float(told["left_seconds"])
    if given is None:
        return asked
    argv = ["squeue", "--noheader", f"--jobs={given.cluster_id}", "--format=%L"]
    try:
        said = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True, timeout=_ANSWER_SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired):
        return asked
    left = read_left(said)
    return asked if left is None else left


def _settings(state: Path, told: dict[str, Any], given: Given | None, broker: Broker) -> WorkerSettings:
    machine_bytes = capacity_options.parse_memory("")
    slots = given.slots if given is not None else told["slots"] or capacity_options.usual_slots()
    memory = given.memory_bytes if given is not None else told["memory_bytes"]
    if not memory:
        # It is not said: as large a part of the memory of this machine as of its processors.
        memory = machine_bytes * min(slots, os.cpu_count() or 1) // (os.cpu_count() or 1)
    return WorkerSettings(
        state=state / "worker",
        roster=state / ROSTER,
        slots=slots,
        directory=Path.home() if Path.home().is_dir() else Path("/"),
        jobs_as_root=told["jobs_as_root"],
        memory_bytes=memory,
        gpus=given.gpus if given is not None else (),
        # A broker that is older gives none.
        labels=capacity_options.read_labels(told.get("labels", ())),
        join=broker.endpoint,
        broker_key=broker.key,
    )
