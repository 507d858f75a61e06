"""The client's side of CurveZMQ (ZeroMQ RFC 26) over ZMTP 3.0 (RFC 23): bytes that came in, bytes to send out. Pure: no socket, no time.

It never waits longer than necessary: from nothing to a reply it takes four round trips, the first one that of TCP. libzmq takes one more,
because it sends only ten bytes before it has received those of the other side. Of RFC 23, it implements what a worker sends to a DEALER.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from .....keys.c_sodium import KEY_BYTES, Box, ForgedError, new_curve_keys
from .....keys.identity import Identity, curve_public_of

_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)
_METADATA = b"\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00"
# Flags of a frame, and inside a box those of a part of a message.
_MORE, _LONG, _COMMAND = 1, 2, 4
_COMMAND_INSIDE = 2
_SHORTEST_LONG = 256
# Of a frame of whoever has not yet shown that it is the worker; those of RFC 26 are shorter, but for metadata that nobody sends.
_LONGEST_BEFORE = 1024
_NUMBER_BYTES = 8
_LONG_NONCE_BYTES = 16


class BrokenOffError(Exception):
    """Raised if the other side is not the expected worker, does not accept this identity, or violates the protocol."""


class CurveClient:
    """One connection. `outgoing` is to be sent and then emptied; messages said before the worker is known follow in it later.

    Raises `Refused` for an invalid server key.
    """

    def __init__(self, identity: Identity, server_public: bytes) -> None:
        self._identity = identity
        self._server = curve_public_of(server_public)
        self._public, self._secret = new_curve_keys()
        self._box = Box(self._server, self._secret)
        self._sent = self._received = 0
        self._incoming = bytearray()
        # What comes next.
        self._take: Callable[[list[bytes]], bool] = self._take_greeting
        self._waiting: list[bytes] | None = []
        self._parts: list[bytes] = []
        number = self._next_number()
        hello = b"\x01\x00" + bytes(72) + self._public + number + self._box.seal(bytes(64), b"CurveZMQHELLO---" + number)
        self.outgoing = _GREETING + _frame(_command("HELLO", hello), _COMMAND)

    @property
    def is_let_in(self) -> bool:
        """Whether the worker has accepted the connection."""
        return self._waiting is None

    def say(self, message: bytes) -> None:
        """Send a message of one part."""
        if self._waiting is not None:
            self._waiting.append(message)
            return
        number = self._next_number()
        body = number + self._box.seal(b"\0" + message, b"CurveZMQMESSAGEC" + number)
        self.outgoing += _frame(_command("MESSAGE", body), 0)

    def hear(self, data: bytes) -> list[bytes]:
        """Process received bytes; return the messages completed by them, the first part of each. Raises BrokenOffError."""
        self._incoming += data
        messages: list[bytes] = []
        try:
            while self._take(messages):
                pass
        except (ForgedError, ValueError) as error:
            raise BrokenOffError(str(error)) from None
        return messages

    def _take_greeting(self, _: list[bytes]) -> bool:
        greeting = self._taken(len(_GREETING))
        if greeting:
            if greeting[0] != _GREETING[0] or greeting[9:11] != _GREETING[9:11] or greeting[12:32] != _GREETING[12:32]:
                raise BrokenOffError("it does not speak CurveZMQ")
            self._take = self._take_welcome
        return bool(greeting)

    def _take_welcome(self, _: list[bytes]) -> bool:
        frame = self._next_frame()
        if frame is None:
            return False
        nonce, sealed = _split(_body(frame, "WELCOME"), _LONG_NONCE_BYTES)
        session, cookie = _split(self._box.open(sealed, b"WELCOME-" + nonce), KEY_BYTES)
        self._box = Box(session, self._secret)
        nonce = os.urandom(_LONG_NONCE_BYTES)
        vouch = Box(session, self._identity.curve_secret).seal(self._public + self._server, b"VOUCH---" + nonce)
        number = self._next_number()
        sealed = self._box.seal(self._identity.curve_public + nonce + vouch + _METADATA, b"CurveZMQINITIATE" + number)
        self.outgoing += _frame(_command("INITIATE", cookie + number + sealed), _COMMAND)
        self._take = self._take_ready
        return True

    def _take_ready(self, _: list[bytes]) -> bool:
        frame = self._next_frame()
        if frame is None:
            return False
        self._opened(_body(frame, "READY"), b"CurveZMQREADY---")
        # Not before: libzmq 4.3.5 takes what comes while it asks whether this client may come in for a violation of the protocol.
        waiting, self._waiting = self._waiting or [], None
        for message in waiting:
            self.say(message)
        self._take = self._take_message
        return True

    def _take_message(self, messages: list[bytes]) -> bool:
        frame = self._next_frame()
        if frame is None:
            return False
        part = self._opened(_body(frame, "MESSAGE"), b"CurveZMQMESSAGES")
        if not part:
            raise BrokenOffError("a part of a message has no flags")
        if not part[0] & _COMMAND_INSIDE:
            self._parts.append(part[1:])
            if not part[0] & _MORE:
                messages.append(self._parts[0])
                self._parts.clear()
        return True

    def _opened(self, body: bytes, prefix: bytes) -> bytes:
        number, sealed = _split(body, _NUMBER_BYTES)
        # Nothing of what was said before is accepted again.
        if (received := int.from_bytes(number, "big")) <= self._received:
            raise BrokenOffError("a number comes again")
        self._received = received
        return self._box.open(sealed, prefix + number)

    def _next_number(self) -> bytes:
        self._sent += 1
        return self._sent.to_bytes(_NUMBER_BYTES, "big")

    def _next_frame(self) -> bytes | None:
        if not self._incoming:
            return None
        header = 1 + (_NUMBER_BYTES if self._incoming[0] & _LONG else 1)
        size = int.from_bytes(self._incoming[1:header], "big")
        if self._waiting is not None and size > _LONGEST_BEFORE:
            raise BrokenOffError("a frame of the handshake is too long")
        return self._taken(header + size)[header:] if len(self._incoming) >= header + size else None

    def _taken(self, size: int) -> bytes:
        """Return this many of the received bytes; none before all have arrived."""
        if len(self._incoming) < size:
            return b""
        taken = bytes(self._incoming[:size])
        del self._incoming[:size]
        return taken


def _command(name: str, body: bytes) -> bytes:
    return bytes([len(name)]) + name.encode() + body


def _body(frame: bytes, name: str) -> bytes:
    """Return what follows the name of a command. Raises BrokenOffError if it is another one, such as ERROR."""
    start = _command(name, b"")
    if not frame.startswith(start):
        raise BrokenOffError(f"it did not say {name}")
    return frame[len(start) :]


def _split(data: bytes, at: int) -> tuple[bytes, bytes]:
    return data[:at], data[at:]


def _frame(body: bytes, flags: int) -> bytes:
    if len(body) < _SHORTEST_LONG:
        return bytes([flags, len(body)]) + body
    return bytes([flags | _LONG]) + len(body).to_bytes(_NUMBER_BYTES, "big") + body
