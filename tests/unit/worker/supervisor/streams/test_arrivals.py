import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.worker.state.log_folders import times_file as records
from jobwire.worker.state.log_folders.times_file import LARGEST, MOST_RECORDS, RECORD, Arrival
from jobwire.worker.supervisor.streams import arrivals as module
from jobwire.worker.supervisor.streams.arrivals import Arrivals, span_seconds


class House:
    """A folder of a job, and the time, which passes on demand."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = str(tmp_path)
        self.seconds = 100.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.seconds)
        self.arrivals = Arrivals(self.now_us)

    def now_us(self) -> int:
        return int(self.seconds * 1_000_000)

    def note(self, stream: int, size: int, after: float = 0.0) -> None:
        self.seconds += after
        self.arrivals.note(self.folder, stream, size)

    def recorded(self) -> list[Arrival]:
        return records.read(self.folder)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(tmp_path, monkeypatch)


def test_a_job_that_writes_once_has_no_file(house: House) -> None:
    house.note(0, 5)
    assert not list(Path(house.folder).iterdir())


def test_a_change_of_the_stream_is_recorded_at_once(house: House) -> None:
    house.note(0, 5)
    house.note(1, 3, 0.001)
    house.note(0, 9, 0.001)
    assert house.recorded() == [Arrival(100_000_000, 0, 5), Arrival(100_001_000, 1, 3)]


def test_what_one_stream_gets_within_ten_milliseconds_is_taken_together(house: House) -> None:
    for size in range(1, 9):
        house.note(0, size, 0.001)
    house.note(0, 20, 0.02)
    assert house.recorded() == [Arrival(100_001_000, 0, 8)]


def test_a_full_disk_costs_precision_and_nothing_else(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.pwrite

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    house.note(0, 5)
    monkeypatch.setattr(os, "pwrite", fail)
    house.note(1, 3, 0.001)
    monkeypatch.setattr(os, "pwrite", write)
    house.note(0, 9, 0.001)
    assert house.recorded() == [Arrival(100_001_000, 0, 5), Arrival(100_001_000, 1, 3)]


def test_the_next_supervisor_continues_over_an_incomplete_record(house: House, tmp_path: Path) -> None:
    (tmp_path / "stdout").write_bytes(b"x" * 7)
    (tmp_path / "stderr").write_bytes(b"y" * 3)
    os.utime(tmp_path / "stdout", ns=(0, 99_000_000_000))
    whole = records.pack(Arrival(90_000_000, 0, 5)) + records.pack(Arrival(91_000_000, 1, 3))
    (tmp_path / "times").write_bytes(whole + b"torn")
    house.arrivals.adopt(house.folder, [7, 3])
    house.note(1, 4)
    house.note(0, 8, 0.001)
    assert house.recorded() == [
        Arrival(90_000_000, 0, 5),
        Arrival(91_000_000, 1, 3),
        # What the killed one had not recorded: by the time of its log.
        Arrival(99_000_000, 0, 7),
        Arrival(100_000_000, 1, 4),
    ]


def test_the_file_never_grows_beyond_its_limit(house: House, tmp_path: Path) -> None:
    with (tmp_path / "times").open("wb") as file:
        file.truncate((MOST_RECORDS - 3) * RECORD.size)
    (tmp_path / "stdout").touch()
    (tmp_path / "stderr").touch()
    house.arrivals.adopt(house.folder, [0, 0])
    for size in range(1, 20):
        house.note(size % 2, size, 10_000_000)
    assert (tmp_path / "times").stat().st_size in range(LARGEST - 16, LARGEST + 1)


def test_spans_are_short_until_half_of_the_file_is_full_and_then_double() -> None:
    half = MOST_RECORDS // 2
    assert {span_seconds(0), span_seconds(half - 1)} == {0.01}
    assert span_seconds(half) == 0.02
    assert span_seconds(half + MOST_RECORDS // 32) == 0.04
    # So that a job can write for a month.
    assert span_seconds(MOST_RECORDS - 1) * MOST_RECORDS // 32 > 14 * 86_400


@given(st.lists(st.builds(Arrival, st.integers(0, 2**63), st.integers(0, 1), st.integers(0, 2**62))), st.binary(max_size=15))
def test_records_are_read_as_they_were_written(some: list[Arrival], torn: bytes) -> None:
    assert records.unpack(b"".join(map(records.pack, some)) + torn) == some
