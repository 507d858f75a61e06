"""Public keys that this user knows as those of workers, in the file `known_workers`: one per line, optionally with a name.

They are needed to verify how a job ended: a broker could name a key of its own as that of a worker. Only people write the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...keys.files.file_kind import demand_kind
from ...keys.files.ownership import demand_own
from ...keys.files.shortage import demand_descriptors
from ...keys.files.small_file import read_small
from ...keys.files.user_folders import config_folder
from ...keys.identity import parse_public
from ...schemas.refusal import Code, Refused
from ...schemas.text.plain_text import NotText, decode_text


def known_workers_path() -> Path:
    """Return the path of the file.

    Raises `Refused(FAILED_PRECONDITION)` if it or its folder belongs to another user.
    """
    path = config_folder() / "known_workers"
    demand_own(path, "the file of known workers")
    return path


def read_known_workers(path: Path) -> Mapping[bytes, str]:
    """Return the keys with their names, which may be empty.

    Raises `Refused(INVALID_ARGUMENT)` with file and line, also if it cannot be read.
    """
    try:
        content = read_small(path)
    except OSError as error:
        demand_descriptors(error.errno)
        demand_kind(path, "the list of workers")
        raise Refused(Code.INVALID_ARGUMENT, f"{path} cannot be read: {error.strerror}") from None
    try:
        text = decode_text(content)
    except NotText as wrong:
        raise Refused(Code.INVALID_ARGUMENT, f"{path}, line {wrong.line}: {wrong.what}", wrong.next_step) from None
    keys: dict[bytes, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        key, *name = line.split(maxsplit=1) or [""]
        if not key or key.startswith("#"):
            continue
        try:
            keys[parse_public(key)] = "".join(name).strip()
        except Refused as refused:
            raise Refused(Code.INVALID_ARGUMENT, f"{path}, line {number}: {refused.message}") from None
    return keys
