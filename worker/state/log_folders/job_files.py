"""The `job` file in a log folder: what to run. It is written by new_folders.py; how the job ended: outcomes.py.

The supervisor imports this: nothing heavy may be imported here.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from ....schemas.naming import ID_BYTES, JobKey
from ....schemas.private_parts.light_typing import NamedTuple
from ..small_files import read_file, read_object, write_file
from .folders import is_handle, numbered
from .job_fields import find_wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Of an Ed25519 public key.
_OWNER_BYTES = 32

# The fields about what a job takes; a job that asks for nothing has none of them.
WANTS = ("cpus", "gpus", "resources", "only_one", "handed_out")


class JobFile(NamedTuple):
    """The content of a `job` file. Text is bytes decoded with `surrogateescape`."""

    handle: str
    argv: list[str]
    environment: list[tuple[str, str]]
    directory: str
    has_stdin: bool
    name: str
    labels: list[tuple[str, str]]
    time_limit_ms: int | None
    stop_signal: int
    grace_ms: int
    output_limit_bytes: int | None = None
    linger: bool = False
    # The folder of this attempt; empty if it has none.
    job_folder: str = ""
    # Path, digest in hex, size, kind and mode of each.
    files: tuple[tuple[str, str, int, int, int], ...] = ()
    outputs: tuple[str, ...] = ()
    # The fields that the spec did not set: their values are the worker's defaults.
    left_open: tuple[str, ...] = ()
    rerun_of: JobKey | None = None
    # Its standard input arrives as a stream.
    feed: bool = False
    # Rows and columns of its terminal at first; None: it has none.
    terminal: tuple[int, int] | None = None
    priority: int = 0
    held: bool = False
    # Its stdout and stderr are one pipe.
    stderr_to_stdout: bool = False
    # The conditions under which it starts: each condition, the ids of a job and of a run in hex, and a name.
    after: tuple[tuple[int, str, str, str], ...] = ()
    memory_bytes: int | None = None
    nice: int | None = None
    umask: int | None = None
    # Name, soft and hard limit of each; None: unlimited.
    rlimits: tuple[tuple[str, int | None, int | None], ...] = ()
    # What it takes, and the ids of the GPUs that it was handed out.
    cpus: int = 0
    gpus: int = 0
    resources: tuple[tuple[str, int], ...] = ()
    only_one: str = ""
    # The labels that it asks of a worker.
    on: tuple[str, ...] = ()
    not_on: tuple[str, ...] = ()
    handed_out: tuple[str, ...] = ()
    start_at_us: int | None = None
    start_in_ms: int | None = None
    not_after_us: int | None = None
    not_after_ms: int | None = None
    # The time limit that was set later, 0: none. None: that of the spec counts.
    changed_limit_ms: int | None = None
    # Of its retries: how many, the delay before the first in milliseconds, its factor, and the exit statuses. None: there are none.
    retry: tuple[int, int, float, tuple[int, ...]] | None = None
    # It may start jobs, with the key in this file; empty: it may not.
    key_file: str = ""
    # The id of the job that started it, and how many jobs started each other before it.
    started_by: bytes = b""
    depth: int = 0

    @property
    def has_attributes(self) -> bool:
        """Whether its processes need attributes that posix_spawn cannot set."""
        return bool(self.rlimits) or self.nice is not None or self.umask is not None

    @property
    def limit_ms(self) -> int | None:
        """The time limit in force; None: none."""
        return self.time_limit_ms if self.changed_limit_ms is None else self.changed_limit_ms or None


def read_job(folder: str) -> JobFile:
    """Return the content of the `job` file of a folder.

    Raises OSError if there is none, ValueError if it is damaged.
    """
    try:
        fields = read_object(f"{folder}/job")
        if wrong := find_wrong(fields):
            raise ValueError(f"job is damaged: {wrong} is {fields[wrong]!r:.100}")
        file = job_of(fields, _read_limit(folder))
        if not is_handle(file.handle):
            raise ValueError(f"job is damaged: {file.handle!r:.200} is not the handle of a job")
    except ValueError as error:
        raise ValueError(f"{folder}/{error}") from None
    return file


def job_of(fields: dict[str, Any], changed_limit_ms: int | None = None) -> JobFile:
    """Return the content for the members of a `job` file. `changed_limit_ms`: see `JobFile`.

    Raises ValueError if it is damaged.
    """
    try:
        return JobFile(
            handle=numbered(f"{fields['id']}.{fields['owner']}", _attempt_of(fields)),
            argv=fields["argv"],
            environment=fields["environment"],
            directory=fields["directory"],
            has_stdin=fields["has_stdin"],
            name=fields["name"],
            labels=fields["labels"],
            time_limit_ms=fields["time_limit_ms"],
            stop_signal=fields["stop_signal"],
            grace_ms=fields["grace_ms"],
            changed_limit_ms=changed_limit_ms,
            **{name: read(fields[name]) for name, read in _OF_SOME if name in fields},
            **_wants_of(fields),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"job is damaged: {error!r}") from None


def write_limit(folder: str, limit_ms: int) -> None:
    """Store a time limit that replaces the one in the spec; 0: none.

    Raises OSError.
    """
    write_file(f"{folder}/.time_limit", b"%d" % limit_ms)
    os.rename(f"{folder}/.time_limit", f"{folder}/time_limit")  # noqa: PTH104 -- pathlib is not light


def _read_limit(folder: str) -> int | None:
    path = f"{folder}/time_limit"
    # Asked first, as hardly any job has it: an exception at each start would cost several times as much.
    if not os.access(path, os.F_OK):
        return None
    try:
        return max(0, int(read_file(path)))
    except (OSError, ValueError):
        return None


def _attempt_of(fields: dict[str, Any]) -> int:
    # Missing if an earlier version wrote it, which knew one attempt. A bool does not count as a number.
    attempt = fields.get("attempt", 1)
    if type(attempt) is not int or attempt < 1:
        raise ValueError(f"attempt {attempt!r:.100}")
    return attempt


def _same(field: Any) -> Any:
    return field


def _number_of(field: Any) -> int | None:
    if field is not None and type(field) is not int:
        raise ValueError(f"{field!r:.100} is not a number")
    return field


def _depth_of(field: Any) -> int:
    return _number_of(field) or 0


def _texts_of(field: list[str]) -> tuple[str, ...]:
    return tuple(field)


def _tuples_of(field: list[list[Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, field))


def _rlimits_of(field: list[list[Any]]) -> tuple[tuple[str, int | None, int | None], ...]:
    return tuple((str(name), soft, hard) for name, soft, hard in field)


def _key_of(field: dict[str, str] | None) -> JobKey | None:
    if field is None:
        return None
    key = JobKey(bytes.fromhex(field["owner"]), bytes.fromhex(field["id"]))
    if (len(key.owner), len(key.id)) != (_OWNER_BYTES, ID_BYTES):
        raise ValueError(f"rerun_of {field!r:.100}")
    return key


def _wants_of(fields: dict[str, Any]) -> dict[str, Any]:
    if "cpus" not in fields:
        return {}
    said = {name: fields[name] for name in WANTS}
    resources = tuple((str(name), int(amount)) for name, amount in said["resources"])
    return said | {"resources": resources, "handed_out": tuple(map(str, said["handed_out"]))}


def _terminal_of(field: list[Any] | None) -> tuple[int, int] | None:
    if field is None:
        return None
    rows, columns = map(int, field)
    return rows, columns


def _retry_of(field: list[Any] | None) -> tuple[int, int, float, tuple[int, ...]] | None:
    if field is None:
        return None
    most, delay_ms, backoff, on_exit = field
    return int(most), int(delay_ms), float(backoff), tuple(map(int, on_exit))


# The fields that a file need not have, and how they are read. An earlier version wrote some of them for each job, and does not know others.
_OF_SOME: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("left_open", _texts_of),
    ("output_limit_bytes", _same),
    ("linger", _same),
    ("job_folder", _same),
    ("files", _tuples_of),
    ("outputs", _texts_of),
    ("rerun_of", _key_of),
    ("feed", _same),
    ("terminal", _terminal_of),
    ("priority", _same),
    ("held", _same),
    ("stderr_to_stdout", _same),
    ("after", _tuples_of),
    ("memory_bytes", _number_of),
    ("nice", _number_of),
    ("umask", _number_of),
    ("rlimits", _rlimits_of),
    ("on", _texts_of),
    ("not_on", _texts_of),
    ("start_at_us", _same),
    ("start_in_ms", _same),
    ("not_after_us", _same),
    ("not_after_ms", _same),
    ("retry", _retry_of),
    ("key_file", str),
    ("started_by", bytes.fromhex),
    ("depth", _depth_of),
)


def to_bytes(text: str) -> bytes:
    """Return the bytes of a text in a `job` file."""
    return text.encode("utf-8", "surrogateescape")
