"""The programs in `examples/` do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from home import SECONDS, Home

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def example(home: Home, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    return subprocess.run(command, env=home.env, cwd=home.folder, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_fan_out_prints_each_result_and_exits_with_1_if_one_failed(home: Home) -> None:
    for name, words in (("one", "a"), ("three", "a b c")):
        (home.folder / name).write_text(words)
    good = example(home, "fan_out.py", str(home.folder / "one"), str(home.folder / "three"))
    assert sorted(good.stdout.splitlines()) == [f"{home.folder}/one 1", f"{home.folder}/three 3"], good.stderr
    assert good.returncode == 0
    bad = example(home, "fan_out.py", str(home.folder / "one"), "/nowhere")
    assert sorted(bad.stdout.splitlines()) == [f"{home.folder}/one 1", "/nowhere failed: exited with status 1"][::-1], bad.stderr
    assert bad.returncode == 1


def test_deadline_prints_what_was_written_until_then(home: Home) -> None:
    quick = example(home, "deadline.py", "30", "sh", "-c", "echo done; exit 3")
    assert (quick.stdout, quick.returncode) == ("done\n", 3), quick.stderr
    slow = example(home, "deadline.py", "1", "sh", "-c", "echo begun; sleep 60")
    assert (slow.stdout, slow.returncode) == ("begun\n", 124), slow.stderr


def test_notify_continues_where_it_was(home: Home) -> None:
    for name in ("first", "second", "third"):
        home.jobwire("run", "-n", name, "true")
    lines = [example(home, "notify.py", "cursor", count).stdout for count in ("1", "2")]
    assert lines == ["first exited with status 0\n", "second exited with status 0\nthird exited with status 0\n"]


def test_gather_prints_each_output_and_stops_all_if_one_fails(home: Home) -> None:
    (home.folder / "lines").write_text("a\nb\nc\n")
    good = example(home, "gather.py", "lines", "2", "echo", "line")
    assert sorted(good.stdout.splitlines()) == ["line a", "line b", "line c"], good.stderr
    assert good.returncode == 0
    bad = example(home, "gather.py", "lines", "3", "sh", "-c", 'test "$0" = b || exec sleep 600; exit 3')
    assert bad.returncode == 1
    assert "failed: exited with status 3" in bad.stderr
    jobs = home.records("list", "-a")
    assert [job["state"] for job in jobs] == ["finished"] * 6, jobs


def test_pool_prints_the_results_in_order_and_exits_with_1_if_one_failed(home: Home) -> None:
    (home.folder / "empty").write_bytes(b"")
    empty = str(home.folder / "empty")
    good = example(home, "pool.py", "2", empty, empty)
    assert good.stdout.splitlines() == [f"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  {empty}"] * 2, good.stderr
    bad = example(home, "pool.py", "2", empty, "/nowhere")
    assert (bad.returncode, bad.stdout) == (1, good.stdout.splitlines(keepends=True)[0])
    assert "/nowhere" in bad.stderr


def test_the_sweep_runs_each_combination_in_a_folder_of_its_own(home: Home) -> None:
    home.jobwire("batch", "-q", str(EXAMPLES / "sweep.toml"), "--set", "steps=100")
    results = sorted(line.split()[1:] for line in home.jobwire("logs", "sweep").stdout.decode().splitlines())
    assert results == sorted([f"lr={lr}", f"seed={seed}"] for lr in ("0.5", "0.1", "0.010", "1e-3") for seed in (1, 2, 3))


def test_steer_gives_a_script_more_work_while_it_runs(home: Home) -> None:
    (home.folder / "sum.sh").write_text("#!/bin/sh\nuntil [ -e in/end ]; do sleep 0.05; done\ncat in/one in/two > out\nexit 3\n")
    for name in ("one", "two"):
        (home.folder / name).write_text(f"{name}\n")
    ended = example(home, "steer.py", "sum.sh", "one", "two")
    assert (ended.stdout, ended.returncode) == ("out: 8 bytes\n", 3), ended.stderr
    assert (home.folder / "out").read_text() == "one\ntwo\n"
