"""The syntax of nice value, umask and limits of a job's processes. Knows no option."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from operator import index

from ....schemas.jobs.process_limits import SIZES, ResourceLimit, check_nice, refuse_unknown
from ....schemas.refusal import Code, Refused
from ....schemas.text.durations import parse_duration
from ....schemas.text.patterns import pattern
from ....schemas.text.sizes import parse_size
from .option_values import parse_whole, understand

Limit = str | int | None | Sequence[str | int | None]
_UMASK = pattern(r"(?:0o?)?[0-7]{1,3}", re.ASCII)
_UNLIMITED = "unlimited"
# As resource.RLIM_INFINITY.
_INFINITY = -1


def parse_nice(said: str | int) -> int:
    """Return a nice value.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    nice = parse_whole(said, "a nice value")
    check_nice(nice)
    return nice


def parse_umask(said: str | int) -> int:
    """Return a umask: octal digits, `027`; or the number itself, as `os.umask` takes it.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    if isinstance(said, int):
        return said
    if not _UMASK.fullmatch(said.strip()):
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is not a umask", "write it in octal digits: 027")
    return int(said.strip().removeprefix("0o"), 8)


def limit_pairs(said: Iterable[str] | Mapping[str, Limit]) -> dict[str, Limit]:
    """Return limits as a table; the last value of a limit counts.

    Raises `Misunderstood`.
    """
    return dict(said) if isinstance(said, Mapping) else understand("rlimits", lambda items: dict(map(_pair, items)), said)


def read_limits(said: Iterable[str] | Mapping[str, Limit]) -> tuple[ResourceLimit, ...]:
    """Return limits: `SOFT:HARD` for each, or one value for both, as in prlimit(1); `unlimited`; sizes such as `64M`.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    return tuple(_limit(name.strip().lower().removeprefix("rlimit_"), value) for name, value in limit_pairs(said).items())


def _pair(item: str) -> tuple[str, Limit]:
    name, is_set, value = item.partition("=")
    if not is_set:
        raise Refused(Code.INVALID_ARGUMENT, f"the limit {item!r} has no value", "write it like nofile=4096 or core=unlimited")
    return name, value


def _limit(name: str, value: Limit) -> ResourceLimit:
    refuse_unknown(name)
    parts: Sequence[str | int | None] = value.split(":") if isinstance(value, str) else value if isinstance(value, Sequence) else (value,)
    if len(parts) not in {1, 2}:
        raise Refused(Code.INVALID_ARGUMENT, f"the limit {name} has {len(parts)} values", f"write it {name}=SOFT:HARD, or one for both")
    numbers = [_number(name, part) for part in parts]
    return ResourceLimit(name, numbers[0], numbers[-1])


def _number(name: str, said: str | int | None) -> int | None:
    if said is None or said == _INFINITY or (isinstance(said, str) and said.strip().lower() in {_UNLIMITED, "infinity", "-1"}):
        return None
    if isinstance(said, bool):
        raise TypeError(f"the limit {name} must be a number or a text, not bool")
    try:
        # numpy has integers of its own.
        said = said if isinstance(said, str) else index(said)
        if name in SIZES:
            return parse_size(said)
        return -(-parse_duration(said) // 1000) if name == "cpu" else parse_whole(said, "a number")
    except (Refused, ValueError, TypeError):
        kind = "a size such as 64M" if name in SIZES else "a time such as 60 or 10m" if name == "cpu" else "a whole number"
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is not a limit {name}", f"write {kind}, or unlimited") from None
