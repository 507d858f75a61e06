"""Files that hold a secret and that only their owner may read: an identity, the key of a job."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from ...schemas.refusal import Code, Refused
from . import ownership
from .file_kind import demand_kind, way_to_read
from .shortage import demand_descriptors
from .small_file import open_to_read, read_all

_LARGEST = 4096
_OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO


def read_secret(path: Path, what: str, missing: Refused) -> bytes:
    """Return the content of a file, at most its first 4096 bytes; messages call it `what`.

    Raises `Refused`: `missing` if there is none, PERMISSION_DENIED if it cannot be read, FAILED_PRECONDITION if it is not a regular file,
    belongs to another user, or others can read it.
    """
    try:
        file = open_to_read(path)
    except (FileNotFoundError, NotADirectoryError):
        raise missing from None
    except OSError as error:
        demand_descriptors(error.errno)
        demand_kind(path, what)
        raise _unreadable(path, what, error) from None
    try:
        status = os.fstat(file.fileno())
        demand_kind(path, what, status)
        ownership.judge_owner(status, path, what)
        if status.st_mode & _OTHERS_MAY:
            raise Refused(
                Code.FAILED_PRECONDITION,
                f"{what} {path} can be read by others (mode {stat.S_IMODE(status.st_mode):04o}), so it is not secret",
                f"type: chmod 600 {shlex.quote(str(path))}",
            )
        return read_all(file.fileno(), _LARGEST)
    except OSError as error:
        raise _unreadable(path, what, error) from None
    finally:
        file.close()


def _unreadable(path: Path, what: str, error: OSError) -> Refused:
    return Refused(Code.PERMISSION_DENIED, f"{what} {path} cannot be read: {error.strerror}", way_to_read(path))
