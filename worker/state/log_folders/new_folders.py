"""Create the folders of attempts that are to start, with what the supervisor needs for that: `job` files, standard inputs and keys."""

# pathlib is slower than what is done here, at each start.
# ruff: noqa: PTH102, PTH103, PTH120
from __future__ import annotations

import contextlib
import os
from operator import attrgetter

import msgspec

from ....schemas.naming import AttemptKey, JobKey
from ..small_files import to_json, write_file
from .folders import FOLDER_MODE, VERSION, handle, intent_path, job_folder, key_path, work_beside
from .job_files import WANTS, write_limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ....broker.engine import Launch
    from ....schemas.jobs.spec import JobSpec

# The fields that are written only if they are not false, 0 or empty, or only if they are not None.
_IF_TRUE = ("linger", "feed", "held", "stderr_to_stdout", "priority", "rlimits", "on", "not_on")
_IF_SET = ("output_limit_bytes", "terminal", "start_at_us", "start_in_ms", "not_after_us", "not_after_ms", "memory_bytes", "nice", "umask")
_values_if_true, _values_if_set = attrgetter(*_IF_TRUE), attrgetter(*_IF_SET)
_NOTHING_SET = (None,) * len(_IF_SET)
_encode = msgspec.json.Encoder().encode


def write_intent(logs: str, launch: Launch, *, directory: bytes, grace_ms: int) -> bytes:
    """Write a job's intent to the disk, before the supervisor is told to start it; replaces an incomplete one.

    Return the content of its `job` file; empty if further files have to be read.

    `directory` and `grace_ms` are the values for a spec that does not set them.
    """
    folder = intent_path(logs, handle(launch.key))
    starter = (launch.started_by, launch.depth)
    text = write_folder(
        folder,
        launch.key,
        launch.spec,
        launch.rerun_of,
        directory=directory,
        grace_ms=grace_ms,
        gpus=launch.gpus,
        starter=starter,
    )
    if launch.key_text:
        write_key(key_path(logs, handle(launch.key)), launch.key_text)
    if launch.changed_limit_ms is None:
        return text
    write_limit(folder, launch.changed_limit_ms)
    return b""


def write_key(path: str, text: bytes) -> None:
    """Write the key file of a job, readable only by its user, atomically.

    Raises OSError.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(os.path.dirname(path), FOLDER_MODE)
    write_file(f"{path}.new", text)
    os.rename(f"{path}.new", path)  # noqa: PTH104 -- pathlib is not light


def write_folder(
    folder: str,
    key: AttemptKey,
    spec: JobSpec,
    rerun_of: JobKey | None,
    *,
    directory: bytes,
    grace_ms: int,
    gpus: tuple[str, ...] = (),
    starter: tuple[bytes, int] = (b"", 0),
) -> bytes:
    """Create a folder with the `job` file, whose content is returned, and the standard input.

    `starter`: the job that started it, and how many levels of jobs did before.
    """
    try:
        os.mkdir(folder, FOLDER_MODE)
    except FileExistsError:
        pass
    except FileNotFoundError:
        # Somebody removed all logs.
        os.makedirs(folder, FOLDER_MODE, exist_ok=True)
    if spec.stdin is not None:
        write_file(f"{folder}/stdin", spec.stdin)
    text = _job_text(folder, key, spec, rerun_of, directory, grace_ms, gpus=gpus, starter=starter)
    write_file(f"{folder}/job", text)
    return text


def replace_job(folder: str, key: AttemptKey, spec: JobSpec, rerun_of: JobKey | None, *, directory: bytes, grace_ms: int) -> None:
    """Write the `job` file of a restored folder, replacing whatever has its name. Nothing else is touched: the job may be running.

    Raises OSError.
    """
    write_file(f"{folder}/.job", _job_text(folder, key, spec, rerun_of, directory, grace_ms))
    os.rename(f"{folder}/.job", f"{folder}/job")  # noqa: PTH104 -- pathlib is not light


def _job_text(
    folder: str,
    key: AttemptKey,
    spec: JobSpec,
    rerun_of: JobKey | None,
    directory: bytes,
    grace_ms: int,
    *,
    gpus: tuple[str, ...] = (),
    starter: tuple[bytes, int] = (b"", 0),
) -> bytes:
    own = f"{job_folder(work_beside(os.path.dirname(folder)), key)}/{key.attempt}" if spec.files or spec.outputs else ""
    fields: dict[str, object] = {
        "version": VERSION,
        "owner": key.owner.hex(),
        "id": key.id.hex(),
        "attempt": key.attempt,
        "argv": [argument.decode("utf-8", "surrogateescape") for argument in spec.argv],
        "environment": [(_text(name), _text(value)) for name, value in spec.environment] if spec.environment else (),
        "directory": _text(spec.directory or (os.fsencode(own) if own else directory)),
        "has_stdin": spec.stdin is not None,
        "name": spec.name,
        "labels": spec.labels,
        "time_limit_ms": spec.time_limit_ms,
        "stop_signal": int(spec.stop_signal),
        "grace_ms": grace_ms if spec.grace_ms is None else spec.grace_ms,
        "left_open": [*(() if spec.directory else ("directory",)), *(("grace_ms",) if spec.grace_ms is None else ())],
    }
    # Most jobs have none of the following. What is not written need not be read either, at each start.
    if any(values := _values_if_true(spec)):
        fields |= {name: value for name, value in zip(_IF_TRUE, values, strict=True) if value}
    if (values := _values_if_set(spec)) != _NOTHING_SET:
        fields |= {name: value for name, value in zip(_IF_SET, values, strict=True) if value is not None}
    if spec.retry is not None:
        fields["retry"] = (spec.retry.most, spec.retry.delay_ms, spec.retry.backoff, spec.retry.on_exit)
    if rerun_of is not None:
        fields["rerun_of"] = {"owner": rerun_of.owner.hex(), "id": rerun_of.id.hex()}
    if spec.after:
        fields["after"] = [(int(one.condition), one.job.hex(), one.run.hex(), one.name) for one in spec.after]
    wants = (spec.cpus, spec.gpus, spec.resources, spec.only_one, gpus)
    if any(wants):
        fields |= zip(WANTS, wants, strict=True)
    if starter[0] or spec.may_submit:
        fields |= _starter_fields(folder, key, spec, starter)
    if own:
        fields |= {
            "job_folder": own,
            "files": [(_text(file.path), file.digest.hex(), file.size, int(file.kind), file.mode) for file in spec.files],
            "outputs": [_text(path) for path in spec.outputs],
        }
    return _in_ascii(fields)


def _in_ascii(fields: dict[str, object]) -> bytes:
    # The module json takes ten times as long, at each start; but it can write everything so, also what is not text.
    try:
        text = _encode(fields)
    except UnicodeEncodeError:
        return to_json(fields).encode()
    return text if text.isascii() else to_json(fields).encode()


def _starter_fields(folder: str, key: AttemptKey, spec: JobSpec, starter: tuple[bytes, int]) -> dict[str, object]:
    """Return the fields that say which job started it, and whether it may start jobs; most jobs have none."""
    fields: dict[str, object] = {"started_by": starter[0].hex(), "depth": starter[1]} if starter[0] else {}
    return fields | {"key_file": key_path(os.path.dirname(folder), handle(key))} if spec.may_submit else fields


def _text(data: bytes) -> str:
    # Not os.fsdecode: worker and supervisor may have different locales.
    return data.decode("utf-8", "surrogateescape")
