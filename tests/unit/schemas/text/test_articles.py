"""The article before a word."""

from __future__ import annotations

import pytest

from jobwire.schemas.text.articles import with_article


@pytest.mark.parametrize(
    ("word", "said"),
    [("job", "a job"), ("hour", "an hour"), ("host", "a host"), ("Event", "an Event"), ("unstage", "an unstage"), ("user", "a user")],
)
def test_the_article_is_that_of_the_sound(word: str, said: str) -> None:
    assert with_article(word) == said
