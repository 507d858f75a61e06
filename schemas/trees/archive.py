"""The format in which a folder is sent: a tar archive (POSIX.1-2001, pax(1)) that is the same for the same content. Knows no file system.

The folder itself comes first, as `./`, then everything in it, each folder before its content and names sorted by their bytes. There are
files, folders and symbolic links, with their permissions; owners and times are zero. What does not fit into a ustar header (a name or
target of more than 100 bytes, a size of 8 GiB) is in a pax header before it; its names need not be UTF-8 (`hdrcharset=BINARY`).
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from ..jobs.brought_files import LONGEST_PATH, path_problem
from ..refusal import Code, Refused

BLOCK_BYTES = 512
# Two blocks of zeros end an archive.
END = bytes(2 * BLOCK_BYTES)
MOST_MODE = 0o777
# An archive with more costs more memory and time than its bytes let expect.
MOST_ENTRIES = 500_000
# The records before an entry: two paths, a size and the names of the fields.
_LARGEST_RECORDS = 4 * LONGEST_PATH
_NAME_BYTES = 100
_OCTAL_SIZES = 8**11
_REGULAR, _LINK, _FOLDER, _FIFO, _RECORDS = b"0", b"2", b"5", b"6", b"x"
_CHECKSUM = slice(148, 156)


class Kind(enum.Enum):
    """The kind of an entry."""

    FILE = enum.auto()
    FOLDER = enum.auto()
    LINK = enum.auto()
    # A FIFO, socket or device, which does not travel: that there is one is told, as a FIFO.
    OTHER = enum.auto()


_FLAGS = {Kind.FILE: _REGULAR, Kind.FOLDER: _FOLDER, Kind.LINK: _LINK, Kind.OTHER: _FIFO}


class Entry(NamedTuple):
    """One entry. `path`: relative to the folder, empty for the folder itself. `size`: that of a file. `target`: that of a symbolic link."""

    path: bytes
    kind: Kind
    mode: int = 0
    size: int = 0
    target: bytes = b""


def write_header(entry: Entry) -> bytes:
    """Return the blocks before the content of an entry."""
    name = b"./" + entry.path if not entry.path else entry.path
    if entry.kind is Kind.FOLDER and entry.path:
        name += b"/"
    records = b""
    if len(name) > _NAME_BYTES:
        records += _record(b"path", name)
    if len(entry.target) > _NAME_BYTES:
        records += _record(b"linkpath", entry.target)
    if entry.size >= _OCTAL_SIZES:
        records += _record(b"size", b"%d" % entry.size)
    before = b""
    if records:
        records = _record(b"hdrcharset", b"BINARY") + records
        before = _header(b"./@pax", _RECORDS, 0o644, len(records), b"") + records + bytes(padding(len(records)))
    size = entry.size if entry.size < _OCTAL_SIZES else 0
    return before + _header(name, _FLAGS[entry.kind], entry.mode, size, entry.target)


def padding(size: int) -> int:
    """Return how many zero bytes follow a content of this size."""
    return -size % BLOCK_BYTES


def _header(name: bytes, flag: bytes, mode: int, size: int, target: bytes) -> bytes:
    block = b"".join(
        (
            name[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0"),
            b"%07o\0" % mode,
            b"0000000\0" * 2,
            b"%011o\0" % size,
            b"00000000000\0",
            b" " * 8,
            flag,
            target[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0"),
            b"ustar\x0000",
            bytes(BLOCK_BYTES - 265),
        )
    )
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _record(name: bytes, value: bytes) -> bytes:
    """Return a pax record; its length prefix counts its own digits."""
    rest = b" %s=%s\n" % (name, value)
    length = len(rest)
    while length != len(rest) + len(b"%d" % length):
        length = len(rest) + len(b"%d" % length)
    return b"%d" % length + rest


class HeaderReader:
    """Parses the header blocks of an archive, one after the other."""

    def __init__(self) -> None:
        self._records: dict[bytes, bytes] = {}
        self._awaited = 0

    @property
    def awaited(self) -> int:
        """How many bytes the next call of `read` takes."""
        return self._awaited + padding(self._awaited) if self._awaited else BLOCK_BYTES

    def read(self, block: bytes) -> Entry | None:
        """Return the entry that a header describes; None after records that belong to the next one.

        An archive ends with a block of zeros, which is not passed in. Raises `Refused(INVALID_ARGUMENT)`.
        """
        if self._awaited:
            self._records = _parse_records(block[: self._awaited])
            self._awaited = 0
            return None
        if _number(block[_CHECKSUM]) != sum(block) - sum(block[_CHECKSUM]) + 8 * ord(" "):
            raise _damaged("the checksum of a header does not match")
        flag = block[156:157]
        size = _number(block[124:136])
        if flag == _RECORDS:
            if not 0 < size <= _LARGEST_RECORDS:
                raise _damaged(f"the records before an entry have {size} bytes")
            self._awaited = size
            return None
        records, self._records = self._records, {}
        return _entry(block, flag, size, records)


def _entry(block: bytes, flag: bytes, size: int, records: dict[bytes, bytes]) -> Entry:
    name = _text(block[:100])
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else b""
    said = records.get(b"path") or (prefix + b"/" + name if prefix else name)
    path = _inner_path(said)
    mode = _number(block[100:108]) & MOST_MODE
    if flag in (_REGULAR, b"\0"):
        if b"size" in records:
            size = _decimal(records[b"size"])
        return Entry(path, Kind.FILE, mode, size)
    if flag == _FOLDER:
        return Entry(path, Kind.FOLDER, mode)
    if flag == _LINK:
        target = records.get(b"linkpath") or _text(block[157:257])
        if not target or b"\0" in target or len(target) > LONGEST_PATH:
            raise _damaged(f"the link {path.decode(errors='replace')!r} has no valid target")
        return Entry(path, Kind.LINK, 0, 0, target)
    if flag == _FIFO:
        return Entry(path, Kind.OTHER)
    raise does_not_travel(path, flag)


def does_not_travel(path: bytes, flag: bytes = _FIFO) -> Refused:
    """Return the refusal of an entry that is not a file, folder or symbolic link."""
    what = f"{path.decode(errors='replace')!r} in the archive is neither a file nor a folder nor a symbolic link (type {flag!r})"
    return Refused(Code.INVALID_ARGUMENT, what)


def _inner_path(said: bytes) -> bytes:
    path = said.removeprefix(b"./").removesuffix(b"/") if said != b"." else b""
    if problem := path_problem(path):
        raise Refused(Code.INVALID_ARGUMENT, f"{said.decode(errors='replace')!r} in the archive is refused: {problem}")
    return path


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes) -> int:
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise _damaged("a number in a header is not octal")
    return int(digits, 8) if digits else 0


def _decimal(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 19:  # noqa: PLR2004 -- 63 bits
        raise _damaged("the size of an entry is not a number")
    return int(digits)


def _parse_records(data: bytes) -> dict[bytes, bytes]:
    records: dict[bytes, bytes] = {}
    while data:
        digits, _, _ = data.partition(b" ")
        length = _decimal(digits) if len(digits) < len(data) else 0
        record = data[len(digits) + 1 : length]
        name, is_set, value = record.partition(b"=")
        if length <= len(digits) or length > len(data) or not is_set or not value.endswith(b"\n"):
            raise _damaged("the records before an entry cannot be read")
        records[name] = value[:-1]
        data = data[length:]
    return records


def _damaged(why: str) -> Refused:
    return Refused(Code.INVALID_ARGUMENT, f"the archive is damaged: {why}")
