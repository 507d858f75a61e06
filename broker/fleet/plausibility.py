"""Whether a worker's reports about itself and its jobs can be true. Pure.

A worker may lie about what it runs. It must not affect the jobs of others: neither by a number that no store, reply or calendar can hold,
nor by unlimited text, which a broker stores and shows to everybody.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import Message

from ...schemas.generated import job_pb2, request_pb2
from ...schemas.jobs.claims import MOST_OF_A_RESOURCE, MOST_RESOURCES
from ...schemas.naming import ID_BYTES
from ...schemas.workers.capacity import GPUS, MEMORY

# Of one fact: both tails, the hashes of both logs, and what is signed.
_LARGEST_FACT = 384 * 1024
# Why a job waits, or how it ended. Honest ones have up to 40,000 characters, if its client has chosen a name for the program, and a PATH,
# of which each character takes ten to be shown: who may start jobs must not get a worker disconnected.
_LONGEST_TEXT = 64 * 1024
_LONGEST_NAME = 256
_MOST_FEATURES = 256
# Less than what a signed number of 64 bits holds, also if two are added.
_MOST = 2**62
# The year 10000, in microseconds since 1970.
_END_OF_DATES_US = 253_402_300_800_000_000
# Kinds of things for jobs, and labels: more than an operator can define now, as an older worker takes more.
_MOST_KINDS = 256
_MOST_OF = {MEMORY: _MOST, GPUS: MOST_RESOURCES}


def hello_problem(hello: request_pb2.HelloReply) -> str:
    """Return what cannot be true in a worker's `hello`; empty if all of it can."""
    if len(hello.store) != ID_BYTES:
        return f"its store has an id of {len(hello.store)} bytes"
    if len(hello.features) > _MOST_FEATURES:
        return f"it has {len(hello.features)} features"
    longest = max(map(len, (hello.host, hello.software, *hello.features)))
    return f"it names itself, or a feature, with {longest} characters" if longest > _LONGEST_NAME else ""


def facts_problem(said: request_pb2.Facts) -> str:
    """Return what cannot be true in a worker's report; empty if all of it can."""
    return _stocks_problem(said.stocks, said.labels) or next(filter(None, map(_fact_problem, said.facts)), "")


def _stocks_problem(stocks: Sequence[request_pb2.Stock], labels: Sequence[job_pb2.Label]) -> str:
    if len(stocks) > _MOST_KINDS or len({one.name for one in stocks}) != len(stocks):
        return f"it has {len(stocks)} kinds of things for jobs, or one of them twice"
    for one in stocks:
        most = _MOST_OF.get(one.name, MOST_OF_A_RESOURCE)
        if len(one.name) > _LONGEST_NAME or max(one.total, one.used, one.others) > most:
            return f"it has {one.total} of {one.name[:_LONGEST_NAME]}, {one.used} in use, and {one.others} for others"
    if len(labels) > _MOST_KINDS:
        return f"it has {len(labels)} labels"
    longest = max((len(text) for one in labels for text in (one.name, one.value)), default=0)
    return f"it has a label of {longest} characters" if longest > _LONGEST_NAME else ""


def _fact_problem(fact: request_pb2.Fact) -> str:
    if (size := fact.ByteSize()) > _LARGEST_FACT:
        return f"what it reports of a job has {size} bytes"
    return _problem_in(fact)


def _problem_in(message: Message) -> str:
    """Return which number or text in a message is too large; empty if none is."""
    for field, value in message.ListFields():
        problem = ""
        if isinstance(value, Message):
            problem = _problem_in(value)
        elif isinstance(value, str) and len(value) > _LONGEST_TEXT:
            problem = f"{field.name} has {len(value)} characters"
        elif isinstance(value, int):
            most = _END_OF_DATES_US if field.name.endswith("_at_us") else _MOST
            problem = "" if 0 <= value < most else f"{field.name} is {value}"
        if problem:
            return problem
    return ""
