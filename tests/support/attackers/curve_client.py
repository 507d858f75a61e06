"""A client that implements CurveZMQ itself (ZeroMQ RFC 23, 26): unlike libzmq, an attacker can send parts of a message."""

from __future__ import annotations

import os
import socket
from typing import Self
from urllib.parse import urlsplit

import zmq
from nacl.public import Box, PrivateKey, PublicKey

from jobwire.keys.identity import Identity, curve_public_of

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)
MORE = b"\x01"
COMMAND = b"\x02"
_SHORT = 255


def _raw(key: bytes) -> bytes:
    return zmq.utils.z85.decode(key) if len(key) > 32 else key


class CurveClient:
    """One connection after the handshake of a socket of this type, which sends any bytes."""

    def __init__(self, endpoint: str, server: bytes, identity: Identity, socket_type: bytes = b"DEALER") -> None:
        address = urlsplit(endpoint)
        self.socket = socket.create_connection((address.hostname, address.port), timeout=3)
        self._numbers = iter(range(1, 1 << 62))
        try:
            self._shake_hands(server, identity, socket_type)
        except BaseException:
            self.socket.close()
            raise

    def _shake_hands(self, server: bytes, identity: Identity, socket_type: bytes) -> None:
        own, passing = PrivateKey(_raw(identity.curve_secret)), PrivateKey.generate()
        theirs = PublicKey(_raw(curve_public_of(server)))
        self.socket.sendall(GREETING)
        self._receive_bytes(len(GREETING))
        nonce = self._nonce()
        box = Box(passing, theirs).encrypt(bytes(64), b"CurveZMQHELLO---" + nonce).ciphertext
        self._send_frame(b"\x05HELLO\x01\x00" + bytes(72) + bytes(passing.public_key) + nonce + box, flags=4)
        welcome = self._receive_frame().removeprefix(b"\x07WELCOME")
        opened = Box(passing, theirs).decrypt(welcome[16:], b"WELCOME-" + welcome[:16])
        self._box = Box(passing, PublicKey(opened[:32]))
        vouch_nonce = os.urandom(16)
        vouch = Box(own, PublicKey(opened[:32])).encrypt(bytes(passing.public_key) + bytes(theirs), b"VOUCH---" + vouch_nonce).ciphertext
        metadata = b"\x0bSocket-Type" + len(socket_type).to_bytes(4, "big") + socket_type + b"\x08Identity" + bytes(4)
        nonce = self._nonce()
        box = self._box.encrypt(bytes(own.public_key) + vouch_nonce + vouch + metadata, b"CurveZMQINITIATE" + nonce).ciphertext
        self._send_frame(b"\x08INITIATE" + opened[32:] + nonce + box, flags=4)
        assert self._receive_frame().startswith(b"\x05READY")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def encode(self, payload: bytes, flags: bytes = b"\0") -> bytes:
        """Return one frame of a message, or (COMMAND) a command."""
        nonce = self._nonce()
        body = b"\x07MESSAGE" + nonce + self._box.encrypt(flags + payload, b"CurveZMQMESSAGEC" + nonce).ciphertext
        return _header(body, 0) + body

    def send(self, payload: bytes, flags: bytes = b"\0") -> None:
        """Send it. Raises OSError once the connection was cut off."""
        self.socket.sendall(self.encode(payload, flags))

    def receive(self) -> bytes:
        """Return one frame of a message. Raises OSError if none comes."""
        body = self._receive_frame().removeprefix(b"\x07MESSAGE")
        return self._box.decrypt(body[8:], b"CurveZMQMESSAGES" + body[:8])[1:]

    def was_cut_off(self) -> bool:
        """Return whether the other side has closed the connection."""
        self.socket.settimeout(0.01)
        try:
            while self.socket.recv(65_536):
                pass
        except TimeoutError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(3)
        return True

    def _nonce(self) -> bytes:
        return next(self._numbers).to_bytes(8, "big")

    def _send_frame(self, body: bytes, flags: int) -> None:
        self.socket.sendall(_header(body, flags) + body)

    def _receive_frame(self) -> bytes:
        flags = self._receive_bytes(1)[0]
        return self._receive_bytes(int.from_bytes(self._receive_bytes(8 if flags & 2 else 1), "big"))

    def _receive_bytes(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            data = self.socket.recv(size - len(received))
            assert data, "the connection was closed"
            received += data
        return received


def _header(body: bytes, flags: int) -> bytes:
    return bytes([flags, len(body)]) if len(body) <= _SHORT else bytes([flags | 2]) + len(body).to_bytes(8, "big")
