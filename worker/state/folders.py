"""The log folders: their paths, the `job` and `outcome` files in them, and finding that of a run.

    STATE/logs/.new-<handle>/                 an intent: accepted, not started
    STATE/logs/<pid>_<start>/                 while it runs
    STATE/logs/<pid>_<start>_<end>/           after it ended (the pid may be used again); pid 0 where it could not be started

A job's handle is `<id>.<owner>` in hex: one word for its key, in folder names and on the link between worker and supervisor.

Used by the worker's engine and by the supervisor, which is kept small: nothing heavy may be imported here. Nothing is synced to the disk
here either; what must survive power loss stands in the desk's store.
"""

# pathlib would cost the supervisor a megabyte, and each start some microseconds.
# ruff: noqa: PTH102, PTH103, PTH106, PTH108, PTH112, PTH208
from __future__ import annotations

import contextlib
import errno
import json
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ...schemas.naming import JobKey, format_folder, format_time, parse_folder

if TYPE_CHECKING:
    from ...broker.engine import Launch
    from ...schemas.spec import JobSpec

INTENT_PREFIX = ".new-"
# A link to the folder of a job that ended, into whose pipes something may still write.
LINGERS_PREFIX = ".lingers-"
STREAMS = ("stdout", "stderr")
FOLDER_MODE = 0o700
FILE_MODE = 0o600
VERSION = 1
# The disk is full, or became read-only. Nothing tells when it can be written to again, so what failed is tried again so often.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
RETRY_SECONDS = 1.0

_HANDLE = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})")
_PART_BYTES = 65_536
_WRITE_ANEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC

to_json = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().raw_decode
_quote = json.encoder.encode_basestring_ascii


class JobFile(NamedTuple):
    """What the `job` file says. Text stands for bytes, decoded with `surrogateescape`."""

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
    # Which of the fields the spec did not say: what stands there is the worker's own choice.
    left_open: tuple[str, ...] = ()


class OutcomeFile(NamedTuple):
    """What the `outcome` file says; the names are those of its keys.

    Without the resources used: they are known only after the leader was reaped, and that comes after this is written.
    """

    kind: str
    exit_status: int = 0
    signal: int = 0
    sentence: str = ""
    pid: int = 0
    started_at_us: int = 0
    ended_at_us: int = 0
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    stdout_problem: str = ""
    stderr_problem: str = ""


def handle(key: JobKey) -> str:
    """Write a job's key as one word."""
    return f"{key.id.hex()}.{key.owner.hex()}"


def key_of(handle: str) -> JobKey:
    """Read what `handle` wrote.

    Raises ValueError for anything else.
    """
    found = _HANDLE.fullmatch(handle)
    if found is None:
        raise ValueError(f"{handle!r:.200} is not the handle of a job")
    return JobKey(bytes.fromhex(found[2]), bytes.fromhex(found[1]))


def is_handle(text: str) -> bool:
    """Tell whether `handle` wrote this."""
    return _HANDLE.fullmatch(text) is not None


def intent_path(logs: str, handle: str) -> str:
    """Say where the intent of a job lies."""
    return f"{logs}/{INTENT_PREFIX}{handle}"


def remove_intent(logs: str, handle: str) -> None:
    """Remove the intent of a job that will not be started, if there is one."""
    folder = intent_path(logs, handle)
    # Where it cannot be removed it stays, and does no harm.
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            os.unlink(f"{folder}/{name}")
        os.rmdir(folder)


def lingers_path(logs: str, handle: str) -> str:
    """Say where it is noted that something of a job that ended may still write."""
    return f"{logs}/{LINGERS_PREFIX}{handle}"


def run_path(logs: str, pid: int, started_at_us: int, ended_at_us: int = 0) -> str:
    """Say where the folder of a run lies; without an end while it runs."""
    return f"{logs}/{format_folder(pid, started_at_us, ended_at_us)}"


def write_intent(logs: str, launch: Launch, *, directory: bytes, grace_ms: int) -> None:
    """Put a job's intent on disk, before the supervisor is told to start it; a half-written one is written anew.

    `directory` and `grace_ms` are what counts where the spec leaves them open.
    """
    write_folder(intent_path(logs, handle(launch.key)), launch.key, launch.spec, directory=directory, grace_ms=grace_ms)


def write_folder(folder: str, key: JobKey, spec: JobSpec, *, directory: bytes, grace_ms: int) -> None:
    """Make a folder with the `job` file, and what is read as standard input."""
    with contextlib.suppress(FileExistsError):
        try:
            os.mkdir(folder, FOLDER_MODE)
        except FileNotFoundError:
            # Somebody has removed all logs.
            os.makedirs(folder, FOLDER_MODE)
    if spec.stdin is not None:
        write_file(f"{folder}/stdin", spec.stdin)
    fields = {
        "version": VERSION,
        "owner": key.owner.hex(),
        "id": key.id.hex(),
        "argv": [_text(argument) for argument in spec.argv],
        "environment": [(_text(name), _text(value)) for name, value in spec.environment],
        "directory": _text(spec.directory or directory),
        "has_stdin": spec.stdin is not None,
        "name": spec.name,
        "labels": spec.labels,
        "time_limit_ms": spec.time_limit_ms,
        "stop_signal": int(spec.stop_signal),
        "grace_ms": grace_ms if spec.grace_ms is None else spec.grace_ms,
        "output_limit_bytes": spec.output_limit_bytes,
        "linger": spec.linger,
        "left_open": [*(() if spec.directory else ("directory",)), *(("grace_ms",) if spec.grace_ms is None else ())],
    }
    write_file(f"{folder}/job", to_json(fields).encode())


def read_job(folder: str) -> JobFile:
    """Read the `job` file of a folder.

    Raises OSError where there is none, ValueError where it is broken.
    """
    fields = read_object(f"{folder}/job")
    try:
        return JobFile(
            handle=f"{fields['id']}.{fields['owner']}",
            argv=fields["argv"],
            environment=fields["environment"],
            directory=fields["directory"],
            has_stdin=fields["has_stdin"],
            name=fields["name"],
            labels=fields["labels"],
            time_limit_ms=fields["time_limit_ms"],
            stop_signal=fields["stop_signal"],
            grace_ms=fields["grace_ms"],
            # Not there in what an earlier version wrote.
            output_limit_bytes=fields.get("output_limit_bytes"),
            linger=fields.get("linger", False),
            left_open=tuple(fields.get("left_open", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder}/job is broken: {error!r}") from None


_OUTCOME_TEXTS = ("kind", "sentence", "stdout_problem", "stderr_problem")


def outcome_text(outcome: OutcomeFile) -> str:
    """Write an outcome as it stands in its file: one JSON object."""
    # Not by an encoder, which would take as long as writing the file: this is done at the end of each job.
    return (
        f'{{"version":{VERSION},"kind":{_quote(outcome.kind)},"exit_status":{outcome.exit_status},"signal":{outcome.signal},'
        f'"sentence":{_quote(outcome.sentence)},"pid":{outcome.pid},'
        f'"started_at_us":{outcome.started_at_us},"ended_at_us":{outcome.ended_at_us},'
        f'"stdout_bytes":{outcome.stdout_bytes},"stderr_bytes":{outcome.stderr_bytes},'
        f'"stdout_problem":{_quote(outcome.stdout_problem)},"stderr_problem":{_quote(outcome.stderr_problem)}}}'
    )


def write_outcome(folder: str, text: str) -> None:
    """Write the `outcome` file."""
    write_file(f"{folder}/outcome", text.encode())


def read_outcome(folder: str) -> OutcomeFile | None:
    """Read the `outcome` file of a folder; None where there is none, or only a beginning of it."""
    try:
        fields = read_object(f"{folder}/outcome")
        said = {name: fields[name] for name in OutcomeFile._fields if name in fields}
        # Not isinstance: a bool is no number here.
        if not all(type(value) is (str if name in _OUTCOME_TEXTS else int) for name, value in said.items()):
            return None
        if said["kind"] == "exited" and "exit_status" not in said:
            return None
        return OutcomeFile(**said)
    except (OSError, KeyError, TypeError, ValueError):
        return None


def find_run(logs: str, pid: int, started_at_us: int, ended_at_us: int = 0) -> str | None:
    """Find the folder of a run by its process and start; the end need not be known. None where there is none."""
    path = run_path(logs, pid, started_at_us, ended_at_us)
    if os.path.isdir(path):
        return path
    if ended_at_us:
        # It may not have been possible to give it its last name.
        path = run_path(logs, pid, started_at_us)
        return path if os.path.isdir(path) else None
    beginning = f"{format_folder(pid, started_at_us)}_"
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(logs):
            if name.startswith(beginning):
                return f"{logs}/{name}"
    return None


def find_ended(logs: str, handles: set[str], since_us: int = 0) -> dict[str, str]:
    """Find the folders of jobs that ended, by handle: the newest are looked at first, until all are found.

    None that started before `since_us` is looked into: a job does not start before it was accepted.
    """
    since = format_time(since_us)
    ended = [
        name
        for name in os.listdir(logs)
        if name.count("_") == 2 and name.split("_")[1] >= since and parse_folder(name) is not None  # noqa: PLR2004 -- pid, start, end
    ]
    # The end is the last part of the name, and times sort as text.
    ended.sort(key=lambda name: name.rpartition("_")[2], reverse=True)
    found: dict[str, str] = {}
    for name in ended:
        if len(found) == len(handles):
            break
        try:
            job = read_job(f"{logs}/{name}")
        except (OSError, ValueError):
            continue
        if job.handle in handles:
            found.setdefault(job.handle, f"{logs}/{name}")
    return found


def write_file(path: str, content: bytes) -> None:
    """Write a whole file that only its owner may read."""
    file = os.open(path, _WRITE_ANEW, FILE_MODE)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(file, view) :]
    finally:
        os.close(file)


def read_file(path: str) -> bytes:
    """Read a whole file: of a disk, or a small one of /proc."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = [os.read(file, _PART_BYTES)]
        # One read is enough for nearly all.
        while len(parts[-1]) == _PART_BYTES:
            parts.append(os.read(file, _PART_BYTES))
        return b"".join(parts)
    finally:
        os.close(file)


def from_json(text: str) -> Any:
    """Read one JSON value. Raises ValueError, or RecursionError for one that is too deep."""
    text = text.strip()
    value, end = _decode(text)
    if end != len(text):
        raise ValueError(f"something follows the JSON value: {text[end:]!r:.100}")
    return value


def read_object(path: str) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises OSError where there is none, ValueError where it is broken.
    """
    found = from_json(read_file(path).decode("ascii"))
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no JSON object")  # noqa: TRY004 -- what was read is wrong, not what was called
    return found


def _text(data: bytes) -> str:
    # Not os.fsdecode: the locale of worker and supervisor need not be the same.
    return data.decode("utf-8", "surrogateescape")


def to_bytes(text: str) -> bytes:
    """Get back what stands for bytes in a `job` file."""
    return text.encode("utf-8", "surrogateescape")
