"""What a batch ends with, in a file and with `--on-finish`."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobwire.client.batch.batch_file import read_batch
from jobwire.client.batch.finishing import finish_of_command, parse_finish
from jobwire.client.batch.options.job_options import Surroundings, Wishes
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.refusal import Refused

AROUND = Surroundings(Path("/tmp"))
JOB = "\n[[job]]\nargv = ['a', '{x}']\nfor_each = { x = [1, 2] }\n"


def finish(text: str, *, over: Wishes | None = None, values: dict[str, str] | None = None, command: str = "") -> JobSpec:
    words = parse_finish(command) if command else None
    found = read_batch(text.encode(), "jobs.toml", AROUND, over=over or Wishes(), values=values, finish=words).on_finish
    assert found is not None
    return found


def refusal(text: str) -> str:
    with pytest.raises(Refused) as refused:
        read_batch(text.encode(), "jobs.toml", AROUND)
    return str(refused.value)


def test_a_batch_ends_with_nothing_unless_it_says_so() -> None:
    assert read_batch(JOB.encode(), "jobs.toml", AROUND).on_finish is None


def test_a_list_is_a_command_and_a_table_has_options_of_its_own() -> None:
    plain = finish("[batch]\non_finish = ['./notify', 'ops']" + JOB)
    assert (plain.argv, plain.name) == ((b"./notify", b"ops"), "on_finish")
    table = finish("[batch]\non_finish = { argv = ['n'], name = 'bye', dir = '/x', time_limit = '1m', retry = 3, env = { A = 'b' } }" + JOB)
    assert (table.name, table.directory, table.time_limit_ms, table.environment) == ("bye", b"/x", 60_000, ((b"A", b"b"),))
    assert table.retry is not None
    assert table.retry.most == 3


def test_it_runs_where_the_jobs_do_and_has_what_all_of_them_have() -> None:
    defaults = "[defaults]\ndir = '/srv'\nenv = { A = '1', X = '{x}' }\ncpus = 4\nretry = 2\ntime_limit = '1s'\n"
    spec = finish("[batch]\non_finish = ['n']\n" + defaults + JOB)
    assert spec == JobSpec((b"n",), name="on_finish", directory=b"/srv", environment=((b"A", b"1"),))
    # What differs from job to job is nothing for it.
    assert finish("[batch]\non_finish = ['n']" + JOB, over=Wishes(dir="/runs/{x}", env=["B=2", "C={x}"])).environment == ((b"B", b"2"),)
    own = finish("[batch]\non_finish = { argv = ['n'], dir = '/own' }\n" + defaults + JOB)
    assert own.directory == b"/own"


def test_values_for_all_jobs_are_replaced_in_it() -> None:
    text = "[batch]\non_finish = ['n', '{scene}']\n[set]\nscene = 'castle'\n[defaults]\ndir = '/{scene}'" + JOB
    assert finish(text).argv == (b"n", b"castle")
    assert finish(text, values={"scene": "mill"}).directory == b"/mill"
    # Without them, braces are ordinary text.
    assert finish("[batch]\non_finish = ['awk', '{print}']" + JOB).argv == (b"awk", b"{print}")
    assert "jobs.toml, line 2, key 'batch.on_finish" in refusal(text.replace("'{scene}']", "'{nope}']"))


def test_mistakes_are_told_with_line_and_key() -> None:
    assert "line 2, key 'batch.on_finish': no program is given" in refusal("[batch]\non_finish = []" + JOB)
    assert "line 2, key 'batch.on_finish.dir'" in refusal("[batch]\non_finish = { argv = ['n'], dir = 'x' }" + JOB)
    assert "there is no key 'gpus' here" in refusal("[batch]\non_finish = { argv = ['n'], gpus = 1 }" + JOB)
    assert "on_finish = ['./notify', 'ops']" in refusal("[batch]\non_finish = './notify ops'" + JOB)


def test_the_option_counts_more_than_the_file() -> None:
    assert finish("[batch]\non_finish = ['n']" + JOB, command="./m 'a b'").argv == (b"./m", b"a b")
    with pytest.raises(Refused, match="there is no command"):
        parse_finish(" ")
    with pytest.raises(Refused):
        parse_finish("a | b")


def test_an_array_ends_in_its_folder() -> None:
    spec = finish_of_command(["n"], Wishes(dir="/srv", env=["A=b"], retry=3, labels=["x=y"]), AROUND)
    assert spec == JobSpec((b"n",), name="on_finish", directory=b"/srv", environment=((b"A", b"b"),))
