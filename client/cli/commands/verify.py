"""`jobwire verify`: what a proof of a job proves, without a connection."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ....keys import identity as identities
from ....keys.identity import fingerprint, format_public, parse_public
from ....keys.members import roster
from ....keys.user_folders import identity_path, roster_path
from ....schemas.generated import request_pb2
from ....schemas.naming import format_id
from ....schemas.refusal import Refused
from ...batch.octets import to_text
from ...batch.reading import STDIN, read_whole
from ...config import contexts
from ...proofs import text
from ...proofs.ends import in_words, twice
from ...proofs.verification import Verdict, Wanted, verify
from .. import exit_status
from ..arguments import Json, understanding, understood
from ..exit_status import BadInput, Ending
from ..terminal.screen import say, write, write_json
from ..terminal.sentences import command_line

# That of a whole start, in base64.
_LARGEST_FILE = 32 * 1024 * 1024


def verify_proof(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="What jobwire show JOB --proof has written; - is standard input.")],
    *,
    worker: Annotated[
        list[str] | None,
        typer.Option("--worker", metavar="KEY", help="Fail unless the worker with this public key ran the job, or one of several."),
    ] = None,
    signer: Annotated[
        str | None, typer.Option("--signer", metavar="KEY", help="Fail unless the owner of this public key asked for the job.")
    ] = None,
    audience: Annotated[
        str | None, typer.Option("--audience", metavar="KEY", help="Fail unless it was asked of the worker or broker with this public key.")
    ] = None,
    roster_file: Annotated[
        str | None,
        typer.Option("--roster", metavar="FILE", help="Roster with names of keys. Default: that of your own workers.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Check a proof of who asked for a job, without a connection.

    Of several, it is also checked that no attempt at a job ran on two workers. Each check is printed; exits with 1 if one of them fails.
    Names are those of your contexts and of a roster.
    """
    with understanding():
        proofs = [text.read(_read(file)) for file in files]
    with understanding("--worker"):
        workers = frozenset(map(parse_public, worker or ()))
    wanted = Wanted(
        understood("--signer", parse_public, signer) or b"",
        understood("--audience", parse_public, audience) or b"",
        workers,
        _names(roster_file),
    )
    holds = True
    for proof in proofs:
        verdict = verify(proof, wanted)
        holds = holds and verdict.holds
        if json:
            write_json(_record(proof, verdict, wanted))
        else:
            _tell(proof, verdict, wanted)
    doubles = twice(proofs) if holds else []
    for double in doubles:
        say(f"{double}: the broker has shown it to both")
    if doubles or not holds:
        raise Ending(exit_status.REFUSED)


def _read(name: str) -> str:
    try:
        content = read_whole(STDIN if name == "-" else os.fsencode(name), _LARGEST_FILE)
    except OSError as error:
        raise BadInput(f"{name} cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST_FILE:
        raise BadInput(f"{name} is larger than any proof")
    return content.decode(errors="replace")


def _names(roster_file: str | None) -> dict[bytes, str]:
    """Return the names of the keys that are known here. Nothing is created, and what cannot be read has no names."""
    names: dict[bytes, str] = {}
    path = Path(roster_file) if roster_file is not None else roster_path()
    if roster_file is not None or path.exists():
        names |= {member.key: member.name for member in roster.list_members(path)}
    try:
        names |= {context.server_key: f"context {context.name}" for context in contexts.list_contexts()}
        if (private := contexts.resolve_running(contexts.EMBEDDED)) is not None:
            names[private.server_key] = "your private worker"
        names[identities.load(identity_path()).public] = "you"
    except Refused:
        pass
    return names


def _tell(proof: request_pb2.JobProof, verdict: Verdict, wanted: Wanted) -> None:
    write(f"job {format_id(proof.key.id)}")
    if (asked := verdict.asked) is not None and verdict.start is not None:
        if asked.rerun is not None:
            write(f"  asked        to run job {format_id(asked.rerun.id)} again")
        elif asked.spec is not None:
            write(f"  asked        {command_line(asked.spec.argv)}")
        if asked.batch is not None:
            write(f"  batch        {asked.batch.name} run {format_id(asked.batch.id)}")
        write(f"  by           {wanted.name(verdict.start.signer)}")
        write(f"  of           {wanted.name(verdict.start.audience)}")
    for check in verdict.checks:
        write(f"  {'ok' if check.holds else 'FAILED':<7}{check.name}: {check.sentence}")
    if not verdict.holds:
        say("the proof does not hold, as said above")


def _record(proof: request_pb2.JobProof, verdict: Verdict, wanted: Wanted) -> dict[str, Any]:
    asked, start, stop = verdict.asked, verdict.start, verdict.stop
    return {
        "holds": verdict.holds,
        "job": format_id(proof.key.id),
        "owner": _key(proof.key.owner, wanted),
        "signer": None if start is None else _key(start.signer, wanted),
        "audience": None if start is None else _key(start.audience, wanted),
        "argv": None if asked is None or asked.spec is None else [to_text(word) for word in asked.spec.argv],
        "dir": None if asked is None or asked.spec is None else to_text(asked.spec.directory),
        "rerun_of": None if asked is None or asked.rerun is None else format_id(asked.rerun.id),
        "run": None if asked is None or asked.batch is None else format_id(asked.batch.id),
        "stopped_by": None if stop is None else _key(stop.signer, wanted),
        "ends": [
            {"attempt": one.end.attempt, "worker": _key(one.worker, wanted), "pid": one.end.pid or None, "how": in_words(one.end)}
            for one in verdict.ends
        ],
        "checks": [{"name": check.name, "holds": check.holds, "sentence": check.sentence} for check in verdict.checks],
    }


def _key(key: bytes, wanted: Wanted) -> dict[str, Any]:
    return {"key": format_public(key), "fingerprint": fingerprint(key), "name": wanted.names.get(key)}
