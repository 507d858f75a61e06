"""What a job brings, and what is wanted of its folder: the options `--script`, `--put` and `--get`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ...schemas.brought_files import BroughtFile, FileKind
from ...schemas.refusal import Code, Refused
from .octets import to_bytes
from .option_values import Misunderstood, understand

# What was read for one job, for others of the same command: by place here, path and whether it is a program.
ReadFiles = dict[tuple[bytes, bytes, bool], BroughtFile]


class Brought(NamedTuple):
    """What the file options of a job mean: the beginning of its argv, what it brings, and what is wanted of its folder."""

    program: tuple[bytes, ...] = ()
    files: tuple[BroughtFile, ...] = ()
    outputs: tuple[bytes, ...] = ()


NO_FILES = Brought()


def files_of(script: str | None, put: Iterable[str], get: Iterable[str], folder: Path, read_files: ReadFiles | None) -> Brought:
    """Return what the file options of a job mean; files are read and hashed, which may take long.

    `folder`: what names are relative to. `read_files`: what was read before, and is kept there.

    Raises `Misunderstood`.
    """
    # Few jobs have any.
    from ..files.local_files import bring, last_name, parse_get, parse_put  # noqa: PLC0415

    here = os.fsencode(folder)

    def read(place: bytes, path: bytes, *, executable: bool = False) -> BroughtFile:
        kept = {} if read_files is None else read_files
        key = (place, path, executable)
        if key not in kept:
            kept[key] = bring(place, path, executable=executable)
        return kept[key]

    files: list[BroughtFile] = []
    program: tuple[bytes, ...] = ()
    if script:
        place = os.path.join(here, to_bytes(script))  # noqa: PTH118 -- bytes
        files.append(understand("script", lambda place: read(place, last_name(place), executable=True), place))
        if files[0].kind is not FileKind.FILE:
            raise Misunderstood("script", Refused(Code.INVALID_ARGUMENT, f"{script!r} is a folder, not a script"))
        program = (b"./" + files[0].path,)
    files += [understand("put", lambda said: read(*parse_put(to_bytes(said), here)), said) for said in put]
    outputs = [understand("get", lambda said: parse_get(to_bytes(said))[0], said) for said in get]
    return Brought(program, tuple(files), tuple(dict.fromkeys(outputs)))
