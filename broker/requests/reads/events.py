"""subscribe, unsubscribe and replay: grants for the event socket, and events after a cursor."""

from __future__ import annotations

from ....schemas.generated import event_pb2, request_pb2
from ....schemas.naming import JobKey, finish_job_id
from ....schemas.refusal import Code, Reason, Refused
from ...desk.desk import Desk
from ...jobs.job import RunKey
from ...store.queries import Lookup
from ...store.store import Store
from ...streams.news import News, Waiting, read_filter
from ..call import Call
from ..checks.delegated import demand_filter, starter_of

_MOST_EVENTS = 250
_GO_ON = "list the current jobs, and continue from the head of a new subscription"
# A reply is one message; events with long labels make it shorter.
_MOST_BYTES = 1024 * 1024


def subscribe(call: Call, news: News, store: Store, lookup: Lookup, desk: Desk) -> None:
    """Check the filter once, and reply with the topic to subscribe to."""
    wanted = read_filter(call.request.subscribe.filter, call.member)
    demand_filter(wanted, call.member, lookup)
    starter = starter_of(call.member, desk)
    waiting = None
    if starter is not None:
        run = RunKey(call.member.key, wanted.batch)
        awaited = tuple(wanted.jobs) or (*desk.runs.get(run, ()), JobKey(run.owner, finish_job_id(run.id)))
        waiting = Waiting(desk.wait_for, starter.attempt.key, awaited)
    topic = news.grant(call.member.public, wanted, call.member.limits.grants, call.member.account, waiting)
    call.reply(request_pb2.Reply(subscribe=request_pb2.SubscribeReply(topic=topic, head=_cursor(store, store.head))))


def unsubscribe(call: Call, news: News) -> None:
    """Delete a grant."""
    news.revoke(call.request.unsubscribe.topic, call.member.public)
    call.reply(request_pb2.Reply(done=request_pb2.Done()))


def replay(call: Call, lookup: Lookup, store: Store) -> None:
    """Reply with events after a cursor, as many as fit into one reply."""
    request = call.request.replay
    after = request.after.seq
    if request.after.store and request.after.store != store.id:
        message = "the cursor belongs to another store, which is gone"
        raise Refused(Code.OUT_OF_RANGE, message, _GO_ON, reason=Reason.CURSOR_OF_ANOTHER_STORE)
    wanted = read_filter(request.filter, call.member)
    demand_filter(wanted, call.member, lookup)
    limit = min(request.limit or _MOST_EVENTS, _MOST_EVENTS)
    head = store.head
    if after > head:
        raise Refused(
            Code.OUT_OF_RANGE,
            f"the cursor is at event {after} and the newest is {head}",
            "start from the head of a new subscription",
            reason=Reason.CURSOR_BEYOND_HEAD,
        )
    events, upto = lookup.replay(after, head, wanted.owner)
    # Read after the events: otherwise events that are removed in between would be missing silently.
    oldest = lookup.oldest_seq()
    if after + 1 < oldest:
        message = f"events before {oldest} are no longer kept, and the cursor is at {after}"
        raise Refused(Code.OUT_OF_RANGE, message, _GO_ON, reason=Reason.CURSOR_TOO_OLD)
    chosen: list[event_pb2.Event] = []
    size = 0
    for event in events:
        if not wanted.lets_through(event):
            continue
        size += event.ByteSize()
        if chosen and (len(chosen) == limit or size > _MOST_BYTES):
            upto = chosen[-1].seq
            break
        chosen.append(event)
    reply = request_pb2.ReplayReply(events=chosen, upto=_cursor(store, max(upto, after)), more=upto < head)
    call.reply(request_pb2.Reply(replay=reply))


def _cursor(store: Store, seq: int) -> event_pb2.Cursor:
    return event_pb2.Cursor(store=store.id, seq=seq)
