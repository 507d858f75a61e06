"""The options of a job: one definition for the command line, the library and the keys of a batch file.

Knows how a signal or a `K=V` is written. Knows neither the command line's parser nor a batch file's form, and sends
nothing.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar, overload

from ...schemas.brought_files import BroughtFile, FileKind
from ...schemas.naming import name_problem
from ...schemas.refusal import Code, Refused
from ...schemas.spec import LARGEST_STDIN, JobSpec, check, check_priority
from ...schemas.text.durations import parse_duration
from ...schemas.text.sizes import parse_size
from .caller_variables import Variables, as_table, find, merge, of_this_process, read_variables
from .octets import to_bytes
from .reading import STDIN, read_whole


class Option(NamedTuple):
    """One option of a job: its key in a batch file, and its flags, placeholder and help on the command line.

    `keyword`: its parameter in the library, if that is not called like the key. `many`: it may be given several times. `switch`: it takes
    no value.
    """

    key: str
    flags: tuple[str, ...]
    placeholder: str
    help: str
    keyword: str = ""
    many: bool = False
    switch: bool = False

    @property
    def parameter(self) -> str:
        """The name of its parameter in the library."""
        return self.keyword or self.key


OPTIONS = (
    Option("name", ("-n", "--name"), "NAME", "Name the job."),
    Option("dir", ("-C", "--dir"), "DIR", "Run in this folder of the worker's machine; ~ is the home of the job.", keyword="cwd"),
    Option(
        *("env", ("-e", "--env"), "K[=V]"),
        "Set a variable of the job's environment. K alone copies the value from this shell, and 'LC_*' all whose names match.",
        many=True,
    ),
    Option("env_all", ("--env-all",), "", "Copy the variables of this shell, PATH included, except what looks like a secret.", switch=True),
    Option(
        "stdin", ("--stdin",), "FILE|-", "Use this file as standard input; - is this command's own, read to its end first.", keyword="input"
    ),
    Option("time_limit", ("-t", "--time-limit"), "TIME", "Stop the job after this time: 90, 10s, 1h30m. Default: no limit."),
    Option("stop_signal", ("--stop-signal",), "SIGNAL", "Signal to send first when the job is stopped. Default: TERM."),
    Option("grace", ("--grace",), "TIME", "Time from that signal to SIGKILL. Default: the worker's."),
    Option("output_limit", ("--output-limit",), "SIZE", "Stop the job when it has written more: 500K, 10M, 1.5G. Default: no limit."),
    Option("linger", ("--linger",), "", "When the job exits, let the processes that it leaves behind continue.", switch=True),
    Option("priority", ("-p", "--priority"), "N", "Start it before your other jobs with a lower priority: -1000 to 1000. Default: 0."),
    Option("hold", ("--hold",), "", "Let the job wait until jobwire release.", switch=True),
    Option("stderr_to_stdout", ("--stderr-to-stdout",), "", "Give the job one pipe for both, like 2>&1 in a shell.", switch=True),
    Option("labels", ("-l", "--label"), "K=V", "Set a label, shown by jobwire show and events --json.", many=True),
)


# What a job brings, and what is wanted of its folder. The library has no parameters for them.
FILE_OPTIONS = (
    Option("script", ("--script",), "FILE", "Send this file along and run it; COMMAND and ARG are its arguments."),
    Option("put", ("--put",), "FILE[:PATH]", "Put a file or a folder into the job's own folder, in which it then runs.", many=True),
    Option("get", ("--get",), "PATH[:DEST]", "Fetch a file or a folder of the job's own folder when it has ended.", many=True),
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options given for one job, as they were written; None and empty mean not given. `stdin` is a file's name or bytes."""

    name: str | None = None
    dir: str | None = None
    env: Iterable[str] | Mapping[str, str] = ()
    env_all: bool = False
    stdin: str | bytes | None = None
    time_limit: str | float | None = None
    stop_signal: str | int | None = None
    grace: str | float | None = None
    output_limit: str | int | None = None
    linger: bool = False
    priority: str | int | None = None
    hold: bool = False
    stderr_to_stdout: bool = False
    labels: Iterable[str] | Mapping[str, str] = ()
    script: str | None = None
    put: Iterable[str] = ()
    get: Iterable[str] = ()

    @property
    def has_folder(self) -> bool:
        """Whether the job has a folder of its own."""
        return bool(self.script or self.put or self.get)


# What was read for one job, for others of the same command: by place here, path and whether it is a program.
_ReadFiles = dict[tuple[bytes, bytes, bool], BroughtFile]


class Surroundings(NamedTuple):
    """Where they were given: the folder that file names are relative to, and the one that jobs run in (empty: the worker's default).

    `is_gone`: the current folder was removed, and only absolute paths mean something. `read_files`: what was read is kept there.
    """

    files: Path
    jobs: str = ""
    is_gone: bool = False
    read_files: _ReadFiles | None = None


class Brought(NamedTuple):
    """What the file options of a job mean: the beginning of its argv, what it brings, and what is wanted of its folder."""

    program: tuple[bytes, ...] = ()
    files: tuple[BroughtFile, ...] = ()
    outputs: tuple[bytes, ...] = ()


NO_FILES = Brought()


class Misunderstood(Refused):
    """Raised if an option of a job is not valid; `key` is `argv`, one of `OPTIONS`, or empty for all together."""

    def __init__(self, key: str, refused: Refused) -> None:
        super().__init__(refused.code, refused.message, refused.next_step)
        self.key = key


def spec_from(argv: Iterable[str], wishes: Wishes, around: Surroundings) -> JobSpec:
    """Return the spec of a job with these options.

    All text is as from `octets.to_text`, whatever the locale. Raises `Misunderstood`, also for a job that no worker could run, and
    `Refused(FAILED_PRECONDITION)` if the current folder is needed and was removed.
    """
    if around.is_gone and _needs_here(wishes, around):
        raise Refused(Code.FAILED_PRECONDITION, "the current folder was removed", "go to another one: cd")
    brought = files_of(wishes.script, wishes.put, wishes.get, around) if wishes.has_folder else NO_FILES
    if brought.program and wishes.dir:
        raise Misunderstood("script", Refused(Code.INVALID_ARGUMENT, "a script runs in the job's own folder", "use cd in the script"))
    spec = JobSpec(
        argv=(*brought.program, *_understand("argv", _arguments, argv)),
        environment=_pairs(variables_of(wishes)),
        directory=_understand("dir", partial(_folder, "" if wishes.has_folder and not wishes.dir else around.jobs), wishes.dir or ""),
        stdin=_understand("stdin", partial(_read, around.files), wishes.stdin),
        name=_understand("name", _name, wishes.name or ""),
        labels=_understand("labels", _labels, wishes.labels),
        time_limit_ms=_understand("time_limit", parse_duration, wishes.time_limit),
        stop_signal=_understand("stop_signal", parse_signal, wishes.stop_signal) or signal.SIGTERM,
        grace_ms=_understand("grace", parse_duration, wishes.grace),
        output_limit_bytes=_understand("output_limit", parse_size, wishes.output_limit),
        linger=wishes.linger,
        priority=_understand("priority", parse_priority, wishes.priority) or 0,
        held=wishes.hold,
        stderr_to_stdout=wishes.stderr_to_stdout,
        files=brought.files,
        outputs=brought.outputs,
    )
    try:
        check(spec)
    except Refused as refused:
        raise Misunderstood(_at_fault(spec), refused) from None
    return spec


def files_of(script: str | None, put: Iterable[str], get: Iterable[str], around: Surroundings) -> Brought:
    """Return what the file options of a job mean; files are read and hashed, which may take long.

    Raises `Misunderstood`.
    """
    # Few jobs have any.
    from ..files.local_files import bring, last_name, parse_get, parse_put  # noqa: PLC0415

    here = os.fsencode(around.files)

    def read(place: bytes, path: bytes, *, executable: bool = False) -> BroughtFile:
        kept = {} if around.read_files is None else around.read_files
        key = (place, path, executable)
        if key not in kept:
            kept[key] = bring(place, path, executable=executable)
        return kept[key]

    files: list[BroughtFile] = []
    program: tuple[bytes, ...] = ()
    if script:
        place = os.path.join(here, to_bytes(script))  # noqa: PTH118 -- bytes
        files.append(_understand("script", lambda place: read(place, last_name(place), executable=True), place))
        if files[0].kind is not FileKind.FILE:
            raise Misunderstood("script", Refused(Code.INVALID_ARGUMENT, f"{script!r} is a folder, not a script"))
        program = (b"./" + files[0].path,)
    files += [_understand("put", lambda said: read(*parse_put(to_bytes(said), here)), said) for said in put]
    outputs = [_understand("get", lambda said: parse_get(to_bytes(said))[0], said) for said in get]
    return Brought(program, tuple(files), tuple(dict.fromkeys(outputs)))


def _needs_here(wishes: Wishes, around: Surroundings) -> bool:
    is_relative = isinstance(wishes.stdin, str) and wishes.stdin not in {"", "-"} and not around.files.is_absolute()
    is_relative_job = bool(around.jobs) and not wishes.has_folder and not (wishes.dir or "").startswith(("/", "~", "$"))
    brings_from_here = any(not said.startswith("/") for said in filter(None, (wishes.script, *wishes.put)))
    return is_relative_job or brings_from_here or (is_relative and not str(wishes.stdin).startswith("/"))


# Which of a spec's fields comes from which key; each of them may be wrong alone.
_KEYS = {
    "argv": "argv",
    "environment": "env",
    "directory": "dir",
    "stdin": "stdin",
    "name": "name",
    "labels": "labels",
    "time_limit_ms": "time_limit",
    "stop_signal": "stop_signal",
    "grace_ms": "grace",
    "output_limit_bytes": "output_limit",
    "priority": "priority",
    "files": "put",
    "outputs": "get",
}


def _at_fault(spec: JobSpec) -> str:
    """Return the key that would be refused on its own; empty if only all together is too much."""
    sound = JobSpec(argv=(b"true",))
    for field, key in _KEYS.items():
        try:
            check(replace(sound, **{field: getattr(spec, field)}))
        except Refused:
            return key
    return ""


def _arguments(argv: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(to_bytes(argument) for argument in argv)


_Said = TypeVar("_Said")
_Meant = TypeVar("_Meant")


@overload
def _understand(key: str, read: Callable[[_Said], _Meant], said: _Said) -> _Meant: ...
@overload
def _understand(key: str, read: Callable[[_Said], _Meant], said: _Said | None) -> _Meant | None: ...
def _understand(key: str, read: Callable[[_Said], _Meant], said: _Said | None) -> _Meant | None:
    try:
        return None if said is None else read(said)
    except Refused as refused:
        raise Misunderstood(key, refused) from None


_REAL_TIME = re.compile(r"(?:SIG)?(?:RTMIN\+(\d{1,2})|RTMAX-(\d{1,2}))", re.ASCII)


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


def parse_priority(said: str | int) -> int:
    """Return a priority: a whole number.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    try:
        priority = int(said)
    except ValueError:
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is not a priority", "write a whole number such as 10 or -5") from None
    check_priority(priority)
    return priority


def signal_names() -> dict[str, int]:
    """Return the signals of this machine: their numbers by name, without SIG."""
    return {name.removeprefix("SIG"): number.value for name, number in signal.Signals.__members__.items()}


def _name(said: str) -> str:
    if said and (problem := name_problem(said)):
        raise Refused(Code.INVALID_ARGUMENT, problem)
    return said


def label_pairs(said: Iterable[str] | Mapping[str, str]) -> dict[str, str]:
    """Return labels as a table; the last value of a label counts.

    Raises `Misunderstood`.
    """
    return dict(said) if isinstance(said, Mapping) else _understand("labels", lambda items: dict(map(_label, items)), said)


def read_env(said: Iterable[str] | Mapping[str, str] | None, caller: Mapping[str, str]) -> Variables:
    """Return the variables of `env`; those of the caller are taken by name or pattern.

    Raises `Misunderstood`.
    """
    return _understand("env", partial(read_variables, caller=caller), said or ())


def variables_of(wishes: Wishes) -> Variables:
    """Return all variables that the options ask for, with those of this process.

    Raises `Misunderstood`.
    """
    caller = of_this_process() if wishes.env_all or not isinstance(wishes.env, Mapping) else {}
    return merge([find(caller), read_env(wishes.env, caller)] if wishes.env_all else [read_env(wishes.env, caller)])


def _labels(said: Iterable[str] | Mapping[str, str]) -> tuple[tuple[str, str], ...]:
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


def _pairs(variables: Variables) -> tuple[tuple[bytes, bytes], ...]:
    return _understand("env", lambda table: tuple((to_bytes(name), to_bytes(value)) for name, value in table.items()), as_table(variables))


# At the beginning of a working folder: the home of the job, not of the caller.
_HOME = re.compile(r"(?:~|\$HOME|\$\{HOME\})(?=/|\Z)")
_DOLLAR = re.compile(r"(?<!\\)\$")


def _folder(default: str, said: str) -> bytes:
    home = _HOME.match(said)
    rest = said[home.end() :] if home else said
    if _DOLLAR.search(rest):
        what = f"the working folder {said!r} has a $, and no shell expands it; only ~ or $HOME at its beginning means something"
        raise Refused(Code.INVALID_ARGUMENT, what, r"write the path itself, and \$ for a $ in the name of a folder")
    if said.startswith("~") and not home:
        what = f"the working folder {said!r} begins with ~, and only ~ itself and ~/... are expanded"
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


def _read(beside: Path, said: str | bytes) -> bytes:
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
            "put it in a file on the worker's machine and pass its name as an argument",
        )
    return data
