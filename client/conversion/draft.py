"""A batch file under construction, and its text: TOML that `read_batch` accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ...schemas.naming import name_problem
from ...schemas.refusal import Code, Refused
from ..batch.expansion.placeholders import Text, compile_text
from ..batch.expansion.ranges import parse_range
from ..batch.octets import to_bytes

Value: TypeAlias = "str | int | bool | Sequence[Value] | Mapping[str, Value]"
Table: TypeAlias = "dict[str, Value]"

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.+-]")
_LONGEST_NAME = 60
# What a basic string cannot have as it is: see "String" of the TOML specification.
_ESCAPES = {"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r", '"': r"\"", "\\": r"\\"}
_TO_ESCAPE = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029]')
# As compile_text of placeholders.py reads them.
_BRACES = re.compile(r"\$\{[^{}]*\}|(\{+)(?=[^\W\d][\w-]*(?:\.[\w-]+)*\})")
_FEWEST_OF_A_RANGE = 4
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_MOST_DIGITS = 9
_SHORT = 100


@dataclass(slots=True)
class Draft:
    """The tables of a batch file. In a job with `for_each`, literal texts are escaped with `literal`."""

    head: Table = field(default_factory=dict)
    defaults: Table = field(default_factory=dict)
    jobs: list[Table] = field(default_factory=list)

    def text(self, comments: Iterable[str]) -> str:
        """Return the file, which begins with comments.

        Raises `Refused(INVALID_ARGUMENT)` for text that is not UTF-8.
        """
        lines = [f"# {comment}".rstrip() for comment in comments]
        jobs = [("[[job]]", job) for table in self.jobs for job in _readable(table)]
        for heading, table in [("[batch]", self.head), ("[defaults]", self.defaults), *jobs]:
            if table:
                lines += ["", heading, *(f"{_key(key)} = {_written(value)}" for key, value in table.items())]
        return "\n".join(lines) + "\n"


def literal(text: str) -> str:
    """Return a text escaped for where placeholders are replaced, so that it stays unchanged."""
    return _BRACES.sub(lambda found: found[1] * 2 if found[1] else found[0], text)


def each(values: Sequence[str]) -> Value:
    """Return values for `for_each`: as a range if they are one."""
    if len(values) >= _FEWEST_OF_A_RANGE and all(value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS for value in values):
        first, step = int(values[0]), int(values[1]) - int(values[0])
        if step and all(value == str(first + place * step) for place, value in enumerate(values)):
            return f"{first}..{values[-1]}" + (f"..{abs(step)}" if abs(step) > 1 else "")
    return list(values)


def name_of(text: str) -> str:
    """Return a valid name for a job or a batch derived from a text; empty if nothing is left."""
    name = _NOT_IN_NAMES.sub("_", text)[:_LONGEST_NAME]
    if not name.strip("_"):
        return ""
    return name if name_problem(name) is None else f"job-{name.lstrip('+-.')}"


def duration_text(seconds: int) -> str:
    """Return a duration as `1d2h30m`."""
    parts = []
    for unit, length in _UNITS:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _readable(job: Table) -> list[Table]:
    """Return a table that the reader accepts: unchanged, unless a text in it is ambiguous, `{{x}}`; then one table per job."""
    values = job.get("for_each")
    if values is None or not any(text.doubtful for text in _templates(job)):
        return [job]
    numbers = parse_range(values) if isinstance(values, str) else None
    made: list[Table] = []
    for index, value in enumerate(numbers.texts() if numbers else values if isinstance(values, Sequence) else ()):
        keys = value if isinstance(value, Mapping) else {}
        known = {f"item.{key}": str(inner) for key, inner in keys.items()} | {"item": str(value)}
        rendered = {key: _rendered(inner, known) for key, inner in job.items() if key != "for_each"}
        name = rendered.get("name")
        made.append({**rendered, "name": f"{name}[{index}]"} if name and name == job.get("name") else rendered)
    return made


def _templates(value: Value) -> Iterator[Text]:
    match value:
        case str():
            if (found := compile_text(value)) is not None:
                yield found
        case Mapping():
            for inner in value.values():
                yield from _templates(inner)
        case Sequence():
            for inner in value:
                yield from _templates(inner)
        case _:
            pass


def _rendered(value: Value, known: Mapping[str, str]) -> Value:
    match value:
        case str():
            return value if (found := compile_text(value)) is None else found.render(known)
        case Mapping():
            return {key: _rendered(inner, known) for key, inner in value.items()}
        case Sequence():
            return [_rendered(inner, known) for inner in value]
        case _:
            return value


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _written(key)


def _written(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _string(value)
        case Mapping():
            return "{ " + ", ".join(f"{_key(key)} = {_written(inner)}" for key, inner in value.items()) + " }"
        case _:
            items = [_written(item) for item in value]
            whole = f"[{', '.join(items)}]"
            if len(whole) <= _SHORT or len(items) < 2:  # noqa: PLR2004 -- one has no neighbour
                return whole
            return "[\n" + "".join(f"    {item},\n" for item in items) + "]"


def _string(text: str) -> str:
    data = to_bytes(text)
    try:
        data.decode()
    except UnicodeDecodeError:
        shown = data.decode(errors="backslashreplace")
        what = f"{shown!r} is not UTF-8, and a batch file is"
        raise Refused(Code.INVALID_ARGUMENT, what, "convert it: iconv -f LATIN1 -t UTF-8") from None
    if text.count("\n") > 1:
        # As a person would write a script. No quote stands beside another one, so that none of them ends the string.
        lines = text.replace("\\", "\\\\").replace('""', '"\\"').split("\n")
        return '"""\n' + "\n".join(_TO_ESCAPE.sub(_escaped_in_lines, line) for line in lines) + '"""'
    return f'"{_TO_ESCAPE.sub(lambda found: _escape(found[0]), text)}"'


def _escaped_in_lines(found: re.Match[str]) -> str:
    return found[0] if found[0] in {'"', "\\", "\t"} else _escape(found[0])


def _escape(char: str) -> str:
    return _ESCAPES.get(char) or f"\\u{ord(char):04x}"
