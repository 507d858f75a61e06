"""The table of handlers, one for each verb of a request. A test compares it with the schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...keys.members.rights import Member
from ...keys.proofs.shown import Shown
from ...schemas.naming import JobKey
from ...schemas.refusal import Code, Refused
from ..access.notary import Notary
from ..desk.desk import Desk
from ..desk.inputs import Asked
from ..engine import Engine
from ..health.condition import Condition
from ..retention.ages import Ages
from ..retention.followed import Followed
from ..retention.forget import Forgetting
from ..staging.staging import Staging
from ..store.queries import Lookup
from ..store.store import Store
from ..streams.news import News
from ..streams.watchers import Watchers
from . import schedules
from .actions.change import change
from .actions.forget import forget
from .actions.pause import pause, resume
from .actions.signal import signal
from .actions.stop import stop
from .call import Call
from .dispatch import Handler
from .reads.events import replay, subscribe, unsubscribe
from .reads.fitting import find_workers
from .reads.hello import Introduction, hello, status
from .reads.jobs import Roster, list_jobs, query_one
from .reads.proofs import query_proof
from .reads.runs import list_runs, query_run
from .slots import set_slots
from .stage import commit, stage, unstage
from .start import start
from .streams import cancel, credit
from .transfers.feed import Feeders, LocalInputs, feed, push, resize
from .transfers.files import fetch, place, put
from .transfers.logs import follow_log, read_log

_OF_BROKERS = (
    *("enlist", "list_workers", "change_worker", "query_worker", "remove_worker"),
    *("add_queue", "change_queue", "list_queues"),
)
_OF_LINKS = ("deliver", "follow_facts", "settle", "relay", "discard", "relay_feed", "relay_put", "relay_fetch", "leave", "lend", "removed")


def handlers(  # noqa: PLR0913 -- all parts that one of them needs
    *,
    desk: Desk,
    lookup: Lookup,
    watchers: Watchers,
    followed: Followed,
    forgetting: Forgetting,
    engine: Engine,
    store: Store,
    news: News,
    introduction: Introduction,
    condition: Condition,
    member_of: Callable[[bytes], Member | None],
    named: Callable[[str], Member | None],
    ages: Ages,
    shortage: Callable[[], Refused | None],
    placed: Callable[[JobKey], None],
    capacity_changed: Callable[[], object],
    of_schedules: schedules.Parts,
    staging: Staging,
    pair: Handler,
    list_members: Handler,
    change_members: Handler,
    check: Callable[[Asked], None] | None = None,
    notary: Notary | None = None,
) -> Mapping[str, Handler]:
    """Return a handler for each verb, with the parts that it needs. `check` raises Refused for a job that cannot be started here.

    `notary` signs how jobs ended that ran here.
    """
    roster = Roster(member_of, named)
    inputs, starts = LocalInputs(engine, desk.live), Shown()
    feeders: Feeders = {}

    def complete(handler: Handler) -> Handler:
        """Return a handler for which the jobs of a selection are all there: those of a run that was just committed are on their way."""

        def handle(call: Call) -> None:
            owner = _asks_for_all(call)
            if owner is None:
                handler(call)
            else:
                staging.when_complete(owner, lambda: call.guard(handler, call))

        return handle

    return {
        "hello": lambda call: hello(call, introduction, condition),
        "status": lambda call: status(call, condition),
        "start": lambda call: start(call, desk, lookup, watchers, engine, store, check),
        "stop": complete(lambda call: stop(call, desk, lookup, watchers, engine, store)),
        "signal": complete(lambda call: signal(call, desk, lookup)),
        "find_workers": lambda call: find_workers(call, condition.queue.stock),
        "query_one": lambda call: query_one(call, desk, lookup, engine, roster, ages),
        "query_run": complete(lambda call: query_run(call, desk, lookup, watchers, engine, roster, ages)),
        "query_proof": lambda call: query_proof(call, lookup, store.read, notary, starts),
        "list_runs": lambda call: list_runs(call, desk, lookup, roster),
        "list": lambda call: list_jobs(call, desk, lookup, roster, ages),
        "read_log": lambda call: read_log(call, lookup, engine),
        "follow_log": lambda call: follow_log(call, desk, lookup, watchers, followed, engine),
        "credit": credit,
        "cancel": cancel,
        "subscribe": lambda call: subscribe(call, news, store, lookup, desk),
        "unsubscribe": lambda call: unsubscribe(call, news),
        "replay": lambda call: replay(call, lookup, store),
        "forget": complete(lambda call: forget(call, desk, lookup, forgetting, ages)),
        "pause": complete(lambda call: pause(call, desk, lookup)),
        "put": lambda call: put(call, engine.depot, shortage()),
        "place": lambda call: place(call, lookup, followed, engine.depot, shortage(), placed),
        "fetch": lambda call: fetch(call, lookup, followed, engine.depot),
        "change": complete(lambda call: change(call, desk, lookup)),
        "set_slots": lambda call: set_slots(call, desk, capacity_changed),
        "add_schedule": lambda call: schedules.add_schedule(call, of_schedules),
        "change_schedule": lambda call: schedules.change_schedule(call, of_schedules),
        "list_schedules": lambda call: schedules.list_schedules(call, of_schedules),
        "query_schedule": lambda call: schedules.query_schedule(call, of_schedules),
        "resume": complete(lambda call: resume(call, desk, lookup)),
        "feed": lambda call: feed(call, lookup, watchers, inputs, feeders),
        "push": push,
        "resize": resize,
        "stage": lambda call: stage(call, staging, desk, lookup, engine, shortage, check),
        "commit": lambda call: commit(call, staging, desk, store, shortage),
        "unstage": lambda call: unstage(call, staging),
        "pair": pair,
        "list_members": list_members,
        "change_members": change_members,
        **dict.fromkeys(_OF_BROKERS, _not_a_broker),
        **dict.fromkeys(_OF_LINKS, _not_over_a_link),
    }


def _not_a_broker(call: Call) -> None:
    del call
    message = "this is a worker, not a broker: workers cannot join it"
    raise Refused(Code.FAILED_PRECONDITION, message, "choose the context of a broker")


def _not_over_a_link(call: Call) -> None:
    verb = call.request.WhichOneof("verb")
    raise Refused(Code.FAILED_PRECONDITION, f"{verb} is only for a broker, over the connection of a worker that has joined it")


def _asks_for_all(call: Call) -> bytes | None:
    """Return whose runs a request refers to as a whole (it selects their jobs, or waits for their end). Empty: anybody's. None: no runs."""
    verb = call.request.WhichOneof("verb") or ""
    if verb == "query_run":
        return b"" if call.request.query_run.until_ended else None
    asked = getattr(call.request, verb)
    return (asked.selection.owner or call.member.key) if asked.HasField("selection") else None
