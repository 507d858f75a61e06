"""`jobwire worker run|status|stop|...`: start, inspect and stop a worker on this machine. Uses files and signals, not sockets."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ..keys.files.ownership import demand_own
from ..keys.files.user_folders import roster_path, worker_folder
from ..schemas.clock import boot_id
from ..schemas.jobs.reserved_statuses import OWN_FAILURE
from ..schemas.refusal import Code, Refused
from ..schemas.text.durations import parse_duration
from ..schemas.text.printable import printable
from ..schemas.text.sizes import parse_size
from .options import capacity_options, retention_options
from .options.reading import read_endpoints, read_option
from .own_process import leaving, standard_streams, surroundings
from .own_process.early_signals import hold_signals_back
from .state import layout
from .state.lock import last_description
from .wire.words import USUAL_FEED_WAIT_MS

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Run and manage a worker on this machine.")

_JOBS_SHOWN = 10
_USUAL_FEED_WAIT = f"{USUAL_FEED_WAIT_MS // 60_000}m"
StateOption = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="State folder of the worker. Default: that of your private worker.")
]


@app.command()
def run(  # noqa: PLR0913 -- an argument for each option
    *,
    listen: Annotated[
        str, typer.Option(metavar="tcp://ADDR:PORT", help="Listen here for other machines. Default: loopback, any port.")
    ] = "",
    events: Annotated[str, typer.Option(metavar="tcp://ADDR:PORT", help="Publish events here. Default: the next port.")] = "",
    state: StateOption = None,
    roster: Annotated[Path | None, typer.Option(metavar="FILE", help="Roster file. Default: roster.toml in the config folder.")] = None,
    slots: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of jobs to run at once. Default: one per CPU, at least 4.")
    ] = None,
    memory: Annotated[str, typer.Option(metavar="SIZE", help="How much memory jobs can reserve. Default: all that the machine has.")] = "",
    gpus: Annotated[
        str, typer.Option(metavar="N|LIST", help="GPUs that jobs can reserve, a number or ids. Default: all NVIDIA GPUs.")
    ] = "",
    resource: Annotated[list[str], typer.Option(metavar="NAME=N", help="Define a resource that jobs can reserve, such as licences.")] = [],  # noqa: B006 -- never changed
    label: Annotated[
        list[str], typer.Option(metavar="NAME[=VALUE]", help="Label the worker, for jobs that ask for it with --on: gpu=a100, lab.")
    ] = [],  # noqa: B006 -- never changed
    directory: Annotated[
        Path | None, typer.Option("--directory", metavar="DIR", help="Working directory for jobs that do not set one.")
    ] = None,
    keep_for: Annotated[str, typer.Option(metavar="AGE", help="How long to keep jobs that have ended: 30d, 12h, 2w, or all.")] = "30d",
    keep_jobs: Annotated[str, typer.Option(metavar="N", help="How many jobs that have ended to keep, or all.")] = "100000",
    keep_bytes: Annotated[
        str, typer.Option(metavar="SIZE", help="How much of their logs, folders and input to keep: 10G, 500M, or all.")
    ] = "10G",
    keep_free: Annotated[
        str, typer.Option(metavar="SIZE", help="Refuse new jobs if the disk has less free space. 0 disables the check.")
    ] = "100M",
    feed_wait: Annotated[
        str, typer.Option(metavar="TIME", help="How long a job waits if the command that sends its standard input is gone.")
    ] = _USUAL_FEED_WAIT,
    join: Annotated[
        str | None, typer.Option(metavar="TOKEN|-|@FILE", help="Join a broker, once, with a token or tcp://ADDR:PORT, and run its jobs.")
    ] = None,
    broker_key: Annotated[str, typer.Option("--broker-key", metavar="KEY", help="Public key of the broker, if there is no token.")] = "",
    trust_broker: Annotated[
        str, typer.Option("--trust-broker", metavar="ROLE", help="Role of clients that only the broker knows: submitter or none.")
    ] = "submitter",
    offer: Annotated[
        int | None, typer.Option(min=1, metavar="SLOTS", help="How many of the slots the broker can use. Default: all.")
    ] = None,
    jobs_as_root: Annotated[bool, typer.Option("--jobs-as-root", help="As root, run the jobs of other members as root.")] = False,
    embedded: Annotated[bool, typer.Option("--embedded", hidden=True)] = False,
    ready_fd: Annotated[int, typer.Option("--ready-fd", hidden=True)] = -1,
    caller: Annotated[str, typer.Option("--caller", hidden=True)] = "{}",
) -> None:
    """Run a worker in the foreground until SIGTERM or SIGINT. Its jobs outlive it."""
    # First: without /proc, what follows would fail with a sentence about something else.
    boot_id()
    requests, published = read_endpoints(listen, events)
    settings: dict[str, Any] = {
        "state": str(_folder(state)),
        "roster": str((roster or roster_path()).absolute()),
        "slots": slots or capacity_options.usual_slots(),
        "memory_bytes": read_option(capacity_options.parse_memory, memory, "--memory"),
        "gpus": read_option(capacity_options.read_gpus, gpus, "--gpus"),
        "resources": read_option(capacity_options.read_resources, resource, "--resource"),
        "labels": read_option(capacity_options.read_labels, label, "--label"),
        "directory": str(_existing(directory or Path.cwd())),
        "listen": requests,
        "event_listen": published,
        "jobs_as_root": jobs_as_root,
        "keep_seconds": read_option(retention_options.parse_age, keep_for, "--keep-for"),
        "keep_jobs": read_option(retention_options.parse_count, keep_jobs, "--keep-jobs"),
        "keep_bytes": read_option(retention_options.parse_bytes, keep_bytes, "--keep-bytes"),
        "keep_free_bytes": read_option(parse_size, keep_free, "--keep-free"),
        "offer": offer or 0,
        "feed_wait_ms": read_option(_parse_feed_wait, feed_wait, "--feed-wait"),
    }
    if trust_broker not in {"submitter", "none"}:
        raise typer.BadParameter("the role is submitter or none", param_hint="--trust-broker")
    if join == "":
        raise typer.BadParameter("it is empty; give the token that jobwire broker invite prints", param_hint="--join")
    if join or (Path(settings["state"]) / layout.BROKER).exists():
        from .pairing.commands import use_broker  # noqa: PLC0415 -- most workers have no broker

        use_broker(settings, join or "", broker_key, "" if trust_broker == "none" else trust_broker, slots)
    environment = dict(os.environ)
    if embedded:
        settings["note"] = leaving.leave()
        settings["caller"] = json.loads(caller)
        surroundings.reset()
        environment = surroundings.environment(os.environ)
    # Until the daemon knows what to do with them.
    hold_signals_back()
    told = {"settings": settings, "ready_fd": ready_fd, "announce": not embedded}
    # The worker runs for long and needs nothing of the command line: in an interpreter of its own it takes 10 MB less.
    command = [sys.executable, "-P", "-m", "jobwire.worker.main", json.dumps(told)]
    standard_streams.fill()
    os.execve(sys.executable, command, environment)  # noqa: S606 -- no shell is wanted


def _parse_feed_wait(text: str) -> int:
    """Return a wait in milliseconds. Raises Refused(INVALID_ARGUMENT), also for 0."""
    if milliseconds := parse_duration(text):
        return milliseconds
    raise Refused(Code.INVALID_ARGUMENT, "with a wait of 0, a job could not receive input", "write it like 2m, 30s")


@app.command()
def invite(
    *,
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Name for the member. Default: that of its machine.")] = "",
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="viewer, submitter, operator or admin.")] = "submitter",
    valid: Annotated[str, typer.Option("--valid", metavar="TIME", help="How long the token is valid.")] = "10m",
    endpoint: Annotated[
        str,
        typer.Option("--endpoint", metavar="tcp://HOST:PORT", help="Where the other machine reaches this one. Default: where it listens."),
    ] = "",
    state: StateOption = None,
) -> None:
    """Print a token with which one other machine can join this worker: jobwire join.

    It has the key of the worker and a temporary key, and can be used once. jobwire keys list shows who was invited, and jobwire keys rm
    NAME withdraws it.
    """
    from . import running_worker  # noqa: PLC0415 -- a start needs nothing of it
    from .pairing.commands import print_token  # noqa: PLC0415 -- the other commands need no tokens

    folder = _folder(state)
    found = running_worker.find(folder)
    if found is None:
        raise Refused(Code.NOT_FOUND, f"no worker is running for {folder}", "jobwire worker run --listen tcp://ADDR:PORT starts one")
    if role == "worker":
        raise typer.BadParameter(
            "a worker cannot join another worker; workers are invited with: jobwire broker invite", param_hint="--role"
        )
    print_token(found, name, role, valid, endpoint)


@app.command()
def leave(
    *,
    state: StateOption = None,
    roster: Annotated[Path | None, typer.Option(metavar="FILE", help="Roster file. Default: that of the worker.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Leave even if jobs of the broker are still here; they continue.")] = False,
) -> None:
    """Leave the broker that this worker has joined. Its history and its own jobs stay.

    Drain it first at the broker (jobwire broker drain): otherwise it is not told how jobs that are still here end.
    """
    from .pairing.commands import leave_broker  # noqa: PLC0415 -- as above

    folder = _folder(state)
    found = last_description(folder) or {}
    path = roster or Path(str(found.get("roster") or roster_path()))
    _say(f"jobwire: {leave_broker(folder, path, force=force)}")


@app.command()
def status(*, state: StateOption = None, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Show whether the worker is running, its endpoint, key and jobs, and why it starts none. Exits with 1 if it is not running."""
    from . import running_worker  # noqa: PLC0415 -- a start needs nothing of this
    from .status import lines, look, told  # noqa: PLC0415 -- as above

    folder = _folder(state)
    found = running_worker.find(folder)
    if found is None:
        raise Refused(
            Code.NOT_FOUND, f"no worker is running for {folder}", "jobwire run starts your own; jobwire worker run starts one for others"
        )
    shortage = look(folder, found)
    if as_json:
        typer.echo(json.dumps(told(found)))
        return
    for line in lines(found, shortage):
        typer.echo(printable(line))


@app.command()
def stop(*, state: StateOption = None) -> None:
    """Stop the worker. Running jobs continue; queued jobs wait for its next start."""
    from . import running_worker  # noqa: PLC0415 -- a start needs nothing of it

    folder = _folder(state)
    found = running_worker.find(folder)
    ended = None if found is None else running_worker.stop(folder, found)
    if found is None or ended is None:
        _say(f"jobwire: no worker is running for {folder}")
        return
    if not ended:
        _say(f"jobwire: worker {found['pid']} did not exit within {running_worker.STOP_SECONDS} s; use kill -9; its jobs continue")
        raise typer.Exit(OWN_FAILURE)
    _say(f"jobwire: worker {found['pid']} stopped")
    for sentence in running_worker.what_goes_on(running_worker.unfinished(folder), comes_by_itself=state is None):
        _say(sentence)


@app.command()
def reload(*, state: StateOption = None) -> None:
    """Make worker, supervisor and keeper run the version that is installed now. Jobs continue. Exits with 1 if that fails."""
    from . import running_worker  # noqa: PLC0415 -- a start needs nothing of it

    before, after = running_worker.reload(_folder(state))
    if after["reloads"]["problem"]:
        raise Refused(Code.FAILED_PRECONDITION, after["reloads"]["problem"])
    version = f"still {after['version']}" if after["version"] == before["version"] else f"{after['version']}, was {before['version']}"
    _say(f"jobwire: worker {after['pid']} reloaded ({version})")
    if after["reloads"]["note"]:
        _say(f"jobwire: {after['reloads']['note']}")


@app.command()
def rebuild(
    *,
    state: StateOption = None,
    force: Annotated[bool, typer.Option("--force", help="Rebuild even if the store is intact; the old one is kept.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Rebuild a lost or damaged store from the log folders. The old one is kept. The worker must not be running."""
    from .state.rebuild import rebuild as rebuild_store  # noqa: PLC0415 -- brings the desk, which the other commands do not need

    folder = _folder(state)
    found = rebuild_store(folder, force=force)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    _say(f"jobwire: the store {f'could not be used: {found.damage}' if found.damage else 'was intact'}")
    if found.kept:
        _say(f"jobwire: the old store is kept: {folder / found.kept}")
    counts = {"ended": found.ended, "running": found.running, "starting": found.starting, "lost": found.lost}
    for name, count in (counts | {"left out": len(found.left_out)}).items():
        typer.echo(f"{name:<12} {count}")
    for name in found.left_out[:_JOBS_SHOWN]:
        _say(f"jobwire: no job can be read from {folder / layout.LOGS / name}; it is left unchanged")
    if found.settings:
        _say(f"jobwire: set by an operator, and kept: {', '.join(found.settings)}")
    if found.schedules:
        _say(f"jobwire: kept, but paused: {', '.join(found.schedules)}; start the worker, then: jobwire schedule resume NAME")
    if found.unread:
        _say(f"jobwire: schedules or settings may be missing: {found.unread}")
    _say("jobwire: queued jobs are lost; start the worker and submit them again")


def _say(line: str) -> None:
    typer.echo(printable(line), err=True)


def _folder(state: Path | None) -> Path:
    """Return the state folder to use. It must belong to this user: its content is trusted, and jobs run as the user of the worker."""
    if state is None:
        return worker_folder()
    demand_own(state.absolute(), "the state folder")
    return state.absolute()


def _existing(directory: Path) -> Path:
    """Return an accessible working folder as an absolute path; refuse any other, in which no job could start."""
    if not (directory.is_dir() and os.access(directory, os.X_OK)):
        what = "is not accessible" if directory.is_dir() else "is not a folder" if directory.exists() else "does not exist"
        raise Refused(Code.FAILED_PRECONDITION, f"the working folder {directory} {what}", "choose another with --directory")
    return directory.absolute()
