"""`jobwire verify`: what a proof of a job proves, without a connection."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from ....keys.identity import fingerprint, format_public, parse_public
from ....schemas.generated import request_pb2
from ....schemas.naming import format_id
from ...batch.octets import to_text
from ...batch.reading import STDIN, read_whole
from ...config.known_workers import known_workers_path
from ...proofs import text
from ...proofs.checks import Check
from ...proofs.ends import in_words, twice
from ...proofs.verification import Verdict, Wanted, verify
from .. import exit_status
from ..arguments import Json, parse_count, understanding, understood
from ..exit_status import BadInput, Ending
from ..parser.parameters import Argument, Option
from ..proofs import trust
from ..proofs.checked_logs import check_files
from ..shown.sentences import command_line
from ..terminal.screen import say, write, write_json

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
    logs: Annotated[
        str | None,
        Option("--logs", metavar="PATH", help="Check the output too: a folder that logs --to has written, or a file of stdout."),
    ] = None,
    attempt: Annotated[
        str | None, Option("--attempt", metavar="N", help="Which attempt the output of --logs is from. Default: the last.")
    ] = None,
    json: Json = False,
) -> None:
    """Check a proof of who asked for a job, without a connection.

    With several proofs, it also checks that no attempt at a job ran on two workers. Each check is printed. Exits with 1 if a check fails,
    and with 3 if none fails but it is unproven how the job ended: the end is signed by a key that is not known as a worker's, or only
    stated by the broker. Names are those of your contexts, of a roster and of known_workers.
    """
    if logs == "":
        raise BadInput("--logs names no file and no folder")
    with understanding():
        proofs = [text.read(_read(file)) for file in files]
    wanted = trust.wanted(
        worker or (),
        roster_file,
        signer=understood("--signer", parse_public, signer) or b"",
        audience=understood("--audience", parse_public, audience) or b"",
    )
    number = understood("--attempt", parse_count, attempt)
    if logs is None and number is not None:
        raise BadInput("--attempt says whose output --logs checks: add --logs DIR")
    if logs is not None and len(files) > 1:
        raise BadInput("--logs checks the output of one job: name one proof")
    holds = is_proven = True
    for proof in proofs:
        verdict = verify(proof, wanted)
        if logs is not None:
            verdict = replace(verdict, checks=(*verdict.checks, *check_files(verdict, proof, Path(logs), number)))
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


def _tell(proof: request_pb2.JobProof, verdict: Verdict, wanted: Wanted) -> None:
    write(f"job {format_id(proof.key.id)}")
    if (asked := verdict.asked) is not None and verdict.start is not None:
        if asked.rerun is not None:
            write(f"  asked        to run job {format_id(asked.rerun.id)} again")
        if asked.spec is not None and (asked.spec.argv or asked.rerun is None):
            write(f"  asked        {command_line(asked.spec.argv)}")
        if asked.batch is not None:
            write(f"  batch        {asked.batch.name} run {format_id(asked.batch.id)}")
        write(f"  by           {wanted.name(verdict.start.signer)}")
        write(f"  of           {wanted.name(verdict.start.audience)}")
    for check in verdict.checks:
        write(f"  {_mark(check):<7}{check.name}: {check.sentence}")
    if not verdict.holds:
        say("the proof does not hold, see above")
    elif not verdict.is_proven:
        say("nothing contradicts the proof, but how the job ended is not proven, see above")
        if any(not end.is_trusted for end in verdict.ends):
            say(f"if it is your worker's key (worker status prints it there), add --worker KEY, or write it into {known_workers_path()}")


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
