import os
import resource
import subprocess

from jobwire.worker.keeper.deposits import Deposits
from jobwire.worker.supervisor.adoption.traces import find_leader, marked_processes, started_about
from jobwire.worker.supervisor.containment.processes import Stat, mark_of, read_stat, started_at_us
from jobwire.worker.supervisor.keeper_line import Died
from jobwire.worker.supervisor.spawning.spawner import mark_for


def stat(session: int, ticks: int) -> Stat:
    return Stat(b"1 (a) b) S 1 1 " + b" ".join([b"%d" % session, *[b"0"] * 15, b"%d" % ticks, *[b"0"] * 30]))


def died(pid: int, session: int, ticks: int) -> Died:
    return Died(pid, 0, 1, session, ticks, 0, 0, 0)


def test_a_name_with_parentheses_does_not_confuse() -> None:
    assert (stat(7, 42).session, stat(7, 42).start_ticks, stat(7, 42).alive) == (7, 42, True)


def test_the_oldest_with_a_session_of_its_own_leads() -> None:
    assert find_leader({}, []) == 0
    assert find_leader({5: stat(4, 100), 4: stat(4, 100), 9: stat(9, 101)}, []) == 4
    assert find_leader({9: stat(9, 101)}, [died(4, 4, 100), died(6, 4, 100)]) == 4
    assert find_leader({5: stat(1, 100)}, []) == 5


def test_a_mark_is_inherited_and_read() -> None:
    mark = mark_for("state", "handle")
    soft, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
    resource.setrlimit(resource.RLIMIT_RTTIME, (mark, hard))
    try:
        child = subprocess.Popen(["/usr/bin/env", "-i", "/usr/bin/setsid", "/bin/cat"], stdin=subprocess.PIPE)
    finally:
        resource.setrlimit(resource.RLIMIT_RTTIME, (soft, hard))
    with child:
        assert mark_of(child.pid) == mark
        assert child.pid in marked_processes()[mark]
    assert mark_of(child.pid) == 0
    assert mark_for("state", "other") != mark != mark_for("other", "handle")


def test_start_times_are_told() -> None:
    found = read_stat(os.getpid())
    assert found is not None
    at_us = started_at_us(found.start_ticks)
    assert started_about(found.start_ticks, at_us + 1_000_000)
    assert not started_about(found.start_ticks, at_us + 10_000_000)


def test_a_deposit_is_kept_until_it_is_settled_and_drained() -> None:
    deposits = Deposits()
    ends = os.pipe()
    deposits.hear("deposit", ["h"], ends)
    assert deposits.told_again() == [("deposit h - 0", ends)]
    deposits.hear("ended", ["h", "1_2_3"], ())
    deposits.hear("settled", ["h"], ())
    assert deposits.told_again() == [("deposit h 1_2_3 1", ends)]
    deposits.hear("drained", ["h"], ())
    deposits.hear("drained", ["h"], ())
    assert len(deposits) == 0
