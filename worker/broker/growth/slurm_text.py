"""The arguments and the output of Slurm's commands. Pure: text in, values out. See sbatch(1), squeue(1)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from ....broker.growth.cluster import Phase, Seen
from ....broker.growth.folders import OUTPUT, folders_of
from ....schemas.generated import request_pb2
from ....schemas.refusal import Code, Refused

# The separator is in no name that the broker makes, and in no field before the last one.
LIST_FORMAT = "%i|%j|%T|%N"
_FIELDS = 4
_ID = re.compile(r"(\d+)(?:;[\w.-]+)?")
_PHASES = {
    **dict.fromkeys(("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"), Phase.WAITING),
    **dict.fromkeys(("RUNNING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING"), Phase.RUNNING),
    **dict.fromkeys(("COMPLETING", "STAGE_OUT"), Phase.ENDING),
}
# Where Slurm itself has ended all processes, on nodes that answered. After NODE_FAIL and BOOT_FAIL, processes may live that nobody sees.
_PROVEN = frozenset({"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY", "DEADLINE", "PREEMPTED"})
_ENDED = _PROVEN | {"NODE_FAIL", "BOOT_FAIL", "REVOKED"}
# What the broker says itself, and what would make several jobs of one, or let one start twice.
_OURS = {
    "--job-name": "the broker finds its allocations by their names",
    "--output": "the broker reads what an allocation prints",
    "--error": "the broker reads what an allocation prints",
    "--partition": "it is said with --partition before --",
    "--time": "it is said with --time before --",
    "--parsable": "the broker says so",
    "--wrap": "the broker says what runs",
    "--array": "each allocation is asked for alone",
    "--requeue": "an allocation that is started again would be a second worker with the same name",
    "--no-requeue": "the broker says so",
    "--clusters": "the broker finds its allocations in the cluster of this machine",
    "--nodes": "each allocation is of one node",
    "--wait": "the broker does not wait",
    "--test-only": "the broker says so when it has to",
    "--chdir": "the worker has a folder of its own",
    "--input": "nothing is read",
    "--export": "the worker gets a clean environment",
    "--export-file": "the worker gets a clean environment",
    "--help": "it submits nothing",
    "--usage": "it submits nothing",
    "--version": "it submits nothing",
}
_SHORT = {
    "J": "--job-name",
    "o": "--output",
    "e": "--error",
    "p": "--partition",
    "t": "--time",
    "a": "--array",
    "N": "--nodes",
    "M": "--clusters",
    "W": "--wait",
    "D": "--chdir",
    "i": "--input",
    "h": "--help",
    "V": "--version",
}
_SHORTEST_NAME = 3


def check_options(options: Sequence[str]) -> None:
    """Raise Refused(INVALID_ARGUMENT) for options that sbatch does not have, or that the broker sets itself."""
    for option in options:
        if not re.fullmatch(r"-[A-Za-z].*|--[a-z].*", option) or "\0" in option or "\n" in option:
            message = f"{option[:100]!r} is not an option of sbatch"
            raise Refused(Code.INVALID_ARGUMENT, message, "write an option and its value as one word: --account=physics, or -Aphysics")
        name = option.split("=", 1)[0] if option.startswith("--") else _SHORT.get(option[1], "")
        # As getopt_long(3) does, sbatch takes any beginning of a name that belongs to only one.
        meant = next((own for own in _OURS if own == name or (len(name) > _SHORTEST_NAME and own.startswith(name))), "")
        if meant:
            raise Refused(Code.INVALID_ARGUMENT, f"the option {meant} of sbatch cannot be given: {_OURS[meant]}")


def submission(queue: request_pb2.GrowthQueue, name: str, folder: Path) -> list[str]:
    """Return the arguments of sbatch, without the script."""
    minutes, workers = max(1, round(queue.time_ms / 60_000)), max(1, queue.per_node)
    argv = ["--parsable", "--no-requeue", "--nodes=1", "--ntasks=1", f"--job-name={name}", f"--time={minutes}"]
    argv += [
        f"--output={_pattern(folder / OUTPUT)}",
        "--open-mode=append",
        "--chdir=/",
        "--input=/dev/null",
        f"--cpus-per-task={max(1, queue.cpus) * workers}",
    ]
    if queue.partition:
        argv.append(f"--partition={queue.partition}")
    if queue.memory_bytes:
        argv.append(f"--mem={-(-queue.memory_bytes * workers // 1024)}K")
    if queue.gpus:
        argv.append(f"--gpus={queue.gpus * workers}")
    return [*argv, *queue.options]


def _pattern(path: Path) -> str:
    """Return a path escaped for sbatch, where a percent sign begins a pattern."""
    return str(path).replace("%", "%%")


def script(python: str, folder: Path, workers: int = 1) -> str:
    """Return the script of an allocation. Signals to it reach the worker, because that replaces the shell (exec)."""
    folders = shlex.join(map(str, folders_of(folder, workers)))
    return f"#!/bin/sh\nexec {shlex.quote(python)} -P -m jobwire.worker.pilot.main {folders}\n"


def read_id(said: str) -> str | None:
    """Return the id that `sbatch --parsable` printed, which may be followed by the name of the cluster; None if it printed none."""
    found = _ID.fullmatch(said.strip().splitlines()[-1].strip()) if said.strip() else None
    return found[1] if found else None


def read_list(said: str, prefix: str, *, contains: bool) -> list[tuple[Seen, str]]:
    """Return the allocations in squeue's output (in `LIST_FORMAT`) whose names have this prefix, each with its nodes.

    Other lines are skipped. `contains`: Slurm kills all processes of an allocation at its end, even those that changed their session.
    """
    found = []
    for line in said.splitlines():
        fields = line.strip().split("|")
        if len(fields) != _FIELDS or not fields[1].startswith(prefix) or not fields[0].isdigit():
            continue
        cluster_id, name, state, nodes = fields
        phase = Phase.ENDED if state in _ENDED else _PHASES.get(state, Phase.ENDING)
        found.append((Seen(cluster_id, name, phase, state, contains and state in _PROVEN), nodes))
    return found


def ends_processes(config: str) -> bool:
    """Return whether, by `scontrol show config`, processes are held in cgroups, which they cannot leave."""
    return re.search(r"^ProctrackType\s*=\s*proctrack/cgroup\s*$", config, re.MULTILINE) is not None


def unsound_nodes(said: str) -> set[str]:
    """Return the nodes that do not respond, from the output of `sinfo --Node --noheader --format=%N|%T`."""
    found = set()
    for line in said.splitlines():
        name, _, state = line.strip().partition("|")
        if not state or state.endswith("*") or re.match(r"(down|unknown|fail|power|reboot|boot)", state):
            found.add(name)
    return found
