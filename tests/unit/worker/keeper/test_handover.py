"""What a keeper hands over to the version that it executes, also byte for byte: the two are of different versions."""

import os

import pytest

from jobwire.worker.keeper import handover


def test_what_a_keeper_hands_over_comes_back() -> None:
    ends = os.pipe()
    handed = handover.Handed()
    handed.supervisors = 3
    handed.deposits = [("one", "-", False, ends), ("two", "0_x_y", True, ())]
    handed.died = ["died 7 0 0 7 1 2 3 4"]
    file = handover.write(handed)
    assert all(os.get_inheritable(end) for end in (*ends, file))
    back = handover.read(file)
    assert (back.supervisors, back.deposits, back.died) == (handed.supervisors, handed.deposits, handed.died)
    assert not any(os.get_inheritable(end) for end in ends)
    for end in ends:
        os.close(end)


def test_a_form_of_another_version_is_not_read() -> None:
    file = os.memfd_create("test")
    os.write(file, b"jobwire-handover 99\nsupervisors 1")
    with pytest.raises(ValueError, match="is not a version"):
        handover.read(file)


def test_what_is_recorded_is_written_and_read() -> None:
    """Never change what is recorded here; add to it."""
    read_end, write_end = os.pipe()
    recorded = b"jobwire-handover 1\nsupervisors 3\ndied 7 256 1 7 99 5 6 4096\ndeposit h - 0 %d %d\ndeposit i 7_1_2 1\nstranger 9 %d" % (
        read_end,
        write_end,
        read_end,
    )
    file = os.memfd_create("test")
    os.write(file, recorded)
    handed = handover.read(file)
    assert (handed.supervisors, handed.died) == (3, ["died 7 256 1 7 99 5 6 4096"])
    assert handed.deposits == [("h", "-", False, (read_end, write_end)), ("i", "7_1_2", True, ())]
    assert handed.strangers == {9: read_end}
    again = handover.write(handed)
    assert os.pread(again, 1000, 0) == recorded
    for descriptor in (again, read_end, write_end):
        os.close(descriptor)
