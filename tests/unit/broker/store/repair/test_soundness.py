"""Every kind of damage is found in the files of a store, and what merely was cut off by a loss of power is none."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from jobwire.broker.store import tables
from jobwire.broker.store.repair import soundness
from jobwire.schemas.refusal import Refused

PAGE = 4096
FRAME = 24 + PAGE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Copy a store in the middle of its life: twenty commits are in its log, and not in its pages."""
    connection = tables.connect(tmp_path / "living.db")
    tables.prepare(connection, tmp_path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(20):
        connection.execute("INSERT INTO proofs (envelope) VALUES (?)", (bytes([number]) * 3000,))
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"living.db{end}", tmp_path / f"state.db{end}")
    connection.close()
    return tmp_path / "state.db"


def log_of(path: Path) -> Path:
    return path.with_name("state.db-wal")


def overwrite(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * 8)


def test_a_whole_store_has_no_damage_and_is_left_as_it_is(path: Path) -> None:
    before = path.read_bytes(), log_of(path).read_bytes()
    assert soundness.exists(path)
    assert soundness.find_damage(path) == ""
    assert (path.read_bytes(), log_of(path).read_bytes()) == before


def test_a_log_that_was_begun_anew_is_whole(tmp_path: Path) -> None:
    """Frames of the round before stand behind those of now."""
    connection = tables.connect(tmp_path / "state.db")
    tables.prepare(connection, tmp_path)
    for _ in range(10):
        connection.execute("INSERT INTO proofs (envelope) VALUES (zeroblob(3000))")
    connection.execute("PRAGMA wal_checkpoint(RESTART)")
    connection.execute("INSERT INTO proofs (envelope) VALUES (zeroblob(10))")
    assert soundness.find_damage(tmp_path / "state.db") == ""
    connection.close()


@pytest.mark.parametrize("at", [0, 8, 16, 24], ids=["magic", "page size", "salts", "checksum"])
def test_a_damaged_header_of_the_log_is_found(path: Path, at: int) -> None:
    overwrite(log_of(path), at)
    assert soundness.find_damage(path) == "the header of its write-ahead log is damaged"


@pytest.mark.parametrize("at", [8, 24 + 100], ids=["frame header", "page"])
def test_damage_before_the_last_commits_of_the_log_is_found(path: Path, at: int) -> None:
    overwrite(log_of(path), 32 + FRAME + at)
    assert "write-ahead log is damaged before its last" in soundness.find_damage(path)


def test_a_commit_that_was_not_finished_is_no_damage(path: Path) -> None:
    log = log_of(path)
    os.truncate(log, log.stat().st_size - 100)
    assert soundness.find_damage(path) == ""
    overwrite(log, log.stat().st_size - PAGE)
    assert soundness.find_damage(path) == ""


def test_a_log_of_which_only_the_room_was_made_is_no_damage(path: Path) -> None:
    log_of(path).write_bytes(bytes(PAGE))
    assert soundness.find_damage(path) == ""


def test_damaged_pages_are_found(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    size = path.stat().st_size
    whole = path.read_bytes()
    for at in (0, PAGE + 4, size // 2 // PAGE * PAGE):
        path.write_bytes(whole)
        overwrite(path, at)
        assert soundness.find_damage(path), f"at {at}"
    path.write_bytes(whole[: size // 2])
    assert soundness.find_damage(path)
    path.write_bytes(b"no store at all" * 1000)
    assert soundness.exists(path)
    assert soundness.find_damage(path) == "file is not a database"


def test_an_empty_file_and_one_without_tables_are_no_store(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    assert not soundness.exists(path)
    path.touch()
    assert not soundness.exists(path)
    tables.connect(path).close()
    assert not soundness.exists(path)


@pytest.mark.parametrize("end", ["", "-wal"])
def test_a_store_that_cannot_be_read_has_no_damage_that_is_known(path: Path, end: str) -> None:
    """A folder stands in its place, or in that of its log."""
    for other in (path, log_of(path)):
        if other.name.endswith(f".db{end}"):
            other.unlink()
            other.mkdir()
    with pytest.raises(Refused, match="cannot be read or written") as refused:
        soundness.find_damage(path)
    assert "rebuild" not in refused.value.next_step


@pytest.mark.parametrize(
    ("size", "words"), [(504, "cannot be read or written"), (505, "SQLite takes paths of at most 504 bytes, and this one has 505")]
)
def test_a_path_that_is_too_long_for_sqlite_is_said_to_be(tmp_path: Path, size: int, words: str) -> None:
    folder = tmp_path
    while (left := size - len(os.fsencode(folder)) - len("/state.db")) > 0:
        folder /= "f" * (left - 1 if left < 200 else 150)
    folder.mkdir(parents=True)
    path = folder / "state.db"
    assert len(os.fsencode(path)) == size
    try:
        tables.connect(path).close()
        opened = True
    except sqlite3.Error:
        opened = False
    assert opened == (size <= 504)
    assert words in str(soundness.unusable(path, sqlite3.OperationalError("unable to open database file")))
