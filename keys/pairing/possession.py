"""The proof that whoever registers a public key has its secret key. `message Pair` in request.proto says what is signed."""

from __future__ import annotations

from nacl import bindings
from nacl.exceptions import CryptoError

from ...schemas.refusal import Code, Refused
from ..identity import KEY_BYTES, SIGNATURE_BYTES, Identity, curve_public_of

_DOMAIN = b"jobwire.v1.pair\n"


def prove(identity: Identity, daemon: bytes, temporary: bytes) -> bytes:
    """Return the signature with which an identity joins `daemon` with a temporary key; the other two arguments are public keys."""
    return identity.sign(_DOMAIN + daemon + temporary)


def check(key: bytes, possession: bytes, daemon: bytes, temporary: bytes) -> None:
    """Check that the holder of a temporary key also has the secret key of `key`.

    Raises `Refused`: INVALID_ARGUMENT for bytes that are not a key, UNAUTHENTICATED for another signature.
    """
    curve_public_of(key)
    message = _DOMAIN + daemon + temporary
    try:
        is_right = len(key) == KEY_BYTES and len(possession) == SIGNATURE_BYTES
        is_right = is_right and bindings.crypto_sign_open(possession + message, key) == message
    except CryptoError:
        is_right = False
    if not is_right:
        raise Refused(
            Code.UNAUTHENTICATED, "the key that is to become a member did not sign the request", "sign it as docs/protocol.md describes"
        )
