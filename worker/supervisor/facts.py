"""The facts that the supervisor sends to the worker, in JSON. Knows no job; words.py describes them.

The facts of starts and ends are formatted directly, because an encoder would take several times as long.
"""

from __future__ import annotations

from ..state.small_files import to_json
from ..wire.words import FACT, ToWorker
from .jobs.leaders import Use

# Of the processes that cannot be ended: a fact must fit into a datagram.
_MOST_PIDS = 100

_STARTED = f'{{"{FACT}":"{ToWorker.STARTED}","job":"'
_ENDED = f'{{"{FACT}":"{ToWorker.ENDED}","job":"'


def hello(**said: object) -> str:
    """Return the fact that answers hello."""
    return to_json({FACT: ToWorker.HELLO, **said})


def recovered() -> str:
    """Return the fact that the answer to RECOVER is complete."""
    return to_json({FACT: ToWorker.RECOVERED})


def started(handle: str, pid: int, started_at_us: int, *, paused: bool, waits: bool, stuck: str = "") -> str:
    """Return the fact that a job has a process: whether it is paused or waits for disk space, and which processes cannot be killed."""
    standing = (',"paused":true' if paused else "") + (',"waits":true' if waits else "")
    standing += f',"stuck":{to_json(stuck)}' if stuck else ""
    return f'{_STARTED}{handle}","pid":{pid},"started_at_us":{started_at_us}{standing}}}'


def ended(handle: str, outcome: str, use: Use) -> str:
    """Return the fact that a job ended: `outcome` is the text of its file, whose members become members of the fact."""
    used = f'"user_us":{use.user_us},"system_us":{use.system_us},"max_resident_bytes":{use.max_resident_bytes}'
    return f'{_ENDED}{handle}",{outcome[1:-1]},{used}}}'


def signalled(handle: str, why: str) -> str:
    """Return the answer to a signal: `why` says which processes did not get it, empty if all did."""
    return to_json({FACT: ToWorker.SIGNALLED, "job": handle, "why": why})


def paused(handle: str, why: str, *, is_paused: bool) -> str:
    """Return the fact whether a job is suspended now; `why` it is not, if that was requested."""
    return to_json({FACT: ToWorker.PAUSED, "job": handle, "paused": is_paused, "why": why})


def stuck(handle: str, pids: list[int], why: str) -> str:
    """Return the fact that processes of a job cannot be killed."""
    return to_json({FACT: ToWorker.STUCK, "job": handle, "pids": pids[:_MOST_PIDS], "why": why})


def feed(handle: str) -> str:
    """Return the fact that a job can be fed; the descriptor of its memfd comes with it."""
    return to_json({FACT: ToWorker.FEED, "job": handle})


def feed_refused(handle: str) -> str:
    """Return the fact that another client feeds the job."""
    return to_json({FACT: ToWorker.FEED_REFUSED, "job": handle})


def terminal(handle: str) -> str:
    """Return the fact that a job has a terminal; the descriptor of its master comes with it."""
    return to_json({FACT: ToWorker.TERMINAL, "job": handle})


def given(handle: str) -> str:
    """Return the fact that a job has read more of its input."""
    return to_json({FACT: ToWorker.GIVEN, "job": handle})


def feed_over(handle: str, why: str) -> str:
    """Return the fact that a job takes no more input, and why; empty if it got everything."""
    return to_json({FACT: ToWorker.FEED_OVER, "job": handle, "why": why})


def delayed(handle: str, why: str = "") -> str:
    """Return the fact that a start waits, and why; empty: for disk space."""
    return to_json({FACT: ToWorker.DELAYED, "job": handle} | ({"why": why} if why else {}))


def waits(handle: str, *, does_wait: bool) -> str:
    """Return the fact whether a job's writes wait for disk space."""
    return to_json({FACT: ToWorker.WAITS, "job": handle, "waits": does_wait})
