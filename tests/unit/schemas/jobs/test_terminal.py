import pytest

from jobwire.schemas.jobs.terminal import MOST_CELLS, USUAL_SIZE, TerminalSize, check_size
from jobwire.schemas.refusal import Refused


@pytest.mark.parametrize("size", [USUAL_SIZE, TerminalSize(1, 1), TerminalSize(MOST_CELLS, MOST_CELLS)])
def test_a_usual_size_is_accepted(size: TerminalSize) -> None:
    check_size(size)


@pytest.mark.parametrize(
    "size", [TerminalSize(0, 80), TerminalSize(24, 0), TerminalSize(24, MOST_CELLS + 1), TerminalSize(MOST_CELLS + 1, 1)]
)
def test_a_size_that_no_terminal_can_have_is_refused(size: TerminalSize) -> None:
    with pytest.raises(Refused, match="rows and"):
        check_size(size)
