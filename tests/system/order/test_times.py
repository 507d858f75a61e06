"""Jobs at a time and schedules, on a worker whose clock is set, and which is killed in between: each starts once."""

from __future__ import annotations

import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from daemons import Worker, wait_until

HOUR = 3600
SHIM = Path(__file__).parents[2] / "support" / "set_clock.c"


class House:
    """A worker, its clock, and the ledger of its jobs."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("there is no C compiler (cc) to make another clock with")
        library = folder / "set_clock.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, SHIM, "-ldl"], check=True)
        self.offset = folder / "offset"
        self.ledger = folder / "ledger"
        self.ledger.touch()
        # All is told from the beginning of an hour.
        self.hour = time.time() // HOUR * HOUR
        self.set_to(-0.5)
        self.worker = Worker(folder, slots=4, env={"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(self.offset)}).start()

    def set_to(self, hours: float) -> None:
        by = self.hour + hours * HOUR - time.time()
        with self.offset.open("r+b" if self.offset.exists() else "wb") as file:
            file.write(struct.pack("q", round(by * 1e9)))

    def at(self, hours: int) -> datetime:
        return datetime.fromtimestamp(self.hour + hours * HOUR, UTC)

    def writes(self, word: str) -> list[str]:
        return ["sh", "-c", f"echo {word} >> {self.ledger}"]

    def again(self) -> None:
        self.worker.kill()
        self.worker.start()

    def words(self) -> list[str]:
        return sorted(self.ledger.read_text().split())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    print(made.worker.logged())
    made.worker.clean()


def test_each_starts_once_over_kills_and_a_clock_that_is_set(house: House) -> None:
    with house.worker.client() as client:
        for name, missed in (("tick", "once"), ("all", "all"), ("none", "skip")):
            client.schedules.add(name, house.writes(name), cron="@hourly", zone="UTC", missed=missed)
        client.schedules.add("paused", house.writes("paused"), cron="@hourly", zone="UTC")
        client.schedules.pause(client.schedules.get("paused").key)
        at = client.submit(house.writes("at"), at=house.at(0), name="at")
        client.submit(house.writes("in"), at=timedelta(seconds=3), name="in")
        far = client.submit(house.writes("far"), at=house.at(24), name="far")
        # Long before its time, also on a slow machine.
        held = client.submit(house.writes("held"), at="+15s", name="held")
        held.hold()
        assert "does not start before" in at.info().waits_for
        assert at.info().starts_at_us
    # Over the moment at which they are due, or just before that.
    house.set_to(-1 / HOUR)
    house.again()
    first = sorted(("tick", "all", "none", "at", "in"))
    wait_until(lambda: len(house.words()) >= len(first), "what was due has run")
    assert house.words() == first
    house.set_to(-5)
    house.again()
    with house.worker.client() as client:
        client.run(["true"])
        assert house.words() == first
        (told,) = client.schedules.get("tick").firings
        assert (told.state and told.state.name, told.note) == ("FINISHED", "")
    house.worker.kill()
    # Half an hour after the third time that was missed.
    house.set_to(3.5)
    house.worker.start()
    later = sorted((*first, "tick", "all", "all", "all"))
    wait_until(lambda: len(house.words()) >= len(later), "what was missed has run")
    assert house.words() == later
    with house.worker.client() as client:
        assert far.id in {job.id for job in client.list()}
        client.job("held").release()
        client.job("held").wait(timeout=60)
        house.set_to(24.5)
        house.again()
    with house.worker.client() as client:
        client.job("far").wait(timeout=60)
        assert "missed 3 times" in client.schedules.get("none").firings[-2].note
        assert not client.schedules.get("paused").firings
        for info in list(client.schedules.list()):
            client.schedules.remove(info.key)
    assert house.words().count("far") == house.words().count("at") == house.words().count("in") == house.words().count("held") == 1
    assert "paused" not in house.words()
