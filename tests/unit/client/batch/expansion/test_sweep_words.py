from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.batch.expansion.array_indexes import parse_array
from jobwire.client.batch.expansion.sweep_words import Sweep, name_template, parse_sweep, unused
from jobwire.schemas.refusal import Refused


def lines(file: str) -> Sequence[str]:
    return [f"{file}-1", f"{file}-2"]


def sweep(*words: str) -> Sweep:
    return parse_sweep(words, lines)


@pytest.mark.parametrize(
    ("words", "argv", "points"),
    [
        ("p {lr} ::: lr=0.1,0.01 seed=1..2", "p {lr}", ["lr=0.1 seed=1", "lr=0.1 seed=2", "lr=0.01 seed=1", "lr=0.01 seed=2"]),
        ("p ::: a b", "p {item}", ["item=a", "item=b"]),
        ("p {} x{1} ::: a", "p {item} x{item}", ["item=a"]),
        ("p ::: 1..3", "p {item}", ["item=1", "item=2", "item=3"]),
        ("p ::: a 1..2", "p {item}", ["item=a", "item=1", "item=2"]),
        ("p {2}{1} ::: a ::: b", "p {item2}{item}", ["item=a item2=b"]),
        ("p ::: a b :::+ c d", "p {item} {item2}", ["item=a item2=c", "item=b item2=d"]),
        ("p :::: f", "p {item}", ["item=f-1", "item=f-2"]),
        ("p {h} :::: h=f", "p {h}", ["h=f-1", "h=f-2"]),
        (r"p {x} ::: x=a\,b,c", "p {x}", ["x=a,b", "x=c"]),
        ("p {x} ::: x=,-v", "p {x}", ["x=", "x=-v"]),
        ("p {x} ::: x=1..2,7", "p {x}", ["x=1", "x=2", "x=7"]),
        ("p ::: ./a=b", "p {item}", ["item=./a=b"]),
    ],
)
def test_the_words_behind_the_command_are_axes(words: str, argv: str, points: list[str]) -> None:
    found = sweep(*words.split(" "))
    assert " ".join(found.argv) == argv
    assert [" ".join(f"{name}={value}" for name, value in point.items()) for point in found.axes.points()] == points


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("p", "there are no values; write them after the command"),
        ("p :::", "there are no values after :::; a pattern that matches no file"),
        ("p ::: a=1 b", "'b' has no NAME=, but others have one"),
        ("p ::: a=", "a= has no value at its end"),
        ("p ::: a=1,", "a=1, has no value at its end"),
        ("p ::: index=1", "'index' cannot be the name"),
        ("p ::: a=1 a=2", "there are two axes 'a'"),
        ("p ::: a b :::+ c", "different numbers of values: item has 2, item2 has 1"),
        ("p :::+ c", "has nothing before it"),
        ("p {3} ::: a", "there is no value for {3}; there is 1 axis"),
        ("p ::: 1..5..0", "step of 0"),
        ("p ::: 1..9000000 a", "more than 1000000 values"),
    ],
)
def test_words_that_mean_nothing_are_refused(words: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        sweep(*words.split(" "))
    assert said in str(refused.value)


def test_a_value_that_an_option_takes_is_no_argument() -> None:
    assert parse_sweep(["cat", ":::", "a"], lines, ["{item}.txt"]).argv == ["cat"]
    with pytest.raises(Refused, match=r"in an option, '\{\}' has no meaning; write \{item\}"):
        parse_sweep(["cat", ":::", "a"], lines, ["{}"])


def test_a_placeholder_of_parallel_and_an_axis_without_use_are_told() -> None:
    assert "{.} is passed on unchanged" in sweep("p", "{.}", "{}", ":::", "a").warnings[0]
    assert "{} is passed on unchanged, because the values have names: {x}" in sweep("p", "{}", ":::", "x=1").warnings[0]
    assert unused(sweep("p", "{x}", ":::", "x=1", "y=2").axes, "p", "{x}") == ["y"]


def test_jobs_are_named_by_the_program_and_the_values() -> None:
    axes = sweep("p", ":::", "lr=1", "s=2").axes
    assert name_template("/bin/tr ain", axes, is_named=False) == "tr_ain[lr:{lr}+s:{s}]"
    assert name_template("t", axes, is_named=True) == "t[lr:{lr}+s:{s}]"
    assert name_template("t-{lr}", axes, is_named=True) == "t-{lr}"
    assert name_template("gzip", sweep("gzip", ":::", "a").axes, is_named=False) == "gzip[{item}]"


@given(
    st.lists(
        st.sampled_from(["p", "{}", "{1}", "{x}", ":::", ":::+", "::::", "::::+", "a", "x=1", "x=1..3", "1..2", "x=,", ""]), max_size=9
    )
)
def test_any_words_are_read_or_refused(words: list[str]) -> None:
    try:
        found = sweep(*words)
    except Refused:
        return
    assert all(found.axes.points())


@pytest.mark.parametrize(
    ("text", "indexes", "width"),
    [
        ("1-4", [1, 2, 3, 4], 0),
        ("1-4%2", [1, 2, 3, 4], 2),
        ("0-15:4", [0, 4, 8, 12], 0),
        ("1,3,5-7", [1, 3, 5, 6, 7], 0),
        ("7", [7], 0),
        ("0", [0], 0),
    ],
)
def test_an_array_is_written_as_for_slurm(text: str, indexes: list[int], width: int) -> None:
    assert parse_array(text, 100) == (indexes, width)


@pytest.mark.parametrize(
    "text", ["", "a", "1-", "3-1", "1-5:0", "1,1", "0,0", "1%0", "1%", "1%x", "-1", "1..3", "1-1000000000000", "1 2", "\uff11"]
)
def test_an_array_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse_array(text, 100)


def test_an_array_over_the_limit_is_refused_before_it_is_made() -> None:
    with pytest.raises(Refused, match="more than 100 jobs"):
        parse_array("1-999999999", 100)


@pytest.mark.parametrize("axis", ["\u00e9", "l\u00e4nge", "\u0394x"])
def test_an_axis_whose_letters_no_job_can_have_in_its_name_makes_jobs_all_the_same(axis: str) -> None:
    found = sweep("p", f"{{{axis}}}", ":::", f"{axis}=1")
    template = name_template("p", found.axes, is_named=False)
    assert template.endswith(f":{{{axis}}}]")
    assert template.split(":")[0].isascii()


def test_a_place_in_digits_of_another_script_is_no_placeholder() -> None:
    assert list(sweep("p", "{\u0661}", ":::", "a").argv) == ["p", "{\u0661}", "{item}"]
