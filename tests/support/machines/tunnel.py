"""A tunnel to a worker, as of ssh -L; it can also lose connections as a router does that translates addresses."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress


class Tunnel:
    """Forwards connections to one port of 127.0.0.2."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server = socket.create_server(("127.0.0.2", 0))
        self._wake, self._woken = socket.socketpair()
        self._others: dict[socket.socket, socket.socket] = {}
        # Of the connections, the ends of clients; and of those that were forgotten, the other ends.
        self._accepted: set[socket.socket] = set()
        self._forgotten: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        for one in (self._server, self._woken):
            self._selector.register(one, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """Where clients connect."""
        return f"tcp://127.0.0.2:{self._server.getsockname()[1]}"

    def forget(self) -> None:
        """End all connections on this side, as a router does that has forgotten them; the other side is not told before `tell`."""
        self._command(b"f")

    def tell(self) -> None:
        """End the connections that were forgotten on the other side too."""
        self._command(b"t")

    def close(self) -> None:
        """End everything."""
        self._command(b"!")
        self._thread.join()
        for one in (*self._others, *self._forgotten, self._server, self._wake, self._woken):
            one.close()
        self._selector.close()

    def _command(self, word: bytes) -> None:
        self._wake.send(word)
        assert self._wake.recv(1) == word

    def _obey(self, word: bytes) -> None:
        if word == b"f":
            for one in self._accepted:
                other = self._others.pop(one)
                del self._others[other]
                for end in (one, other):
                    self._selector.unregister(end)
                one.close()
                self._forgotten.append(other)
            self._accepted.clear()
        elif word == b"t":
            while self._forgotten:
                self._forgotten.pop().close()
        self._woken.send(word)

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    word = self._woken.recv(1)
                    self._obey(word)
                    if word == b"!":
                        return
                    # The others may be closed by now.
                    break
                if key.fileobj is self._server:
                    pair = self._server.accept()[0], socket.create_connection(("127.0.0.1", self._port))
                    self._accepted.add(pair[0])
                    for one, other in (pair, pair[::-1]):
                        self._others[one] = other
                        self._selector.register(one, selectors.EVENT_READ)
                elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._others:
                    self._hand_on(key.fileobj)

    def _hand_on(self, one: socket.socket) -> None:
        data = b""
        with suppress(OSError):
            data = one.recv(65536)
            if data:
                self._others[one].sendall(data)
                return
        for end in (one, self._others[one]):
            del self._others[end]
            self._accepted.discard(end)
            self._selector.unregister(end)
            end.close()
