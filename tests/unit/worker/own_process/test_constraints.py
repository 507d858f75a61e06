import pytest

from jobwire.worker.own_process.constraints import in_words


@pytest.mark.parametrize(
    ("number", "unit", "words"),
    [
        (1, "second(s) of processor time", "1 second of processor time"),
        (2, "second(s) of processor time", "2 seconds of processor time"),
        (0, "byte(s) in a file", "0 bytes in a file"),
        (1, "process(es) of this user", "1 process of this user"),
        (7, "process(es) of this user", "7 processes of this user"),
    ],
)
def test_one_is_not_a_plural(number: float, unit: str, words: str) -> None:
    assert in_words(number, unit) == words
