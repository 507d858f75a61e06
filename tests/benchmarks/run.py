"""Measure jobwire against the limits of this machine, and print one table.

    python tests/benchmarks/run.py [GROUP...] [--quick] [--json FILE] [--disk FOLDER]

Everything is measured in turns with its limit, in one run: only such ratios are meaningful. Exits with 1 if a floor is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from groups import brokers, bulk, fleets, hostile, idle, latency, launching, layers, peers, pieces, recovery
from groups.command_line import batches, command, crowd, shell
from groups.large import accepting, history, memory, placing, queueing, schedules, watching
from groups.ssh import comparison as ssh
from stage import Ground, end_on_signals
from table import Line, Verdict, draw

GROUPS: dict[str, Callable[[Ground], list[Line]]] = {
    "idle": idle.measure,
    "schedules": schedules.measure,
    "command": command.measure,
    "batches": batches.measure,
    "accepting": accepting.measure,
    "shell": shell.measure,
    "ssh": ssh.measure,
    "crowd": crowd.measure,
    "latency": latency.measure,
    "launching": launching.measure,
    "peers": peers.measure,
    "layers": layers.measure,
    "history": history.measure,
    "memory": memory.measure,
    "queueing": queueing.measure,
    "placing": placing.measure,
    "bulk": bulk.measure,
    "recovery": recovery.measure,
    "broker": brokers.measure,
    "fleets": fleets.measure,
    "watching": watching.measure,
    "hostile": hostile.measure,
    "pieces": pieces.measure,
}


def main() -> int:
    """Run the requested measurements."""
    parser = argparse.ArgumentParser(description="Measure jobwire against the limits of this machine.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"which measurements, of {', '.join(GROUPS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under a minute, and less reliable")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table to this file too, one JSON object per line")
    parser.add_argument("--disk", type=Path, default=Path("/var/tmp"), metavar="FOLDER", help="a folder on the disk to use")
    options = parser.parse_args()
    if unknown := set(options.groups) - GROUPS.keys():
        parser.error(f"there is no group {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    lines: list[Line] = []
    failed: list[str] = []
    end_on_signals()
    with Ground(options.disk, quick=options.quick) as ground:
        for name in options.groups or GROUPS:
            begun = perf_counter()
            try:
                lines += GROUPS[name](ground)
            except Exception:  # noqa: BLE001 -- what else was measured is still worth telling
                traceback.print_exc()
                failed.append(name)
            print(f"{name}: {perf_counter() - begun:.0f} s", file=sys.stderr)
    print(f"\n{os.uname().sysname} {os.uname().release}, {os.cpu_count()} cores, Python {sys.version.split()[0]}; medians\n")
    print(draw(lines))
    if options.json:
        options.json.write_text("".join(json.dumps(line.fields()) + "\n" for line in lines))
    if failed:
        print(f"\nnot measured, see above: {', '.join(failed)}")
    return int(bool(failed) or any(line.verdict is Verdict.MISSED for line in lines))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted: workers and folders are gone", file=sys.stderr)
        sys.exit(130)
