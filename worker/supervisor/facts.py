"""Facts for the worker, as texts of JSON: all that the supervisor tells is made here. Knows no job; words.py says what each means.

Those of each start and end are put together from parts, as an encoder would take several times as long.
"""

from __future__ import annotations

from ..state.small_files import to_json
from ..wire.words import FACT, ToWorker
from .jobs.leaders import Use

_STARTED = f'{{"{FACT}":"{ToWorker.STARTED}","job":"'
_ENDED = f'{{"{FACT}":"{ToWorker.ENDED}","job":"'


def hello(**said: object) -> str:
    """Introduce this supervisor."""
    return to_json({FACT: ToWorker.HELLO, **said})


def recovered() -> str:
    """Say that all that is known was told."""
    return to_json({FACT: ToWorker.RECOVERED})


def started(handle: str, pid: int, started_at_us: int, *, paused: bool, waits: bool, stuck: str = "") -> str:
    """Return the fact that a job has a process: whether it is paused or waits for disk space, and which processes cannot be ended."""
    standing = (',"paused":true' if paused else "") + (',"waits":true' if waits else "")
    standing += f',"stuck":{to_json(stuck)}' if stuck else ""
    return f'{_STARTED}{handle}","pid":{pid},"started_at_us":{started_at_us}{standing}}}'


def ended(handle: str, outcome: str, use: Use) -> str:
    """Say how a job ended: `outcome` is the text of its file, whose members are members of the fact too."""
    used = f'"user_us":{use.user_us},"system_us":{use.system_us},"max_resident_bytes":{use.max_resident_bytes}'
    return f'{_ENDED}{handle}",{outcome[1:-1]},{used}}}'


def signalled(handle: str, why: str) -> str:
    """Answer a signal: `why` says who did not get it, empty if all did."""
    return to_json({FACT: ToWorker.SIGNALLED, "job": handle, "why": why})


def paused(handle: str, why: str, *, is_paused: bool) -> str:
    """Say whether a job is suspended now; `why` it is not, where it was to be."""
    return to_json({FACT: ToWorker.PAUSED, "job": handle, "paused": is_paused, "why": why})


def stuck(handle: str, pids: list[int], why: str) -> str:
    """Say which processes of a job cannot be ended."""
    return to_json({FACT: ToWorker.STUCK, "job": handle, "pids": pids, "why": why})


def delayed(handle: str) -> str:
    """Say that a start waits for room on the disk."""
    return to_json({FACT: ToWorker.DELAYED, "job": handle})


def waits(handle: str, *, does_wait: bool) -> str:
    """Say whether a job waits in its writes for room on the disk."""
    return to_json({FACT: ToWorker.WAITS, "job": handle, "waits": does_wait})
