"""`jobwire broker run|invite|stop|status`: a broker on this machine, by its files and its process.

Its workers: client/cli/commands/broker.py.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ...keys.files.ownership import demand_own
from ...keys.files.user_folders import broker_folder, roster_path
from ...schemas.endpoint import to_listen
from ...schemas.jobs.claims import MOST_SLOTS
from ...schemas.jobs.reserved_statuses import OWN_FAILURE
from ...schemas.refusal import Code, Refused
from ...schemas.text.printable import printable
from ...schemas.text.sizes import format_size, parse_size
from ..options import retention_options
from ..options.reading import read_endpoints, read_option
from ..own_process import standard_streams
from ..own_process.early_signals import hold_signals_back

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Run a broker, which joins several workers, and manage its workers.")

StateOption = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="State folder of the broker. Default: broker/ in the state folder of jobwire.")
]


@app.command()
def run(
    *,
    listen: Annotated[str, typer.Option(metavar="tcp://ADDR:PORT", help="Listen here for clients and workers.")],
    events: Annotated[str, typer.Option(metavar="tcp://ADDR:PORT", help="Publish events here. Default: the next port.")] = "",
    state: StateOption = None,
    roster: Annotated[Path | None, typer.Option(metavar="FILE", help="Roster file. Default: roster.toml in the config folder.")] = None,
    keep_for: Annotated[str, typer.Option(metavar="AGE", help="How long to keep jobs that have ended: 30d, 12h, 2w, or all.")] = "30d",
    keep_jobs: Annotated[str, typer.Option(metavar="N", help="How many jobs that have ended to keep, or all.")] = "100000",
    keep_logs: Annotated[
        str, typer.Option(metavar="SIZE", help="How much output to keep of jobs whose workers have left. 0 keeps none.")
    ] = "10G",
    keep_free: Annotated[
        str, typer.Option(metavar="SIZE", help="Refuse new jobs if the disk has less free space. 0 disables the check.")
    ] = "100M",
) -> None:
    """Run a broker in the foreground until SIGTERM or SIGINT. The jobs of its workers continue without it."""
    # One that listens nowhere has neither clients nor workers.
    read_option(to_listen, listen, "--listen")
    requests, published = read_endpoints(listen, events)
    settings = {
        "state": str(_folder(state)),
        "roster": str((roster or roster_path()).absolute()),
        "listen": requests,
        "event_listen": published,
        "keep_seconds": read_option(retention_options.parse_age, keep_for, "--keep-for"),
        "keep_jobs": read_option(retention_options.parse_count, keep_jobs, "--keep-jobs"),
        "keep_log_bytes": read_option(parse_size, keep_logs, "--keep-logs"),
        "keep_free_bytes": read_option(parse_size, keep_free, "--keep-free"),
    }
    hold_signals_back()
    command = [sys.executable, "-P", "-m", "jobwire.worker.broker.main", json.dumps(settings)]
    standard_streams.fill()
    os.execve(sys.executable, command, dict(os.environ))  # noqa: S606 -- no shell is wanted


@app.command()
def invite(
    *,
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Name of the new worker or member. Default: that of its machine.")] = "",
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="worker, for a machine that runs jobs; or viewer, submitter, operator, admin.")
    ] = "worker",
    slots: Annotated[str, typer.Option("--slots", metavar="N|auto", help="How many jobs the machine runs at once.")] = "auto",
    label: Annotated[list[str], typer.Option(metavar="NAME[=VALUE]", help="Label the machine, for jobs that ask for it with --on.")] = [],  # noqa: B006 -- never changed
    valid: Annotated[str, typer.Option("--valid", metavar="TIME", help="How long the token is valid.")] = "10m",
    endpoint: Annotated[
        str, typer.Option("--endpoint", metavar="tcp://HOST:PORT", help="Where other machines reach the broker. Default: where it listens.")
    ] = "",
    state: StateOption = None,
) -> None:
    """Print a token with which one other machine can join this broker: jobwire worker run --join -, or with another role jobwire join -.

    It has the key of the broker and a temporary key, and can be used once. jobwire keys list shows who was invited, and jobwire keys rm
    NAME withdraws it.
    """
    from ..pairing.commands import print_token  # noqa: PLC0415 -- the other commands need no tokens

    number = read_option(_parse_slots, slots, "--slots")
    if role != "worker" and (number or label):
        raise typer.BadParameter("--slots and --label are for a machine with the role worker", param_hint="--role")
    print_token(_found(_folder(state)), name, role, valid, endpoint, number, label)


def _parse_slots(text: str) -> int:
    """Return a number of slots; 0 for auto. Raises Refused(INVALID_ARGUMENT)."""
    if text == "auto":
        return 0
    if text.isdecimal() and 0 < int(text[:7]) <= MOST_SLOTS:
        return int(text)
    raise Refused(Code.INVALID_ARGUMENT, f"{text!r} is not a number of slots", "write a number of 1 or more, or auto: one for each CPU")


# What programs may rely on.
_TOLD = ("pid", "version", "endpoint", "event_endpoint", "key", "state", "roster", "roster_problem", "disk_free_bytes", "refuses")


@app.command()
def status(*, state: StateOption = None, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Show whether the broker is running, its endpoint and its key, and why it takes no jobs. Exits with 1 if it is not running."""
    from ...broker.store.free_space import free_bytes  # noqa: PLC0415 -- a start needs nothing of this
    from .. import running_worker  # noqa: PLC0415 -- as above
    from ..status import roster_line  # noqa: PLC0415 -- as above

    folder = _folder(state)
    found = _found(folder)
    found["disk_free_bytes"] = free_bytes(folder)
    found["roster_problem"] = running_worker.roster_problem(Path(found["roster"]))
    shortage = running_worker.shortage(folder, found)
    found["refuses"] = shortage.message if shortage is not None else None
    if as_json:
        typer.echo(json.dumps({name: found.get(name) for name in _TOLD}))
        return
    lines = {
        "broker": f"running, pid {found['pid']}, jobwire {found['version']}",
        "suspended": f"it does not respond; resume it with: kill -CONT {found['pid']}"
        if running_worker.is_suspended(found, found["pid"])
        else "",
        "new jobs": f"are refused: {shortage}" if shortage is not None else "",
        "endpoint": found["endpoint"],
        "events": found["event_endpoint"],
        "key": found["key"],
        "state": found["state"],
        "roster": roster_line(found),
        "disk": f"{format_size(found['disk_free_bytes'])} free",
    }
    for name, value in lines.items():
        if value:
            typer.echo(f"{name:<12} {printable(str(value))}")


@app.command()
def stop(*, state: StateOption = None) -> None:
    """Stop the broker. Jobs that its workers have continue there; queued jobs wait for its next start."""
    from .. import running_worker  # noqa: PLC0415 -- a start needs nothing of it

    folder = _folder(state)
    found = running_worker.find_daemon(folder)
    ended = None if found is None or found.get("kind") != "broker" else running_worker.stop(folder, found)
    if found is None or ended is None:
        _say(f"no broker is running for {folder}")
    elif ended:
        _say(f"broker {found['pid']} stopped; its workers and their jobs continue, and it learns of their ends when it runs again")
    else:
        _say(f"broker {found['pid']} did not exit within {running_worker.STOP_SECONDS} s; use kill -9; jobs continue")
        raise typer.Exit(OWN_FAILURE)


def _say(sentence: str) -> None:
    typer.echo(printable(f"jobwire: {sentence}"), err=True)


def _found(folder: Path) -> dict[str, Any]:
    """Return the description of the broker that runs, once it is ready."""
    from .. import running_worker  # noqa: PLC0415 -- a start needs nothing of it

    found = running_worker.find_daemon(folder)
    if found is None or found.get("kind") != "broker":
        raise Refused(Code.NOT_FOUND, f"no broker is running for {folder}", "jobwire broker run --listen tcp://ADDR:PORT starts one")
    return found


def _folder(state: Path | None) -> Path:
    if state is None:
        return broker_folder()
    demand_own(state.absolute(), "the state folder")
    return state.absolute()
