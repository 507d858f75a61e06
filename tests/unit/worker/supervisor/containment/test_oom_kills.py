"""How many processes the kernel has killed because memory was short."""

from __future__ import annotations

from jobwire.worker.supervisor.containment.oom_kills import OomKills


def test_a_count_is_read_again_when_it_is_not_fresh_and_at_each_end() -> None:
    now, killed, reads = [5.0], [3], []

    def read() -> bytes:
        reads.append(now[0])
        return b"nr_free_pages 7\noom_kill %d\ncompact_stall 0\n" % killed[0]

    kills = OomKills(lambda: now[0], read)
    assert [kills.recent(), kills.recent()] == [3, 3]
    assert reads == [5.0]
    killed[0] = 4
    assert (kills.recent(), kills.since(3)) == (3, 1)
    now[0] = 5.2
    assert (kills.recent(), kills.since(4)) == (4, 0)


def test_a_kernel_that_does_not_tell_says_nothing() -> None:
    kills = OomKills(read=lambda: b"nr_free_pages 7\n")
    assert (kills.recent(), kills.since(-1)) == (-1, 0)


def test_this_kernel_tells() -> None:
    kills = OomKills()
    assert kills.recent() >= 0
    assert kills.since(kills.recent()) >= 0
