"""The key of a job: with it, a job that may start jobs acts for its owner while it runs; and the proof of that for later.

The worker that runs the job derives the key of an attempt from its own secret: it is the same after any crash, two attempts never share
one, nothing secret is stored, and no broker can know it. Knows no job and no roster: whether the job still runs, and what its owner may do,
is checked elsewhere.
"""

from __future__ import annotations

import json
from pathlib import Path

from nacl import bindings
from nacl.exceptions import CryptoError

from ...schemas.generated import request_pb2
from ...schemas.json_text import object_of
from ...schemas.naming import ID_BYTES, AttemptKey
from ...schemas.private_parts.frozen import frozen, replace
from ...schemas.refusal import Code, Refused
from ..files.secret_file import read_secret
from ..identity import KEY_BYTES, Identity, format_public, from_seed, parse_public

_PERSON = b"jobwire job key"
_DOMAIN = b"jobwire.v1.delegation\n"
_POSSESSION = b"jobwire.v1.possession\n"
_ATTEMPT_BYTES = 8
# Of what is signed, one after the other: else the same bytes could be read as other keys and ids.
_LENGTHS = [KEY_BYTES, KEY_BYTES, ID_BYTES, KEY_BYTES, KEY_BYTES, ID_BYTES]


def derive(worker: Identity, owner: bytes, job: bytes, attempt: int) -> Identity:
    """Return the identity of an attempt at a job, which acts for `owner` (a public key); `worker`: the identity of its worker."""
    named = owner + job + attempt.to_bytes(_ATTEMPT_BYTES, "big")
    seed = bindings.crypto_generichash_blake2b_salt_personal(named, digest_size=KEY_BYTES, key=worker.seed, person=_PERSON)
    return replace(from_seed(seed), acts_for=owner)


def delegate(worker: Identity, name: AttemptKey, key: Identity, audience: bytes, store: bytes) -> request_pb2.Delegation:
    """Return the statement of a worker that `key`, the key of an attempt at a job, acted for the owner of the job; both keys sign it.

    `audience`: the public key of the worker or broker that takes requests of the key. `store`: the id of the worker's store.
    """
    said = request_pb2.Delegation(worker=worker.public, owner=name.owner, job=name.id, attempt=name.attempt, key=key.public)
    said.audience, said.store = audience, store
    said.signature = worker.sign(_signed(said))
    said.possession = key.sign(_possessed(said))
    return said


def attempt_of(said: request_pb2.Delegation) -> AttemptKey:
    """Return the attempt that a statement is about."""
    return AttemptKey(said.owner, said.job, said.attempt)


def check_signer(said: request_pb2.Delegation, signer: bytes, audience: bytes) -> None:
    """Check that the worker named in a statement signed it, and that it is about the key that signed a request for `audience`.

    Raises `Refused(UNAUTHENTICATED)`.
    """
    check(said, audience)
    if said.key != signer:
        raise Refused(Code.UNAUTHENTICATED, "the request is not signed by the key of the job that the delegation names")


def check(said: request_pb2.Delegation, audience: bytes) -> None:
    """Check that the worker named in a statement signed it, and that the key itself did, for `audience`.

    Without the second signature, a worker that has seen the key of another worker's job could claim it for one of its own.

    Raises `Refused(UNAUTHENTICATED)`.
    """
    if [len(one) for one in (said.worker, said.owner, said.job, said.key, said.audience, said.store)] != _LENGTHS:
        raise Refused(Code.UNAUTHENTICATED, "a key or an id in the delegation has the wrong length")
    _check(said.signature, _signed(said), said.worker, "the signature of the delegation is not that of the worker that it names")
    _check(said.possession, _possessed(said), said.key, "the key of the delegation has not signed that it is that of the job")
    if said.audience != audience:
        raise Refused(Code.UNAUTHENTICATED, "the delegation was made for another worker or broker")


def _check(by: bytes, message: bytes, key: bytes, otherwise: str) -> None:
    try:
        bindings.crypto_sign_open(by + message, key)
    except (CryptoError, ValueError, TypeError):
        raise Refused(Code.UNAUTHENTICATED, otherwise) from None


def _signed(said: request_pb2.Delegation) -> bytes:
    return _DOMAIN + _named(said) + said.key


def _possessed(said: request_pb2.Delegation) -> bytes:
    return _POSSESSION + said.audience + said.store + _named(said)


def _named(said: request_pb2.Delegation) -> bytes:
    return said.worker + said.owner + said.job + said.attempt.to_bytes(_ATTEMPT_BYTES, "big")


@frozen
class KeyFile:
    """The content of a job's key file: its identity, the public key of the worker, and how the worker is reached.

    `is_broker`: that is the broker which the worker has joined.
    """

    identity: Identity
    worker: bytes
    description: str
    is_broker: bool = False


def write_text(file: KeyFile) -> bytes:
    """Return the content of the file."""
    said = {
        "about": "The key of a job that runs. Keep it secret. It is worth nothing when the job has ended.",
        "secret": file.identity.seed.hex(),
        "owner": format_public(file.identity.acts_for),
        "worker": format_public(file.worker),
        "description": file.description,
        **({"is_broker": True} if file.is_broker else {}),
    }
    return json.dumps(said, indent=1).encode() + b"\n"


def read(path: Path) -> KeyFile:
    """Return the content of a key file.

    Raises `Refused`: NOT_FOUND if there is none, as after the end of the job; PERMISSION_DENIED if it cannot be read, FAILED_PRECONDITION
    if it belongs to another user, others can read it, or it is damaged.
    """
    missing = Refused(
        Code.NOT_FOUND,
        f"there is no key of a job at {path}: the job has ended, and processes that it left behind cannot start jobs",
        "name another context: jobwire --context NAME; embedded is your private worker",
    )
    content = read_secret(path, "the key of the job", missing)
    try:
        said = object_of(content)
        is_broker = said.get("is_broker") is True
        seed = bytes.fromhex(said["secret"])
        identity = replace(from_seed(seed), acts_for=parse_public(said["owner"]), may_be_early=is_broker)
        return KeyFile(identity, parse_public(said["worker"]), str(said["description"]), is_broker)
    except (ValueError, KeyError, TypeError, AttributeError, Refused):
        raise Refused(Code.FAILED_PRECONDITION, f"the key of the job {path} is damaged") from None
