"""libsodium through PyNaCl's module `nacl._sodium`, without `nacl.bindings`: what an identity and a CurveZMQ client compute.

Private to PyNaCl. Used because `nacl.bindings` loads `typing` and twenty modules: a tenth of the time of a shell completion. Its functions
are named as in libsodium, which does not rename them. `tests/unit/test_private_parts.py` fails once `nacl.bindings` is light, or computes
something else.
"""

from __future__ import annotations

from nacl._sodium import ffi, lib  # type: ignore[import-not-found] # reason: it is a module in C, without a stub

KEY_BYTES = 32
_SECRET_BYTES = 64
_SIGNATURE_BYTES = 64
_MAC_BYTES = 16
# crypto_box wants zeros before a message and before what is sealed: of the functions without, PyNaCl 1.5 lacks some.
_BEFORE_MESSAGE, _BEFORE_SEALED = bytes(32), bytes(16)
_NONCE_BYTES = 24

if lib.sodium_init() < 0:
    raise RuntimeError("libsodium cannot be used")


class NotAKeyError(ValueError):
    """Raised for bytes that are not a public key."""


class ForgedError(ValueError):
    """Raised for a box that was not sealed with this key and nonce."""


def public_of_seed(seed: bytes) -> bytes:
    """Return the Ed25519 public key of a seed of 32 bytes."""
    public, secret = _buffer(KEY_BYTES), _buffer(_SECRET_BYTES)
    lib.crypto_sign_seed_keypair(public, secret, _sized(seed, KEY_BYTES))
    return bytes(ffi.buffer(public))


def sign(data: bytes, seed: bytes, public: bytes) -> bytes:
    """Return an Ed25519 signature of 64 bytes."""
    signed = _buffer(_SIGNATURE_BYTES + len(data))
    lib.crypto_sign(signed, ffi.NULL, data, len(data), _sized(seed + public, _SECRET_BYTES))
    return bytes(ffi.buffer(signed, _SIGNATURE_BYTES))


def curve_secret_of(seed: bytes) -> bytes:
    """Return the Curve25519 secret key of the Ed25519 key of a seed."""
    secret = _buffer(KEY_BYTES)
    # Of the secret key, which is the seed and the public key, only the seed counts.
    lib.crypto_sign_ed25519_sk_to_curve25519(secret, _sized(seed, KEY_BYTES) + bytes(KEY_BYTES))
    return bytes(ffi.buffer(secret))


def curve_public_of(public: bytes) -> bytes:
    """Return the Curve25519 public key of an Ed25519 public key of 32 bytes. Raises NotAKeyError."""
    curve = _buffer(KEY_BYTES)
    if lib.crypto_sign_ed25519_pk_to_curve25519(curve, _sized(public, KEY_BYTES)):
        raise NotAKeyError
    return bytes(ffi.buffer(curve))


def new_curve_keys() -> tuple[bytes, bytes]:
    """Return a new public and secret key of Curve25519."""
    public, secret = _buffer(KEY_BYTES), _buffer(KEY_BYTES)
    lib.crypto_box_keypair(public, secret)
    return bytes(ffi.buffer(public)), bytes(ffi.buffer(secret))


class Box:
    """Two Curve25519 keys: encrypts messages for the other side, and decrypts its messages (crypto_box). Raises NotAKeyError."""

    def __init__(self, their_public: bytes, own_secret: bytes) -> None:
        self._shared = _buffer(KEY_BYTES)
        if lib.crypto_box_beforenm(self._shared, _sized(their_public, KEY_BYTES), _sized(own_secret, KEY_BYTES)):
            raise NotAKeyError

    def seal(self, message: bytes, nonce: bytes) -> bytes:
        """Return a message encrypted and authenticated, 16 bytes longer. `nonce`: 24 bytes that must never repeat for these keys."""
        padded = _BEFORE_MESSAGE + message
        sealed = _buffer(len(padded))
        lib.crypto_box_afternm(sealed, padded, len(padded), _sized(nonce, _NONCE_BYTES), self._shared)
        return bytes(ffi.buffer(sealed)[len(_BEFORE_SEALED) :])

    def open(self, sealed: bytes, nonce: bytes) -> bytes:
        """Return the decrypted message. Raises ForgedError."""
        if len(sealed) < _MAC_BYTES:
            raise ForgedError
        padded = _BEFORE_SEALED + sealed
        message = _buffer(len(padded))
        if lib.crypto_box_open_afternm(message, padded, len(padded), _sized(nonce, _NONCE_BYTES), self._shared):
            raise ForgedError
        return bytes(ffi.buffer(message)[len(_BEFORE_MESSAGE) :])


def _sized(data: bytes, size: int) -> bytes:
    """Return the data if it has this length; libsodium would read beyond its end."""
    if len(data) != size:
        raise ValueError(f"{len(data)} bytes instead of {size}")
    return data


def _buffer(size: int) -> ffi.CData:
    return ffi.new("unsigned char[]", size)
