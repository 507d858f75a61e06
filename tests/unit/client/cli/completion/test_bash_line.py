import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.cli.completion.bash_line import read, write

BREAKS = " \t\n\"'@><=;|&(:"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("jobwire ", ["jobwire", ""]),
        ("jobwire  show\ta", ["jobwire", "show", "a"]),
        ('jobwire show "a b', ["jobwire", "show", "a b"]),
        ("jobwire show 'a b' c", ["jobwire", "show", "a b", "c"]),
        ("jobwire show a\\ b", ["jobwire", "show", "a b"]),
        ("jobwire show ''", ["jobwire", "show", ""]),
        ("jobwire show '' ", ["jobwire", "show", "", ""]),
        ('jobwire "\\$x\\n', ["jobwire", "$x\\n"]),
        ("jobwire x\\", ["jobwire", "x"]),
        ("", [""]),
    ],
)
def test_a_line_is_divided_as_bash_does_wherever_it_ends(line: str, words: list[str]) -> None:
    assert read(line).words == words


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1))
def test_any_quoted_words_are_read_back(words: list[str]) -> None:
    assert read(shlex.join(words)).words == words


@pytest.mark.parametrize(
    ("line", "word", "inserted"),
    [
        ("jobwire show et", "etl", "etl"),
        ("jobwire show et", "etl[0]", "etl\\[0\\]"),
        ("jobwire show etl:2", "etl:2024", "2024"),
        ("jobwire show etl:2024\\[", "etl:2024[0]", "2024\\[0\\]"),
        ('jobwire show "etl:2', "etl:2024[0]", "etl:2024[0]"),
        ("jobwire show 12@2026", "12@20261124T053951.1Z", "20261124T053951.1Z"),
        ("jobwire keys add --role=ad", "--role=admin", "admin"),
        ("jobwire show 'et'l:", "etl:2024", "etl:2024"),
    ],
)
def test_only_what_bash_replaces_is_handed_back(line: str, word: str, inserted: str) -> None:
    assert write(word, read(line), BREAKS) == inserted


def test_a_user_whose_bash_divides_at_blanks_only_gets_whole_words() -> None:
    assert write("etl:2024", read("jobwire show etl:2"), " \t\n") == "etl:2024"
