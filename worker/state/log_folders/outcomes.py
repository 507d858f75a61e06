"""The `outcome` file in a log folder: how a job ended.

The supervisor imports this: nothing heavy may be imported here.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from ....schemas.private_parts.light_typing import NamedTuple
from ...wire.words import Kind
from ..small_files import read_object, write_file
from .folders import VERSION

_TEXTS = ("kind", "sentence", "stdout_problem", "stderr_problem", "stdin_problem")
# Of those that tell how it ended; what it used is left out where it cannot be.
_NUMBERS = ("exit_status", "signal", "pid", "started_at_us", "ended_at_us", "stdout_bytes", "stderr_bytes", "ended_passed_us")
# What the wire and the store can hold, and a date.
_BELOW = {**dict.fromkeys(("exit_status", "signal", "pid"), 1 << 31), **dict.fromkeys(("started_at_us", "ended_at_us"), 1 << 57)}
_quote = json.encoder.encode_basestring_ascii


class OutcomeFile(NamedTuple):
    """The content of an `outcome` file; the attributes are named as its keys.

    Without what the kernel reports only when the leader is reaped, which happens after this is written.
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
    stdin_problem: str = ""
    # The keys of the following are missing if it is not known.
    cpu_us: int = 0
    peak_memory_bytes: int = 0
    read_bytes: int = -1
    written_bytes: int = -1
    # When it ended on CLOCK_BOOTTIME, which nobody sets.
    ended_passed_us: int = 0


def outcome_text(outcome: OutcomeFile) -> str:
    """Return the text of an outcome's file: one JSON object."""
    used = f',"cpu_us":{outcome.cpu_us}' if outcome.cpu_us else ""
    if outcome.peak_memory_bytes:
        used += f',"peak_memory_bytes":{outcome.peak_memory_bytes}'
    if outcome.read_bytes >= 0:
        used += f',"read_bytes":{outcome.read_bytes},"written_bytes":{outcome.written_bytes}'
    if outcome.ended_passed_us:
        used += f',"ended_passed_us":{outcome.ended_passed_us}'
    # Without an encoder, which would take as long as writing the file, at the end of each job.
    return (
        f'{{"version":{VERSION},"kind":{_quote(outcome.kind)},"exit_status":{outcome.exit_status},"signal":{outcome.signal},'
        f'"sentence":{_quote(outcome.sentence)},"pid":{outcome.pid},'
        f'"started_at_us":{outcome.started_at_us},"ended_at_us":{outcome.ended_at_us},'
        f'"stdout_bytes":{outcome.stdout_bytes},"stderr_bytes":{outcome.stderr_bytes},'
        f'"stdout_problem":{_quote(outcome.stdout_problem)},"stderr_problem":{_quote(outcome.stderr_problem)},'
        f'"stdin_problem":{_quote(outcome.stdin_problem)}{used}}}'
    )


def write_outcome(folder: str, text: str) -> None:
    """Write the `outcome` file."""
    write_file(f"{folder}/outcome", text.encode())


def read_outcome(folder: str, unread: Callable[[OSError], object] | None = None) -> OutcomeFile | None:
    """Return the content of the `outcome` file of a folder; None if there is none, or if it is incomplete or damaged.

    If it exists and cannot be read, `unread` is called, and None is returned.
    """
    try:
        fields = read_object(f"{folder}/outcome")
        said = {name: fields[name] for name in OutcomeFile._fields if name in fields}
        # Not isinstance: a bool does not count as a number.
        if not all(type(value) is (str if name in _TEXTS else int) for name, value in said.items()):
            return None
        if not all(0 <= said.get(name, 0) < _BELOW.get(name, 1 << 63) for name in _NUMBERS):
            return None
        # Half a character (a surrogate), which JSON can have, is a ValueError.
        "".join(said.get(name, "") for name in _TEXTS).encode()
        if said["kind"] == Kind.EXITED and "exit_status" not in said:
            return None
        return OutcomeFile(**said)
    except OSError as error:
        if unread is not None and not isinstance(error, FileNotFoundError):
            unread(error)
        return None
    except (KeyError, TypeError, ValueError):
        return None
