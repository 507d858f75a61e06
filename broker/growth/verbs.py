"""add_queue, change_queue, list_queues: how operators configure the growth of a broker."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Coroutine
from typing import cast

from ...keys.members.rights import Right, demand
from ...schemas.clock import wall_us
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.workers.labels import parse_label
from ..requests.call import Call
from .book import Book, Queue
from .grower import Grower
from .life import State

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
_MOST_WORKERS = 10_000
_MOST_QUEUES = 100
_MOST_PER_NODE = 64
_SHORTEST_MS, _LONGEST_MS = 10_000, 366 * 24 * 3_600_000
_TASKS = set[asyncio.Task[None]]()


def add_queue(call: Call, grower: Grower) -> None:
    """Grow through one more queue; reply once its cluster has accepted the settings and it is durable."""
    # Its options are those of a command that the broker runs as its own user.
    demand(call.member, Right.ADMINISTER, call.member.key)
    queue = Queue(call.request.add_queue.queue.name, call.request.add_queue.queue, call.proof)
    check(queue.settings, grower)
    known = grower.book.queues.get(queue.name)
    if known is not None and (known.removed or known.settings != queue.settings):
        what = "is being removed" if known.removed else "exists already, with other settings"
        message = f"the queue {queue.name} {what}"
        raise Refused(Code.ALREADY_EXISTS, message, "choose another name, or remove that one", reason=Reason.NAME_TAKEN)
    if known is None and len(grower.book.queues) >= _MOST_QUEUES:
        raise Refused(Code.RESOURCE_EXHAUSTED, f"there are {_MOST_QUEUES} queues, which is the limit", "remove some")

    async def add() -> None:
        if known is None:
            await grower.clusters[queue.settings.cluster].check(queue.settings)
            await grower.add(queue)

    _then_done(call, add())


def check(queue: request_pb2.GrowthQueue, grower: Grower) -> None:
    """Raise Refused for settings that make no sense, whatever the cluster."""
    problem = ""
    if not _NAME.fullmatch(queue.name):
        problem = f"{queue.name[:100]!r} is not a name for a queue: lowercase letters, digits and -, at most 30"
    elif queue.cluster not in grower.clusters:
        problem = f"{queue.cluster[:100]!r} is not a cluster; clusters are {', '.join(sorted(grower.clusters))}"
    elif wrong := _wrong_number(queue):
        problem = wrong
    elif not _SHORTEST_MS <= queue.time_ms <= _LONGEST_MS:
        problem = "an allocation must last from 10 seconds to a year"
    elif not queue.assumed_ms or queue.assumed_ms > queue.time_ms:
        problem = "the expected duration of a job without a time limit must be more than 0 and not more than that of an allocation"
    elif any(not path.startswith("/") for path in (queue.folder, queue.scratch, queue.python) if path):
        problem = "folders and the Python of the nodes must be absolute paths"
    if problem:
        raise Refused(Code.INVALID_ARGUMENT, problem)
    names = [parse_label(said)[0] for said in queue.labels]
    if len(set(names)) < len(names):
        raise Refused(Code.INVALID_ARGUMENT, "the same label is given twice", "leave one of them out")
    if os.geteuid() == 0 and not queue.jobs_as_root:
        message = "the broker runs as root, and so would the jobs of its workers"
        raise Refused(Code.FAILED_PRECONDITION, message, "run the broker as another user, or permit jobs as root if that is intended")


def _wrong_number(queue: request_pb2.GrowthQueue) -> str:
    if not 1 <= queue.max_workers <= _MOST_WORKERS:
        return f"a queue can have 1 to {_MOST_WORKERS} workers, not {queue.max_workers}"
    if queue.per_node > min(_MOST_PER_NODE, queue.max_workers):
        return f"an allocation can have 1 to {_MOST_PER_NODE} workers, and not more than the queue, not {queue.per_node}"
    return ""


def change_queue(call: Call, grower: Grower) -> None:
    """Pause, resume or remove a queue; reply when that is durable."""
    request = call.request.change_queue
    removes = request.change == request_pb2.QUEUE_CHANGE_REMOVE
    demand(call.member, Right.ADMINISTER if removes else Right.SET_SLOTS, call.member.key)
    queue = grower.book.queues.get(request.name)
    if queue is None or (queue.removed and not removes):
        message = f"there is no queue {request.name[:100]!r}"
        raise Refused(Code.NOT_FOUND, message, "list the queues", reason=Reason.NO_SUCH_QUEUE)
    match request.change:
        case request_pb2.QUEUE_CHANGE_PAUSE | request_pb2.QUEUE_CHANGE_RESUME:
            _then_done(call, grower.set_paused(queue, paused=request.change == request_pb2.QUEUE_CHANGE_PAUSE))
        case request_pb2.QUEUE_CHANGE_REMOVE:
            _then_done(call, grower.remove(queue))
        case _:
            raise Refused(Code.INVALID_ARGUMENT, "a queue can be paused, resumed and removed")


def list_queues(call: Call, book: Book) -> None:
    """Reply with all queues, and their allocations."""
    demand(call.member, Right.SEE_OTHERS, b"")
    reply, now_us = request_pb2.ListQueuesReply(), wall_us()
    for queue in book.queues.values():
        said = reply.queues.add(queue=queue.settings, paused=queue.paused or queue.removed)
        said.why = "it is being removed" if queue.removed else queue.why or queue.trouble
        for one in book.of(queue.name):
            if one.state is not State.ENDED:
                state = cast("request_pb2.AllocationState", int(one.state))
                since_us = max(0, now_us - one.asked_at_us)
                said.allocations.add(name=one.name, cluster_id=one.cluster_id, state=state, since_us=since_us)
    call.reply(request_pb2.Reply(list_queues=reply))


def _then_done(call: Call, work: Coroutine[None, None, None]) -> None:
    async def run() -> None:
        await work
        call.done(None)

    task = asyncio.get_running_loop().create_task(run())
    _TASKS.add(task)
    task.add_done_callback(_ended(call))


def _ended(call: Call) -> Callable[[asyncio.Task[None]], None]:
    def ended(task: asyncio.Task[None]) -> None:
        _TASKS.discard(task)
        if not task.cancelled():
            call.guard(task.result)

    return ended
