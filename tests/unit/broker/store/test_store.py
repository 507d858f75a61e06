import asyncio
import errno
import os
import resource
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from desk_house import EngineDouble, House, asked, attempt, ended, key, started
from requirements import UNPRIVILEGED, can_run

from jobwire.broker.engine import Ended, Started
from jobwire.broker.jobs.job import Attempt, Job
from jobwire.broker.jobs.life import Phase
from jobwire.broker.store import ballast as ballasts
from jobwire.broker.store import commit_times, schema_steps, tables
from jobwire.broker.store.free_space import Room
from jobwire.broker.store.repair import restore
from jobwire.broker.writes.jobs import ChangeJobs
from jobwire.schemas.clock import wall_us
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Code, Refused


async def test_a_newer_store_is_refused_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection = tables.connect(path)
    connection.execute(f"PRAGMA user_version = {tables.VERSION + 1}")
    connection.close()
    with pytest.raises(Refused, match="newer jobwire") as refused:
        House(path, EngineDouble()).open()
    assert refused.value.code is Code.FAILED_PRECONDITION


def test_a_store_stays_below_a_limit_of_the_size_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 1_000_000
    monkeypatch.setattr(resource, "getrlimit", lambda _: (most, most))
    connection = tables.connect(tmp_path / "state.db")
    connection.executescript("CREATE TABLE words (word BLOB); INSERT INTO words VALUES (zeroblob(2000))")
    for _ in range(600):
        connection.execute("UPDATE words SET word = randomblob(2000)")
    assert (tmp_path / "state.db-wal").stat().st_size < most // 2
    connection.close()


def _open_files() -> set[Path]:
    return {link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}


async def test_a_file_that_is_not_a_store_is_refused_with_a_message(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"not a database, but long enough to be one" * 100)
    with pytest.raises(Refused, match="cannot be used as a store") as refused:
        House(path, EngineDouble()).open()
    # As long as the exception is kept, with all frames that it went through.
    assert refused.tb
    assert path not in _open_files()


@pytest.mark.parametrize("most", [0, 2048, 16384])
async def test_a_store_that_cannot_be_written_is_not_called_broken(tmp_path: Path, most: int) -> None:
    """Whoever makes another one loses the jobs that wait in it."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        with pytest.raises(Refused, match=rf"state.db cannot be read or written: .*at most {most} bytes") as refused:
            House(tmp_path / "state.db", EngineDouble()).open()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "rebuild" not in refused.value.next_step
    assert "limit" in refused.value.next_step


async def test_a_folder_in_the_place_of_the_store_is_not_called_a_broken_store(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    with pytest.raises(Refused, match="cannot be read or written") as refused:
        House(tmp_path / "state.db", EngineDouble()).open()
    assert "rebuild" not in refused.value.next_step


OPEN = """
import sys
from pathlib import Path
from jobwire.broker.store import tables
tables.prepare(tables.connect(Path(sys.argv[1])), Path(sys.argv[1]))
"""


@pytest.mark.skipif(os.geteuid() == 0 and not can_run(*UNPRIVILEGED, "true"), reason="root may write every file")
def test_a_store_with_a_file_that_cannot_be_written_is_refused_with_its_name(tmp_path: Path) -> None:
    """SQLite opens it for reading, and each commit would be tried again for ever: the worker would never be ready."""
    path = tmp_path / "state.db"
    with closing(tables.connect(path)) as made:
        tables.prepare(made, path)
        log = Path(f"{path}-wal")
        log.chmod(0o400)
        prefix = UNPRIVILEGED if os.geteuid() == 0 else ()
        ended = subprocess.run([*prefix, sys.executable, "-c", OPEN, path], capture_output=True, check=False, text=True)
    assert f"the store {path} cannot be written: its file {log.name} is read-only for this user" in ended.stderr


async def test_a_store_keeps_its_id(house: House) -> None:
    before = house.store.id
    await house.restart()
    house.engine.expect(("recover",))
    assert house.store.id == before
    assert len(before) == 16


async def test_commits_are_synced_to_the_disk(house: House) -> None:
    assert house.store._writes.execute("PRAGMA synchronous").fetchone() == (2,)
    assert house.store._writes.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_no_room_refuses_new_jobs_and_still_records_what_ended(house: House) -> None:
    """`max_page_count` is how SQLite itself makes a full disk: SQLITE_FULL."""
    await house.accept(asked(1))
    (pages,) = house.store._writes.execute("PRAGMA page_count").fetchone()
    house.store._writes.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Refused) as refused:
        await house.accept(asked(2, b"true", b"x" * 100_000))
    assert refused.value.code is Code.RESOURCE_EXHAUSTED
    house.desk.hear([started(1), ended(1)])
    await house.durable()
    house.engine.expect(("start", attempt(1)), ("settled", attempt(1)))


async def test_writes_that_came_together_are_committed_together(house: House) -> None:
    commits: list[str] = []
    house.store._writes.set_trace_callback(lambda statement: commits.append(statement) if statement == "COMMIT" else None)
    for number in range(1, 60):
        house.desk.accept(b"o" * 32, [asked(number)], None, b"", lambda _: None)
    await house.durable()
    assert 1 <= len(commits) < 30
    house.engine.effects.clear()


async def test_reads_leave_no_transaction_open(house: House) -> None:
    await house.accept(asked(1))
    house.lookup.alive(1)
    assert not house.store._reads.in_transaction
    house.engine.expect(("start", attempt(1)))


async def test_a_commit_has_begun_when_it_was_let(house: House) -> None:
    house.store.let_commit()
    done: list[object] = []
    house.desk.accept(b"o" * 32, [asked(1)], None, b"", done.append)
    house.store.let_commit()
    assert not house.store._hand_over.locked()
    assert not done
    await house.durable()
    assert done
    house.engine.effects.clear()


async def test_the_next_transaction_has_begun_when_nothing_is_under_way(house: House) -> None:
    await house.accept(asked(1))
    await house.durable()
    await asyncio.sleep(0)
    assert house.store._writes.in_transaction
    with closing(sqlite3.connect(house.path, timeout=0)) as other:
        # It keeps nobody from reading, and nothing of it is lost.
        assert other.execute("SELECT count(*) FROM jobs").fetchone() == (1,)
        with closing(sqlite3.connect(":memory:")) as copy:
            other.backup(copy)
            assert copy.execute("SELECT count(*) FROM jobs").fetchone() == (1,)
    await house.accept(asked(2))
    assert house.store.read("SELECT count(*) FROM jobs") == [(2,)]
    house.engine.effects.clear()


async def test_a_write_that_fails_while_others_are_reported_costs_none_of_the_reports(house: House) -> None:
    """Whoever is told first writes something at once, which fails before anything is committed."""
    told: list[int] = []

    def take_refusal(result: object) -> None:
        assert isinstance(result, Refused)
        told.append(99)

    def take(number: int) -> None:
        told.append(number)
        if number == 1:
            house.desk.accept(b"o" * 32, [asked(99)], None, b"", take_refusal)

    house.store._writes.execute("CREATE TRIGGER fails BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
    house.store._writes.commit()
    failed: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
    for number in range(20):
        house.store.submit(ChangeJobs([]), partial(take, number))
    await house.durable()
    assert told == [*range(20), 99]
    assert not failed


async def test_a_start_that_does_not_fit_costs_no_other_start_in_its_group(house: House) -> None:
    await house.accept(asked(1))
    await house.accept(asked(2))
    (pages,) = house.store._writes.execute("PRAGMA page_count").fetchone()
    house.store._writes.execute(f"PRAGMA max_page_count = {pages + 1}")
    results = await asyncio.gather(
        house.accept(asked(3, b"true", b"x" * 100_000)), house.accept(asked(4)), house.accept(asked(1)), return_exceptions=True
    )
    assert isinstance(results[0], Refused)
    assert results[0].code is Code.RESOURCE_EXHAUSTED
    assert not isinstance(results[1], BaseException)
    assert not isinstance(results[2], BaseException)
    assert results[2].known == 1
    house.engine.effects.clear()


async def test_while_nothing_can_be_written_requests_are_answered_and_ends_are_recorded_when_there_is_room(house: House) -> None:
    """An index that refuses every row stands for a disk that is full to the last page; the ballast is used up."""
    await house.accept(asked(1))
    (house.path.parent / "ballast").unlink()
    for table, what in (("jobs", "INSERT"), ("jobs", "UPDATE"), ("jobs", "DELETE")):
        fails = "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        house.store._writes.execute(f"CREATE TRIGGER full_{what} BEFORE {what} ON {table} {fails}")
    # The transaction of the next write has begun already.
    house.store._writes.commit()
    house.desk.hear([started(1), ended(1)])
    new, known = await asyncio.gather(house.accept(asked(2)), house.accept(asked(1)), return_exceptions=True)
    assert isinstance(new, Refused)
    assert new.code is Code.RESOURCE_EXHAUSTED
    assert not isinstance(known, BaseException)
    assert house.store.read("SELECT state FROM jobs") == [(1,)]
    for what in ("INSERT", "UPDATE", "DELETE"):
        house.store._writes.execute(f"DROP TRIGGER full_{what}")
    await house.durable()
    assert house.store.read("SELECT state FROM jobs") == [(4,)]
    house.engine.expect(("start", attempt(1)), ("settled", attempt(1)))


async def test_a_limit_of_the_size_of_files_refuses_new_jobs_by_name_and_leaves_room_for_those_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 600_000
    monkeypatch.setattr(resource, "getrlimit", lambda _: (most, most))
    house = House(tmp_path / "state.db", EngineDouble())
    house.open()
    try:
        number = 0
        with pytest.raises(Refused, match=rf"full; files may be at most {most} bytes long here \(ulimit -f\)") as refused:  # noqa: PT012
            while number < 200:
                await house.accept(asked(number + 1, b"true", b"x" * 3000))
                number += 1
        assert refused.value.code is Code.RESOURCE_EXHAUSTED
        assert "forget jobs that have ended" in refused.value.next_step
        assert number > 5
        while house.live:
            launched, house.engine.effects = house.engine.effects, []
            ids = [effect[1].id[0] for effect in launched if effect[0] == "start"]
            house.desk.hear([fact for one in ids for fact in (started(one), ended(one))])
            await asyncio.wait_for(house.durable(), 60)
        assert (tmp_path / "state.db").stat().st_size < most
        assert {state for (state,) in house.store.read("SELECT state FROM jobs")} == {4}
    finally:
        house.store.close()


class Listener:
    """Records what is reported about a job."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def started(self, _job: Job) -> None:
        self.heard.append("started")

    def stuck(self, job: Job) -> None:
        self.heard.append(job.attempt.waits_for)

    def finished(self, _job: Job) -> None:
        self.heard.append("finished")

    def flush(self) -> None:
        pass


async def test_a_client_that_waits_for_an_end_learns_that_it_cannot_be_recorded(house: House) -> None:
    (house.path.parent / "ballast").unlink()
    job = await house.accept_one()
    listener = Listener()
    house.watchers.watch(job, listener)
    house.desk.hear([started(1)])
    await house.durable()
    house.store._writes.execute("CREATE TRIGGER full BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END")
    house.store._writes.commit()
    house.desk.hear([ended(1)])
    assert listener.heard == ["started", "its state cannot be recorded: disk I/O error; the worker keeps trying"]
    assert house.desk.why_waiting(job) == listener.heard[-1]
    house.store._writes.execute("DROP TRIGGER full")
    await house.durable()
    assert listener.heard[2:] == ["finished"]
    assert house.desk.why_waiting(job) == ""
    house.engine.expect(("start", attempt(1)), ("settled", attempt(1)))


async def test_below_the_floor_only_what_is_known_is_answered(house: House) -> None:
    await house.accept(asked(1))
    house.shortage = Room(house.path.parent, 1 << 62).shortage
    with pytest.raises(Refused, match="stay free") as refused:
        await house.accept(asked(2))
    assert refused.value.code is Code.RESOURCE_EXHAUSTED
    assert (await house.accept(asked(1))).known == 1
    house.engine.expect(("start", attempt(1)))


async def test_a_store_of_the_first_version_is_brought_up_to_date_with_all_that_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    old = sqlite3.connect(path)
    old.executescript((Path(__file__).parent / "store_v1.sql").read_text())
    events = old.execute("SELECT count(*) FROM events").fetchone()
    old.close()
    house = House(path, EngineDouble())
    house.open()
    await house.desk.recover()
    assert house.store.id.hex() == "d6463e2bbbff3bee40c71e1e5dc72f2b"
    assert house.store.read("SELECT ended, log_bytes, first_seq, last_row FROM kept") == [(4, 13, 1, 0)]
    of_run = "(SELECT count(*) FROM jobs WHERE batch = batches.row), (SELECT total(ok) FROM jobs WHERE batch = batches.row)"
    ((jobs, ok, failed, ended_at, longest, *counted),) = house.store.read(
        f"SELECT jobs, ok, failed, ended_at, longest, {of_run} FROM batches"
    )
    assert ([jobs, ok], jobs, ok + failed) == (counted, 2, 2)
    assert ended_at
    assert len(longest.split(",")) == 2
    assert house.store.read("SELECT name, log_bytes FROM jobs ORDER BY row LIMIT 2") == [("first", 11), ("second", 0)]
    assert house.store.read("SELECT count(*) FROM events") == [events]
    assert house.store.read("SELECT count(*) FROM jobs WHERE aged_from = ended_at AND aged_from > 0") == [(4,)]
    aged = house.store.read("SELECT aged_from FROM events ORDER BY seq")
    assert [at_us for (at_us,) in aged] == [event.at_us for event in house.lookup.replay(0, events[0], b"")[0]]
    owner, job_id = house.store.read("SELECT owner, id FROM jobs WHERE name = 'first'")[0]
    found = house.lookup.job(JobKey(owner, job_id))
    assert found is not None
    assert found.attempt.outcome is not None
    assert found.attempt.outcome.sentence == "exited with status 0"
    house.engine.expect(("recover",))
    house.store.close()


async def test_a_store_from_before_attempts_were_counted_knows_the_first_of_each_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    with monkeypatch.context() as before:
        before.setattr(tables, "VERSION", 4)
        with closing(tables.connect(path)) as old:
            tables.prepare(old, path)
            assert old.execute("PRAGMA user_version").fetchone() == (4,)
            old.execute(
                "INSERT INTO jobs (row, owner, id, digest, state, name, proof, spec, launched, queued_at, pid, started_at)"
                " VALUES (1, ?, ?, ?, 2, '', 1, ?, 1, 5, 101, 2000001)",
                (*key(1), asked(1).digest, asked(1).raw),
            )
            old.execute("INSERT INTO leftovers (owner, id, pid, started_at, ended_at) VALUES (?, ?, 102, 5, 6)", key(2))
    house = House(path, EngineDouble())
    house.open()
    await house.desk.recover()
    house.forgetting.take_up()
    await house.durable()
    house.engine.expect(("recover", attempt(1)), ("discard", attempt(2)))
    assert house.store.read("SELECT attempt, pid FROM jobs") == [(1, 101)]
    assert house.store.read("SELECT count(*) FROM leftovers") == [(0,)]
    assert house.store.read("PRAGMA quick_check") == [("ok",)]
    house.store.close()


async def test_an_older_store_learns_which_jobs_share_a_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.db"
    with monkeypatch.context() as before:
        before.setattr(tables, "VERSION", 16)
        with closing(tables.connect(path)) as old:
            tables.prepare(old, path)
            for number, proof in ((1, 1), (2, 1), (3, 2)):
                old.execute("INSERT OR IGNORE INTO proofs (row, envelope) VALUES (?, x'')", (proof,))
                old.execute(
                    "INSERT INTO jobs (row, owner, id, digest, state, name, proof, spec, launched, queued_at, ended_at)"
                    " VALUES (?, ?, ?, x'', 4, '', ?, ?, 1, 5, 6)",
                    (number, *key(number), proof, asked(number).raw),
                )
    house = House(path, EngineDouble())
    house.open()
    kept = []
    for number in (1, 3, 2):
        forgotten: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        house.forgetting.forget([key(number)], forgotten.set_result)
        await forgotten
        kept.append([row for (row,) in house.store.read("SELECT row FROM proofs ORDER BY row")])
    assert kept == [[1, 2], [1], []]
    house.store.close()


async def test_a_job_that_is_submitted_alone_is_in_no_index_of_proofs(house: House) -> None:
    await house.accept(asked(1))
    await house.accept(asked(2), asked(3))
    assert house.store.read("SELECT id FROM jobs INDEXED BY jobs_by_proof WHERE shares_proof IS NOT NULL") == [(key(2).id,), (key(3).id,)]
    house.engine.effects.clear()


async def test_which_attempt_counts_is_known_after_a_restart(house: House) -> None:
    job = await house.accept_one()
    job.attempt = Attempt(attempt(1, 2), Phase.LAUNCHED)
    house.desk.hear([Started(attempt(1, 2), 202, 2_000_000)])
    await house.durable()
    house.engine.expect(("start", attempt(1)))
    house.engine.known = [Ended(attempt(1, 2), 202, 2_000_000, 3_000_000, Outcome(OutcomeKind.EXITED)), ended(1, 7)]
    await house.restart()
    house.engine.expect(("recover", attempt(1, 2)), ("settled", attempt(1)), ("settled", attempt(1, 2)))
    found = house.lookup.job(key(1))
    assert found is not None
    assert (found.attempt.key, found.attempt.pid) == (attempt(1, 2), 202)
    events, _ = house.lookup.replay(0, house.store.head, b"")
    assert [event.attempt for event in events] == [1, 2, 2]


@pytest.mark.parametrize("date_us", [1_000_000_000_000_000, 9_000_000_000_000_000])
async def test_a_store_made_anew_counts_ages_from_dates_but_not_from_the_future(house: House, tmp_path: Path, date_us: int) -> None:
    job = await house.accept_one()
    house.desk.hear([Ended(attempt(1), 1, date_us - 1, date_us, Outcome(OutcomeKind.EXITED))])
    await house.durable()
    before = wall_us()
    restore.restore(tmp_path / "anew.db", [job])
    connection = sqlite3.connect(tmp_path / "anew.db")
    ages = {age for table in ("jobs", "events") for (age,) in connection.execute(f"SELECT aged_from FROM {table}")}
    connection.close()
    assert len(ages) == 1
    assert ages == {date_us} if date_us < before else before <= ages.pop() <= wall_us()
    house.engine.effects.clear()


def test_each_migration_step_ends_at_its_version(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    tables.prepare(connection, tmp_path)
    assert connection.execute("PRAGMA user_version").fetchone() == (tables.VERSION,)
    connection.close()


async def test_nobody_else_may_read_any_file_of_a_store(house: House) -> None:
    await house.accept(asked(1))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in house.path.parent.iterdir() if path.name.startswith("state.db")}
    assert modes == dict.fromkeys(("state.db", "state.db-wal", "state.db-shm"), 0o600)
    house.engine.effects.clear()


async def test_a_ballast_that_was_used_comes_again_with_a_commit_that_finds_room(house: House) -> None:
    ballast = house.path.parent / "ballast"
    await house.accept(asked(1))
    house.store._writes.execute("CREATE TRIGGER full BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
    house.store._writes.commit()
    house.desk.hear([started(1)])
    assert not ballast.exists()
    house.store._writes.execute("DROP TRIGGER full")
    await house.durable()
    assert ballast.stat().st_size == ballasts.BALLAST_BYTES
    house.engine.effects.clear()


def test_a_ballast_waits_until_there_is_room_for_more_than_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ballast"
    # More than any disk here has, and less than a file may have.
    monkeypatch.setattr(ballasts, "BALLAST_BYTES", 1 << 42)
    ballast = ballasts.Ballast(path)
    assert not path.exists()
    ballast.restore()
    assert not path.exists()
    monkeypatch.setattr(ballasts, "BALLAST_BYTES", 4096)
    ballast.restore()
    assert path.stat().st_size == 4096
    assert [ballast.drop(), ballast.drop()] == [True, False]


async def test_on_a_disk_that_became_read_only_starts_are_refused_and_ends_are_recorded_when_it_is_not(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await house.accept_one()
    house.engine.expect(("start", attempt(1)))

    def refuse(self: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        writes = house.store._writes
        writes.execute("PRAGMA query_only = ON")
        house.desk.hear([started(1), ended(1, 7)])
        with pytest.raises(Refused, match="readonly") as refused:
            await house.accept(asked(2))
        assert refused.value.code is Code.RESOURCE_EXHAUSTED
        assert "can be written to" in refused.value.next_step
        assert job.attempt.phase is not Phase.FINISHED
        writes.execute("PRAGMA query_only = OFF")
        await house.durable()
    assert job.attempt.phase is Phase.FINISHED
    house.engine.expect(("settled", attempt(1)))
    # The room that nobody could give back is still kept.
    assert (house.path.parent / "ballast").stat().st_size == ballasts.BALLAST_BYTES


async def test_a_job_writes_few_pages_of_the_log(house: House) -> None:
    """Each table and index that a commit touches is a page at least, and the disk is waited for until all of them are written."""
    log = house.path.with_name("state.db-wal")
    sizes = [log.stat().st_size]
    await house.accept(asked(1))
    sizes.append(log.stat().st_size)
    for facts in ([started(1)], [ended(1)]):
        house.desk.hear(facts)
        await house.desk.durable()
        sizes.append(log.stat().st_size)
    # Of a start, those of the job, its event, and of jobs that run and by their start; no others change.
    assert [(after - before) // (4096 + 24) for before, after in pairwise(sizes)] == [8, 4, 8]
    house.engine.effects.clear()


async def test_jobs_of_schedules_of_an_older_store_keep_the_times_that_they_were_started_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    with monkeypatch.context() as before:
        before.setattr(tables, "VERSION", next(n for n, step in enumerate(schema_steps.STEPS) if "ADD COLUMN due" in step))
        with closing(tables.connect(path)) as old:
            tables.prepare(old, path)
            old.executemany(
                "INSERT INTO jobs (row, owner, id, digest, state, name, proof, spec, launched, queued_at, ended_at)"
                " VALUES (?, ?, ?, x'', 4, '', 1, ?, 1, 5, 6)",
                [(number, *key(number), asked(number).raw) for number in (1, 2)],
            )
            old.execute("INSERT INTO firings (schedule, due, job, note) VALUES (1, 4000, ?, ''), (1, 5000, x'', 'skipped')", (key(2).id,))
    with closing(tables.connect(path)) as new:
        tables.prepare(new, path)
        assert new.execute("SELECT row, due FROM jobs ORDER BY row").fetchall() == [(1, None), (2, 4000)]
        assert not new.execute("SELECT 1 FROM sqlite_schema WHERE name = 'firings_by_job'").fetchone()


def test_a_limit_that_does_not_pass_is_told_once_by_the_ballast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def too_large(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr(os, "posix_fallocate", too_large)
    ballast = ballasts.Ballast(tmp_path / "ballast")
    for _ in range(3):
        ballast.restore()
    assert not ballast.is_there
    assert caplog.text.count("no ballast file") == 1


@pytest.mark.parametrize("is_fast", [True, False])
async def test_a_store_knows_whether_its_commits_are_short(house: House, monkeypatch: pytest.MonkeyPatch, *, is_fast: bool) -> None:
    monkeypatch.setattr(commit_times, "_SHORT_SECONDS", 1000 if is_fast else 0)
    assert not house.store.commits_are_short
    for _ in range(8):
        await house.durable()
    assert house.store.commits_are_short is is_fast


async def test_what_is_submitted_to_a_closed_store_is_neither_written_nor_an_error(house: House, caplog: pytest.LogCaptureFixture) -> None:
    await house.accept(asked(1))
    house.desk.close()
    house.store.close()
    house.store.submit(ChangeJobs([]), lambda: pytest.fail("it was written"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not caplog.records
    house.open()
    house.engine.effects.clear()
