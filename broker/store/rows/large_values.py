"""Values of megabytes, written in slices: SQLite takes up to 20 ms for 3 MB in one statement, and 50 ms for 8 MB.

Such a value is inserted as zeros, which takes a tenth of that, and filled in afterwards; the transaction is the caller's, so nobody else
ever sees the zeros.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

# Smaller ones are inserted at once.
LARGE = 512 * 1024
# About a millisecond.
_BYTES_A_STEP = 512 * 1024


def fill(connection: sqlite3.Connection, table: str, column: str, row: int, value: bytes) -> Iterator[None]:
    """Fill a value that was inserted as `zeroblob` of its size, in steps. Nothing else may be executed in between."""
    with connection.blobopen(table, column, row) as blob, memoryview(value) as content:
        for begin in range(0, len(value), _BYTES_A_STEP):
            yield
            blob.write(content[begin : begin + _BYTES_A_STEP])
