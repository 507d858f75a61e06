"""The last lines of jobs, as a broker keeps them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from jobwire.broker.fleet.transfers.tails import Tails
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.state.log_folders import logs

KEY = AttemptKey(bytes(32), bytes(16), 1)


def told(data: bytes, lines: int, most_bytes: int = 1000) -> bytes:
    tails = Tails()
    tails.keep(KEY, "stderr", data)
    return tails.last(KEY, "stderr", lines, most_bytes).data


def test_progress_on_one_line_does_not_displace_the_reason_above_it() -> None:
    said = b"cannot open x\n" + b"".join(b"%d %%\r" % done for done in range(100)) + b"\nfailed\n"
    assert told(said, 10) == said


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"\x0b", b"\x85", b"bc"]), max_size=30).map(b"".join), st.integers(0, 12))
def test_a_broker_tells_the_lines_that_a_worker_tells(data: bytes, lines: int) -> None:
    assert told(data, lines) == (logs.tail_of(data, lines, 1000).data if lines else b"")


def test_what_a_worker_reads_of_a_file_is_the_same(tmp_path: Path) -> None:
    log = tmp_path / "stderr"
    log.write_bytes(b"one\r\ntwo\rthree\n\nfour")
    for lines in range(1, 6):
        assert logs.tail(log, lines, 1000).data == told(log.read_bytes(), lines)
