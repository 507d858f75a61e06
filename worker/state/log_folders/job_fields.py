"""Valid values of the fields in a `job` file. A file with any other value is damaged, by a person or by the disk.

Checked when a file is read, because all later code relies on it: a supervisor that met an invalid value later would die of it, and so would
the next one. Fields that a worker sends with a start are not checked again.

The supervisor imports this: nothing heavy may be imported here.
"""

from __future__ import annotations

from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Check = Callable[[Any], bool]

# What the wire, the store and the kernel can hold.
_BELOW = 1 << 63
_PAIR, _TRIPLE = 2, 3
_LARGEST_SIGNAL = 64
_LARGEST_UMASK = 0o777
# Of a terminal, see ioctl_tty(2).
_MOST_LINES = 1 << 16


def find_wrong(fields: dict[str, Any]) -> str:
    """Return the name of an invalid field; empty if all are valid. Unknown fields of later versions are skipped."""
    return next((name for name, can_be in _CAN_BE.items() if name in fields and not can_be(fields[name])), "")


def _is_flag(value: Any) -> bool:
    return type(value) is bool


def _is_text(value: Any) -> bool:
    if type(value) is not str:
        return False
    try:
        # Half a character (a surrogate), which JSON can have, is a byte of no text, or nothing.
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _is_number(least: int, below: int = _BELOW) -> Check:
    # Not isinstance: a bool does not count as a number.
    return lambda value: type(value) is int and least <= value < below


def _is_list_of(can_be: Check) -> Check:
    return lambda value: type(value) is list and all(map(can_be, value))


def _or_none(can_be: Check) -> Check:
    return lambda value: value is None or can_be(value)


def _is_pair_of_texts(value: Any) -> bool:
    return type(value) is list and len(value) == _PAIR and all(map(_is_text, value))


def _is_size(value: Any) -> bool:
    return type(value) is list and len(value) == _PAIR and all(map(_is_number(1, _MOST_LINES), value))


def _is_limit(value: Any) -> bool:
    return type(value) is list and len(value) == _TRIPLE and _is_text(value[0]) and all(map(_or_none(_is_number(0)), value[1:]))


_is_natural = _is_number(0)
_are_texts = _is_list_of(_is_text)
_are_pairs = _is_list_of(_is_pair_of_texts)

# Those that are not here are checked where they are converted, in job_files.py.
_CAN_BE: dict[str, Check] = {
    "argv": lambda value: _are_texts(value) and bool(value),
    "environment": _are_pairs,
    "directory": _is_text,
    "has_stdin": _is_flag,
    "name": _is_text,
    "labels": _are_pairs,
    "time_limit_ms": _or_none(_is_natural),
    "stop_signal": _is_number(1, _LARGEST_SIGNAL + 1),
    "grace_ms": _is_natural,
    "left_open": _are_texts,
    "output_limit_bytes": _or_none(_is_natural),
    "linger": _is_flag,
    "feed": _is_flag,
    "held": _is_flag,
    "stderr_to_stdout": _is_flag,
    "terminal": _or_none(_is_size),
    "priority": _is_number(-_BELOW),
    "job_folder": _is_text,
    "outputs": _are_texts,
    "memory_bytes": _or_none(_is_natural),
    "nice": _or_none(_is_number(-_BELOW)),
    "umask": _or_none(_is_number(0, _LARGEST_UMASK + 1)),
    "rlimits": _is_list_of(_is_limit),
    "on": _are_texts,
    "not_on": _are_texts,
    "start_at_us": _or_none(_is_natural),
    "start_in_ms": _or_none(_is_natural),
    "not_after_us": _or_none(_is_natural),
    "not_after_ms": _or_none(_is_natural),
    "key_file": _is_text,
}
