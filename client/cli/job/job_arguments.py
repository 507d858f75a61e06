"""The description of a job on the command line: COMMAND, `--id`, and an option for each entry of `OPTIONS` in batch/options/definitions.py.

The same options describe all jobs of a batch, except those of one job alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import new_id, parse_id
from ....schemas.private_parts.frozen import replace
from ...batch.octets import as_typed, to_bytes, to_text
from ...batch.options.caller_variables import note_of
from ...batch.options.definitions import FILE_OPTIONS, OPTIONS, Option
from ...batch.options.job_options import Surroundings, Wishes, spec_from, variables_of
from ...batch.options.option_values import Misunderstood
from ...config import contexts
from ...files.current_folder import absolute
from ..exit_status import BadInput
from ..parser.parameters import Argument, Bundle, Parameter, take_bundle
from ..parser.parameters import Option as DeclaredOption
from ..terminal.screen import is_terminal, say
from ..terminal.waiting import Saying

Command = Annotated[list[str] | None, Argument(metavar="COMMAND [ARG]...", help="The program and its arguments; no shell is used.")]
JobId = Annotated[str | None, DeclaredOption("--id", metavar="UUID", help="Id of the job: the same id never starts a second one.")]
OnEach = Annotated[bool, DeclaredOption("--on-each", help="Run it once on each worker of the broker that fits, see --on and --not-on.")]

# Of one job: the name of a batch is in its file, and its jobs cannot share a standard input.
_OF_ONE_JOB = frozenset(("name", "stdin"))
OF_ALL_JOBS = tuple(option for option in (*OPTIONS, *FILE_OPTIONS) if option.key not in _OF_ONE_JOB)


def takes_job_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each entry of `OPTIONS`; their values are passed to it as `wishes`."""
    return _taking((*OPTIONS, *FILE_OPTIONS), verb)


def takes_options_of_all_jobs(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that can apply to all jobs of a batch; their values are passed to it as `wishes`."""
    return _taking(OF_ALL_JOBS, verb)


def _taking(options: Sequence[Option], verb: Callable[..., None]) -> Callable[..., None]:
    take_bundle(verb, Bundle("wishes", tuple(map(_parameter, options)), _wishes))
    return verb


def _wishes(said: Mapping[str, Any]) -> Wishes:
    return Wishes(**{key: value for key, value in said.items() if value is not None})


def _parameter(option: Option) -> Parameter:
    kind: Any = bool | None if option.switch else list[str] | None if option.many else str | None
    return Parameter(option.key, kind, DeclaredOption(*option.flags, metavar=option.placeholder or None, help=option.help))


def job_spec(command: list[str] | None, wishes: Wishes, context: str, *, fetches: bool = False) -> JobSpec:
    """Return a valid spec from the command line, for a job in this context. Reports secrets that are left out.

    `fetches`: whether the command fetches the paths of `--get`.

    Raises BadInput that names the option.
    """
    typed = _as_typed(wishes)
    if typed.script == "-":
        how = "one on standard input is run by: sh -s [ARG]..., of submit with --stdin FILE; a file of that name is ./-"
        raise BadInput(f"--script: a script is sent as a file, and - is none; {how}")
    if not command and not typed.script:
        # -t means a terminal elsewhere.
        is_mistaken = typed.time_limit is not None and not any(map(str.isdigit, str(typed.time_limit)))
        hint = "-t is the time limit; for a terminal, use --tty or -it" if is_mistaken else "see --help"
        if typed.name is not None and not is_mistaken:
            # And -n no input.
            hint = f"-n is the name of the job, here {typed.name!r}; for no standard input, jobwire run has --no-stdin"
        raise BadInput(f"missing argument 'COMMAND [ARG]...', or --script FILE; {hint}")
    spec = _valid(command or [], typed, context, fetches=fetches)
    if note := note_of(variables_of(typed).withheld):
        say(note)
    if spec.name.isdecimal() and is_terminal(2):
        # Of srun, -n is a number.
        say(f"the job is called {spec.name}, as -n is its name; --cpus N takes N slots, jobwire submit --array 1-N makes N jobs")
    if spec.start_at_us is not None or spec.start_in_ms is not None:
        from .private_note import tell_of_start  # noqa: PLC0415 -- few jobs start later

        tell_of_start(context, [spec])
    return spec


def wishes_of_all_jobs(wishes: Wishes, context: str, *, has_file: bool = False) -> Wishes:
    """Return valid options for all jobs of a batch; `has_file`: they are combined with a batch file.

    Raises BadInput that names the option.
    """
    typed = _as_typed(wishes)
    # Names in the batch file are relative to its folder, and these to the current one.
    typed = replace(typed, script=typed.script and _from_here(typed.script), put=[_from_here(said) for said in typed.put])
    # Any program will do. What has placeholders is known only for each job.
    fixed = {option.key: said for option in OF_ALL_JOBS if not _has_placeholder(said := getattr(typed, option.key))}
    # How often jobs are retried may be said in the file.
    of_file = {"retry": "1"} if has_file and typed.retry is None else {}
    _valid(["true"], Wishes(**(fixed | of_file)), context)
    return typed


def _has_placeholder(said: Any) -> bool:
    from ...batch.expansion.placeholders import compile_text  # noqa: PLC0415 -- only where there are many jobs

    return any(isinstance(one, str) and compile_text(one) is not None for one in (said if isinstance(said, list) else [said]))


def _from_here(said: str) -> str:
    return to_text(absolute(to_bytes(said)))


def _valid(command: list[str], typed: Wishes, context: str, *, fetches: bool = False) -> JobSpec:
    flags = {option.key: "/".join(option.flags) for option in (*OPTIONS, *FILE_OPTIONS)}
    try:
        with Saying(lambda: "reading the files of the job") if typed.put or typed.script else nullcontext():
            return spec_from(map(as_typed, command), typed, surroundings(context)._replace(fetches=fetches))
    except Misunderstood as problem:
        flag = flags.get(problem.key, "")
        if problem.key == "time_limit" and typed.time_limit is not None and not any(map(str.isdigit, str(typed.time_limit))):
            # -t means a terminal elsewhere.
            raise BadInput(f"{flag}: {problem}; for a terminal, use --tty or -it") from None
        raise BadInput(f"{flag}: {problem}" if flag else str(problem)) from None


def _as_typed(wishes: Wishes) -> Wishes:
    """Return the options with their text as the bytes that were typed; switches have none."""

    def read(said: Any) -> Any:
        if isinstance(said, str):
            return as_typed(said)
        return [as_typed(item) for item in said] if isinstance(said, list) else said

    return Wishes(**{option.key: read(getattr(wishes, option.key)) for option in (*OPTIONS, *FILE_OPTIONS)})


def surroundings(context: str) -> Surroundings:
    """Return the current folder. Only the private worker shares this machine's folders, so only its jobs run in it."""
    is_here = context == contexts.EMBEDDED
    try:
        here = os.getcwdb()  # noqa: PTH109 -- bytes: it need not be text
    except FileNotFoundError:
        return Surroundings(files=Path(), jobs="." if is_here else "", is_gone=True, read_files={})
    return Surroundings(files=Path(os.fsdecode(here)), jobs=to_text(here) if is_here else "", read_files={})


def id_or_new(typed: str | None) -> bytes:
    """Return the id given with `--id`, of a job or of a run, or a new one.

    Raises BadInput.
    """
    if typed is None:
        return new_id()
    try:
        return parse_id(typed)
    except ValueError:
        raise BadInput(f"--id: {typed!r} is not a UUID; leave it out, or make one with: cat /proc/sys/kernel/random/uuid") from None
