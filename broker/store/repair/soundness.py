"""Check whether a store is intact. Reads the files and changes none of them: a damaged store must be kept as it was found.

SQLite detects damage in its pages, but treats a write-ahead log as ending at the first damaged frame, and so would
lose commits that were acknowledged. This module finds that; https://www.sqlite.org/fileformat2.html describes the log.
"""

from __future__ import annotations

import os
import resource
import sqlite3
import struct
import sys
from array import array
from dataclasses import dataclass
from pathlib import Path

from ....schemas.refusal import Code, Refused
from ..free_space import what_to_check

# `quick_check` reads all of it: 64 MiB in a few tenths of a second. At a start no more than that is checked in advance.
MOST_BYTES_AT_A_START = 64 * 1024 * 1024

# With -journal behind it, which is the longest of its names, 512 bytes (MAX_PATHNAME in its os_unix.c).
_LONGEST_PATH = 504

_WAL_HEADER = struct.Struct(">8I")
_FRAME_HEADER = struct.Struct(">6I")
# The lowest bit is the byte order of the words of the checksums.
_WAL_MAGIC = 0x377F0682
_CHECKED_OF_HEADER = 24
_CHECKED_OF_FRAME_HEADER = 8
_WORD = 0xFFFFFFFF


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether SQLite found the file itself damaged; otherwise it only could not be read or written, and may be intact."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or code == sqlite3.SQLITE_IOERR_SHORT_READ


def size_limit() -> str:
    """Return in words the maximum size of a file here (RLIMIT_FSIZE); empty without a limit."""
    largest, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return "" if largest == resource.RLIM_INFINITY else f"files may be at most {largest} bytes long here (ulimit -f)"


def out_of_reach(path: Path, reason: object) -> Refused:
    """Return the refusal for a store that could not be read or written. It may be intact, so the message does not advise to rebuild it."""
    limit = size_limit()
    return Refused(
        Code.FAILED_PRECONDITION,
        f"the store {path} cannot be read or written: {reason}{f'; {limit}' if limit else ''}",
        f"check that {path.parent} can be written to, {what_to_check(path.parent)}, and that no quota or limit is reached",
    )


def unusable(path: Path, error: sqlite3.Error | OSError) -> Refused:
    """Return the refusal for a store that cannot be opened, because it is damaged or only inaccessible."""
    if isinstance(error, sqlite3.Error) and is_damage(error):
        return Refused(Code.INTERNAL, f"{path} cannot be used as a store: {error}", "rebuild it from the logs: jobwire worker rebuild")
    size = len(os.fsencode(path))
    if size > _LONGEST_PATH:
        what = f"the store {path} cannot be opened: SQLite takes paths of at most {_LONGEST_PATH} bytes, and this one has {size}"
        return Refused(Code.FAILED_PRECONDITION, what, "choose a shorter state folder with --state or JOBWIRE_STATE")
    # Of an error that SQLite did not raise itself, there is no code.
    is_read_only = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY
    if is_read_only and (name := _read_only(path)):
        return Refused(
            Code.FAILED_PRECONDITION,
            f"the store {path} cannot be written: its file {name} is read-only for this user",
            f"see whose it is and what protects it: ls -l {path.with_name(name)}; lsattr {path.with_name(name)}",
        )
    return out_of_reach(path, (error.strerror or error) if isinstance(error, OSError) else error)


def _read_only(path: Path) -> str:
    """Return the name of a file of the store that cannot be written; empty if all can be."""
    names = (f"{path.name}{ending}" for ending in ("", "-wal", "-shm"))
    return next((name for name in names if path.with_name(name).exists() and not os.access(path.with_name(name), os.W_OK)), "")


def exists(path: Path) -> bool:
    """Return whether there is a store, damaged or not; SQLite treats an empty file as one that is still to be created."""
    try:
        return path.stat().st_size > 0 and _ask(path, "PRAGMA user_version") != 0
    except FileNotFoundError:
        return False
    except (OSError, sqlite3.Error):
        return True


def find_damage(path: Path, most_bytes: int = sys.maxsize) -> str:
    """Return what is wrong with a store; empty if nothing is. A store of more than `most_bytes` is not read completely.

    Raises Refused(FAILED_PRECONDITION) if the store cannot be read.
    """
    try:
        damage = _damage_of_log(_read(path.with_name(f"{path.name}-wal")))
        whole = path.stat().st_size <= most_bytes
        return damage or _damage_of_pages(path, whole=whole)
    except OSError as error:
        raise out_of_reach(path, error.strerror) from error


def _damage_of_pages(path: Path, *, whole: bool) -> str:
    try:
        found = _ask(path, "PRAGMA quick_check(1)" if whole else "SELECT min('ok') FROM sqlite_schema")
    except sqlite3.Error as error:
        if not is_damage(error):
            raise out_of_reach(path, error) from error
        return str(error)
    return "" if found == "ok" else " ".join(str(found).split())


def _ask(path: Path, question: str) -> object:
    # Read-only: closing it must not write the log into it.
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(question).fetchone()[0]
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class _Sum:
    """The running checksum of a log, from which each frame continues."""

    first: int
    second: int

    def over(self, data: bytes, *, big: bool) -> _Sum:
        words = array("I", data)
        if big != (sys.byteorder == "big"):
            words.byteswap()
        first, second = self.first, self.second
        pairs = iter(words)
        for one, other in zip(pairs, pairs, strict=True):
            first = (first + one + second) & _WORD
            second = (second + other + first) & _WORD
        return _Sum(first, second)


def _damage_of_log(log: bytes) -> str:
    """Return what is wrong with a log that has commits after a damaged frame; empty if there are none.

    The last commit may be incomplete: the power failed before it was acknowledged. Nothing after it can have been acknowledged.
    """
    if len(log) < _WAL_HEADER.size or not any(log[: _WAL_HEADER.size]):
        return ""
    magic, _, page_bytes, _, *salts, first, second = _WAL_HEADER.unpack_from(log)
    big = bool(magic & 1)
    running = _Sum(0, 0).over(log[:_CHECKED_OF_HEADER], big=big)
    if magic & ~1 != _WAL_MAGIC or running != _Sum(first, second):
        return "the header of its write-ahead log is damaged"
    broken = False
    behind = 0
    step = _FRAME_HEADER.size + page_bytes
    for at in range(_WAL_HEADER.size, len(log) - step + 1, step):
        _, committed, *salts_here, first, second = _FRAME_HEADER.unpack_from(log, at)
        if salts_here == salts and not broken:
            running = running.over(log[at : at + _CHECKED_OF_FRAME_HEADER] + log[at + _FRAME_HEADER.size : at + step], big=big)
            broken = running != _Sum(first, second)
        else:
            # A frame from before the log was reset has other salts.
            broken = True
            behind += salts_here == salts and committed > 0
    return f"its write-ahead log is damaged before its last {behind} commits" if behind > 1 else ""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
