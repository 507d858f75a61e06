"""The command `jobwire`: run the subcommand that was called, and turn any error into one message and an exit status.

Loads only the module of that subcommand, and typer only if the line is not plain, so that start-up is quick.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from ... import __version__
from ...schemas.private_parts.c_signal import signal
from ...schemas.refusal import Refused
from ...schemas.text.brief import brief
from . import exit_status
from .exit_status import BadInput, Ending
from .parser.parameters import Parameter, call, parameters_of
from .parser.plain import read, read_context
from .terminal import screen, streams
from .terminal.streams import CannotWrite
from .verbs import CONTEXT_VARIABLE, GROUPS, TAKES_A_COMMAND, VERBS, find

if TYPE_CHECKING:
    from .parser.typer_parts import Misuse

TRACEBACK_VARIABLE = "JOBWIRE_TRACEBACK"
_DAEMONS = "jobwire.worker"


def command_line(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status."""
    ended = None
    try:
        if not _run_plain(arguments):
            from .parser.typer_commands import root_command  # noqa: PLC0415 -- it takes longer than most commands

            _heed_interrupts()
            ended = root_command().main(list(arguments) or ["--help"], prog_name="jobwire", standalone_mode=False)
    except BrokenPipeError:
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


def _run_plain(arguments: Sequence[str]) -> bool:
    """Run a plain command line, and return whether it is one. If not, nothing was done."""
    if list(arguments) == ["--version"]:
        screen.write(f"jobwire {__version__}")
        return True
    context, rest = read_context(arguments, os.environ.get(CONTEXT_VARIABLE) or None)
    if context.obj == "":
        # As of a variable of a script that is not set: it must not mean another worker.
        raise BadInput("--context: '' names no context; leave it out for the one in use")
    name = rest[0] if rest else ""
    if name not in VERBS or name in GROUPS:
        return False
    command, parameters = _load(name)
    values = read(rest[1:], parameters, context, ends_options=name in TAKES_A_COMMAND)
    if values is None:
        return False
    call(command, values)
    return True


@cache
def _load(name: str) -> tuple[Callable[..., None], Sequence[Parameter]]:
    """Import a subcommand and return it with its parameters."""
    command = find(VERBS[name])
    parameters = parameters_of(command)
    # All modules are loaded: the garbage collector need never scan them.
    gc.freeze()
    gc.enable()
    _heed_interrupts()
    return command, parameters


def _heed_interrupts() -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        # As it was left while modules were loaded.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _answer(error: BaseException, arguments: Sequence[str]) -> int:
    """Print what failed, in one message, and return the exit status."""
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
        case _ if hasattr(error, "format_message") and (misuse := _read_misuse(error)):
            message, status = _misuse(misuse, arguments), exit_status.MISUSED
        case _:
            message = _our_fault(error)
    try:
        if message:
            screen.say(brief(message), *getattr(error, "__notes__", ()))
    except BrokenPipeError:
        # About the results before it; the message was printed.
        return exit_status.READER_GONE
    except CannotWrite as unwritable:
        screen.say(str(unwritable))
    return status


def _of_the_system(error: OSError) -> str:
    """Return the system's message, such as for a full disk. It is clear enough, unless the inodes are used up or it names no file."""
    if error.errno == errno.ENOENT and error.filename is None:
        from ..files.current_folder import current_folder  # noqa: PLC0415 -- rare

        try:
            current_folder()
        except Refused as refused:
            return str(refused)
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return "this command cannot open more files or sockets; raise the limit (ulimit -n 1024), or close some, then try again"
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


def _read_misuse(error: BaseException) -> Misuse | None:
    from .parser.typer_parts import read_misuse  # noqa: PLC0415 -- typer raised the error

    return read_misuse(error)


def _misuse(misuse: Misuse, arguments: Sequence[str]) -> str:
    if misuse.shows_help:
        sys.stderr.write(misuse.sentence)
        return ""
    from .other_words.hints import command_hint, missing_hint, option_hint, unexpected_hint  # noqa: PLC0415 -- only when something is wrong

    path = misuse.path or _command_path(arguments)
    hint = ""
    if misuse.unknown_command:
        known = [name for name in misuse.known if name not in VERBS or not VERBS[name].hidden] if path == "jobwire" else misuse.known
        at_first = path == "jobwire"
        hint = command_hint(
            path,
            misuse.unknown_command,
            known,
            _contexts() if at_first else (),
            is_program=at_first and _is_program(misuse.unknown_command),
        )
    elif misuse.unknown_option:
        hint = option_hint(path, misuse.unknown_option, misuse.known)
    elif misuse.unexpected:
        hint = unexpected_hint(path, misuse.unexpected)
    elif misuse.missing:
        hint = missing_hint(path, misuse.missing)
    return f"{misuse.sentence}; {hint or f'see {path} --help'}"


def _is_program(word: str) -> bool:
    """Return whether a shell here would run this word."""
    import shutil  # noqa: PLC0415 -- only when something is wrong

    return shutil.which(word) is not None


def _contexts() -> list[str]:
    from ..config.contexts import list_contexts  # noqa: PLC0415 -- as above

    try:
        return [context.name for context in list_contexts()]
    except Refused:
        return []


def _command_path(arguments: Sequence[str]) -> str:
    """Return the command that was called, if the parser does not report it."""
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
    streams.open_streams()
    # Garbage collection while modules are loaded costs more than it frees; it is turned on when they are.
    gc.disable()
    status = command_line(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
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
