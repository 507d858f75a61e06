"""What to type instead of an unknown command or option, or of a line with too many or too few words.

For words of other tools, and typing mistakes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .arguments import A_JOB, MISSING, UNEXPECTED
from .commands import COMMANDS
from .options import OF_A_COMMAND, OF_A_JOB, OF_ALL, SUBMITS

# Of `-it`, which is typed together.
_LETTERS_OF_A_TERMINAL = {"-i", "-t", "-it"}
# Never suggested: following a suggestion must not end a job.
DESTRUCTIVE = {"stop", "signal", "forget", "rm", "--now", "--all-ended", "--declare-lost"}
# Programs that do so to processes, files or the machine, whatever follows them.
_DESTRUCTIVE_PROGRAMS = {"reboot", "halt", "poweroff", "telinit", "pkill", "killall", "skill", "unlink", "rmdir", "shred", "truncate", "dd"}
# Options that are harmless elsewhere: that of list only shows more.
_OF_EVERYTHING = {"jobwire stop": "--all"}
_LIKENESS = 0.75


def command_hint(path: str, typed: str, known: Iterable[str], contexts: Collection[str] = (), *, is_program: bool = False) -> str:
    """Return what to type instead of an unknown command; empty if nothing is near. `is_program`: a shell here would run that word."""
    if typed in contexts:
        return f"it is a context, and comes before the command: jobwire --context {typed} run -- COMMAND"
    if meant := COMMANDS.get(f"{path} {typed}"):
        return meant
    # As in `ssh HOST hostname`.
    to_run = f"to run the program {typed}: jobwire run -- {typed}" if is_program and typed not in _DESTRUCTIVE_PROGRAMS else ""
    return " ".join(filter(None, (_did_you_mean(typed, known), to_run)))


def unexpected_hint(path: str, word: str) -> str:
    """Return what to type instead of a word for which a command has no argument; empty if nothing is known."""
    return UNEXPECTED.get(path, "").format(word)


def missing_hint(path: str, name: str) -> str:
    """Return where the value of a missing argument or option is found; empty if nothing is known."""
    return MISSING.get(path, {}).get(name) or (A_JOB if name == "JOB" else "")


def option_hint(path: str, typed: str, known: Iterable[str]) -> str:
    """Return what to type instead of an unknown option; empty if nothing is near."""
    name, known = typed.partition("=")[0], tuple(word for word in known if word != _OF_EVERYTHING.get(path))
    if path == "jobwire" and (after := _of_commands(name)):
        return after
    of_it = OF_A_COMMAND.get(path, {}).get(name) or (OF_A_JOB.get(name) if path in SUBMITS else None)
    return of_it or (OF_ALL.get(name, "") if name not in known else "") or _did_you_mean(name, known)


def _of_commands(name: str) -> str:
    """Return the advice for an option before the command that belongs to a command; empty if it does not."""
    from ..completion.table import COMMANDS as KNOWN  # noqa: PLC0415 -- only where something is wrong

    if name == "-v":
        return "it is called jobwire --version"
    if name in _LETTERS_OF_A_TERMINAL:
        return "it comes after the command: jobwire run -it"
    is_known = any(name in flags.split() for command in KNOWN.values() for flags, _, _ in command.options)
    return f"it comes after the command: jobwire COMMAND {name}" if is_known else ""


def _did_you_mean(typed: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 -- only where something is wrong

    # Any letter is near any other.
    words = [word for word in known if word not in DESTRUCTIVE and len(word.strip("-")) > 1]
    near = difflib.get_close_matches(typed, words, 1, _LIKENESS)
    return f"did you mean {near[0]}?" if near else ""
