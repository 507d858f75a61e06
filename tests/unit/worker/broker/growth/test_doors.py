"""What lets requested workers join a broker, and no longer: entries of the roster."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from jobwire.keys.files import private_files
from jobwire.keys.identity import generate
from jobwire.keys.members import roster
from jobwire.schemas.refusal import Code, Refused
from jobwire.worker.broker.growth.doors import RosterDoors


async def test_a_worker_that_has_left_is_removed_or_that_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "roster.toml"
    roster.add_member(path, "admin", generate().public, "admin")
    roster.add_member(path, "pilot", generate().public, "worker")
    doors = RosterDoors(path, "tcp://127.0.0.1:7341", generate().public)
    monkeypatch.setattr(private_files, "LOCK_SECONDS", 0)
    lock = private_files.Place.lock
    held = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    taken: list[str] = []

    def lock_after_somebody(place: private_files.Place) -> None:
        # Another process comes between the two steps.
        if taken:
            fcntl.flock(held, fcntl.LOCK_EX)
        taken.append("")
        lock(place)

    with monkeypatch.context() as patch:
        patch.setattr(private_files.Place, "lock", lock_after_somebody)
        with pytest.raises(Refused) as caught:
            await doors.close("pilot", generate().public)
    assert caught.value.code is Code.UNAVAILABLE
    assert [member.name for member in roster.read(path).members] == ["admin", "pilot"]
    fcntl.flock(held, fcntl.LOCK_UN)
    # Twice, because nobody knows whether the first was durable when the broker was killed.
    for _ in range(2):
        await doors.close("pilot", generate().public)
        assert [member.name for member in roster.read(path).members] == ["admin"]
    os.close(held)
