"""What users reported about sweeps, arrays and matrices of other tools, tried here. Each test names the reports."""

import json
from pathlib import Path
from typing import Any

import pytest

from jobwire.client.batch.batch_file import read_batch
from jobwire.client.batch.expansion.array_indexes import parse_array
from jobwire.client.batch.expansion.sweep_words import parse_sweep
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.schemas.refusal import Refused


def arguments(for_each: str, argv: str = '["p", "{item}"]', folder: str = "/tmp") -> list[list[str]]:
    text = f"[[job]]\nargv = {argv}\nfor_each = {for_each}\n"
    return [[word.decode() for word in job.argv[1:]] for job in read_batch(text.encode(), "f", Surroundings(Path(folder))).jobs]


def swept(*words: str) -> list[dict[str, str]]:
    return list(parse_sweep(["p", *words], lambda _: []).axes.points())


def refused(read: Any, *said: Any) -> str:
    with pytest.raises(Refused) as caught:
        read(*said)
    return str(caught.value)


def test_a_version_keeps_its_last_zero() -> None:
    """actions/runner#2015, actions/runner#1989, actions/setup-python#198."""
    assert arguments("[3.8, 3.9, 3.10, 3.11]") == [["3.8"], ["3.9"], ["3.10"], ["3.11"]]
    text = json.dumps({"argv": ["p", "{item}"], "for_each": [0]}).replace("[0]", "[3.10, 1E-3]").encode()
    assert [job.argv[1] for job in read_batch(text, "f", Surroundings(Path("/tmp"))).jobs] == [b"3.10", b"1E-3"]


def test_a_range_of_decimal_numbers_has_its_end_and_nothing_beyond_it() -> None:
    """numpy/numpy#17342, numpy/numpy#22094, andrewyates/profane#3."""
    assert arguments('"0.1..0.4..0.1"') == [["0.1"], ["0.2"], ["0.3"], ["0.4"]]
    assert arguments('"0.65..0.75..0.05"') == [["0.65"], ["0.70"], ["0.75"]]


def test_a_step_of_zero_and_a_huge_step_end() -> None:
    """CVE-2026-33750 (brace-expansion), everruns/bashkit#1825, everruns/bashkit#1399."""
    assert "step of 0" in refused(arguments, '"1..2..0"')
    assert arguments('"1..9..999999999999999999"') == [["1"]]
    assert arguments('"9..1..256"') == [["9"]]


@pytest.mark.parametrize("for_each", ['"1..999999999"', '{ a = "1..100", b = "1..100", c = "1..100" }'])
def test_too_many_jobs_are_counted_and_not_made(for_each: str) -> None:
    """everruns/bashkit#493, facelessuser/bracex#19."""
    assert "the limit for a batch is 100000" in refused(arguments, for_each)


def test_a_value_can_have_commas_and_brackets() -> None:
    """facebookresearch/hydra#573, #96; snakemake/snakemake#2659."""
    assert swept(":::", r"list=[1\,2],[a\,b]") == [{"list": "[1,2]"}, {"list": "[a,b]"}]
    assert arguments('["[1,2]", "a,b"]') == [["[1,2]"], ["a,b"]]


def test_a_range_can_be_typed() -> None:
    """facebookresearch/hydra#2464, #393."""
    assert [point["seed"] for point in swept(":::", "seed=0..100..50")] == ["0", "50", "100"]


def test_a_byte_order_mark_and_carriage_returns_are_no_part_of_a_value(tmp_path: Path) -> None:
    """broadinstitute/viral-ngs#954, sheynkman-lab/LRP2#83, techdivision/import#196."""
    (tmp_path / "samples").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n\r\n")
    assert arguments('{ lines = "samples" }', folder=str(tmp_path)) == [["one"], ["two"]]


@pytest.mark.parametrize("value", ["two words", "it's", "$(touch x)", "; rm -rf x", "a\nb", "--", "*", "`id`", "", "{item}", "{index}"])
def test_a_value_is_one_argument_whatever_is_in_it(value: str) -> None:
    """jdx/mise#2906, rysweet/amplihack#2614, neochaotic/leoflow#505."""
    assert arguments(json.dumps([value])) == [[value]]
    assert arguments("[1]", json.dumps(["p", "-c", "x", "{item}"])) == [["-c", "x", "1"]]


def test_an_array_without_jobs_or_with_too_many_is_refused() -> None:
    """ReproNim/reproman#550, rnabioco/sracha-rs#81."""
    assert "is not an array" in refused(parse_array, "1-0", 100)
    assert "more than 100 jobs" in refused(parse_array, "1001-2000", 100)
    assert parse_array("1001-1002", 100).indexes == [1001, 1002]


def test_an_array_can_have_holes_a_step_and_a_width() -> None:
    """TUM-DAML/seml#28, natefoo/slurm-drmaa#29."""
    assert parse_array("60-62,91,96-98:2%5", 100) == ([60, 61, 62, 91, 96, 98], 5)
