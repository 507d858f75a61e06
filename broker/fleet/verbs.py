"""Requests that a broker answers differently from a worker: joining, workers, logs; and those that it does not support yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from ...keys.members.rights import Member, Right, demand
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Refused
from ..desk.inputs import Asked
from ..desk.view import View
from ..foundation import Foundation
from ..growth.book import Book
from ..growth.grower import Grower
from ..growth.verbs import add_queue, change_queue, list_queues
from ..pairing.edits import RosterEdits
from ..requests.call import Call
from ..requests.dispatch import Handler
from ..requests.reads.hello import FEATURES, Silence
from ..requests.transfers.feed import Feeders, feed
from ..store.queries import Lookup
from .engine import FleetEngine
from .placing.placement import FleetStock
from .transfers import logs
from .transfers.inputs import PassedInputs
from .unsupported import not_yet
from .workers.administration import change_worker, list_workers, query_worker, remove_worker
from .workers.fitting import find_workers
from .workers.warnings import in_words

_NOT_YET = {
    "set_slots": "setting what a worker has for jobs",
}
# Those that a client checks before it sends what needs them.
_LACKS = frozenset({"returns", "rerun"})
OWN_FEATURES = ("workers", "growth", "growth_labels")
_FEATURES = (*(feature for feature in FEATURES if feature not in _LACKS and not feature.startswith("relayed_")), *OWN_FEATURES)

# And what each worker must have for it.
_OF_WORKERS = {
    "roots": "roots",
    "staging": "relayed_parts",
    "staged_runs": "relayed_parts",
    "batch_schedules": "relayed_batch_schedules",
    "may_submit": "relayed_keys",
}


class Broker:
    """Makes a daemon a broker over the workers of its engine. `foundation` is that of the daemon."""

    def __init__(self, engine: FleetEngine, foundation: Foundation, book: Book) -> None:
        self._engine = engine
        self._roster = foundation.roster
        self._store = foundation.store
        self._watchers = foundation.watchers
        self._book = book
        # None: it is starting.
        self._grower: Grower | None = None

    def grow(self, grower: Grower) -> None:
        """Ask clusters for more workers from now on, when jobs wait."""
        self._grower = grower
        grower.open()

    def warnings(self) -> Sequence[str]:
        """Return what operators should look at: workers, and queues of growth."""
        engine = self._engine
        workers = [(engine.workers.name_of(worker.key), worker) for worker in engine.workers.all.values()]
        return in_words(workers, [(queue.name, queue.why or queue.trouble) for queue in self._book.queues.values()])

    def silence_of(self, machine: bytes) -> Silence | None:
        """Return for how many seconds a worker has not responded; None: it responds. Probes the worker."""
        return self._engine.workers.silence_of(machine)

    def waits(self) -> None:
        """Check whether more workers are needed."""
        self._book.look_soon()

    def _growing(self) -> Grower:
        if self._grower is None:
            raise Refused(Code.UNAVAILABLE, "the broker is starting", "try again in a moment")
        return self._grower

    @property
    def stock(self) -> FleetStock:
        """The capacity of the workers."""
        return self._engine.stock

    @property
    def features(self) -> Sequence[str]:
        """The features that it announces to clients. Its workers check what clients sign: so these are the features of all workers."""
        workers = [worker for worker in self._engine.workers.all.values() if worker.features and not worker.is_removed]
        return [name for name in _FEATURES if name not in _OF_WORKERS or all(_OF_WORKERS[name] in worker.features for worker in workers)]

    def guest(self, public: bytes) -> Member | None:
        """Return who has this key without being on the roster: a worker that was removed and is still to be told so."""
        return self._engine.removals.member(public)

    def guest_by_curve(self, curve_public: bytes) -> Member | None:
        """Return the same by the CurveZMQ key."""
        return self._engine.removals.by_curve(curve_public)

    def check(self, asked: Asked) -> None:
        """Refuse a job that no worker would take from a broker."""
        if asked.is_only_named:
            # A worker runs what is in the signed start.
            message = "a rerun was sent without the spec of the job, but the workers of a broker run only what is signed"
            raise Refused(Code.UNIMPLEMENTED, message, "upgrade the client, or submit it as a new job")

    def verbs(self, desk: View, lookup: Lookup, edits: RosterEdits) -> Mapping[str, Handler]:
        """Return the handlers that replace those of a worker."""
        engine, roster, store, watchers = self._engine, self._roster, self._store, self._watchers
        inputs, feeders = PassedInputs(lambda key: logs.worker_of(key, engine)), Feeders()
        return {
            "enlist": lambda call: enlist(call, engine),
            "list_workers": lambda call: list_workers(call, roster, engine),
            "change_worker": lambda call: change_worker(call, roster, store, engine),
            "find_workers": lambda call: find_workers(call, roster, engine),
            "query_worker": lambda call: query_worker(call, roster, lookup, engine),
            "remove_worker": lambda call: remove_worker(call, roster, edits, store, engine),
            "add_queue": lambda call: add_queue(call, self._growing()),
            "change_queue": lambda call: change_queue(call, self._growing()),
            "list_queues": lambda call: list_queues(call, self._book),
            "read_log": lambda call: logs.read_log(call, desk, lookup, engine),
            "follow_log": lambda call: logs.follow_log(call, desk, lookup, watchers, engine),
            "feed": lambda call: feed(call, lookup, watchers, inputs, feeders),
            **{verb: _refuser(what) for verb, what in _NOT_YET.items()},
        }


class _Link:
    """A worker's connection, registered as a stream of its peer: it ends with the peer."""

    def __init__(self, call: Call, engine: FleetEngine) -> None:
        self._call = call
        self._engine = engine
        self._is_bulk = call.request.enlist.bulk

    def grant(self, credit: request_pb2.Credit) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Note that the connection was lost."""
        self._call.stream_ended()
        worker = self._engine.workers.get(self._call.peer.public)
        link = worker.bulk if self._is_bulk else worker.link
        if link is not None:
            link.gone(self._call.peer)


def enlist(call: Call, engine: FleetEngine) -> None:
    """Turn the connection of a worker around: from now on, the broker sends requests over it."""
    demand(call.member, Right.ENLIST, call.member.key)
    call.open_stream(_Link(call, engine))
    said = call.request.enlist
    call.reply(request_pb2.Reply(done=request_pb2.Done(bulk=not said.bulk)))
    if said.bulk:
        engine.workers.turn_bulk(engine.workers.get(call.peer.public), call.peer)
        return
    engine.enlist(call.peer, said.left_ms if said.HasField("left_ms") else None)


def _refuser(what: str) -> Callable[[Call], NoReturn]:
    def refuse(call: Call) -> NoReturn:
        del call
        raise not_yet(what)

    return refuse
