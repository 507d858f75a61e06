"""The command `jobwire`: finds the verb that was called, and turns whatever goes wrong into one message and an exit status.

Loads only the module of the verb that is called: start-up is measured. What a verb does stands in that module.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, NamedTuple, NoReturn

import typer
import typer.core
import typer.main

from ... import __version__
from ...schemas.refusal import Code, Refused
from .endings import BadInput, Ending

TRACEBACK_VARIABLE = "JOBWIRE_TRACEBACK"


class Verb(NamedTuple):
    """Where a verb is, and its line in the help. An empty module: it belongs to a daemon and is found as an entry point."""

    module: str
    attribute: str
    help: str
    hidden: bool = False


VERBS = {
    "run": Verb("run", "run", "Run a command, show its output here, and end as it ended."),
    "submit": Verb("submit", "submit", "Submit a command and print the id of its job."),
    "batch": Verb("batch", "batch", "Submit many jobs from a file, whole or not at all."),
    "list": Verb("listing", "list_jobs", "List what waits and runs; with -a also what has ended. Also called ps."),
    "ps": Verb("listing", "list_jobs", "The same as list.", hidden=True),
    "show": Verb("listing", "show", "Tell everything about jobs, and why they wait or failed."),
    "logs": Verb("logs", "logs", "Write what a job wrote, byte for byte."),
    "wait": Verb("waiting", "wait", "Wait until jobs have ended."),
    "events": Verb("events", "events", "Tell what happens, as it happens."),
    "stop": Verb("stopping", "stop", "End jobs with all that they started."),
    "signal": Verb("stopping", "send_signal", "Send a signal to a job without stopping it."),
    "keys": Verb("keys", "app", "Who am I, and who may come in."),
    "context": Verb("context", "app", "Which daemons I speak to."),
    "worker": Verb("", "worker", "Run and look after a worker on this machine."),
}
# Their arguments are a command of the user's own: our options end where it begins.
_TAKES_A_COMMAND = {"run", "submit"}


class Verbs(typer.core.TyperGroup):
    """The group of all verbs; knows their names and help lines, and imports one when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- typer's signature
        """List the verbs in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 -- typer's signature
        """Get what the help needs of a verb, or the verb itself once it was called."""
        if cmd_name not in VERBS:
            return None
        if cmd_name not in self.commands:
            verb = VERBS[cmd_name]
            return typer.core.TyperCommand(cmd_name, help=verb.help, hidden=verb.hidden)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb that was called, and load it."""
        if args[0] in VERBS:
            self.commands[args[0]] = load(args[0])
        else:
            # So that a slip of the finger is answered with the verb that was meant.
            self.commands.update(dict.fromkeys(VERBS))  # type: ignore[arg-type] # reason: only the names are looked at
        return super().resolve_command(ctx, args)


def load(name: str) -> Any:
    """Import a verb and make it a command."""
    verb = VERBS[name]
    found = getattr(import_module(f".{verb.module}", __package__), verb.attribute) if verb.module else _of_a_daemon(verb.attribute)
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command(name, context_settings={"allow_interspersed_args": name not in _TAKES_A_COMMAND})(found)
        found = app
    command = typer.main.get_command(found)
    command.name = name
    return command


def _of_a_daemon(name: str) -> Any:
    # The command line stands below the daemons and must not import them; only here is the dear look through what is installed needed.
    from importlib.metadata import entry_points  # noqa: PLC0415

    for found in entry_points(group="jobwire.commands", name=name):
        return found.load()
    raise Refused(Code.UNIMPLEMENTED, f"this installation has no {name}", "install jobwire again: pip install --force-reinstall jobwire")


def _root(
    ctx: typer.Context,
    context: Annotated[
        str | None, typer.Option("--context", metavar="NAME", envvar="JOBWIRE_CONTEXT", help="The daemon to speak to; see jobwire context.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Say the version and end.")] = False,  # noqa: FBT002
) -> None:
    """Run any Linux program on another machine, safely, and be told the moment it ends."""
    if version:
        print(f"jobwire {__version__}")  # noqa: T201
        raise Ending(0)
    if ctx.invoked_subcommand is None:
        ctx.fail("no verb was named")
    ctx.obj = context


def command_line(arguments: Sequence[str]) -> int:
    """Do what the arguments say; get the exit status."""
    try:
        app = typer.Typer(cls=Verbs, invoke_without_command=True)
        app.callback()(_root)
        ended = typer.main.get_command(app).main(list(arguments) or ["--help"], prog_name="jobwire", standalone_mode=False)
        # A typer.Exit comes back as its status; what a verb returns is nothing.
        return ended if isinstance(ended, int) else 0
    except Ending as ending:
        return ending.status
    except BrokenPipeError:
        return _reader_is_gone()
    except KeyboardInterrupt:
        return 130
    except BadInput as bad:
        return _complain(str(bad), 2)
    except Refused as refused:
        return _complain(str(refused), 125 if refused.code in (Code.UNAVAILABLE, Code.INTERNAL) else 1)
    except Exception as error:  # noqa: BLE001 -- the last edge
        return _misused(error) if hasattr(error, "format_message") else _our_fault(error)


def _complain(message: str, status: int) -> int:
    print(f"jobwire: {message}", file=sys.stderr)  # noqa: T201
    return status


def _misused(error: Any) -> int:
    """Answer what typer could not understand; without the class, which is another in each of its versions."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message(), file=sys.stderr)  # noqa: T201
        return 2
    message = error.format_message().strip().rstrip(".")
    return _complain(f"{message[:1].lower()}{message[1:]}; see {context.command_path if context else 'jobwire'} --help", 2)


def _our_fault(error: Exception) -> int:
    if os.environ.get(TRACEBACK_VARIABLE):
        import traceback  # noqa: PLC0415 -- only when something is wrong

        traceback.print_exc()
        return 125
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return _complain(f"something unexpected went wrong ({what}); {TRACEBACK_VARIABLE}=1 in the environment shows where", 125)


def _reader_is_gone() -> int:
    # What still waits in the buffer must not complain again when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141


def main() -> NoReturn:
    """Entry of the command."""
    # A command lives for a moment: looking for garbage while modules are loaded costs more than it finds.
    gc.disable()
    status = command_line(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = _reader_is_gone()
    sys.stderr.flush()
    # Taking modules apart one by one would take longer than `true` on the worker. A daemon ends in the usual way.
    if "jobwire.worker" in sys.modules:
        sys.exit(status)
    os._exit(status)


if __name__ == "__main__":
    main()
