"""The peers of one router: connected, left, or gone. Knows no socket, no loop and no clock.

A peer that *left* has closed its connection, but its last messages may not be read yet: its streams are ended when they are. A peer that is
*gone* gets no more replies, and messages with its routing id are ignored, whoever sent them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from .peers import Peer
from .unread import MOST_LINES, Account

_log = logging.getLogger(__name__)

_GONE_REMEMBERED = 1024


@dataclass(slots=True)
class PeerTable:
    """Peers by routing id and by descriptor, and the accounts of their identities."""

    _accounts: dict[bytes, Account] = field(default_factory=dict)
    # Routing ids of peers that are gone, oldest first: their requests may still wait in libzmq, and would be handled.
    _gone: dict[bytes, None] = field(default_factory=dict)
    _by_id: dict[bytes, Peer] = field(default_factory=dict)
    _by_descriptor: dict[int, Peer] = field(default_factory=dict)
    # Of those by id, the ones that have left, while what they said last may not be read yet.
    _leaving: list[Peer] = field(default_factory=list)

    def all(self) -> list[Peer]:
        """Return the peers that are not gone."""
        return list(self._by_id.values())

    def with_id(self, routing_id: bytes) -> Peer | None:
        """Return the peer with this routing id, even if it has left."""
        return self._by_id.get(routing_id)

    def at(self, descriptor: int) -> Peer | None:
        """Return the peer whose connection has this descriptor, but not one that has left."""
        return self._by_descriptor.get(descriptor)

    def is_gone(self, routing_id: bytes) -> bool:
        """Return whether the last peer with this routing id is gone."""
        return routing_id in self._gone

    def account(self, public: bytes) -> Account:
        """Return the account of an identity; a new one is kept once its first peer is added."""
        return self._accounts.get(public) or Account(public)

    def add(self, peer: Peer) -> None:
        """Add a peer whose first message has arrived."""
        self._accounts[peer.public] = peer.account
        self._by_id[peer.routing_id] = self._by_descriptor[peer.descriptor] = peer

    def replace(self, routing_id: bytes, descriptor: int, cookie: bytes) -> None:
        """Forget peers whose routing id or descriptor belongs to another one by now; `cookie` is that of the connection itself."""
        for old in (self._by_id.get(routing_id), self._by_descriptor.get(descriptor)):
            if old is not None:
                self._forget(old)
                if old.meter.cookie == cookie:
                    old.end()
                else:
                    old.cut_off()

    def drop(self, peer: Peer, reason: str) -> None:
        """Disconnect the peer, unless it is gone already, and log the reason, unless the log has many lines about its identity."""
        line = peer.account.next_line()
        if line <= MOST_LINES:
            rest = "; for some seconds, the log leaves out others of it" if line == MOST_LINES else ""
            _log.warning("peer %s %s and was disconnected%s", peer.public.hex()[:8], reason, rest)
        if not peer.gone:
            self._forget(peer)
            peer.cut_off()

    def drop_most_unread(self, account: Account) -> None:
        """Disconnect the peer of an account that has the most unread bytes."""
        meter = account.largest()
        peer = self._by_descriptor.get(meter.descriptor) if meter is not None else None
        if meter is not None and peer is not None and peer.meter is meter:
            self.drop(peer, f"has {meter.unread} bytes unread")

    def cut_off(self, descriptor: int) -> None:
        """Disconnect the peer with this descriptor, if there is one, for a reason that was logged elsewhere."""
        peer = self._by_descriptor.get(descriptor)
        if peer is not None:
            self._forget(peer)
            peer.cut_off()

    def leave(self, peer: Peer) -> bool:
        """Note that a connection has ended; libzmq may still have messages from it. Return False if that was known."""
        if self._by_descriptor.get(peer.descriptor) is not peer:
            return False
        del self._by_descriptor[peer.descriptor]
        peer.left = True
        self._leaving.append(peer)
        # Others may connect now.
        self._strike_off(peer)
        return True

    def part(self) -> None:
        """End the peers that have left: all their messages are read."""
        leaving, self._leaving = self._leaving, []
        for peer in leaving:
            self.part_with(peer)

    def part_with(self, peer: Peer) -> None:
        """End one peer that has left, unless it is gone already."""
        if not peer.gone:
            self._forget(peer)
            peer.end()

    def _forget(self, peer: Peer) -> None:
        self._gone[peer.routing_id] = None
        if len(self._gone) > _GONE_REMEMBERED:
            del self._gone[next(iter(self._gone))]
        if self._by_id.get(peer.routing_id) is peer:
            del self._by_id[peer.routing_id]
        if self._by_descriptor.get(peer.descriptor) is peer:
            del self._by_descriptor[peer.descriptor]
        self._strike_off(peer)

    def _strike_off(self, peer: Peer) -> None:
        """Stop counting a connection for its member."""
        peer.account.forget(peer.meter)
        if not peer.account.meters and self._accounts.get(peer.public) is peer.account:
            del self._accounts[peer.public]
