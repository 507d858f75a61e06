"""The syntax of option values: signals, names, labels, working folders, standard input. Knows no option."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar, overload

from ....schemas.jobs.claims import resource_problem
from ....schemas.jobs.conditions import Condition
from ....schemas.jobs.spec_check import LARGEST_STDIN, check_priority
from ....schemas.jobs.states import OnFailure
from ....schemas.naming import name_problem
from ....schemas.refusal import Code, Refused
from ....schemas.text.numbers import why_not_number
from ....schemas.text.patterns import pattern
from ....schemas.workers.capacity import parse_resource
from ..octets import to_bytes
from ..reading import STDIN, read_whole


class Misunderstood(Refused):
    """Raised for an invalid option of a job; `key` is `argv`, one of `OPTIONS`, or empty for the combination."""

    def __init__(self, key: str, refused: Refused) -> None:
        super().__init__(refused.code, refused.message, refused.next_step)
        self.key = key


# Of a number that is not absurd.
_MOST_DIGITS = 9
_WHOLE = pattern(r"[+-]?[0-9]{1,1000}")
_Said = TypeVar("_Said")
_Meant = TypeVar("_Meant")


@overload
def understand(key: str, read: Callable[[_Said], _Meant], said: _Said) -> _Meant: ...
@overload
def understand(key: str, read: Callable[[_Said], _Meant], said: _Said | None) -> _Meant | None: ...
def understand(key: str, read: Callable[[_Said], _Meant], said: _Said | None) -> _Meant | None:
    """Return what the value of an option means; None if it was not given.

    Raises Misunderstood.
    """
    try:
        return None if said is None else read(said)
    except Refused as refused:
        raise Misunderstood(key, refused) from None


_REAL_TIME = pattern(r"(?:SIG)?(?:RTMIN\+(\d{1,2})|RTMAX-(\d{1,2}))", re.ASCII)


def parse_signal(said: str | int) -> int:
    """Return the number of a signal: `TERM`, `SIGTERM`, `sigterm`, `15`, or a real-time signal as kill -l writes it, `RTMIN+3`.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    text = str(said).strip().upper()
    if re.fullmatch(r"\d{1,3}", text, re.ASCII):
        number = int(text)
        if 1 <= number < signal.NSIG:
            return number
    elif text.removeprefix("SIG") in (names := signal_names()):
        return names[text.removeprefix("SIG")]
    elif found := _REAL_TIME.fullmatch(text):
        number = int(names["RTMIN"]) + int(found[1]) if found[1] else int(names["RTMAX"]) - int(found[2])
        if names["RTMIN"] <= number <= names["RTMAX"]:
            return number
    raise Refused(Code.INVALID_ARGUMENT, f"{str(said)!r} is not a signal", "write it like TERM, SIGTERM or 15; kill -l lists them")


# How another job must have ended, in words.
CONDITIONS = {"ok": Condition.OK, "failed": Condition.FAILED, "any": Condition.ANY}


# What a job that failed does to the others, in words.
ON_FAILURE = {"continue": OnFailure.CONTINUE, "cancel-rest": OnFailure.CANCEL_REST, "stop-rest": OnFailure.STOP_REST}


def parse_after(said: str) -> tuple[Condition, str]:
    """Return the condition and the name of `WHEN:JOB`; without WHEN it is `ok`.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    word, colon, name = said.partition(":")
    if not colon or word not in CONDITIONS:
        word, name = "ok", said
    if not name:
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} names no job", "write it like ok:JOB, failed:JOB or any:JOB")
    return CONDITIONS[word], name


def parse_priority(said: str | int) -> int:
    """Return a priority: a whole number.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    priority = parse_whole(said, "a priority")
    check_priority(priority)
    return priority


def parse_whole(said: str | int, what: str) -> int:
    """Return a whole number, which may be negative; the refusal calls it `what`.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    # int() would also take digits of other scripts, and 1_0.
    if not _WHOLE.fullmatch(str(said).strip()):
        raise Refused(Code.INVALID_ARGUMENT, why_not_number(said, what), "write a whole number such as 10 or -5")
    return int(said)


def parse_amount(said: str | int, fewest: int = 1) -> int:
    """Return an amount of a resource: a whole number.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    text = str(said).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) >= fewest):
        raise Refused(Code.INVALID_ARGUMENT, why_not_number(said, f"a number of {fewest} or more"), "write a whole number such as 2")
    return int(text)


def parse_cpus(said: str | int) -> int:
    """Return how many slots a job takes; 0 for one, which is the default.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    cpus = parse_amount(said)
    return 0 if cpus == 1 else cpus


def read_resources(said: Iterable[str] | Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return the amounts of resources from a table, or from texts such as `license=1`; of each name the last counts.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    pairs = said.items() if isinstance(said, Mapping) else map(parse_resource, said)
    found = dict(pairs)
    if problem := next(filter(None, (resource_problem(name, amount) for name, amount in found.items())), ""):
        raise Refused(Code.INVALID_ARGUMENT, problem)
    return tuple(sorted(found.items()))


def read_terms(said: str | Iterable[str]) -> tuple[str, ...]:
    """Return the label terms of a job, each once; invalid ones are found when the spec is checked."""
    return tuple(dict.fromkeys((said,) if isinstance(said, str) else said))


def signal_names() -> dict[str, int]:
    """Return the signals of this machine: their numbers by name, without SIG."""
    return {name.removeprefix("SIG"): number.value for name, number in signal.Signals.__members__.items()}


def read_name(said: str) -> str:
    """Return the name of a job, which may be empty.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    if said and (problem := name_problem(said)):
        # The word after -n, as in `ssh -n`.
        hint = "-n is followed by a name; no standard input is --no-stdin, of jobwire run" if said.startswith("-") else ""
        raise Refused(Code.INVALID_ARGUMENT, problem, hint)
    return said


def label_pairs(said: Iterable[str] | Mapping[str, str]) -> dict[str, str]:
    """Return labels as a table; the last value of a label counts.

    Raises `Misunderstood`.
    """
    return dict(said) if isinstance(said, Mapping) else understand("labels", lambda items: dict(map(_label, items)), said)


def read_labels(said: Iterable[str] | Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return labels, all of which are printable.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    pairs = label_pairs(said)
    for pair in pairs.items():
        if not "".join(pair).isprintable():
            raise Refused(Code.INVALID_ARGUMENT, f"the label {'='.join(pair)!r} is not printable text")
    return tuple(pairs.items())


def _label(item: str) -> tuple[str, str]:
    name, is_set, value = item.partition("=")
    if not is_set:
        raise Refused(Code.INVALID_ARGUMENT, f"the label {item!r} has no value", "write it like team=blue")
    return name, value


# At the beginning of a working folder: the home of the job, not of the caller.
_HOME = pattern(r"(?:~|\$HOME|\$\{HOME\})(?=/|\Z)")
_DOLLAR = pattern(r"(?<!\\)\$")


def read_folder(default: str, said: str) -> bytes:
    """Return a working folder; a relative one is below `default`, if that is given.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    home = _HOME.match(said)
    rest = said[home.end() :] if home else said
    if _DOLLAR.search(rest):
        what = f"the working folder {said!r} has a $, but no shell expands it; only ~ or $HOME at its beginning is expanded"
        raise Refused(Code.INVALID_ARGUMENT, what, r"write the path itself, and \$ for a $ in the name of a folder")
    if said.startswith("~") and not home:
        what = f"the working folder {said!r} begins with ~, but only ~ itself and ~/... are expanded"
        raise Refused(Code.INVALID_ARGUMENT, what, f"write the path itself, and ./{said} for a folder of that name")
    said = rest.replace(r"\$", "$")
    if home:
        return to_bytes(f"~{said}")
    # Not pathlib, which would drop `..`: wrong behind a symbolic link.
    folder = os.path.join(default, said) if said and default else said or default  # noqa: PTH118 -- as above
    if folder and not folder.startswith("/"):
        raise Refused(
            Code.INVALID_ARGUMENT,
            f"the working folder {said!r} is not an absolute path",
            "the worker may be on another machine and does not know the current folder",
        )
    return to_bytes(folder)


def read_input(beside: Path, said: str | bytes) -> bytes:
    """Return a standard input: the bytes themselves, or the content of a file, whose name is relative to `beside`.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    if isinstance(said, bytes):
        return said
    if not said:
        raise Refused(Code.INVALID_ARGUMENT, "the file with the standard input has no name")
    file = STDIN if said == "-" else os.path.join(os.fsencode(beside), to_bytes(said))  # noqa: PTH118 -- bytes
    try:
        data = read_whole(file, LARGEST_STDIN)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Refused(Code.INVALID_ARGUMENT, f"the standard input {said!r} cannot be read: {reason}") from None
    if len(data) > LARGEST_STDIN:
        raise Refused(
            Code.INVALID_ARGUMENT,
            f"the standard input {said!r} has more than {LARGEST_STDIN} bytes",
            "let the command read a file that --put brings; jobwire run passes on a standard input of any size: run ... < FILE",
        )
    return data
