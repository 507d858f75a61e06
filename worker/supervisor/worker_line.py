"""The supervisor's end of the line to the worker: one worker at a time. The words are those of worker/wire/words.py.

A message that cannot be parsed is logged, and has no other effect.
"""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable

from ...keys.c_socket import accept, peer_of, socket
from ...schemas.json_text import from_json
from ..keeper.light_process import say
from ..state import layout
from ..state.small_files import write_file
from ..wire import datagrams
from ..wire.supervisor_socket import listen, socket_file
from .held_starts import HeldStarts
from .loop import Loop, log_exception

# Wishes for each turn: a worker that starts thousands of jobs at once must not keep the pumps from running.
_WISHES_A_TURN = 16
_MOST_UNSENT = 10_000

Wish = dict[str, object]


class Link:
    """The listening socket and the one connection from it. `lost` is called when that ends."""

    def __init__(self, loop: Loop, listener: int, do: Callable[[Wish], None], lost: Callable[[], None]) -> None:
        os.set_inheritable(listener, False)  # noqa: FBT003 -- it takes no name
        self._loop = loop
        self._listener = socket.socket(fileno=listener)
        # A second socket, if the file of the first one, which the keeper holds, was removed or replaced.
        self._anew: socket.socket | None = None
        # The file of the one in use: device and inode.
        self._file: tuple[int, int] | None = None
        self._do = do
        self._lost = lost
        self._connection: socket.socket | None = None
        # Nothing is sent before the worker has sent hello: it requests earlier facts itself.
        self._greeted = False
        self._wishes: deque[Wish] = deque()
        self._facts: list[str] = []
        self._starts = HeldStarts(loop, self._facts.append)
        self._unsent: deque[datagrams.Parcel] = deque()
        self._blocked = False

    def open(self) -> None:
        """Listen."""
        self._loop.watch(self._listener.fileno(), select.EPOLLIN, lambda _: self._accept(self._listener))
        self._loop.before_sleep(self._turn)
        self.listen_again()

    def listen_again(self) -> None:
        """Listen at a new socket if the file of the present one is gone; the file of an earlier supervisor counts as gone."""
        there = socket_file()
        if self._anew is None and self._file is None and not os.path.exists(layout.SOCKET_ANEW):  # noqa: PTH110 -- pathlib is not light
            self._file = there
        if there is not None and there == self._file:
            return
        try:
            write_file(layout.SOCKET_ANEW, b"")
            anew = socket.socket(fileno=listen())
        except OSError as error:
            say(f"{layout.SOCKET} was removed or replaced and cannot be created again: {error}")
            return
        if self._anew is not None:
            self._loop.unwatch(self._anew.fileno())
            self._anew.close()
        self._anew, self._file = anew, socket_file()
        self._loop.watch(anew.fileno(), select.EPOLLIN, lambda _: self._accept(anew))

    def greet(self) -> None:
        """Send facts from now on, because the worker has sent hello."""
        self._greeted = True

    def tell(self, fact: str) -> None:
        """Send a fact to the worker; does nothing if there is none."""
        if self._greeted:
            self._starts.send_all()
            self._facts.append(fact)

    def tell_start(self, handle: str, fact: str) -> None:
        """Send the fact of a start soon, unless that of the job's end is sent before; does nothing if there is no worker."""
        if self._greeted:
            self._starts.add(handle, fact)

    def tell_end(self, handle: str, fact: str) -> None:
        """Send the fact of an end, which includes everything in the fact of its start; does nothing if there is no worker."""
        if self._greeted:
            self._starts.drop(handle)
            self._facts.append(fact)

    def hand(self, fact: str, descriptor: int) -> None:
        """Send a fact with a duplicate of a descriptor; does nothing if there is no worker."""
        if not self._greeted:
            return
        duplicate: tuple[int, ...] = ()
        try:
            duplicate = (os.dup(descriptor),)
        except OSError as error:
            # The worker refuses what needs it, as when it has none left itself.
            say(f"a descriptor cannot be sent: {error.strerror}")
        self._starts.send_all()
        self._pack()
        self._unsent.extend((datagram, duplicate) for datagram in datagrams.arrays([fact]))

    @property
    def is_connected(self) -> bool:
        """Whether a worker is connected."""
        return self._connection is not None

    def is_quiet(self) -> bool:
        """Return whether there is nothing left to do or to send."""
        return not (self._wishes or self._facts or self._starts or self._unsent)

    def detach_listener(self) -> int:
        """Return the listening socket, which is no longer closed with this object."""
        return self._listener.detach()

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection = accept(listener)
        except OSError:
            # The client has closed it already, or there is no free descriptor.
            return
        connection.settimeout(0)
        _, user = peer_of(connection)
        if user != os.geteuid():
            say(f"a connection of user {user} was refused")
            connection.close()
            return
        self._finish_with_former()
        self._connection = connection
        self._loop.watch(connection.fileno(), select.EPOLLIN, self._ready)

    def _finish_with_former(self) -> None:
        # Messages that a worker sent before it died are still valid.
        while self._connection is not None and (self._wishes or self._read()):
            while self._wishes:
                self._do_next()
        self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._loop.unwatch(self._connection.fileno())
            self._connection.close()
            self._lost()
        self._connection = None
        self._greeted = False
        self._blocked = False
        self._facts.clear()
        self._starts.clear()
        self._drop_unsent()

    def _ready(self, events: int) -> None:
        if events & select.EPOLLOUT:
            self._send()
        # Not while there are wishes to do: the socket is the queue, and the worker waits.
        if events & ~select.EPOLLOUT and not self._wishes:
            self._read()

    def _read(self) -> bool:
        """Read one datagram and return True; False if there is none. At end of file, the connection is dropped."""
        if self._connection is None:
            return False
        data = datagrams.receive(self._connection)
        if data is None:
            return False
        if not data:
            self._drop()
            return False
        try:
            wishes = from_json(data.decode())
        except ValueError:
            wishes = None
        if not isinstance(wishes, list) or not all(isinstance(wish, dict) for wish in wishes):
            say(f"the worker sent a message that is not understood: {data[:100]!r}")
            return True
        self._wishes.extend(wishes)
        return True

    def _do_next(self) -> None:
        wish = self._wishes.popleft()
        try:
            self._do(wish)
        except (KeyError, TypeError, ValueError) as error:
            say(f"the worker sent a request that is not understood: {error!r:.200}")
        except Exception:  # noqa: BLE001 -- a bug affects only this wish
            log_exception()

    def _turn(self) -> bool:
        # Sent first: the worker records the ends of this turn while what is left of these jobs is put away, and others are started here.
        self._send_facts()
        self._loop.do_postponed()
        for _ in range(min(len(self._wishes), _WISHES_A_TURN)):
            self._do_next()
        self._send_facts()
        self._loop.do_postponed()
        return bool(self._wishes)

    def _send_facts(self) -> None:
        if self._facts or (self._unsent and not self._blocked):
            self._pack()
            self._send()

    def _pack(self) -> None:
        facts = self._facts.copy()
        self._facts.clear()
        for fact in facts:
            if len(fact) > datagrams.LARGEST_DATAGRAM:
                # For example, of an end that an earlier version wrote. The worker finds it in its folder, at the next recovery.
                say(f"a fact of {len(fact)} bytes is too long to be sent: {fact[:200]}")
        fitting = [fact for fact in facts if len(fact) <= datagrams.LARGEST_DATAGRAM]
        self._unsent.extend((datagram, ()) for datagram in datagrams.arrays(fitting) if fitting)
        if len(self._unsent) > _MOST_UNSENT:
            say("the worker does not read: its connection is dropped")
            self._drop()

    def _send(self) -> None:
        if self._connection is None:
            return
        blocked = False
        try:
            blocked = not datagrams.send_waiting(self._connection, self._unsent)
        except OSError:
            # Not dropped here, because messages sent before it died are read first.
            self._drop_unsent()
        if blocked != self._blocked:
            self._blocked = blocked
            self._loop.watch(self._connection.fileno(), select.EPOLLIN | (select.EPOLLOUT if blocked else 0), self._ready)

    def _drop_unsent(self) -> None:
        while self._unsent:
            datagrams.drop(self._unsent.popleft())
