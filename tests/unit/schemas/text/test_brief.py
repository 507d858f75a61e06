"""What sentences quote is short enough to read."""

from __future__ import annotations

import tracemalloc

import pytest

from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.text.brief import brief, sendable


@pytest.mark.parametrize(
    "text",
    [
        "a" * 5000,
        "/srv/" + "d/" * 2400 + "end.txt",
        "two words " * 500,
        "it's " * 1000,
        "\\" * 5000,
        "\x00\udcff" * 900,
        "both ' and \" " * 400,
        "\n" * 5000,
    ],
)
def test_a_long_quotation_is_cut_in_its_middle_and_the_rest_of_the_sentence_is_whole(text: str) -> None:
    sentence = brief(f"the name {text!r} is taken by somebody; others' names aren't")

    assert len(sentence) < 260
    assert sentence.startswith(f"the name {repr(text)[:100]}")
    assert sentence.endswith(f"{repr(text)[-50:]} is taken by somebody; others' names aren't")
    assert "..." in sentence
    assert brief(sentence) == sentence


def test_a_long_word_without_quotes_is_cut_too() -> None:
    path = "/9" * 2500 + "/x.toml"

    assert brief(f"{path} cannot be read: File name too long") == f"{path[:120]}...{path[-60:]} cannot be read: File name too long"


@pytest.mark.parametrize(
    "sentence",
    [
        f"the file {'/d' * 125!r} cannot be read",
        "one sentence of many words; " * 50,
        "the users' files, " * 60 + "and the others' folders",
        "there is no 'a', " * 100,
    ],
)
def test_what_is_long_for_another_reason_is_as_it_was(sentence: str) -> None:
    assert brief(sentence) == sentence


def test_a_refusal_quotes_briefly() -> None:
    refused = Refused(Code.NOT_FOUND, f"there is no job {'x' * 5000!r}", "see jobwire list")

    assert len(str(refused)) < 260
    assert str(refused).endswith("x'; see jobwire list")


def test_bytes_that_are_no_text_are_written_so_that_a_refusal_can_be_sent_and_stored() -> None:
    assert sendable("b\udcff: é \ud800 \udc41 '\\udcff'") == "b\\xff: é \\ud800 \\udc41 '\\udcff'"
    refused = Refused(Code.NOT_FOUND, "there is no b\udcff", "look for \udcfe")
    for sentence in (refused.message, refused.next_step, str(refused), refused.args[0]):
        sentence.encode()
    assert str(refused) == r"there is no b\xff; look for \xfe"


@pytest.mark.parametrize("quote", ["'", '"', ""])
def test_shortening_costs_little_more_memory_than_what_is_shortened(quote: str) -> None:
    sentence = f"the key {quote}{'9' * 300_000}{quote} is unknown"
    tracemalloc.start()
    try:
        brief(sentence)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(sentence) + 1024 * 1024
