"""Facts about jobs as they are sent to the worker, in JSON. Knows no job; worker_line.py lists them."""

from __future__ import annotations

from ..state.small_files import to_json
from .jobs.leaders import Use


def started_fact(handle: str, pid: int, started_at_us: int, *, paused: bool, waits: bool, stuck: str = "") -> str:
    """Return the fact that a job has a process: whether it is paused or waits for disk space, and which processes cannot be ended."""
    standing = (',"paused":true' if paused else "") + (',"waits":true' if waits else "")
    standing += f',"stuck":{to_json(stuck)}' if stuck else ""
    return f'{{"fact":"started","job":"{handle}","pid":{pid},"started_at_us":{started_at_us}{standing}}}'


def ended_fact(handle: str, outcome: str, use: Use) -> str:
    """Return the fact that a job ended, from the text of its outcome."""
    used = f'"user_us":{use.user_us},"system_us":{use.system_us},"max_resident_bytes":{use.max_resident_bytes}'
    return f'{{"fact":"ended","job":"{handle}",{outcome[1:-1]},{used}}}'
