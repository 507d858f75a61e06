import itertools

import pytest

from jobwire.worker.supervisor.adoption.remains import OF_FOLDER, OF_TRY, Deed, Left, Witness, left, witness

START = "20261124T053951.123456Z"
END = "20261124T053952.000000Z"
HANDLE = f"{'1' * 32}.{'2' * 64}"


@pytest.mark.parametrize(
    ("name", "files", "what"),
    [
        (f".new-{HANDLE}", (), Left.INTENT),
        (f".new-{HANDLE}", ("outcome",), Left.INTENT),
        (f".new-{HANDLE}", ("stderr",), Left.TRIED),
        (f".new-{HANDLE}", ("stderr", "outcome"), Left.OUTCOME),
        (f"7_{START}", ("stderr",), Left.RUN),
        (f"7_{START}", ("stderr", "outcome"), Left.OUTCOME),
        (f"7_{START}_{END}", ("stderr", "outcome"), Left.ENDED),
        ("lost+found", (), Left.NOTHING),
        (".new-1.2", ("stderr",), Left.NOTHING),
        (".new-1.2", ("stderr", "outcome"), Left.NOTHING),
        ("my_notes", ("outcome",), Left.NOTHING),
    ],
)
def test_a_folder_shows_how_far_its_supervisor_came(name: str, files: tuple[str, ...], what: Left) -> None:
    assert left(name, lambda: "stderr" in files, lambda: "outcome" in files) is what


def test_a_try_is_started_again_only_if_somebody_saw_that_nothing_came_of_it() -> None:
    for pid, keeper_is_new in itertools.product((0, 7), (False, True)):
        forgotten = OF_TRY[witness(pid, keeper_is_new=keeper_is_new)] is Deed.FORGET_TRY
        assert forgotten == (not pid and not keeper_is_new)


def test_every_remains_and_every_witness_is_answered() -> None:
    assert OF_FOLDER.keys() == set(Left)
    assert OF_TRY.keys() == set(Witness)
