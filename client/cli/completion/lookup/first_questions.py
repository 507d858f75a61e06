"""The queries to a worker that complete a word, and their limits. Pure: a wish in, requests out.

A Tab is answered in the time of a page or two, however many jobs are kept. So the worker is queried only for jobs that can complete the
command, newest first, and for what it finds without a scan: its runs, and the job named by what is typed so far.
"""

from __future__ import annotations

from .....schemas.generated import job_pb2, request_pb2
from .....schemas.private_parts.light_typing import NamedTuple
from .. import line
from ..jobs import ENDED, TAKE_A_BATCH, UNFINISHED
from ..line import Wish

# The pages of 50 jobs, or fewer, that are looked through. Where nothing is typed, the newest are as good as any. Else those that begin so
# may be rare: a worker picks them out and looks at 1,000 for each page, an older one sends any.
MOST_PAGES = 1
MOST_PAGES_TYPED = 6
MOST_RUNS = 50
_STATES = {
    **dict.fromkeys(ENDED, job_pb2.STATE_FINISHED),
    **dict.fromkeys(("jobwire attach", "jobwire pause"), job_pb2.STATE_RUNNING),
    **dict.fromkeys(("jobwire hold", "jobwire release"), job_pb2.STATE_QUEUED),
}


class Questions(NamedTuple):
    """`requests`: sent together; at most one of them is a `list`, of which `most_pages` are read."""

    requests: list[request_pb2.Request]
    most_pages: int


def questions(wish: Wish) -> Questions:
    """Return the queries for a job, a batch, or an owner of jobs."""
    owner, slash, name = wish.typed.partition("/")
    owner, typed = (owner, name) if slash else ("", owner)
    requests = []
    if typed and wish.kind in {line.JOB, line.AFTER}:
        requests.append(request_pb2.Request(query_one=request_pb2.QueryOne(name=wish.typed, pick=request_pb2.PICK_NEWEST)))
    if wish.kind in {line.BATCH, line.AFTER} or (wish.kind == line.JOB and wish.path in TAKE_A_BATCH):
        requests.append(request_pb2.Request(list_runs=request_pb2.ListRuns(owner_name=owner, limit=MOST_RUNS)))
    if wish.kind != line.BATCH:
        # No name has an @, which those have who type a process. A worker that is too old for the filters ignores them.
        begins = typed if wish.kind != line.OWNER and "@" not in typed else ""
        states = [_STATES[wish.path]] if wish.kind == line.JOB and wish.path in _STATES else []
        everything = wish.kind != line.JOB or wish.path not in UNFINISHED
        listed = request_pb2.List(all=everything, owner_name=owner, states=states, newest_first=True, begins=begins)
        requests.append(request_pb2.Request(list=listed))
    return Questions(requests, MOST_PAGES_TYPED if typed or wish.kind == line.OWNER else MOST_PAGES)
