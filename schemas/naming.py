"""How jobs, runs of batches, log folders and signals are named, in bytes and in text.

A job's id is a UUID made by the client. A process is named by its pid and start time, `PID@START`; its log folder is
`PID_START` while it runs and `PID_START_END` afterwards. Times in names are UTC with microseconds, `20261124T053951.123456Z`.

The supervisor imports this module: nothing heavy may be imported here.
"""

from __future__ import annotations

import functools
import os
import time
from collections import namedtuple

from .private_parts.light_typing import NamedTuple
from .text.patterns import pattern

ID_BYTES = 16
# Of the key that names an owner.
OWNER_BYTES = 32
SHORT_ID_DIGITS = 8
LONGEST_NAME = 128
# In the environment of an attempt that came through a broker and has another id at its worker: the id that its owner knows.
KNOWN_AS = "JOBWIRE_KNOWN_AS"

# Only what `format_time` writes: no other digits of Unicode, no leading zeros, no leap second, no year that strftime writes shorter.
_TIME = r"[1-9]\d{7}T\d{4}[0-5]\d\.\d{6}Z"
_PID = r"0|[1-9]\d{0,9}"
_PID_AT_START = pattern(rf"(?a)({_PID})@({_TIME})")
_FOLDER = pattern(rf"(?a)({_PID})_({_TIME})(?:_({_TIME}))?")
_HEX_PREFIX = pattern(r"[0-9a-f]{4,32}")
# The beginning of a UUID from its first dash on.
_DASHED = pattern(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){0,3}-(?:[0-9a-f]{0,4}|(?<=.{24})[0-9a-f]{5,12})")
_NAME = pattern(r"[A-Za-z0-9_][A-Za-z0-9_.\[\]:+-]{0,127}")

# The name of a member of a roster.
_MEMBER = pattern(r"[A-Za-z0-9_.@-]{1,64}")


class JobKey(NamedTuple):
    """The unique name of a job: its owner (Ed25519 public key, 32 bytes) and its id (UUID, 16 bytes)."""

    owner: bytes
    id: bytes


class AttemptKey(NamedTuple):
    """The unique name of an attempt at a job: the job's key, and which attempt it is, 1 for the first."""

    owner: bytes
    id: bytes
    attempt: int

    @property
    def job(self) -> JobKey:
        """The key of the job."""
        return JobKey(self.owner, self.id)


FolderName = namedtuple("FolderName", "pid started_at_us ended_at_us")  # noqa: PYI024 -- see below
# Not typing.NamedTuple with defaults: a folder is parsed for each entry of a listing, and this is the cheapest tuple.


def new_id() -> bytes:
    """Return a new random id (RFC 9562, UUID version 4)."""
    # `uuid4` makes an integer of the bytes, and bytes of the integer.
    digits = bytearray(os.urandom(ID_BYTES))
    digits[6] = digits[6] & 0x0F | 0x40
    digits[8] = digits[8] & 0x3F | 0x80
    return bytes(digits)


def batch_job_id(run: bytes, name: str, index: int) -> bytes:
    """Return the id of one job of a run: the same for the same run, name and index (UUID version 5)."""
    import uuid  # noqa: PLC0415 -- it is not light, and most commands are about one job

    return uuid.uuid5(uuid.UUID(bytes=run), f"{name}\0{index}").bytes


def scheduled_job_id(run: bytes, job: bytes) -> bytes:
    """Return the id of a job of a run that a schedule has started, given the id with which the job was staged (UUID version 5)."""
    import uuid  # noqa: PLC0415 -- as above

    return uuid.uuid5(uuid.UUID(bytes=run), job.hex()).bytes


def finish_job_id(run: bytes) -> bytes:
    """Return the id of the `on_finish` job of a run (UUID version 5). It differs from every `batch_job_id`."""
    import uuid  # noqa: PLC0415 -- as above

    return uuid.uuid5(uuid.UUID(bytes=run), "on_finish").bytes


def format_id(job_id: bytes) -> str:
    """Return an id as 32 hex digits in UUID form."""
    if len(job_id) != ID_BYTES:
        raise ValueError(f"an id has {ID_BYTES} bytes, not {len(job_id)}")
    digits = job_id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def short_id(job_id: bytes) -> str:
    """Return the first 8 hex digits of an id, as shown in lists."""
    return job_id.hex()[:SHORT_ID_DIGITS]


def parse_id(text: str) -> bytes:
    """Return an id from its text, with or without dashes.

    Raises ValueError when it is not a UUID.
    """
    import uuid  # noqa: PLC0415 -- as above

    return uuid.UUID(text).bytes


def format_time(at_us: int) -> str:
    """Return microseconds since 1970 as `20261124T053951.123456Z`."""
    seconds, micros = divmod(at_us, 1_000_000)
    return f"{_format_second(seconds)}.{micros:06d}Z"


# The start and end of most jobs, and often of many jobs, are within one second.
@functools.lru_cache(maxsize=4)
def _format_second(seconds: int) -> str:
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))


def parse_time(text: str) -> int:
    """Return the microseconds of a time that `format_time` wrote.

    Raises ValueError for anything else.
    """
    import calendar  # noqa: PLC0415 -- only needed where names are read, and it is not light

    whole, _, micros = text.removesuffix("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y%m%dT%H%M%S")) * 1_000_000 + int(micros)


def format_process(pid: int, started_at_us: int) -> str:
    """Return `PID@START`."""
    return f"{pid}@{format_time(started_at_us)}"


def format_folder(pid: int, started_at_us: int, ended_at_us: int = 0) -> str:
    """Return the name of a log folder; without an end while the job runs."""
    running = f"{pid}_{format_time(started_at_us)}"
    return f"{running}_{format_time(ended_at_us)}" if ended_at_us else running


def parse_folder(name: str) -> FolderName | None:
    """Return the parts of the name of a log folder; None for any other name. `ended_at_us` is 0 while the job runs."""
    found = _FOLDER.fullmatch(name)
    if found is None:
        return None
    try:
        return FolderName(int(found[1]), parse_time(found[2]), parse_time(found[3]) if found[3] else 0)
    except ValueError:
        return None


class Typed(NamedTuple):
    """The name of a job as a person typed it. Exactly one part is set, or `last`; and `owner`, if it names a member's job."""

    full_id: bytes = b""
    process: tuple[int, int] = (0, 0)
    last: bool = False
    name_or_prefix: str = ""
    owner: str = ""


def parse_typed(text: str) -> Typed:
    """Return what a text names, judged by its form: a full id, `PID@START`, `last`, else a name or the prefix of an id.

    The prefix `OWNER/` names a job of another member. Raises ValueError if it can be none of these.
    """
    owner, slash, rest = text.rpartition("/")
    if slash and _MEMBER.fullmatch(owner):
        return _parse_unowned(rest, text)._replace(owner=owner)
    return _parse_unowned(text, text)


def _parse_unowned(text: str, whole: str) -> Typed:
    if text == "last":
        return Typed(last=True)
    found = _PID_AT_START.fullmatch(text)
    if found is not None:
        return Typed(process=(int(found[1]), parse_time(found[2])))
    try:
        return Typed(full_id=parse_id(text))
    except ValueError:
        pass
    if not _NAME.fullmatch(text):
        raise ValueError(f"{whole!r} does not name a job: it is neither an id, PID@START, 'last' nor a name")
    return Typed(name_or_prefix=text)


def prefix_of(text: str) -> str | None:
    """Return the prefix of an id as hex digits without dashes, at least 4 of them; None if the text cannot be one.

    Dashes are allowed only where a UUID has them: a date such as 2024-11-28 is not a prefix.
    """
    typed = text.lower()
    return typed.replace("-", "") if _HEX_PREFIX.fullmatch(typed) or _DASHED.fullmatch(typed) else None


def name_problem(name: str) -> str | None:
    """Return what is wrong with the name of a job or batch, or None. A name must not look like an id, a `PID@START` or `last`."""
    if not _NAME.fullmatch(name):
        return f"the name {name!r} has characters other than letters, digits and _.[]:+- (or more than {LONGEST_NAME})"
    if name == "last":
        return "the name 'last' means the newest job and cannot be given to one"
    if prefix_of(name) is not None:
        # A command that names a job by the beginning of its id must not mean another job as soon as somebody gives one this name.
        return f"the name {name!r} could be the beginning of an id, which has only the digits 0-9 and a-f; write it like job-{name}"
    return None


def signal_name(number: int) -> str:
    """Return a signal as SIGTERM, or its number if it has no name, such as real-time signals."""
    try:
        from signal import Signals  # noqa: PLC0415 -- most jobs end without one

        return Signals(number).name
    except ValueError:
        return f"signal {number}"
