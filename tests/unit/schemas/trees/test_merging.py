"""Folders that are merged: against the rules, stated once more and simply."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.trees import merging

# A file by its content, a link by its target as text, a folder by what is in it.
Tree = bytes | str | dict[str, "Tree"]
_leaves = st.one_of(st.binary(max_size=3), st.just("nowhere"))
_names = st.sampled_from(["a", "b", "c"])
_trees = st.dictionaries(_names, st.recursive(_leaves, lambda inner: st.dictionaries(_names, inner, max_size=3), max_leaves=8), max_size=3)


def _make(path: Path, tree: Tree) -> None:
    match tree:
        case bytes():
            path.write_bytes(tree)
        case str():
            path.symlink_to(tree)
        case _:
            path.mkdir()
            for name, inner in tree.items():
                _make(path / name, inner)


def _read(path: Path) -> Tree:
    if path.is_symlink():
        return str(path.readlink())
    return {inner.name: _read(inner) for inner in path.iterdir()} if path.is_dir() else path.read_bytes()


def _merged(old: Tree, new: Tree) -> Tree:
    if isinstance(old, dict) != isinstance(new, dict):
        raise ValueError("one of them is a folder")
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **{name: _merged(old[name], inner) if name in old else inner for name, inner in new.items()}}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


def _merge(folder: Path, path: bytes, name: bytes = b"new") -> None:
    with _opened(folder) as source, _opened(folder / "root") as root:
        is_folder = (folder / os.fsdecode(name)).is_dir()
        merging.check_path(root, path, is_folder=is_folder)
        if is_folder:
            merging.check_beneath(source, name, root, path)
        merging.merge(source, name, root, path)


@settings(max_examples=300)
@given(old=_trees, new=_trees, path=st.sampled_from(["", "a", "a/b", "x/y"]))
def test_everything_is_merged_or_nothing_is_changed(old: dict[str, Tree], new: dict[str, Tree], path: str) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        _make(folder / "root", old)
        _make(folder / "new", new)
        wanted: Tree = new
        for name in reversed(path.split("/") if path else []):
            wanted = {name: wanted}
        try:
            expected = _merged(old, wanted)
        except ValueError:
            with pytest.raises(Refused) as caught:
                _merge(folder, os.fsencode(path))
            assert caught.value.code is Code.FAILED_PRECONDITION
            assert _read(folder / "root") == old
        else:
            _merge(folder, os.fsencode(path))
            assert _read(folder / "root") == expected
    finally:
        shutil.rmtree(folder)


def test_permissions_of_new_folders_are_kept_and_those_of_old_ones_too(tmp_path: Path) -> None:
    _make(tmp_path / "root", {"a": {"old": b""}})
    _make(tmp_path / "new", {"a": {"closed": {"in": b"1"}}, "b": {}})
    (tmp_path / "root" / "a").chmod(0o750)
    for name, mode in (("new/a/closed/in", 0o400), ("new/a/closed", 0o500), ("new/a", 0o700), ("new/b", 0o000), ("new", 0o555)):
        (tmp_path / name).chmod(mode)

    _merge(tmp_path, b"")

    modes = {name: (tmp_path / "root" / name).stat().st_mode & 0o777 for name in ("a", "a/closed", "a/closed/in", "b")}
    assert modes == {"a": 0o750, "a/closed": 0o500, "a/closed/in": 0o400, "b": 0}
    for name in ("new", "root/a/closed", "root/b"):
        (tmp_path / name).chmod(0o700)


def test_a_link_on_the_way_is_not_followed_and_one_at_the_end_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "away").symlink_to(tmp_path / "outside")
    (tmp_path / "new").write_bytes(b"1")
    with pytest.raises(Refused, match="away is a symbolic link"):
        _merge(tmp_path, b"away/file")
    _merge(tmp_path, b"away")
    assert list((tmp_path / "outside").iterdir()) == []
    assert _read(tmp_path / "root") == {"away": b"1"}


def test_folders_that_are_nested_too_deep_are_refused(tmp_path: Path) -> None:
    for name in ("root", "new"):
        (tmp_path / name / ("d/" * 150)).mkdir(parents=True)
    with pytest.raises(Refused, match="nested more than 100 deep"):
        _merge(tmp_path, b"")


def test_an_ordinary_user_merges_folders_that_are_closed_even_to_their_owner() -> None:
    folder = Path(tempfile.mkdtemp())
    _make(folder / "root", {"old": {}})
    _make(folder / "new", {"old": {"closed": {"in": b"1"}}, "shut": {"in": b"2"}})
    for name, mode in (("new/old/closed", 0o555), ("new/old", 0o000), ("new/shut", 0o000), ("new", 0o500)):
        (folder / name).chmod(mode)
    ordinary = 65534
    is_root = os.geteuid() == 0
    if is_root:
        subprocess.run(["chown", "-R", str(ordinary), str(folder)], check=True)
        os.seteuid(ordinary)
    try:
        _merge(folder, b"")
    finally:
        if is_root:
            os.seteuid(0)
    assert {name: (folder / "root" / name).stat().st_mode & 0o777 for name in ("old/closed", "shut")} == {"old/closed": 0o555, "shut": 0}
    subprocess.run(["chmod", "-R", "u+rwx", str(folder)], check=True)
    shutil.rmtree(folder)
