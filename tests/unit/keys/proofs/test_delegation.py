import os
from pathlib import Path

import pytest

from jobwire.keys.identity import from_seed
from jobwire.keys.members.rights import ROLES, Member, Right, acting_for, may
from jobwire.keys.members.roster_text import role_problem
from jobwire.keys.proofs import delegation
from jobwire.keys.proofs.delegation import KeyFile, check, delegate, derive, read, write_text
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Code, Refused

WORKER = from_seed(b"w" * 32)
OWNER = from_seed(b"o" * 32).public
JOB = b"j" * 16
NAME = AttemptKey(OWNER, JOB, 3)
STORE = b"s" * 16


def test_the_key_of_an_attempt_is_the_same_after_a_restart_and_no_other_attempt_has_it() -> None:
    first = derive(WORKER, OWNER, JOB, 1)
    assert first == derive(from_seed(b"w" * 32), OWNER, JOB, 1)
    others = [derive(WORKER, OWNER, JOB, 2), derive(WORKER, OWNER, b"k" * 16, 1), derive(WORKER, JOB * 2, JOB, 1)]
    others.append(derive(from_seed(b"v" * 32), OWNER, JOB, 1))
    assert len({first.public, *(other.public for other in others)}) == 5
    assert (first.owner, WORKER.owner) == (OWNER, WORKER.public)


def test_the_statement_of_a_worker_cannot_be_altered() -> None:
    said = delegate(WORKER, NAME, derive(WORKER, *NAME), OWNER, STORE)
    check(request_pb2.Delegation.FromString(said.SerializeToString()), OWNER)
    for field, value in (
        ("owner", b"p" * 32),
        ("job", b"k" * 16),
        ("attempt", 4),
        ("key", b"q" * 32),
        ("worker", OWNER),
        ("signature", b""),
        ("audience", WORKER.public),
        ("store", b"t" * 16),
        ("possession", b""),
    ):
        altered = request_pb2.Delegation.FromString(said.SerializeToString())
        setattr(altered, field, value)
        with pytest.raises(Refused):
            check(altered, altered.audience)


def test_no_worker_says_that_a_key_which_it_has_only_seen_is_that_of_one_of_its_jobs() -> None:
    seen, thief = delegate(WORKER, NAME, derive(WORKER, *NAME), OWNER, STORE), from_seed(b"t" * 32)
    claimed = request_pb2.Delegation.FromString(seen.SerializeToString())
    claimed.worker, claimed.job = thief.public, b"k" * 16
    claimed.signature = thief.sign(delegation._signed(claimed))
    with pytest.raises(Refused, match="the key of the delegation has not signed that it is that of the job"):
        check(claimed, OWNER)
    # What it has signed for one broker, it has not signed for another one.
    with pytest.raises(Refused, match="was made for another"):
        check(seen, WORKER.public)
    # Nor are its bytes read otherwise.
    claimed = request_pb2.Delegation.FromString(seen.SerializeToString())
    claimed.store, claimed.worker = seen.store + seen.worker[:1], seen.worker[1:] + seen.owner[:1]
    with pytest.raises(Refused, match="has the wrong length"):
        check(claimed, OWNER)


def test_a_file_is_read_as_it_was_written_and_refused_if_others_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(Refused, match="the job has ended") as missing:
        read(path)
    assert missing.value.code is Code.NOT_FOUND
    file = KeyFile(derive(WORKER, OWNER, JOB, 1), WORKER.public, "/state/worker.json")
    path.write_bytes(write_text(file))
    path.chmod(0o640)
    with pytest.raises(Refused, match="can be read by others"):
        read(path)
    path.chmod(0o600)
    assert read(path) == file


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"nonsense", b'{"secret": "00", "owner": "x", "worker": 1, "description": 2}', b"\xff"]
)
def test_a_damaged_file_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Refused, match="is damaged"):
        read(path)


def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a file away")
    path = tmp_path / "key"
    path.write_bytes(write_text(KeyFile(derive(WORKER, OWNER, JOB, 1), WORKER.public, "")))
    path.chmod(0o600)
    os.chown(path, 12_345, -1)
    with pytest.raises(Refused, match="belongs to"):
        read(path)


@pytest.mark.parametrize("role", ROLES)
def test_a_job_may_do_no_more_than_its_owner_and_nothing_to_jobs_of_others(role: str) -> None:
    owner = Member("ada", OWNER, role)
    job = acting_for(owner, "a job of ada", JOB, b"k" * 32)
    assert job.rights == ROLES[role] & {Right.SEE, Right.SUBMIT, Right.STOP}
    for right in Right:
        assert may(job, right, OWNER) <= may(owner, right, OWNER)
        assert not may(job, right, b"x" * 32)
    assert (job.key, job.public, job.account) == (OWNER, b"k" * 32, OWNER + b"/jobs")
    assert (owner.public, owner.account) == (OWNER, OWNER)


def test_a_job_sees_itself_and_what_it_started() -> None:
    job = acting_for(Member("ada", OWNER, "admin"), "a job of ada", JOB, b"k" * 32)
    assert [job.sees(JOB, b""), job.sees(b"c" * 16, JOB), job.sees(b"c" * 16, b""), job.sees(b"c" * 16, b"d" * 16)] == [
        True,
        True,
        False,
        False,
    ]
    assert Member("ada", OWNER, "admin").sees(b"c" * 16, b"")


def test_no_member_can_have_the_role_of_a_job() -> None:
    assert "only for jobs" in role_problem("delegate")
