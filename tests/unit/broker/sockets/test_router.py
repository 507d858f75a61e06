"""The sockets of a daemon in this process, above an engine double: what needs to look inside while somebody attacks."""

from __future__ import annotations

import asyncio
import gc
import select
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import zmq
from desk_house import EngineDouble
from raw_client import SILENCE_MS, RawClient

from jobwire.broker.daemon import Daemon
from jobwire.broker.engine import Ended
from jobwire.broker.fairness import cpu_shares
from jobwire.broker.fairness.cpu_shares import Shares
from jobwire.broker.foundation import Foundation
from jobwire.broker.settings import Settings
from jobwire.broker.sockets import router
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.router import _as_received
from jobwire.keys.identity import Identity, generate
from jobwire.keys.members import roster
from jobwire.keys.members.limits import Limits
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Refused


class Opened:
    """A daemon with two members, which are used from threads so that its loop keeps running."""

    def __init__(self, folder: Path) -> None:
        self.key, self.member, self.other = generate(), generate(), generate()
        self.roster = folder / "roster.toml"
        roster.add_member(self.roster, "member", self.member.public, "submitter")
        roster.add_member(self.roster, "other", self.other.public, "submitter")
        self.engine = EngineDouble()
        settings = Settings("worker", "test", folder / "state.db", self.roster, "tcp://127.0.0.1:*")
        self.daemon = Daemon(Foundation(settings, self.key), self.engine)

    def raw(self, identity: Identity, routing_id: bytes = b"") -> RawClient:
        return RawClient(self.daemon.endpoint, self.key.public, identity, routing_id=routing_id)


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    made = Opened(tmp_path)
    await made.daemon.start()
    yield made
    made.daemon.close()


def started_job(raw: RawClient) -> bytes:
    raw.hello()
    request = raw.start(b"true", watch=True)
    assert raw.ask(request).WhichOneof("content") == "acknowledged"
    return request.start.jobs[0].id


async def test_a_mute_peer_that_takes_the_routing_id_of_one_that_left_gets_none_of_its_replies(opened: Opened) -> None:
    for _ in range(10):
        with opened.raw(opened.member) as raw:
            job_id = await asyncio.to_thread(started_job, raw)
            (victim,) = [peer for peer in opened.daemon._server.router._peers.all() if peer.public == opened.member.public]
        with opened.raw(opened.other, routing_id=victim.routing_id) as mute:
            monitor = mute.socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
            assert await asyncio.to_thread(monitor.poll, 60_000)
            mute.socket.disable_monitor()
            monitor.close(0)
            outcome = Outcome(OutcomeKind.EXITED, exit_status=1)
            opened.daemon.desk.hear([Ended(AttemptKey(opened.member.public, job_id, 1), 1, 2, 3, outcome)])
            assert await asyncio.to_thread(mute.receive_frames, SILENCE_MS) is None
        assert victim.gone
        assert victim.streams == {}


async def test_streams_of_a_client_that_left_are_ended_at_once(opened: Opened) -> None:
    with opened.raw(opened.member) as raw:
        await asyncio.to_thread(started_job, raw)
        (peer,) = opened.daemon._server.router._peers.all()
        assert len(peer.streams) == 1
        (stream,) = peer.streams.values()
        ended = asyncio.Event()
        close = stream.close

        def close_and_tell() -> None:
            close()
            ended.set()

        stream.close = close_and_tell  # type: ignore[method-assign]
    await asyncio.wait_for(ended.wait(), 60)
    assert opened.daemon._server.router._peers.all() == []
    assert len(opened.daemon._parts.watchers) == 0


def leave(opened: Opened, raw: RawClient) -> None:
    """Close the connection once everything was sent, and wait until libzmq has said here that it has ended; the loop has read nothing."""
    raw.context.destroy(linger=60_000)
    assert opened.daemon._server.router._connections._monitor.poll(60_000)


@pytest.mark.parametrize("known_from", ["monitor", "kernel", "a reply"])
async def test_what_somebody_said_last_is_done_although_the_connection_has_ended(opened: Opened, known_from: str) -> None:
    endpoint = opened.daemon._server.router
    with opened.raw(opened.member) as raw:
        await asyncio.to_thread(raw.hello)
        start = raw.start(b"true")
        start.start.jobs[0].spec.held = True
        assert (await asyncio.to_thread(raw.ask, start)).HasField("acknowledged")
        key = job_pb2.JobKey(owner=opened.member.public, id=start.start.jobs[0].id)
        (peer,) = endpoint._peers.all()
        # A question of somebody who is gone is not answered; what is behind it is done.
        for last in (raw.request(list=request_pb2.List()), raw.request(stop=request_pb2.Stop(keys=[key]))):
            raw.send(raw.envelope(last))
        leave(opened, raw)
    if known_from == "monitor":
        endpoint._connections.catch_up()
    elif known_from == "kernel":
        peer.look_at = 0.0
    else:
        assert not endpoint.send(peer, request_pb2.Reply(request_id=1))
    with opened.raw(opened.other) as other:
        # What it is answered comes after what had come before.
        await asyncio.to_thread(other.hello)
    await opened.daemon.desk.durable()
    assert not opened.daemon.desk.live
    assert peer.gone
    assert peer not in endpoint._peers.all()


async def test_a_line_is_forgotten_after_what_was_said_last_over_it(opened: Opened) -> None:
    """As that of a worker, which says at last that it was stopped."""
    endpoint = opened.daemon._server.router
    happened: list[str] = []
    ended = asyncio.Event()
    with opened.raw(opened.member) as raw:
        await asyncio.to_thread(started_job, raw)
        (peer,) = endpoint._peers.all()
        (stream,) = peer.streams.values()
        close = stream.close

        def close_and_tell() -> None:
            happened.append("closed")
            close()
            ended.set()

        stream.close = close_and_tell  # type: ignore[method-assign]
        peer.turned = lambda frame, _: happened.append(frame.decode())
        for word in (b"one", b"two", b"three"):
            raw.send(word)
        leave(opened, raw)
    endpoint._connections.catch_up()
    await asyncio.wait_for(ended.wait(), 60)
    assert happened == ["one", "two", "three", "closed"]


async def test_what_somebody_said_who_was_cut_off_is_dropped(opened: Opened) -> None:
    endpoint = opened.daemon._server.router
    said: list[bytes] = []
    with opened.raw(opened.member) as raw:
        await asyncio.to_thread(raw.hello)
        (peer,) = endpoint._peers.all()
        peer.turned = lambda frame, _: said.append(frame)
        raw.send(b"said")
        leave(opened, raw)
    endpoint.drop(peer, "is not wanted")
    with opened.raw(opened.other) as other:
        await asyncio.to_thread(other.hello)
    assert not said


async def test_a_peer_that_does_not_read_is_cut_off_and_nobody_else(opened: Opened) -> None:
    with opened.raw(opened.member) as lazy, opened.raw(opened.other) as other:
        await asyncio.to_thread(lazy.hello)
        lazy.socket.setsockopt(zmq.RCVHWM, 1)
        (peer,) = opened.daemon._server.router._peers.all()
        reply = request_pb2.Reply(request_id=1)
        sent = 0
        while opened.daemon._server.router.send(peer, reply, bytes(256 * 1024)):
            sent += 1
            assert sent < 10_000
        assert peer.gone
        assert await asyncio.to_thread(other.hello)


async def test_the_port_in_use_is_named(opened: Opened, tmp_path: Path) -> None:
    settings = Settings("worker", "test", tmp_path / "other.db", opened.roster, opened.daemon.endpoint, "tcp://127.0.0.1:*")
    second = Daemon(Foundation(settings, generate()), EngineDouble())
    with pytest.raises(Exception, match=r"cannot listen on .*: Address already in use"):
        await second.start()
    second.close()


async def test_what_somebody_sends_who_is_cut_off_soon_is_not_kept(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "_FAREWELL_SECONDS", 600.0)
    # Nothing of other tests.
    gc.collect()

    def send_too_much(raw: RawClient) -> None:
        raw.hello()
        # Whoever was told so sends nothing large any more.
        for size in (1_000_000, 100, 100, 100, 100):
            much = raw.request(query_one=request_pb2.QueryOne(name="x" * size))
            assert raw.ask(much).WhichOneof("content") == "refusal"

    with opened.raw(opened.member) as raw:
        await asyncio.to_thread(send_too_much, raw)
        (peer,) = opened.daemon._server.router._peers.all()
        refused = peer.unwelcome
        assert refused
        # A traceback has the frames of all functions that it passed, with what they were called with.
        assert (refused.__traceback__, refused.__context__, refused.__cause__) == (None, None, None)
        # By type: a weak proxy of what is gone raises ReferenceError if it is asked for its class.
        raised = [one for one in gc.get_objects() if issubclass(type(one), Refused) and one.__traceback__ is not None]
        assert not [one.message for one in raised if one.message.startswith("the request has")]


async def test_one_connection_too_many_is_told_why_and_forgotten_when_it_leaves(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(router, "_FAREWELL_SECONDS", 0.2)
    endpoint = opened.daemon._server.router
    monkeypatch.setattr(endpoint, "_limits_of", lambda _: Limits(connections=1))
    dropped = asyncio.Event()
    drop = endpoint.drop

    def drop_and_tell(peer: Peer, reason: str) -> None:
        drop(peer, reason)
        dropped.set()

    monkeypatch.setattr(endpoint, "drop", drop_and_tell)
    with opened.raw(opened.member) as first:
        await asyncio.to_thread(first.hello)
        (peer,) = endpoint._peers.all()
        with opened.raw(opened.member) as second:
            for _ in range(3):
                refused = await asyncio.to_thread(second.ask, second.request(list=request_pb2.List()))
                assert refused.refusal.message == "1 connections of this key are open, which is the limit"
            assert len(endpoint._peers.all()) == 2
            assert list(peer.account.meters.values()) == [peer.meter]
            leave(opened, second)
        await asyncio.wait_for(dropped.wait(), 60)
        assert "is one connection too many and was disconnected" in caplog.text
        assert endpoint._peers.all() == [peer]
        assert not peer.gone


async def test_what_only_waits_is_left_where_it_is(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """One who asks for more than its share is read no faster than it is answered, so that it costs nothing."""
    asked = 3_000
    # On any machine: the loop is busy, who asked once stays, and whoever has used its share up does not have it again within this test.
    monkeypatch.setattr(cpu_shares, "_PRESENT_SECONDS", 600.0)
    monkeypatch.setattr(cpu_shares, "_SHARE", 1e-6)
    room = opened.daemon._server.router._shares
    room._loop_taken.share = 1e-6
    read: Counter[bytes] = Counter()
    has_begun = asyncio.Event()
    take = Shares.take

    def count(shares: Shares, peer: Peer, frame: bytes, bulk: memoryview | None = None) -> float:
        read[peer.public] += 1
        # Its hello, and the beginning of the rest.
        if read[opened.member.public] == 3:
            has_begun.set()
        return take(shares, peer, frame, bulk)

    monkeypatch.setattr(Shares, "take", count)

    def ask_for_much(raw: RawClient) -> None:
        raw.hello()
        frame = raw.envelope(raw.request(list=request_pb2.List(all=True)))
        for _ in range(asked):
            raw.send(frame)

    def ask_for_little(raw: RawClient) -> None:
        for _ in range(50):
            raw.ask(raw.request(list=request_pb2.List()))

    with opened.raw(opened.member) as much, opened.raw(opened.other) as little:
        much.socket.setsockopt(zmq.SNDHWM, asked)
        await asyncio.to_thread(little.hello)
        # What it used so far is forgotten whenever it asks: it stays who asks for little.
        room._lines[opened.other.public].taken.share = 1e6
        await asyncio.to_thread(ask_for_much, much)
        async with asyncio.timeout(60):
            await has_begun.wait()
        await asyncio.to_thread(ask_for_little, little)
        assert read[opened.other.public] > 50
        assert read[opened.member.public] < asked / 2


async def test_who_sends_while_only_others_wait_is_read_soon(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its message is signalled once, and libzmq may take the signal while it reads what waits."""
    endpoint = opened.daemon._server.router
    was_read = asyncio.Event()

    def take(peer: Peer, *_: object) -> float:
        if peer.public == opened.other.public:
            was_read.set()
            return 0.0
        if not was_sent:
            was_sent.append(True)
            little.send(little.envelope(listed))
            # It is not signalled if libzmq has not yet tried to read another message of it after the last.
            select.select([endpoint._socket.getsockopt(zmq.FD)], [], [], 0.1)
        return 0.0 if was_read.is_set() else 600.0

    with opened.raw(opened.member) as much, opened.raw(opened.other) as little:
        for raw in (much, little):
            await asyncio.to_thread(raw.hello)
        listed = little.request(list=request_pb2.List())
        monkeypatch.setattr(endpoint._shares, "take", take)
        for _ in range(500):
            was_sent: list[bool] = []
            was_read.clear()
            for _ in range(10):
                much.send(much.envelope(listed))
            async with asyncio.timeout(60):
                await was_read.wait()


def test_bytes_leave_in_the_frame_that_they_came_in_and_a_part_of_them_is_copied() -> None:
    with zmq.Context() as context, context.socket(zmq.PAIR) as near, context.socket(zmq.PAIR) as far:
        near.bind("inproc://frames")
        far.connect("inproc://frames")
        near.send(b"x" * 10_000)
        frame = far.recv(copy=False)
        whole = frame.buffer
        assert _as_received(whole) is frame
        assert _as_received(whole[:9_999]) is None
        assert _as_received(whole[:100]) is None
        assert _as_received(bytes(whole)) is None
        far.send(frame, copy=False)
        assert near.recv() == bytes(whole)
