"""The database file of the desk's store: how it is opened, its maximum size, and its version. Its tables: schema_steps.py."""

from __future__ import annotations

import os
import resource
import sqlite3
from typing import TYPE_CHECKING

from ...schemas.frames import STORE_ID_BYTES
from ...schemas.refusal import Code, Refused
from .migrations import migrate
from .repair import soundness
from .schema_steps import STEPS

if TYPE_CHECKING:
    from pathlib import Path

VERSION = len(STEPS)

# SQLite's defaults: how long the write-ahead log gets before it is checkpointed.
_PAGE_BYTES = 4096
_WAL_PAGES = 1000
# With a limit on the size of files, it is checkpointed when it has reached a quarter of that.
_WAL_PARTS = 4
# New jobs leave a quarter of the file for the events and outcomes of existing jobs.
_PARTS_FOR_NEW_JOBS = 3 / 4


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection for one thread at a time, to a file that only this user can read.

    It uses WAL and synchronous FULL, so that a commit survives power loss.

    Raises sqlite3.Error, or OSError if the file cannot be created.
    """
    # SQLite creates the files beside it (-wal, -shm) with the mode that it has at that time.
    try:
        # Never opened if it exists: closing it would release the locks of another connection, see fcntl(2).
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        path.chmod(0o600)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    try:
        _configure(connection)
    except BaseException:
        # Now, not when it is collected: with it, the locks of the file would stay.
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 5000")
    pages = most_pages()
    if pages is not None:
        # A log that reaches the limit can take nothing more, and would not be checkpointed either.
        connection.execute(f"PRAGMA wal_autocheckpoint = {min(max(1, pages // _WAL_PARTS), _WAL_PAGES)}")
        limit_pages(connection, pages)


def most_pages() -> int | None:
    """Return the maximum size of the file in pages (RLIMIT_FSIZE); None without a limit."""
    largest, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if largest == resource.RLIM_INFINITY else max(1, largest // _PAGE_BYTES)


def limit_pages(connection: sqlite3.Connection, pages: int, *, for_new_jobs: bool = False) -> None:
    """Make SQLite report a full disk at this many pages: at the system's own limit, the log could not be checkpointed any more."""
    # SQLite never sets it below the current size.
    connection.execute(f"PRAGMA max_page_count = {max(1, int(pages * (_PARTS_FOR_NEW_JOBS if for_new_jobs else 1)))}")


def prepare(connection: sqlite3.Connection, path: Path) -> bytes:
    """Migrate the tables to this version and return the store's id.

    Raises Refused: FAILED_PRECONDITION for a store of a newer version or a file that cannot be written, INTERNAL for a file that is not a
    store.
    """
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise Refused(
                Code.FAILED_PRECONDITION,
                f"{path} was written by a newer jobwire (store version {version}, this one knows {VERSION})",
                "start the newer jobwire, or use another --state folder",
            )
        # SQLite opens a file that it may not write for reading, and says so only when it is to be written: then everything would wait.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        migrate(connection, version, VERSION)
        found = connection.execute("SELECT id FROM store").fetchone()
        if found is None:
            store_id = os.urandom(STORE_ID_BYTES)
            connection.execute("INSERT INTO store (id) VALUES (?)", (store_id,))
            return store_id
        return bytes(found[0])
    except sqlite3.DatabaseError as error:
        raise soundness.unusable(path, error) from error
