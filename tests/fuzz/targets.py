"""What is fuzzed: each reader of what others wrote, the right inputs to begin with, and what must hold of whatever is read.

A target is called with one input. It may refuse it; it must not raise anything else, and what it read must be sound.
"""

from __future__ import annotations

import contextlib
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from jobwire.broker.requests.asked_jobs import read_jobs
from jobwire.broker.requests.checks.run_options import read_run
from jobwire.broker.requests.job_keys import read_key
from jobwire.broker.streams.news import read_filter
from jobwire.client.batch.batch_file import read_batch
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.client.conversion.convert import FORMS, Origin, convert_command, convert_text
from jobwire.keys import identity
from jobwire.keys.members import roster_text
from jobwire.keys.members.rights import ROLES, Member
from jobwire.keys.proofs import signature
from jobwire.schemas.frames import read_news, read_reply, refusal_from
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.jobs import spec, spec_check
from jobwire.schemas.naming import parse_typed
from jobwire.schemas.refusal import Refused
from jobwire.schemas.requests import bounds, large

ROOT = Path(__file__).resolve().parents[2]
CLIENT = identity.from_seed(bytes(range(32)))
DAEMON = identity.from_seed(bytes(32)).public
NONCE = bytes(range(16))
MEMBER = Member("member", CLIENT.public, "submitter")


class Target(NamedTuple):
    """A reader under test, and inputs that are right. It may return how many jobs it made, which takes time too."""

    read: Callable[[bytes], int | None]
    seeds: Sequence[bytes]
    words: Sequence[bytes] = ()


def frames(data: bytes) -> None:
    """Read a frame as a daemon does, up to what its handlers do first; and as a client."""
    assert 0 <= large.id_of(data) < 2**64
    with contextlib.suppress(Refused):
        request, envelope, jobs, _ = large.read(data)
        assert request.id
        assert jobs is not None or request_pb2.Request.FromString(envelope.request) == request
        with contextlib.suppress(Refused):
            assert signature.check(envelope, DAEMON, NONCE) == envelope.proof.signer
        bounds.check(request)
        _handle(request, jobs)
    with contextlib.suppress(Refused):
        reply = read_reply(data)
        if reply.HasField("refusal"):
            refusal_from(reply.refusal)
    with contextlib.suppress(Refused):
        read_news(data)


def _handle(request: request_pb2.Request, jobs: Sequence[bytes] | None) -> None:
    match request.WhichOneof("verb"):
        case "start":
            for job in read_jobs(request.start.jobs, jobs):
                assert spec.digest(spec.from_wire(spec.to_wire(job.spec))) == job.digest
            read_run(request.start)
        case "stage":
            for _ in read_jobs(request.stage.jobs, jobs):
                pass
        case "query_one" if request.query_one.name:
            with contextlib.suppress(ValueError):
                parse_typed(request.query_one.name)
        case "subscribe":
            read_filter(request.subscribe.filter, MEMBER)
        case "replay":
            read_filter(request.replay.filter, MEMBER)
        case "stop" | "forget" | "pause" | "resume" as verb:
            for key in getattr(request, verb).keys:
                assert len(read_key(key, MEMBER).id) == 16
        case _:
            pass


def batch_files(data: bytes) -> int:
    """Read a batch file, in each of its forms, and return how many jobs there were."""
    count = 0
    for lines in (False, True):
        with contextlib.suppress(Refused):
            for job in read_batch(data, "jobs.toml", _around(), lines=lines).jobs:
                spec_check.check(job)
                count += 1
    return count


@cache
def _around() -> Surroundings:
    return Surroundings(Path(tempfile.gettempdir()) / "no-such-folder")


def conversions(data: bytes) -> int:
    """Convert what was written for other tools; what comes out is a batch file, if none of its values is too large for a job.

    Returns how many jobs these have.
    """
    count = 0
    text = data.decode("utf-8", "replace")

    def read(file: str) -> str:
        return text if file != "gone" else ""

    # What it looks like, and one of the others.
    for form in (None, FORMS[len(data) % len(FORMS)]):
        with contextlib.suppress(Refused):
            made = convert_text(text, Origin("text", "", "/srv"), read, form)
            tomllib.loads(made.text)
            with contextlib.suppress(Refused):
                count += len(read_batch(made.text.encode(), "made", _around()).jobs)
    with contextlib.suppress(Refused):
        convert_command(["xargs", *text.split()], Origin("xargs", "", "/srv"), read)
    return count


def rosters(data: bytes) -> None:
    """Read a roster."""
    with contextlib.suppress(Refused):
        for member in roster_text.parse(data.decode("utf-8", "replace"), "roster.toml").members:
            assert member.role in ROLES
            assert identity.parse_public(identity.format_public(member.key)) == member.key


def identities(data: bytes) -> None:
    """Read a public key, and an identity's file."""
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(Refused):
        assert identity.format_public(identity.parse_public(text)) == text.strip()
    with contextlib.suppress(Refused):
        identity.curve_public_of(data[:32])
    with contextlib.suppress(Refused):
        seed = identity._parse(text.strip(), "jobwire-secret-", "secret key")
        identity.from_seed(seed)


def _requests() -> list[request_pb2.Request]:
    key = job_pb2.JobKey(id=bytes(16))
    label = job_pb2.Label(name="team", value="x")
    wanted = event_pb2.Filter(owner=CLIENT.public, batch=bytes(16), labels=[label], jobs=[key])
    job = job_pb2.JobSpec(
        argv=[b"/bin/sh", b"-c", b"true"],
        environment=[job_pb2.EnvironmentVariable(name=b"A", value=b"b")],
        directory=b"/srv",
        stdin=b"in",
        name="name",
        labels=[label],
        time_limit_ms=1000,
        stop_signal=2,
        grace_ms=0,
        output_limit_bytes=1,
        linger=True,
    )
    new = request_pb2.NewJob(id=bytes(range(16)), spec=job)
    run = job_pb2.Batch(id=bytes(16), name="run", parallel=2)
    return [
        request_pb2.Request(id=1, hello=request_pb2.Hello(oldest_version=1, newest_version=1, software="x")),
        request_pb2.Request(id=2, start=request_pb2.Start(jobs=[new], batch=run, watch=True, tail_lines=3, credit_messages=9)),
        request_pb2.Request(id=3, stop=request_pb2.Stop(keys=[key], signal=15, grace_ms=10, credit_messages=1)),
        request_pb2.Request(id=4, query_one=request_pb2.QueryOne(name="4711@20261124T053951.123456Z")),
        request_pb2.Request(id=5, list=request_pb2.List(all=True, batch_name="run", page=bytes(8))),
        request_pb2.Request(id=6, follow_log=request_pb2.FollowLog(key=key, stream=request_pb2.STREAM_STDOUT, credit_bytes=1)),
        request_pb2.Request(id=7, subscribe=request_pb2.Subscribe(filter=wanted)),
        request_pb2.Request(id=8, replay=request_pb2.Replay(filter=wanted, after=event_pb2.Cursor(store=bytes(16), seq=1))),
        request_pb2.Request(id=9, forget=request_pb2.Forget(keys=[key])),
    ]


def _frames() -> list[bytes]:
    made = []
    many = _requests()[1]
    # Too large to be decoded in one piece.
    for number in range(8):
        job = many.start.jobs.add(id=number.to_bytes(16, "big"), spec=many.start.jobs[0].spec)
        job.spec.stdin = bytes(20_000)
    for request in [*_requests(), many]:
        raw = request.SerializeToString()
        made.append(request_pb2.Envelope(request=raw, proof=signature.sign(CLIENT, DAEMON, NONCE, raw)).SerializeToString())
    refusal = request_pb2.Refusal(code=request_pb2.CODE_NOT_FOUND, message="no", next_step="look", job_index=1)
    event = event_pb2.Event(seq=1, kind=event_pb2.EVENT_KIND_QUEUED, at_us=1, name="n", sentence="s")
    made.append(request_pb2.Reply(request_id=1, last=True, refusal=refusal).SerializeToString())
    made.append(event_pb2.News(count=1, nonce=NONCE, events=event_pb2.Events(events=[event])).SerializeToString())
    return made


def _rosters() -> list[bytes]:
    entry = f'[[member]]\nname = "ada"\nkey = "{identity.format_public(CLIENT.public)}"\nrole = "submitter"\n'
    other = f'[[member]]\nname = "bob"\nkey = "{identity.format_public(DAEMON)}"\nrole = "admin"\n'
    limits = '[member.limits]\nstreams = 3\nunread_bytes = "64M"\n'
    return [b"", entry.encode(), (entry + other).encode(), (entry + limits + other).encode()]


_JSON = b"""{"batch": {"name": "n", "parallel": 2}, "job": [{"name": "a", "argv": ["x", "y"], "stdin": {"text": "in"},
 "labels": {"a": "b"}, "env": {"A": "1"}, "stop": {"signal": "INT", "grace": "2s"}, "time_limit": 5}]}"""
_FOR_EACH = b"""[set]
x = 3.10
[[job]]
name = "n-{item}"
argv = ["p", "{item}", "{x}", "${item}", "{{item}"]
for_each = "01..03"
[[job]]
name = "t"
argv = ["p", "{a}{b}{c.k}", "{index}", "{name}"]
env = { A = "{a}" }
for_each = { a = [1, "two"], zip = { b = "0.1..0.2..0.1", c = [{ k = "v" }, { k = true }] } }
"""
_SLURM = b"""#!/bin/bash -l
#SBATCH --job-name=train --array=1-20%4  # indexes
#SBATCH -t 1-02:30:00 --mem=2G -c 2 -N 1 -n2 --gres=gpu:a100:1 -d singleton
#SBATCH --signal=B:USR1@60 --export=ALL,X="a b" --begin=now+1hour --nice=5
echo "$SLURM_ARRAY_TASK_ID {item} $SLURM_JOB_ID"
"""
_FORMER = [
    _SLURM,
    b"parallel -j4 --colsep '\\t' 'gzip {1.} > {/}.gz' ::: a.txt b/c.txt :::+ 1 2\n",
    b"cat values | xargs -n 2 -P 3 -d '\\n' echo x\n",
    b"xargs -I{} mv {} {}.old < list\n",
    b"#DISBATCH PREFIX ( cd /x\n#DISBATCH SUFFIX )\necho a | b\n#DISBATCH BARRIER CHECK\n#DISBATCH REPEAT 5 start 2 echo\n",
]
_OF_FORMER = [
    *(b"#SBATCH --", b"--array=", b"--mem=", b"-n ", b"parallel ", b"xargs ", b" ::: ", b" :::: ", b"{}", b"{.}", b"{1/}", b"{item}"),
    *(b"{{x}}", b"| ", b"< "),
]
_COMMANDS = b"echo 'one' \"two\"\n# no command\nsh -c 'exit 3'\n\nenv A=b\n"

TARGETS = {
    "frames": Target(frames, _frames()),
    "batch_files": Target(
        batch_files,
        [_FOR_EACH, *(path.read_bytes() for path in sorted((ROOT / "examples").glob("*.toml"))), _JSON, _COMMANDS],
        [
            b"[[job]]\n",
            b"[defaults]\n",
            b"argv = ",
            b'time_limit = "1h"\n',
            b"labels = ",
            b"stop = {",
            b"stdin = ",
            b"env = ",
            b"for_each = ",
            b"{item}",
            b"{{",
            b"1..3",
        ],
    ),
    "conversions": Target(conversions, _FORMER, _OF_FORMER),
    "rosters": Target(rosters, _rosters(), [b"[[member]]\n", b"name = ", b"key = ", b"role = ", b"streams = 1\n", b"[member.limits]\n"]),
    "identities": Target(
        identities,
        [
            identity.format_public(CLIENT.public).encode(),
            identity._format(CLIENT.seed, "jobwire-secret-").encode(),
            CLIENT.public,
            (1).to_bytes(32, "little"),
        ],
        [b"jobwire-key-", b"jobwire-secret-", b"0" * 58, b"z" * 58],
    ),
}
