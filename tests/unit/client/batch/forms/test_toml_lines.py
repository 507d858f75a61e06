import tomllib

import pytest

from jobwire.client.batch.forms.toml_lines import Place, place_of

TEXT = '''# first
[batch]
name = "x" # [
a . "b c" = 1

[[job]]
argv = ["""
[not]
a table = 1
""",
  "b"]
"q\\"uoted" = 1
[job.env]
A = "1"
[[job]]
  'single' = { x = 1 }
stop.grace = 2
[[ "job" ]]
argv = []'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("batch",), 2),
        (("batch", "name"), 3),
        (("batch", "a", "b c"), 4),
        (("job", 0), 6),
        (("job", 0, "argv", 1), 7),
        (("job", 0, 'q"uoted'), 12),
        (("job", 0, "env", "A"), 14),
        (("job", 0, "env", "B"), 13),
        (("job", 1), 15),
        (("job", 1, "single", "x"), 16),
        (("job", 1, "stop", "grace"), 17),
        (("job", 2, "argv"), 19),
        (("job", 7, "argv"), 6),
        (("nothing",), 1),
    ],
)
def test_a_key_is_found_on_the_line_where_its_statement_begins(path: tuple[str | int, ...], line: int) -> None:
    assert tomllib.loads(TEXT)
    assert place_of(TEXT, path) == Place(line, ".".join(step for step in path if isinstance(step, str)))
