"""File arguments of the library: paths of this machine and of a job's folder, as text, bytes or path objects."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeAlias

from ...schemas.jobs.brought_files import FileKind, path_problem
from ...schemas.refusal import Code, Refused
from .local_files import Chosen, LocalFile, bring, choose, last_name, normal, target

_Text: TypeAlias = "str | bytes | os.PathLike[str] | os.PathLike[bytes]"
# A file or folder of this machine, with its path in the job's folder if that is another one; or several.
Files: TypeAlias = "_Text | Iterable[_Text | tuple[_Text, _Text]]"
# A path in the job's folder, with the place here if that is another one; or several.
Paths: TypeAlias = "_Text | Iterable[_Text | tuple[_Text, _Text]]"
_TEXT_TYPES = (str, bytes, os.PathLike)


def brought(script: _Text | None, put: Files) -> list[LocalFile]:
    """Return the files that a job brings, a script first; they are read and hashed.

    Raises TypeError, and `Refused(INVALID_ARGUMENT)` for a file that cannot be read, or a path that leads out of the folder.
    """
    found: list[LocalFile] = []
    if script is not None:
        place = _encoded("script", script)
        found.append(bring(place, last_name(place), executable=True))
        if found[0].kind is not FileKind.FILE:
            raise Refused(Code.INVALID_ARGUMENT, f"{os.fsdecode(place)!r} is a folder, not a script")
    return found + [bring(*one) for one in _places("put", put)]


def chosen(files: Files) -> list[Chosen]:
    """Return the files to put into the folder of an existing job. Raises as `brought` does."""
    return [choose(*one) for one in _places("files", files)]


def wanted(get: Paths) -> list[tuple[bytes, bytes]]:
    """Return paths in the job's folder, with the paths here; an empty one is the current folder. Raises as `brought` does."""
    found = [(normal(path), place) for path, place in _pairs("get", get)]
    for path, _ in found:
        if problem := path_problem(path):
            raise Refused(Code.INVALID_ARGUMENT, f"{os.fsdecode(path)!r} is not a path in the job's folder: {problem}")
    return found


def _places(what: str, files: Files) -> list[tuple[bytes, bytes]]:
    return [(local, target(local, path) if path else last_name(local)) for local, path in _pairs(what, files)]


def _pairs(what: str, given: Files) -> list[tuple[bytes, bytes]]:
    """Return pairs; the second half is empty if it was not given."""
    if isinstance(given, _TEXT_TYPES):
        return [(_encoded(what, given), b"")]
    pairs: list[tuple[bytes, bytes]] = []
    for position, one in enumerate(given):
        said = f"{what}[{position}]"
        if isinstance(one, tuple):
            if len(one) != 2:  # noqa: PLR2004 -- a pair
                raise TypeError(f"{said} must be a path or a pair of paths, not {len(one)} things")
            first, second = (_encoded(said, half) for half in one)
            if not second:
                raise Refused(Code.INVALID_ARGUMENT, f"the second half of {said} is empty", "for the folder itself write '.'")
            pairs.append((first, second))
        else:
            pairs.append((_encoded(said, one), b""))
    return pairs


def _encoded(what: str, said: object) -> bytes:
    if not isinstance(said, _TEXT_TYPES):
        raise TypeError(f"{what} must be text, bytes or a path, not {type(said).__name__}")
    path = os.fsencode(said)
    if not path:
        raise Refused(Code.INVALID_ARGUMENT, f"{what} is empty, and names no file")
    return path
