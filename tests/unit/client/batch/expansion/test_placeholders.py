import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.batch.expansion.placeholders import Unknown, compile_text, compile_value, look_alikes

VALUES = {"item": "V", "item.host": "H", "lr": "0.1", "a-b": "dash", "größe": "7"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{item}", "V"),
        ("x{item}y{lr}z", "xVy0.1z"),
        ("{item.host}", "H"),
        ("{a-b}{größe}", "dash7"),
        ("{{item}", "{item}"),
        ("{{item}}", "{item}}"),
        ("{{{item}}", "{V}"),
        ("{{{{item}", "{{item}"),
        ("{{ {{.Name}} {item}{{if}", "{{ {{.Name}} V{if}"),
        ("${{item}", "${item}"),
        ("{lr}{", "0.1{"),
    ],
)
def test_a_placeholder_is_replaced_and_two_braces_are_one(text: str, expected: str) -> None:
    compiled = compile_text(text)
    assert compiled is not None
    assert compiled.render(VALUES) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "{",
        "}",
        "{}",
        "{ item }",
        "{print $1}",
        '{"a": {"b": 1}}',
        "{a,b}",
        "{1..3}",
        "{1}",
        "${item}",
        "${x:-y}",
        "%{item!r}",
        "}}",
    ],
)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert compile_text(text) is None


def test_a_name_without_a_value_is_named_with_its_place() -> None:
    compiled = compile_value({"argv": ["a", "{x}"]}, ())
    assert compiled is not None
    assert [(text.names, text.path) for text in compiled.texts()] == [(("x",), ("argv", 1))]
    with pytest.raises(Unknown, match="x") as raised:
        compiled.render(VALUES)
    assert raised.value.path == ("argv", 1)


def test_what_looks_like_a_placeholder_is_found() -> None:
    found = list(look_alikes(["a", "echo ${item} $item {item} ${x:-1} {{ lr }} {{.a}}"]))
    assert found == [("${item}", "item"), ("${x:-1}", "x:-1"), ("{{ lr }}", "lr")]


def test_a_name_in_two_braces_on_both_sides_is_doubtful() -> None:
    compiled = compile_text("{{item}} {{x} {item}}")
    assert compiled is not None
    assert compiled.doubtful == ("item",)


@given(st.text(alphabet=string.printable + "é{}$"))
def test_a_value_is_a_part_of_the_text_and_is_not_looked_through_again(value: str) -> None:
    compiled = compile_value(["a", "<{item}>", "b"], ())
    assert compiled is not None
    assert compiled.render({"item": value}) == ["a", f"<{value}>", "b"]


@given(st.text(alphabet="{}$ab.{{", max_size=12))
def test_any_text_is_rendered_with_all_its_names(text: str) -> None:
    compiled = compile_text(text)
    if compiled is not None:
        made = compiled.render(dict.fromkeys(compiled.names, "#"))
        assert len(made) <= len(text)
