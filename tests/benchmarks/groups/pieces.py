"""The longest piece of work that the largest request of each verb makes for a worker's loop: so long everybody else waits at least."""

from __future__ import annotations

import mmap
import os
import struct
import sys
import time
from pathlib import Path
from statistics import median

from stage import Ground, within
from table import Line, amount, at_most

# Next to the folder of this file, as pytest finds it.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from largest_requests import REQUESTS, Request, stop_everything
from raw_client import RawClient

from jobwire.keys.identity import generate, parse_public
from jobwire.keys.members import roster
from jobwire.schemas.generated import request_pb2

_WATCHED = Path(__file__).resolve().parents[1] / "watched_loop"
_PIECE = struct.Struct("d")
_SLOTS = 4
_MOST_SECONDS = 120
_ANSWER_MS = 20_000
# What follows from a request after it was answered.
_LATER_SECONDS = 0.5


def measure(ground: Ground) -> list[Line]:
    """Send each request, alone, to a worker with one member; in processor time, the median of the longest pieces of some rounds."""
    rounds = 1 if ground.quick else 3
    member = generate()
    watched = ground.fresh(ground.memory, "watched") / "piece"
    watched.write_bytes(bytes(_PIECE.size))
    stage = ground.stage(slots=_SLOTS)
    roster.add_member(stage.roster, "member", member.public, "submitter")
    stage.environment |= {"PYTHONPATH": os.fspath(_WATCHED), "JOBWIRE_WATCHED_LOOP": os.fspath(watched)}
    lines: list[Line] = []
    with stage, watched.open("r+b") as file, mmap.mmap(file.fileno(), _PIECE.size) as piece:
        endpoint, key = str(stage.description["endpoint"]), parse_public(str(stage.description["key"]))
        for what, make in REQUESTS.items():
            found: list[float] = []
            with within(_MOST_SECONDS, what):
                for _ in range(rounds):
                    with RawClient(endpoint, key, member) as raw:
                        raw.hello()
                        request = make(raw)
                        time.sleep(_LATER_SECONDS)
                        _PIECE.pack_into(piece, 0, 0.0)
                        _ask(raw, request)
                        time.sleep(_LATER_SECONDS)
                        found.append(_PIECE.unpack_from(piece)[0] * 1000)
                        _ask(raw, stop_everything(raw))
            lines.append(amount(f"longest piece of the loop: {what}", median(found), at_most(30, 5, "ms")))
    return lines


def _ask(raw: RawClient, request: Request) -> None:
    """Send a request, and read until its last reply."""
    raw.send(raw.envelope(request))
    while (frames := raw.receive_frames(_ANSWER_MS)) is not None:
        if request_pb2.Reply.FromString(frames[0]).last:
            return
    raise TimeoutError("no last reply")
