"""Whatever is converted: it is refused in words, or what comes out is a batch."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobwire.client.batch.batch_file import read_batch
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.client.conversion.commands.parallel_options import LONG as OF_PARALLEL
from jobwire.client.conversion.convert import FORMS, Origin, convert_command, convert_text
from jobwire.client.conversion.slurm.options import LONG as OF_SLURM
from jobwire.schemas.refusal import Refused

AROUND = Surroundings(Path("/"))
ODD = [
    "",
    "0",
    "1",
    "7",
    "a b",
    "{}",
    "{item}",
    "{{x}}",
    "${x}",
    "'",
    '"""',
    "\\",
    "\n",
    "\x01",
    "é",
    "-",
    "1-3%2",
    "1:2:3",
    "9" * 8,
    "99999G",
    "a100:2",
    ",,",
    "$x",
]
VALUES = st.sampled_from(ODD) | st.text(max_size=8)
OPTIONS = st.builds(lambda name, value: f"--{name}={value}", st.sampled_from(sorted({*OF_SLURM, *OF_PARALLEL})), VALUES)
DIRECTIVES = st.builds(lambda option: f"#SBATCH {option}", OPTIONS)
BODIES = st.sampled_from(["echo $SLURM_JOB_ID {x} \"'", "awk '{print $1}' | sort", "srun x", 'x="""']) | st.text(max_size=20)
SCRIPTS = st.builds(lambda lines, body: "\n".join(["#!/bin/bash", *lines, body]), st.lists(DIRECTIVES, max_size=5), BODIES)
LINES = st.builds(
    "\n".join, st.lists(BODIES | st.sampled_from(["#DISBATCH BARRIER", "#DISBATCH REPEAT 3 echo", "#DISBATCH PREFIX '"]), max_size=6)
)
WORDS = st.lists(OPTIONS | VALUES | st.sampled_from(["-n", "-N", "-0", "-q", ":::", ":::+", "::::", "{.}", "{1/}", "{2}"]), max_size=8)


def read(file: str) -> str:
    return "a b\n'c' {item}\n" if file != "gone" else ""


def check(text: str) -> None:
    """Read what was made. What it copies or reads when it is submitted need not be here."""
    try:
        assert read_batch(text.encode(), "made", AROUND).jobs, text
    except Refused as refused:
        assert re.search("is not set here|cannot be read", refused.message), text  # noqa: PT017 -- any other refusal is a mistake


@settings(max_examples=40)
@given(SCRIPTS)
@example("#!/bin/sh\n#SBATCH --array=0-1\necho {x}}")
def test_a_script_of_slurm_is_a_batch_or_refused(text: str) -> None:
    try:
        made = convert_text(text, Origin("job.sh", "", "/srv"), read, "slurm").text
    except Refused:
        return
    check(made)


@settings(max_examples=40)
@given(LINES | SCRIPTS | st.text(max_size=60), st.sampled_from([None, *FORMS]))
def test_any_text_is_a_batch_or_refused(text: str, form: str | None) -> None:
    try:
        made = convert_text(text, Origin("text", "", "/srv"), read, form).text
    except Refused:
        return
    check(made)


@settings(max_examples=40)
@given(st.sampled_from(["parallel", "xargs"]), WORDS)
def test_any_command_is_a_batch_or_refused(program: str, words: list[str]) -> None:
    try:
        made = convert_command([program, *words], Origin(program, "", "/srv"), read).text
    except Refused:
        return
    check(made)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_refused(form: str) -> None:
    with pytest.raises(Refused):
        convert_text("", Origin("empty", "", "/"), read, form if form != "slurm" else None)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("#!/bin/sh\n#SBATCH -n 1\n".encode("utf-16"), "line 1: this is UTF-16"),
        ("parallel echo ::: a b\n".encode("utf-16-le"), "line 1: this is UTF-16"),
        (b"echo a\necho b\0\n", "line 2: it has a NUL byte"),
    ],
)
def test_what_is_no_text_is_refused_by_its_kind(content: bytes, what: str) -> None:
    with pytest.raises(Refused, match=what):
        convert_text(os.fsdecode(content), Origin("FILE", "FILE", "/"), lambda _: "")
