"""What the user meant by a first word that is not a program: habits of ssh, shells and sbatch. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from ...batch.octets import to_text

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_AT_HOST = re.compile(r"[\w.-]+@[\w.-]+")
# What a shell does by itself, and what runs as a program of that name nowhere.
_WORDS_OF_A_SHELL = re.compile(
    r"[.{]|alias|bg|declare|eval|exec|export|fg|for|if|jobs|local|read|set|shopt|source|trap|type|ulimit|umask|unset|while"
)


class Known(NamedTuple):
    """What a first word can be besides a program.

    `contexts`: returns their names. `is_file`, `is_program`: whether a file of this name is here, and whether it can be executed.
    """

    contexts: Callable[[], Collection[str]]
    is_file: Callable[[str], bool]
    is_program: Callable[[str], bool]


NOTHING = Known(tuple, lambda _: False, lambda _: False)


def first_word_advice(argv: Sequence[bytes], known: Known) -> str:
    """Return what to type instead of a command whose program was not found; empty if its first word gives no clue."""
    word = to_text(argv[0])
    if len(argv) == 1 and " " in word.strip():
        return "the quotes make one word of it: leave them out, or have a shell read it: sh -c '...'"
    return "" if "/" in word else _of_a_shell(word) or _of_this_side(word, known)


def _of_a_shell(word: str) -> str:
    if _VARIABLE.match(word):
        return f"variables of a job are set before its command: -e {shlex.quote(word)}"
    if word == "cd":
        return "-C DIR runs a command in another folder; for more than one command: sh -c 'cd DIR && ...'"
    return f"{word} is a word of the shell: sh -c '{word} ...'" if _WORDS_OF_A_SHELL.fullmatch(word) else ""


def _of_this_side(word: str, known: Known) -> str:
    if word in known.contexts():
        return f"{word} is a context, and comes before the command: jobwire --context {word} run -- COMMAND"
    if _AT_HOST.fullmatch(word):
        return "a job runs on the worker in use; another one comes before the command: jobwire --context NAME run -- COMMAND"
    return f"{word} is a file here; to send it along and run it: --script {word}" if known.is_file(word) else ""
