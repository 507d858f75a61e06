"""The programs in `examples/` do what they say."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from home import SECONDS, Home

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def example(home: Home, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    return subprocess.run(command, env=home.env, cwd=home.folder, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_fan_out_prints_each_result_and_exits_with_1_if_one_failed(home: Home) -> None:
    for name, words in (("one", "a"), ("three", "a b c")):
        (home.folder / name).write_text(words)
    good = example(home, "fan_out.py", "one", "three")
    assert sorted(good.stdout.splitlines()) == ["one 1", "three 3"], good.stderr
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
    good = example(home, "pool.py", "2", "empty", empty)
    assert good.stdout.splitlines() == [f"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  {empty}"] * 2, good.stderr
    bad = example(home, "pool.py", "2", empty, "/nowhere")
    assert (bad.returncode, bad.stdout) == (1, good.stdout.splitlines(keepends=True)[0])
    assert "/nowhere" in bad.stderr


def test_the_sweep_runs_each_combination_in_a_folder_of_its_own_and_has_a_report(home: Home) -> None:
    home.jobwire("batch", "-q", str(EXAMPLES / "sweep.toml"), "--set", "steps=100")
    results = sorted(line.split()[1:] for line in home.jobwire("logs", "sweep").stdout.decode().splitlines())
    assert results == sorted([f"lr={lr}", f"seed={seed}"] for lr in ("0.5", "0.1", "0.010", "1e-3") for seed in (1, 2, 3))
    home.jobwire("report", "sweep", "-o", str(home.folder / "sweep.html"))
    assert all(f"train-{lr}-{seed}" in (home.folder / "sweep.html").read_text() for lr in ("0.5", "0.010") for seed in (1, 2, 3))


def test_steer_gives_a_script_more_work_while_it_runs(home: Home) -> None:
    (home.folder / "sum.sh").write_text("#!/bin/sh\nuntil [ -e in/end ]; do sleep 0.05; done\ncat in/one in/two > out\nexit 3\n")
    for name in ("one", "two"):
        (home.folder / name).write_text(f"{name}\n")
    ended = example(home, "steer.py", "sum.sh", "one", "two")
    assert (ended.stdout, ended.returncode) == ("out: 8 bytes\n", 3), ended.stderr
    assert (home.folder / "out").read_text() == "one\ntwo\n"


@pytest.mark.skipif(shutil.which("cc") is None, reason="the build needs a compiler")
def test_the_build_makes_a_program_and_takes_it_back_if_its_check_fails(home: Home, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(EXAMPLES / "words", source)
    build = ("batch", "-q", "-C", str(source), "-e", "PATH", str(EXAMPLES / "build.toml"), "--set", f"out={source}/out")
    home.jobwire(*build)
    assert subprocess.run([source / "out/words", "three words here", ""], capture_output=True, check=True).stdout == b"3\n0\n"
    (source / "words.c").write_text((source / "words.c").read_text().replace("words = 0", "words = 1"))
    home.jobwire(*build, status=1)
    states = dict(line.split("\t") for line in home.jobwire("list", "build", "--columns", "name,state").stdout.decode().splitlines())
    assert (states["program[words]"], states["check"], states["clean"]) == ("exit 0", "exit 1", "exit 0")
    assert not (source / "out/words").exists()


class _FailsOnce(SimpleHTTPRequestHandler):
    failed: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        if self.path in self.failed:
            super().do_GET()
        else:
            self.failed.add(self.path)
            self.send_error(503)

    def log_message(self, *_: object) -> None:
        pass


def test_the_weather_is_downloaded_converted_and_loaded_once_the_server_answers(home: Home, tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_FailsOnce, directory=str(EXAMPLES / "weather"))) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            url = f"url=http://127.0.0.1:{server.server_port}"
            command = ("batch", "-q", "-C", str(tmp_path), "-e", "PATH", str(EXAMPLES / "weather.toml"), "--set", url)
            home.jobwire(*command)
        finally:
            server.shutdown()
            serving.join()
    assert home.jobwire("logs", "summary").stdout == b"north: day 3, 45.5 F\nsouth: day 3, 59.9 F\n"
    assert [len(job["attempts"]) for job in home.records("list", "weather") if job["name"].startswith("fetch")] == [2, 2]


def test_the_backup_keeps_the_newest_and_leaves_them_alone_if_it_fails(home: Home, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    script = (str(EXAMPLES / "backup.sh"), str(tmp_path / "notes"), str(tmp_path / "kept"), "1")
    home.jobwire("schedule", "add", "backup", "--cron", "@yearly", "--tz", "Asia/Kolkata", "--", *script)
    for text in ("one", "two"):
        (tmp_path / "notes/text").write_text(text)
        job = home.jobwire("schedule", "run-now", "backup").stdout.decode().strip()
        home.jobwire("wait", job)
    kept = sorted((tmp_path / "kept").iterdir())
    texts = [subprocess.run(["tar", "-xzOf", one, "notes/text"], capture_output=True, check=True).stdout for one in kept]
    assert texts == [b"two"]
    (tmp_path / "notes").rename(tmp_path / "gone")
    job = home.jobwire("schedule", "run-now", "backup").stdout.decode().strip()
    assert home.jobwire("wait", job, status=None).returncode != 0
    assert sorted((tmp_path / "kept").iterdir()) == kept
    # Each of these says what it did, and times are told in the zone of the schedule.
    assert b"-01-01 00:00:00 IST\t" in home.jobwire("schedule", "list").stdout
    assert b"paused backup; jobwire schedule resume backup" in home.jobwire("schedule", "pause", "backup").stderr
    assert b"00:00:00 IST" in home.jobwire("schedule", "resume", "backup").stderr
    assert b"removed backup;" in home.jobwire("schedule", "rm", "backup").stderr


def test_the_task_list_runs_between_its_barriers(home: Home, tmp_path: Path) -> None:
    home.jobwire("convert", str(EXAMPLES / "tasks.txt"), "-o", str(tmp_path / "tasks.toml"))
    home.jobwire("batch", "-q", "-C", str(tmp_path), str(tmp_path / "tasks.toml"))
    products = [f"{factor} x 500500 = {factor * 500500}" for factor in (2, 3, 4)]
    assert home.jobwire("logs", "tasks").stdout.decode().splitlines() == ["271", *products]


def test_the_array_of_slurm_runs_as_a_batch(home: Home, tmp_path: Path) -> None:
    converted = home.jobwire("convert", str(EXAMPLES / "array.sh"), "-o", str(tmp_path / "array.toml"))
    assert b"line 13: --partition=short has no effect" in converted.stderr
    home.jobwire("batch", "-q", "-C", "/", str(tmp_path / "array.toml"))
    results = dict(line.split() for line in home.jobwire("logs", "--stdout", "pi").stdout.decode().splitlines())
    assert sorted(results) == [str(index) for index in range(1, 9)]
    assert 3.1 < sum(map(float, results.values())) / 8 < 3.2
    assert home.jobwire("logs", "--stderr", "pi[3]").stderr == b"throwing 3 of 8 with 1 cpu\n"
