"""Which schedules can complete a command. Pure: knows schedules as wire messages, and no worker."""

from __future__ import annotations

from collections.abc import Iterable

from ....schemas.generated import request_pb2
from .line import Word

# Commands that do nothing to a schedule which is paused already, or is not.
_PAUSED = {"jobwire schedule pause": False, "jobwire schedule resume": True}


def schedule_words(path: str, schedules: Iterable[request_pb2.ScheduleInfo]) -> list[Word]:
    """Return the names of the schedules that can complete a command, in alphabetical order, each once, with its times."""
    meant = _PAUSED.get(path)
    words = {one.name: Word(one.name, _about(one)) for one in schedules if meant is None or one.paused is meant}
    return [words[name] for name in sorted(words)]


def _about(schedule: request_pb2.ScheduleInfo) -> str:
    times = f"{schedule.cron} in {schedule.zone}"
    return f"paused: {times}" if schedule.paused else times
