"""`jobwire verify`: what a proof of a job proves, without a connection."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from ....keys import identity as identities
from ....keys.identity import fingerprint, format_public, parse_public
from ....keys.members import roster
from ....keys.members.rights import Member
from ....keys.user_folders import identity_path, roster_path
from ....schemas.generated import request_pb2
from ....schemas.naming import format_id
from ....schemas.refusal import Refused
from ...batch.octets import to_text
from ...batch.reading import STDIN, read_whole
from ...config import contexts
from ...config.known_workers import known_workers_path, read_known_workers
from ...proofs import text
from ...proofs.checks import Check
from ...proofs.ends import in_words, twice
from ...proofs.verification import Verdict, Wanted, verify
from .. import exit_status
from ..arguments import Json, understanding, understood
from ..exit_status import BadInput, Ending
from ..parser.parameters import Argument, Option
from ..terminal.screen import say, write, write_json
from ..terminal.sentences import command_line

# That of a whole start, in base64.
_LARGEST_FILE = 32 * 1024 * 1024


def verify_proof(
    files: Annotated[list[str], Argument(metavar="FILE", help="What jobwire show JOB --proof has written; - is standard input.")],
    *,
    worker: Annotated[
        list[str] | None,
        Option(
            "--worker",
            metavar="KEY",
            help="Fail unless the worker with this public key ran the job, or one of several. Also the name of a context, or @FILE.",
        ),
    ] = None,
    signer: Annotated[
        str | None, Option("--signer", metavar="KEY", help="Fail unless the owner of this public key asked for the job.")
    ] = None,
    audience: Annotated[
        str | None, Option("--audience", metavar="KEY", help="Fail unless it was asked of the worker or broker with this public key.")
    ] = None,
    roster_file: Annotated[
        str | None,
        Option("--roster", metavar="FILE", help="Roster with names of keys. Default: that of your own workers.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Check a proof of who asked for a job, without a connection.

    Of several, it is also checked that no attempt at a job ran on two workers. Each check is printed; exits with 1 if one of them fails,
    and with 3 if none does and a key has signed of which you have not said that it is a worker's. Names are those of your contexts, of a
    roster and of known_workers.
    """
    with understanding():
        proofs = [text.read(_read(file)) for file in files]
    with understanding("--worker"):
        workers = frozenset(key for one in worker or () for key in _workers(one))
        known = _known_workers()
    wanted = Wanted(
        understood("--signer", parse_public, signer) or b"",
        understood("--audience", parse_public, audience) or b"",
        workers,
        frozenset(known) | _own_workers(roster_file),
        _contexts(),
        {key: name for key, name in known.items() if name} | _names(roster_file),
    )
    holds = is_proven = True
    for proof in proofs:
        verdict = verify(proof, wanted)
        holds, is_proven = holds and verdict.holds, is_proven and verdict.is_proven
        if json:
            write_json(_record(proof, verdict, wanted))
        else:
            _tell(proof, verdict, wanted)
    doubles = twice(proofs) if holds else []
    for double in doubles:
        say(f"{double}: the broker has shown it to both")
    if doubles or not holds:
        raise Ending(exit_status.REFUSED)
    if not is_proven:
        raise Ending(exit_status.UNPROVEN)


def _read(name: str) -> str:
    try:
        content = read_whole(STDIN if name == "-" else os.fsencode(name), _LARGEST_FILE)
    except OSError as error:
        raise BadInput(f"{name} cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST_FILE:
        raise BadInput(f"{name} is larger than any proof")
    return content.decode(errors="replace")


def _workers(said: str) -> Iterable[bytes]:
    """Return the public keys that an option names: one, that of a context, or those in a file.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    if said.startswith("@"):
        return read_known_workers(Path(said[1:]))
    context = next((one for one in contexts.list_contexts() if one.name == said), None)
    return [parse_public(said) if context is None else context.server_key]


def _known_workers() -> Mapping[bytes, str]:
    path = known_workers_path()
    return read_known_workers(path) if path.exists() else {}


def _own_workers(roster_file: str | None) -> frozenset[bytes]:
    """Return the keys of workers that a roster names, and of the private worker."""
    keys = {member.key for member in _members(roster_file) if member.role == "worker"}
    with suppress(Refused):
        if (private := contexts.resolve_running(contexts.EMBEDDED)) is not None:
            keys.add(private.server_key)
    return frozenset(keys)


def _contexts() -> frozenset[bytes]:
    try:
        return frozenset(context.server_key for context in contexts.list_contexts())
    except Refused:
        return frozenset()


def _members(roster_file: str | None) -> Iterable[Member]:
    path = Path(roster_file) if roster_file is not None else roster_path()
    return roster.list_members(path) if roster_file is not None or path.exists() else ()


def _names(roster_file: str | None) -> dict[bytes, str]:
    """Return the names of the keys that are known here. Nothing is created, and what cannot be read has no names."""
    names = {member.key: member.name for member in _members(roster_file)}
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
        write(f"  {_mark(check):<7}{check.name}: {check.sentence}")
    if not verdict.holds:
        say("the proof does not hold, as said above")
    elif not verdict.is_proven:
        say("nothing contradicts the proof, but how the job ended is not proven, as said above")
        if any(not end.is_trusted for end in verdict.ends):
            say(f"if the key is your worker's (worker status prints it there), say so with --worker KEY, or in {known_workers_path()}")


def _mark(check: Check) -> str:
    if not check.holds:
        return "FAILED"
    return "ok" if check.proven else "?"


def _record(proof: request_pb2.JobProof, verdict: Verdict, wanted: Wanted) -> dict[str, Any]:
    asked, start, stop = verdict.asked, verdict.start, verdict.stop
    return {
        "holds": verdict.holds,
        "proven": verdict.is_proven,
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
        "checks": [
            {"name": check.name, "holds": check.holds, "proven": check.holds and check.proven, "sentence": check.sentence}
            for check in verdict.checks
        ],
    }


def _key(key: bytes, wanted: Wanted) -> dict[str, Any]:
    return {"key": format_public(key), "fingerprint": fingerprint(key), "name": wanted.names.get(key)}
