"""A proof as it is written to a file: JSON, in which the signed messages are base64."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from google.protobuf.message import DecodeError

from ...keys.identity import KEY_BYTES, format_public, parse_public
from ...schemas.generated import request_pb2
from ...schemas.naming import ID_BYTES, format_id, parse_id
from ...schemas.refusal import Code, Refused

_VERSION = 1
_PARTS = ("start", "staged_job", "staged_hashes", "stop")


def write(proof: request_pb2.JobProof) -> str:
    """Return the content of the file."""
    said: dict[str, Any] = {
        "jobwire_proof": _VERSION,
        "about": "Who asked for a job, as it was signed. jobwire verify FILE checks it.",
        "job": format_id(proof.key.id),
        "owner": format_public(proof.key.owner),
    }
    said |= {part: base64.b64encode(content).decode() for part in _PARTS if (content := getattr(proof, part))}
    if proof.told:
        said["told"] = [base64.b64encode(one.SerializeToString()).decode() for one in proof.told]
        said["ends"] = [base64.b64encode(one).decode() for one in proof.ends]
    if proof.log_hashes:
        said["log_hashes"] = [base64.b64encode(one.SerializeToString()).decode() for one in proof.log_hashes]
    if proof.due_us:
        said["due_us"] = proof.due_us
    return json.dumps(said, indent=1) + "\n"


def read(text: str) -> request_pb2.JobProof:
    """Return what a file holds.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    try:
        said = json.loads(text)
        version = said["jobwire_proof"]
        if version != _VERSION:
            raise Refused(
                Code.INVALID_ARGUMENT, f"the proof has the version {version}, and this jobwire reads {_VERSION}", "upgrade jobwire"
            )
        proof = request_pb2.JobProof(due_us=int(said.get("due_us", 0)))
        proof.key.id, proof.key.owner = parse_id(said["job"]), parse_public(said["owner"])
        for part in _PARTS:
            setattr(proof, part, base64.b64decode(said.get(part, ""), validate=True))
        for one in said.get("told", []):
            proof.told.add().ParseFromString(base64.b64decode(one, validate=True))
        for one in said.get("log_hashes", []):
            proof.log_hashes.add().ParseFromString(base64.b64decode(one, validate=True))
        proof.ends.extend(base64.b64decode(one, validate=True) for one in said.get("ends", []))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, binascii.Error, DecodeError):
        message = "the file is not a proof of a job, or is damaged"
        raise Refused(Code.INVALID_ARGUMENT, message, "write one with: jobwire show JOB --proof -o FILE") from None
    if (len(proof.key.id), len(proof.key.owner)) != (ID_BYTES, KEY_BYTES):
        raise Refused(Code.INVALID_ARGUMENT, "the job of the proof has no valid id or owner")
    return proof
