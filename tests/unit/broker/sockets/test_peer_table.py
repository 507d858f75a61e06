"""Who is there, has left and is gone, without a socket: descriptors and cookies are made up."""

from __future__ import annotations

from types import MappingProxyType
from unittest.mock import create_autospec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.broker.sockets import peer_table
from jobwire.broker.sockets.peer_table import PeerTable
from jobwire.broker.sockets.peers import Outlet, Peer, Stream
from jobwire.broker.sockets.unread import Meter

MEMBER, OTHER = b"m" * 32, b"o" * 32
# No descriptor of this process, so that nothing is shut down.
FIRST_DESCRIPTOR = 1 << 30
WAYS = MappingProxyType(
    {"leave": PeerTable.leave, "part with": PeerTable.part_with, "drop": lambda table, peer: table.drop(peer, "is unwanted")}
)


def peer_of(table: PeerTable, number: int, public: bytes = MEMBER) -> Peer:
    """Add a peer with one stream."""
    account = table.account(public)
    meter = account.meter(FIRST_DESCRIPTOR + number, b"cookie%d" % number)
    peer = Peer(
        b"id%d" % number, meter, account, create_autospec(Outlet, instance=True), streams={1: create_autospec(Stream, instance=True)}
    )
    table.add(peer)
    return peer


def test_one_that_has_left_keeps_its_streams_until_everything_is_read() -> None:
    table = PeerTable()
    peer = peer_of(table, 1)
    assert table.leave(peer)
    assert (peer.left, peer.gone, len(peer.streams)) == (True, False, 1)
    assert table.with_id(b"id1") is peer
    assert table.at(peer.descriptor) is None
    assert not table.is_gone(b"id1")
    table.part()
    assert (peer.gone, len(peer.streams)) == (True, 0)
    assert table.with_id(b"id1") is None
    assert table.is_gone(b"id1")


def test_a_connection_that_has_ended_is_not_counted_although_it_may_not_be_read_yet() -> None:
    table = PeerTable()
    stays, leaves = peer_of(table, 1), peer_of(table, 2)
    table.leave(leaves)
    assert list(table.account(MEMBER).meters.values()) == [stays.meter]


def test_that_one_has_left_is_news_once() -> None:
    table = PeerTable()
    peer = peer_of(table, 1)
    assert table.leave(peer)
    assert not table.leave(peer)


def test_a_peer_without_connections_leaves_no_account() -> None:
    table = PeerTable()
    peer = peer_of(table, 1)
    account = table.account(MEMBER)
    table.drop(peer, "is unwanted")
    assert table.account(MEMBER) is not account


def test_one_that_is_not_counted_goes_without_a_trace_in_the_account() -> None:
    table = PeerTable()
    counted = peer_of(table, 1)
    beyond = Peer(b"id2", Meter(FIRST_DESCRIPTOR + 2, b"cookie2"), table.account(MEMBER), create_autospec(Outlet, instance=True))
    table.add(beyond)
    assert list(table.account(MEMBER).meters.values()) == [counted.meter]
    table.drop(beyond, "is one too many")
    assert table.is_gone(b"id2")
    assert table.account(MEMBER) is counted.account
    assert list(counted.account.meters.values()) == [counted.meter]


def test_one_that_left_before_it_was_dropped_is_gone_already(caplog: pytest.LogCaptureFixture) -> None:
    table = PeerTable()
    peer = peer_of(table, 1)
    table.leave(peer)
    table.part()
    successor = Peer(b"id1", table.account(OTHER).meter(peer.descriptor, b"cookie9"), table.account(OTHER), peer.outlet)
    table.add(successor)
    table.drop(peer, "is unwanted")
    assert "is unwanted and was disconnected" in caplog.text
    assert table.all() == [successor]


def test_whoever_is_dropped_again_and_again_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    table = PeerTable()
    stays = peer_of(table, 0)
    for number in range(1, 101):
        table.drop(peer_of(table, number), "is one too many")
    table.drop(peer_of(table, 101, OTHER), "is unwanted")
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 11
    assert lines[0] == f"peer {MEMBER.hex()[:8]} is one too many and was disconnected"
    assert lines[9] == f"{lines[0]}; for some seconds, the log leaves out others of it"
    assert "is unwanted" in lines[10]
    stays.account._lines_since -= 10
    table.drop(peer_of(table, 102), "is one too many")
    assert caplog.records[-1].getMessage() == lines[0]
    assert table.all() == [stays]


def test_the_one_with_the_most_unread_bytes_is_dropped() -> None:
    table = PeerTable()
    little, much, others = peer_of(table, 1), peer_of(table, 2), peer_of(table, 3, OTHER)
    little.meter.unread, much.meter.unread, others.meter.unread = 10, 20, 30
    table.drop_most_unread(table.account(MEMBER))
    assert [peer.gone for peer in (little, much, others)] == [False, True, False]


def test_one_whose_descriptor_is_closed_is_cut_off_and_nobody_else() -> None:
    table = PeerTable()
    one, other = peer_of(table, 1), peer_of(table, 2)
    table.cut_off(one.descriptor)
    table.cut_off(FIRST_DESCRIPTOR + 99)
    assert table.all() == [other]
    assert one.gone


def test_whose_routing_id_or_descriptor_belongs_to_another_one_is_forgotten() -> None:
    table = PeerTable()
    by_id, by_descriptor, stays = (peer_of(table, number) for number in (1, 2, 3))
    table.replace(by_id.routing_id, by_descriptor.descriptor, b"cookie9")
    assert [peer.gone for peer in (by_id, by_descriptor, stays)] == [True, True, False]
    assert table.all() == [stays]


def test_only_so_many_routing_ids_of_peers_that_are_gone_are_remembered() -> None:
    table = PeerTable()
    for number in range(peer_table._GONE_REMEMBERED + 1):
        table.part_with(peer_of(table, number))
    assert not table.is_gone(b"id0")
    assert table.is_gone(b"id1")


@given(st.lists(st.tuples(st.sampled_from(sorted(WAYS)), st.integers(0, 5))))
def test_whatever_happens_accounts_count_those_who_are_there(steps: list[tuple[str, int]]) -> None:
    table = PeerTable()
    peers = [peer_of(table, number, MEMBER if number % 2 else OTHER) for number in range(6)]
    for way, number in steps:
        WAYS[way](table, peers[number])
        there = [peer for peer in peers if table.at(peer.descriptor) is peer]
        for public in (MEMBER, OTHER):
            assert list(table.account(public).meters.values()) == [peer.meter for peer in there if peer.public == public]
        assert all(not peer.gone and not peer.left for peer in there)
        assert [peer for peer in peers if not peer.gone] == table.all()
        assert all(table.is_gone(peer.routing_id) == peer.gone for peer in peers)
