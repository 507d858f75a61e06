import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.batch.forms.shell_words import NotWords, divide


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (r"echo a\ #b", ["echo", "a #b"]),
        ("echo a#b # end", ["echo", "a#b"]),
        ("echo '#b' \"#c\" \\#d", ["echo", "#b", "#c", "#d"]),
        ("echo ''#b", ["echo", "#b"]),
        ("  # nothing", []),
        ("\techo\t'a b'\"c d\"e", ["echo", "a bc de"]),
        ("echo '' \"\"", ["echo", "", ""]),
        (r'echo "\$A \\ \" \x"', ["echo", r'$A \ " \x']),
        ('echo \'a | b\' ";" \\& "X=1"', ["echo", "a | b", ";", "&", "X=1"]),
        ("'X=1' prog", ["X=1", "prog"]),
        ("env X=1 prog", ["env", "X=1", "prog"]),
        ("find . ! -name a", ["find", ".", "!", "-name", "a"]),
        ("echo a\u00a0b \u2028", ["echo", "a\u00a0b", "\u2028"]),
    ],
)
def test_a_line_is_divided_as_a_shell_divides_it(line: str, words: list[str]) -> None:
    assert divide(line) == (words, [])


@pytest.mark.parametrize(
    "line",
    [
        "echo one > one.txt",
        "a | b",
        "a && b",
        "a || b",
        "a; b",
        "a &",
        "a 2>&1",
        "cat < in",
        "cat <<EOF",
        "(a)",
        "echo $(date)",
        "X=1 prog",
        "X='1 2' prog",
        "X=1",
        "P+=x prog",
        "! true",
        "curl http://host/?a=1&b=2",
        "{ a; }",
    ],
)
def test_what_only_a_shell_can_do_is_refused(line: str) -> None:
    with pytest.raises(NotWords, match=r"without one; to use one: sh -c '...'"):
        divide(line)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("echo $HOME ${A:-b} $1 $?", ["$HOME", "${A:-b}", "$1", "$?"]),
        ('echo "$HOME and `date`"', ["$HOME", "`date`"]),
        ("echo `date`", ["`", "`"]),
        ("echo $'a' a$\"b\"", ["$", "$"]),
        ("ls ~ ~/x", ["~", "~"]),
        ("ls *.txt a?c [ab].c {1..3} {a,b}", ["*", "?", "[ab]", "{1..3}", "{a,b}"]),
    ],
)
def test_what_a_shell_would_replace_stays_and_is_reported(line: str, told: list[str]) -> None:
    words, unexpanded = divide(line)
    assert unexpanded == told
    assert words == shlex.split(line)


@pytest.mark.parametrize("line", ["echo '$HOME' '*' '~' '`'", r"echo \$HOME \* \~ a~b", "echo $ a$ {} [ ]", "awk '{print $1}' {}"])
def test_what_is_quoted_or_means_nothing_to_a_shell_is_not_reported(line: str) -> None:
    assert divide(line).unexpanded == []


@pytest.mark.parametrize(("line", "why"), [("echo 'a", "no closing quotation"), ('echo "a', "no closing"), ("echo a\\", "backslash")])
def test_a_line_that_does_not_end_is_refused(line: str, why: str) -> None:
    with pytest.raises(NotWords, match=why):
        divide(line)


@given(st.text(alphabet="ab #'\"\\$", max_size=12))
def test_words_are_those_of_the_shell_of_this_machine(text: str) -> None:
    try:
        words, unexpanded = divide(f"p {text}")
    except NotWords:
        return
    if unexpanded:
        return
    told = subprocess.run(["sh", "-c", f"printf '%s\\0' {text}\n"], capture_output=True, check=True).stdout
    # printf writes one empty text where it was given none.
    assert told.decode().split("\0")[:-1] == (words[1:] or [""])
