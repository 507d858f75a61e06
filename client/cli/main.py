"""The command `jobwire`: find the subcommand that was called, and turn any error into one message and an exit status.

Loads only the module of that subcommand, so that start-up is quick.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Annotated, Any, NamedTuple, NoReturn

import typer
import typer.core
import typer.main

from ... import __version__
from ...schemas.c_signal import signal
from ...schemas.refusal import Code, Refused
from . import exit_status
from .examples import EXAMPLES
from .exit_status import BadInput, Ending
from .other_words import command_hint, option_hint
from .terminal import screen, streams
from .terminal.streams import CannotWrite, ReaderGone
from .typer_parts import Misuse, read_misuse, shape_help, take_texts_as_typed

TRACEBACK_VARIABLE = "JOBWIRE_TRACEBACK"
_DAEMONS = "jobwire.worker"


class Verb(NamedTuple):
    """Where a subcommand is, and its line in the help. If the module is empty, it is found as an entry point.

    The module is one of commands/, or with a dot one of another room.
    """

    module: str
    attribute: str
    help: str
    hidden: bool = False


VERBS = {
    "run": Verb("run", "run", "Run a command, show its output and exit with its status."),
    "submit": Verb("submit", "submit", "Submit a command and print the id of its job."),
    "batch": Verb("batch", "batch", "Submit many jobs from a file, all or none, and wait for them."),
    "sweep": Verb("sweep", "sweep", "Run a command once for each value, or each combination of values, as jobs of one batch."),
    "convert": Verb("convert", "convert", "Turn a Slurm script, or a command line of GNU parallel or xargs, into a batch file."),
    "rerun": Verb("rerun", "rerun", "Run jobs again, with everything as it was."),
    "list": Verb("list", "list_jobs", "List queued and running jobs, oldest first."),
    "ps": Verb("list", "list_jobs", "Same as list.", hidden=True),
    "show": Verb("show", "show", "Show the details of jobs, including why one is waiting or failed."),
    "verify": Verb("verify", "verify_proof", "Check a proof of who asked for a job, without a connection."),
    "report": Verb("report", "report", "Write a page about a run: when its jobs ran, which failed and why, and what used most."),
    "logs": Verb("logs", "logs", "Print the output of a job, byte for byte."),
    "put": Verb("put", "put", "Put files and folders into the folder of a job."),
    "get": Verb("get", "get", "Fetch files and folders from the folder of a job."),
    "attach": Verb("attach", "attach", "Attach to the terminal of a running job."),
    "status": Verb("status.command", "status", "Show how the worker in use is, and who you are there."),
    "wait": Verb("wait", "wait", "Wait until jobs have ended."),
    "events": Verb("events", "events", "Show events of jobs as they happen."),
    "stop": Verb("stop", "stop", "Stop jobs and all processes that they started."),
    "pause": Verb("signal", "pause", "Suspend jobs and all their processes."),
    "resume": Verb("signal", "resume", "Continue paused jobs."),
    "hold": Verb("change", "hold", "Hold queued jobs: they do not start until released."),
    "release": Verb("change", "release", "Release held jobs, so that they can start."),
    "set": Verb("change", "set_", "Change queued jobs, the time limit of running jobs, or a run."),
    "signal": Verb("signal", "send_signal", "Send a signal to all processes of a job."),
    "schedule": Verb("schedule", "app", "Start jobs again and again, at times such as those of cron."),
    "forget": Verb("forget", "forget", "Remove jobs that have ended, with their logs."),
    "shell": Verb("shell.command", "shell", "Run commands one a line, in order, over one open connection."),
    "keys": Verb("keys", "app", "Manage your key and the members of your workers."),
    "join": Verb("join", "join", "Join a worker or broker with a token, and use it."),
    "context": Verb("context", "app", "Manage the workers that you use."),
    "worker": Verb("", "worker", "Run and manage a worker on this machine."),
    "broker": Verb("", "broker", "Run a broker, which joins several workers, and manage its workers."),
    "completion": Verb("completion.command", "app", "Complete commands, options and jobs in your shell."),
    "help": Verb("help", "show_help", "Show the help of a command, or the list of commands."),
}
# Commands of a group whose others are those of a daemon: they need a connection.
_OF_CLIENTS = {
    "worker": {"set": Verb("worker_set", "set_worker", "")},
    "broker": {
        "list": Verb("broker", "list_workers", ""),
        "drain": Verb("broker", "drain", ""),
        "show": Verb("broker", "show", ""),
        "undrain": Verb("broker", "undrain", ""),
        "remove": Verb("broker", "remove", ""),
        "grow": Verb("grow", "grow", ""),
    },
}
GROUPS = {"schedule", "keys", "context", "worker", "broker", "completion"}
# Their arguments are a command: options of jobwire end where it begins.
TAKES_A_COMMAND = {"run", "submit", "sweep"}


class Verbs(typer.core.TyperGroup):
    """The group of all subcommands. It knows their names and help lines, and imports one when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- typer's signature
        """Return the names of the subcommands in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 -- typer's signature
        """Return a subcommand: as the help needs it, or itself once it was called."""
        if cmd_name not in VERBS:
            return None
        if self.commands.get(cmd_name) is None:
            verb = VERBS[cmd_name]
            return typer.core.TyperCommand(cmd_name, help=verb.help, hidden=verb.hidden)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the subcommand that was called, loaded."""
        if args[0] in VERBS:
            self.commands[args[0]] = load(args[0])
        else:
            # The refusal suggests one of these: only the names are used.
            self.commands = {**dict.fromkeys(VERBS), **self.commands}  # type: ignore[dict-item] # reason: as said
        return super().resolve_command(ctx, args)


def module_of(verb: Verb) -> str:
    """Return the module of a subcommand, relative to this package."""
    return f".{verb.module}" if "." in verb.module else f".commands.{verb.module}"


@cache
def load(name: str) -> Any:
    """Import a subcommand and return its command."""
    verb = VERBS[name]
    found = getattr(import_module(module_of(verb), __package__), verb.attribute) if verb.module else _of_a_daemon(verb.attribute)
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False)
        settings = {"allow_interspersed_args": name not in TAKES_A_COMMAND}
        app.command(name, help=_reflow(found.__doc__ or ""), context_settings=settings)(found)
        found = app
    command = typer.main.get_command(found)
    command.name = name
    shape_help(command, EXAMPLES.get(f"jobwire {name}", ()))
    for part_name, part in getattr(command, "commands", {}).items():
        shape_help(part, EXAMPLES.get(f"jobwire {name} {part_name}", ()))
    # All modules are loaded: the garbage collector need never scan them.
    gc.freeze()
    gc.enable()
    return command


def _reflow(text: str) -> str:
    """Return the text with the lines of each paragraph joined."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _of_a_daemon(name: str) -> Any:
    # The command line must not import the workers. Only here is the expensive scan of the installed packages needed.
    from importlib.metadata import entry_points  # noqa: PLC0415 -- as said

    for found in entry_points(group="jobwire.commands", name=name):
        group = found.load()
        for part_name, verb in _OF_CLIENTS.get(name, {}).items():
            part = getattr(import_module(module_of(verb), __package__), verb.attribute)
            group.command(part_name, help=_reflow(part.__doc__ or ""))(part)
        return group
    raise Refused(
        Code.UNIMPLEMENTED,
        f"this installation of jobwire has no command {name}",
        "reinstall jobwire: pip install --force-reinstall jobwire",
    )


def _root(
    ctx: typer.Context,
    context: Annotated[
        str | None, typer.Option("--context", metavar="NAME", envvar="JOBWIRE_CONTEXT", help="The worker to use. See jobwire context.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Run any Linux program on another machine, safely, and be told the moment it ends."""
    if version:
        screen.write(f"jobwire {__version__}")
        raise Ending(exit_status.DONE)
    if ctx.invoked_subcommand is None:
        ctx.fail("no command was given")
    ctx.obj = context


@cache
def root_command() -> Any:
    """Return the command `jobwire`, for typer. It is made once: to make it takes longer than most commands of a shell."""
    # What typer completes by itself takes too long, and files where a job is meant; see completion/.
    app = typer.Typer(cls=Verbs, invoke_without_command=True, add_completion=False)
    app.callback()(_root)
    root = typer.main.get_command(app)
    shape_help(root, EXAMPLES["jobwire"])
    return root


def command_line(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status."""
    try:
        take_texts_as_typed()
        ended = root_command().main(list(arguments) or ["--help"], prog_name="jobwire", standalone_mode=False)
    except ReaderGone:
        return exit_status.READER_GONE
    except SystemExit as left:
        # Nobody reads the help any more: rich exits then, with a status of its own.
        if isinstance(left.__context__, BrokenPipeError):
            return exit_status.READER_GONE
        raise
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 -- the last edge
        return _answer(error, arguments)
    finally:
        streams.end_command()
    # A typer.Exit is returned as its status; subcommands return nothing.
    return ended if isinstance(ended, int) else exit_status.DONE


def _answer(error: BaseException, arguments: Sequence[str]) -> int:
    """Print what went wrong, in one message, and return the exit status."""
    message, status = "", exit_status.OWN_FAILURE
    match error:
        case Ending():
            status = error.status
        case KeyboardInterrupt():
            status = exit_status.INTERRUPTED
        case BadInput():
            message, status = str(error), exit_status.MISUSED
        case Refused():
            message, status = str(error), exit_status.OWN_FAILURE if exit_status.is_no_answer(error) else exit_status.REFUSED
        case OSError() if not os.environ.get(TRACEBACK_VARIABLE):
            message = _of_the_system(error)
        case _ if misuse := read_misuse(error):
            message, status = _misuse(misuse, arguments), exit_status.MISUSED
        case _:
            message = _our_fault(error)
    try:
        if message:
            screen.say(message, *getattr(error, "__notes__", ()))
    except ReaderGone:
        # About the results before it; the message was printed.
        return exit_status.READER_GONE
    except CannotWrite as unwritable:
        screen.say(str(unwritable))
    return status


def _of_the_system(error: OSError) -> str:
    """Return the system's message, such as for a full disk. It is clear enough, except if the inodes are used up."""
    message = ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)
    if error.errno == errno.ENOSPC and _no_files_left(error.filename):
        message += " for more files: its inodes are used up (df -i shows how many there are)"
    return message


def _no_files_left(path: object) -> bool:
    """Return whether a full disk lacks inodes and not bytes."""
    try:
        disk = os.statvfs(os.path.dirname(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else ".")  # noqa: PTH120 -- pathlib is not light
    except OSError:
        return False
    return disk.f_files > 0 and disk.f_favail == 0


def _misuse(misuse: Misuse, arguments: Sequence[str]) -> str:
    if misuse.shows_help:
        sys.stderr.write(misuse.sentence)
        return ""
    path = misuse.path or _command_path(arguments)
    hint = ""
    if misuse.unknown_command:
        known = [name for name in misuse.known if name not in VERBS or not VERBS[name].hidden] if path == "jobwire" else misuse.known
        hint = command_hint(path, misuse.unknown_command, known)
    elif misuse.unknown_option:
        hint = option_hint(path, misuse.unknown_option, misuse.known)
    return f"{misuse.sentence}; {hint or f'see {path} --help'}"


def _command_path(arguments: Sequence[str]) -> str:
    """Return which command was called, if the parser does not say so."""
    path = ["jobwire"]
    for word in arguments[:2]:
        if word.startswith("-") or (len(path) == 1 and word not in VERBS) or (len(path) == 2 and path[1] not in GROUPS):  # noqa: PLR2004 -- jobwire and a verb
            break
        path.append(word)
    return " ".join(path)


def _our_fault(error: BaseException) -> str:
    if os.environ.get(TRACEBACK_VARIABLE):
        import traceback  # noqa: PLC0415 -- only when something is wrong

        traceback.print_exception(error)
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"internal error: {what}; to see where, set {TRACEBACK_VARIABLE}=1"


def main() -> NoReturn:
    """Run the command, as its entry point."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        # As it was left while modules were loaded.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    streams.open_streams()
    # Garbage collection while modules are loaded costs more than it frees; `load` turns it on.
    gc.disable()
    status = command_line(sys.argv[1:])
    try:
        sys.stdout.flush()
    except ReaderGone:
        status = exit_status.READER_GONE
    except CannotWrite as error:
        screen.say(str(error))
        status = status or exit_status.OWN_FAILURE
    if _DAEMONS in sys.modules:
        sys.exit(status)
    # Freeing all modules would take longer than running `true` on the worker.
    os._exit(status)


if __name__ == "__main__":
    main()
