import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.batch.forms.json_values import NotJson, is_json, line_of, read_values


def values(text: str) -> list[object]:
    assert is_json(text)
    return [value.value for value in read_values(text)]


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1}\n{"b":[2]}\n',
        '[{"a":1},{"b":[2]}]',
        '{\n  "a": 1\n}\n\n{\n  "b": [\n    2\n  ]\n}',
        '# two\n{"a":1}\n  # more\n{"b":[2]} ',
        '// two\n{"a":1}\n// more\n{"b":[2]} // end',
        '[\n{"a":1}\n,\n{"b":[2]}\n]\n',
        '/* two\n */ /**/\n{"a":1} /* more **/ {"b":[2]}',
        '{"a":1}\n\ufeff{"b":[2]}\n\ufeff',
    ],
)
def test_values_are_read_however_they_are_laid_out(text: str) -> None:
    assert values(text) == [{"a": 1}, {"b": [2]}]


@pytest.mark.parametrize("text", ["[batch]\n", "[[job]]\n", "# {\n[defaults]", "a = {}", "", "['a']\n", '["a"]\nb = 1'])
def test_what_begins_like_toml_is_not_taken_for_json(text: str) -> None:
    assert not is_json(text)


@pytest.mark.parametrize(
    ("text", "line", "what", "key"),
    [
        ('{"a":1}\n{"a":1,\n"b":{"c":1,\n"c":2}}', 4, "the key 'c' is set twice", "b.c"),
        ('[{"a":1},\n{"a":1,"a":2}]', 2, "the key 'a' is set twice", "a"),
        ('{"a":1}\n{"a":', 2, "this is not JSON", ""),
        ('[{"a":1}]\n{"a":1}', 2, "something follows", ""),
        ('{"a":1}\n{"a":NaN}', 2, "NaN is not a number in JSON", ""),
        ('{"a":' + "[" * 100_000, 1, "nested too deeply", ""),
        ('{"a":' + "9" * 5000 + "}", 1, "a number has more than 500 characters, at column 6: put it in quotes", ""),
        ('{"a":"' + "9" * 5000 + '",\n"b":[1,-' + "9" * 5000 + "]}", 2, "a number has more than 500 characters, at column 8", ""),
        ('{"a":\n1e' + "9" * 5000 + "}", 2, "a number has more than 500 characters, at column 1", ""),
        ('{"a": // comment\n1}', 1, "this is not JSON", ""),
        ('{"a":1},\n{"a":1}', 1, "a comma between two values", ""),
    ],
)
def test_what_is_not_json_is_reported_with_its_line(text: str, line: int, what: str, key: str) -> None:
    with pytest.raises(NotJson) as caught:
        values(text)
    assert (caught.value.line, caught.value.key) == (line, key)
    assert what in caught.value.what


def test_a_key_is_found_on_its_own_line() -> None:
    text = '\n{\n "argv": ["a:", "{\\""],\n "stop": {\n  "signal": 2,\n  "grace":\n  "x"\n }\n}'
    (value,) = read_values(text)
    assert line_of(text, value.begin, ("argv", 1)) == 3
    assert line_of(text, value.begin, ("stop", "grace")) == 6
    assert line_of(text, value.begin, ("stop", "nope")) == 4
    assert line_of(text, value.begin, ("nope",)) == 2


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=3), min_size=1, max_size=3), st.sampled_from([None, 1]))
def test_what_json_writes_is_read_back(tables: list[object], indent: int | None) -> None:
    assert values(json.dumps(tables, indent=indent)) == tables
    assert values("\n".join(json.dumps(table, indent=indent) for table in tables)) == tables


LONG = 50_000


@pytest.mark.parametrize(
    "text",
    [
        f'{{"a": "{"9" * LONG}"}}',
        f'{{"a": "{"9," * LONG}"}}',
        f'{{"{"9" * LONG}": 1}}',
        f'{{"a": "{chr(92) * 2 * LONG}"}}',
        f'["{"9" * LONG}", {{}}]',
        f"/* {'*9' * LONG} */ {{}}",
        f"{{}} // {'9' * LONG}",
        "#\n" * LONG + "{}",
    ],
)
def test_long_strings_and_comments_are_allowed_and_cost_little_more_than_their_length(text: str) -> None:
    tracemalloc.start()
    try:
        found = list(read_values(text)) if is_json(text) else []
        _ = line_of(text, found[0].begin, ("b",))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(text) + 1024 * 1024
