"""The schema of batch files says of a file what the reader says: whatever is wrong with its keys and types."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobwire.client.batch.batch_file import read_batch
from jobwire.client.batch.batch_tables import BatchFile, JobTable
from jobwire.client.batch.file_schema import schema_of_files
from jobwire.client.batch.options.definitions import FILE_OPTIONS, OPTIONS
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.schemas.refusal import Refused

SCHEMA = schema_of_files()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def is_read(file: Any) -> bool:
    try:
        read_batch(json.dumps(file).encode(), "f", Surroundings(Path("/")))
    except Refused:
        return False
    return True


def job(**keys: Any) -> dict[str, Any]:
    return {"job": [{"argv": ["true"], **keys}]}


GOOD = [
    job(for_each=None, name=None),
    job(),
    [{"argv": ["true"]}, {"argv": ["false"], "name": "n"}],
    {"batch": {"name": "n", "parallel": 3}, "defaults": {"dir": "/", "linger": True}, "set": {"x": 1, "y": "2"}, **job()},
    job(env={"A": "1"}, labels=["a=b"], stop={"signal": 2, "grace": "3s"}, time_limit=5, output_limit="1K"),
    job(env=["A=1"], stdin={"text": "t"}, env_all=False, priority=3, hold=True),
    job(for_each=["a", 1, 2.5, True, {"k": "v", "1": 2}]),
    job(for_each="1..3"),
    job(for_each="0.1..0.3..0.1"),
    job(for_each={"a": ["x"], "b": "1..2", "zip": {"c": [1], "d": ["y"]}}),
    job(for_each={"a": [{"k": 1}]}),
]
BAD = [
    {},
    [],
    3,
    {"jobs": []},
    {"batch": {"title": "x"}, **job()},
    {"batch": {"parallel": "3"}, **job()},
    {"batch": {"parallel": -1}, **job()},
    {"set": {"item": 1}, **job()},
    {"set": {"x": [1]}, **job()},
    {"set": {"a b": 1}, **job()},
    {"defaults": {"argv": ["x"]}, **job()},
    {"job": [{"name": "x"}]},
    {"job": {"argv": ["x"]}},
    {"job": []},
    [{"argv": "true"}],
    job(argv=["a", 3]),
    job(nope=1),
    job(time_limit=[]),
    job(stop={"sig": 2}),
    job(stop="INT"),
    job(stdin={"file": "x"}),
    job(labels={"a": 1}),
    job(linger="yes"),
    job(for_each=3),
    job(for_each=[]),
    job(for_each=[[1]]),
    job(for_each=[{}]),
    job(for_each=["a", None]),
    job(for_each={}),
    job(for_each="x"),
    job(for_each={"index": [1]}),
    job(for_each={"a b": [1]}),
    job(for_each={"a": []}),
    job(for_each={"a": {"b": [1]}}),
    job(for_each={"zip": [1]}),
    job(for_each={"zip": {}}),
    job(for_each={"lines": 3}),
]


@pytest.mark.parametrize("file", GOOD, ids=json.dumps)
def test_a_file_that_is_read_is_valid(file: Any) -> None:
    assert is_read(file)
    VALIDATOR.validate(file)


@pytest.mark.parametrize("file", BAD, ids=json.dumps)
def test_a_file_that_is_refused_is_not_valid(file: Any) -> None:
    assert not is_read(file)
    assert not VALIDATOR.is_valid(file)


def test_the_schema_is_one_and_says_what_each_key_means() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    tables = [SCHEMA, *SCHEMA["$defs"].values()]
    assert not [key for table in tables for key, value in table["properties"].items() if not value.get("description")]
    assert SCHEMA["properties"].keys() == set(BatchFile.__struct_fields__)


def test_each_option_of_the_command_line_is_a_key_and_each_key_an_option() -> None:
    """Of a stop there are two options, and one table with two keys; and of a retry four."""
    of_tables = {"stop_signal", "grace", "retry_delay", "retry_backoff", "retry_on_exit"}
    options = {option.key for option in (*OPTIONS, *FILE_OPTIONS)} - of_tables | {"stop"}
    assert options == set(JobTable.__struct_fields__) - {"argv", "for_each", "on_each"}
    assert SCHEMA["$defs"]["Stop"]["properties"].keys() == {"signal", "grace"}
    assert SCHEMA["$defs"]["Retry"]["properties"].keys() == {"max", "delay", "backoff", "on_exit"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "1..3", "x=1", "10s", ""]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "lines", "zip", "text", "signal", "A"]), inner, max_size=2)
    ),
    max_leaves=5,
)
KEYS = st.sampled_from([*JobTable.__struct_fields__, "nope"])


@settings(max_examples=300)
@given(st.dictionaries(KEYS, VALUES, max_size=3))
def test_what_is_read_is_valid_whatever_it_is(keys: dict[str, Any]) -> None:
    file = job(**keys)
    if is_read(file):
        VALIDATOR.validate(file)
