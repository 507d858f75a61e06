from __future__ import annotations

import logging
from pathlib import Path

import pytest

from jobwire.broker.health.self_check import LoggedErrors
from jobwire.broker.health.troubles import Logged, Measured, Trouble, find
from jobwire.broker.store.ballast import Ballast
from jobwire.keys.members.rights import Member
from jobwire.schemas.workers.warning_subjects import Subject, split_warning

WELL = Measured(
    open_files=50, most_files=1024, slots=4, free_bytes=1 << 40, total_bytes=1 << 41, files_left=1_000_000, ballast=True, logged=Logged()
)


def test_a_daemon_that_is_well_says_nothing() -> None:
    assert not list(find(WELL))
    # Some file systems do not count files, and some tell nothing.
    assert not list(find(WELL._replace(files_left=None, free_bytes=0, total_bytes=0)))


@pytest.mark.parametrize(
    ("measured", "subject", "words"),
    [
        (WELL._replace(most_files=200), Subject.DESCRIPTORS, "enough for 10 jobs at once, but there are 16 slots"),
        (WELL._replace(open_files=1000), Subject.DESCRIPTORS, "1000 of at most 1024 files are open"),
        (WELL._replace(free_bytes=1 << 20), Subject.SPACE, "1 MiB of 2 TiB are free"),
        (WELL._replace(files_left=7), Subject.INODES, "room for only 7 more files"),
        (WELL._replace(ballast=False), Subject.BALLAST, "a full disk delays them"),
        (WELL._replace(logged=Logged(2, "5m", "no disk")), Subject.LOG, "2 errors since it was started, the last one 5m ago: no disk"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(measured: Measured, subject: Subject, words: str) -> None:
    [trouble] = find(measured._replace(slots=16))
    assert trouble.about is subject
    assert words in trouble.sentence
    assert split_warning(trouble.text) == (subject, trouble.sentence)


def test_who_is_told_depends_on_the_right() -> None:
    logged = next(find(WELL._replace(logged=Logged(1, "1s", "secret"))))
    told = {role: logged.is_for(Member("ada", b"k" * 32, role)) for role in ("viewer", "submitter", "operator", "admin")}
    assert told == {"viewer": False, "submitter": False, "operator": False, "admin": True}
    assert Trouble(Subject.CONTAINMENT, "by mark", needs=None).is_for(Member("ada", b"k" * 32, "submitter"))


def test_a_warning_of_another_kind_has_no_subject() -> None:
    assert split_warning("worker lab: 3 of its jobs are there") == (None, "worker lab: 3 of its jobs are there")
    assert split_warning("log") == (None, "log")


def test_errors_are_counted_until_it_is_closed() -> None:
    now = 100.0
    errors = LoggedErrors(lambda: now)
    log = logging.getLogger("jobwire.test")
    log.warning("not this")
    assert errors.tell() == Logged()
    log.error("the disk\nis %s", "full")
    now = 160.0
    assert errors.tell() == Logged(1, "1m", "the disk is full")
    errors.close()
    log.error("later")
    assert errors.tell().errors == 1


def test_the_ballast_is_there_unless_somebody_removes_it(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "state.db")
    assert ballast.is_there
    ballast.drop()
    assert not ballast.is_there
