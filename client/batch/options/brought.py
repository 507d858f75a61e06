"""Files that a job brings, and files to fetch from its folder: the options `--script`, `--put` and `--get`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ....schemas.jobs.brought_files import BroughtFile, FileKind
from ....schemas.refusal import Code, Refused
from ..octets import to_bytes
from .option_values import Misunderstood, understand

if TYPE_CHECKING:
    from ...files.local_files import LocalFile

# What was read for one job, for others of the same command: by place here, path and whether it is a program.
ReadFiles: TypeAlias = "dict[tuple[bytes, bytes, bool], LocalFile]"


class Brought(NamedTuple):
    """The result of the file options of a job: the files it brings, its script first, and the paths to fetch."""

    files: tuple[BroughtFile, ...] = ()
    outputs: tuple[bytes, ...] = ()
    # Whether the kernel does not execute the script.
    by_shell: bool = False


NO_FILES = Brought()


def files_of(
    script: str | None, put: Iterable[str], get: Iterable[str], folder: Path, read_files: ReadFiles | None, *, fetches: bool = False
) -> Brought:
    """Return the result of the file options of a job; files are read and hashed, which may take long.

    `folder`: the folder that names are relative to. `read_files`: a cache of files that were read. `fetches`: the same command fetches the
    paths of `get`, which can have a destination here.

    Raises `Misunderstood`.
    """
    # Few jobs have any.
    from ...files.local_files import bring, demand_folder_for, last_name, parse_get, parse_put  # noqa: PLC0415

    here = os.fsencode(folder)

    def read(place: bytes, path: bytes, *, executable: bool = False) -> LocalFile:
        kept = {} if read_files is None else read_files
        key = (place, path, executable)
        if key not in kept:
            kept[key] = bring(place, path, executable=executable)
        return kept[key]

    files: list[LocalFile] = []
    if script:
        place = os.path.join(here, to_bytes(script))  # noqa: PTH118 -- bytes
        files.append(understand("script", lambda place: read(place, last_name(place), executable=True), place))
        if files[0].kind is not FileKind.FILE:
            raise Misunderstood("script", Refused(Code.INVALID_ARGUMENT, f"{script!r} is a folder, not a script"))
    files += [understand("put", lambda said: read(*parse_put(to_bytes(said), here)), said) for said in put]

    def wanted(said: str) -> bytes:
        path, place = parse_get(to_bytes(said))
        if place and not fetches:
            what = f"{said!r} has a DEST, which is for jobwire run"
            raise Refused(Code.INVALID_ARGUMENT, what, "leave it out; jobwire get JOB PATH:DEST fetches it when the job has ended")
        if place:
            # Now, and not when the job has done its work.
            demand_folder_for(place)
        return path

    outputs = [understand("get", wanted, said) for said in get]
    return Brought(tuple(files), tuple(dict.fromkeys(outputs)), by_shell=bool(script) and files[0].is_for_shell)
