"""Files of jobs in the library, blocking and on an event loop, with a real worker."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobwire import AsyncClient, Client, Code, Fetched, JobExecutor, Refused, job_spec
from jobwire.client.sockets.addressee import Context

SECONDS = 60


@pytest.fixture(autouse=True)
def here(tmp_path: Path) -> Iterator[Path]:
    """Return an empty current folder with a script, a file and a folder in it."""
    folder = tmp_path / "here"
    (folder / "tree" / "inner").mkdir(parents=True)
    (folder / "tree" / "inner" / "leaf").write_text("leaf")
    (folder / "tree" / "link").symlink_to("inner/leaf")
    (folder / "file").write_text("file")
    (folder / "script").write_text('#!/bin/sh\necho "$PWD:$*"; cat in/file tree/link; mkdir out; echo made > out/made\n')
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.mark.parametrize("cwd", [None, "/tmp"])
def test_a_script_that_names_no_interpreter_is_run_by_the_shell(client: Client, here: Path, cwd: str | None) -> None:
    (here / "plain").write_text('cd / && echo "$1"\n')
    assert client.run(["a b"], script="plain", cwd=cwd, check=True).stdout == b"a b\n"


def test_a_script_finds_what_is_put_and_what_it_makes_is_fetched(client: Client, here: Path) -> None:
    done = client.run(["one", "two"], script="script", put=["tree", ("file", "in/")], get=["out", (b"out/made", here / "renamed")])

    where, contents = done.stdout.decode().split("\n")
    assert where.endswith(":one two")
    assert contents == "fileleaf"
    assert (here / "out" / "made").read_text() == (here / "renamed").read_text() == "made\n"


def test_what_is_missing_raises_only_if_the_job_succeeded(client: Client) -> None:
    with pytest.raises(Refused, match="there is no nothing in the folder of the job") as caught:
        client.run(["true"], get="nothing")
    assert caught.value.code is Code.NOT_FOUND
    assert client.run(["false"], get="nothing").returncode == 1


def test_jobs_that_exist_are_put_to_and_fetched_from(client: Client, here: Path) -> None:
    job = client.submit(["sh", "-c", "until [ -e go ]; do sleep 0.05; done; cp -r tree made"], get=["made", "go"])
    client.put(job, [here / "tree"])
    job.put(("file",))
    job.put([("file", "go")])
    job.wait(SECONDS)

    fetched = client.get(job)
    assert [(one.path, one.left_out) for one in fetched] == [(Path("made"), ()), (Path("go"), ())]
    assert fetched[1].size_bytes == 4
    assert (here / "made" / "link").read_text() == "leaf"
    assert job.get("made/inner/leaf") == [Fetched(Path("leaf"), 4, ())]
    (whole,) = job.get([(".", "all/")])
    assert (here / whole.path / "file").read_text() == "file"


def test_many_jobs_bring_the_same(client: Client) -> None:
    spec = job_spec(["cat", "file"], put="file")
    jobs = client.submit_many([spec] * 3)
    assert {job.result(SECONDS).stdout for job in jobs} == {b"file"}
    again = client.rerun(jobs[:1])[0]
    assert again.result(SECONDS).stdout == b"file"


def test_what_is_wrong_is_told_before_anything_is_sent(client: Client) -> None:
    for options, wrong, why in (
        ({"put": 5}, TypeError, "not iterable"),
        ({"put": [5]}, TypeError, r"put\[0\] must be text, bytes or a path, not int"),
        ({"put": [("file", "a", "b")]}, TypeError, "a pair of paths, not 3 things"),
        ({"put": [("file", "../a")]}, Refused, "leaves the folder"),
        ({"put": [("file", "")]}, Refused, "is empty"),
        ({"put": "missing"}, Refused, "'missing' cannot be read: No such file"),
        ({"get": "/a"}, Refused, "absolute"),
        ({"get": [("a", "b")]}, Refused, "a place on this machine"),
        ({"script": "tree"}, Refused, "is a folder, not a script"),
    ):
        with pytest.raises(wrong, match=why):
            client.submit(["true"], **options)  # type: ignore[arg-type] # reason: wrong on purpose
    assert list(client.list(all=True)) == []
    plain = client.submit(["true"])
    for call in (lambda: plain.put("file"), lambda: plain.get("x")):
        with pytest.raises(Refused, match="no folder of its own"):
            call()


def test_every_option_is_spelled_out() -> None:
    for function in (Client.run, Client.submit, AsyncClient.run, AsyncClient.submit, job_spec, JobExecutor.submit):
        assert {"script", "put", "get"} <= inspect.signature(function).parameters.keys()


def test_the_same_on_an_event_loop(context: Context, here: Path) -> None:
    async def use() -> None:
        async with AsyncClient(context) as client:
            done = await client.run(["x"], script="script", put=["tree", ("file", "in/")], get=["out"], check=True)
            assert done.stdout.endswith(b":x\nfileleaf")
            with pytest.raises(Refused, match="there is no nothing"):
                await client.run(["true"], get="nothing")
            job = await client.submit(["sh", "-c", "until [ -e go ]; do sleep 0.05; done"], get=".")
            await client.put(job, ["tree"])
            await job.put([("file", "go")])
            await job.wait(SECONDS)
            (fetched,) = await client.get(job, [("tree", "back")])
            assert fetched.path == Path("back")
            assert len(await job.get()) == 1
            with pytest.raises(Refused, match="tree is a folder in the folder of the job"):
                await job.put([("file", "tree")])

    asyncio.run(use())
    assert (here / "back" / "link").read_text() == "leaf"
    assert (here / "out" / "made").read_text() == "made\n"


def test_what_is_cancelled_leaves_nothing_and_continues(context: Context, here: Path) -> None:
    (here / "large").write_bytes(os.urandom(1 << 20) * 100)

    def hidden() -> list[Path]:
        return [path for path in here.iterdir() if path.name.startswith(".")]

    async def use() -> None:
        async with AsyncClient(context) as client:
            job = await client.submit(["sh", "-c", "until [ -e go ]; do sleep 0.05; done"], get=".")
            putting = asyncio.ensure_future(job.put("large"))
            await asyncio.sleep(0.3)
            putting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await putting
            await job.put(["large", ("file", "go")])
            await job.wait(SECONDS)
            getting = asyncio.ensure_future(job.get([("large", "back")]))
            await asyncio.sleep(0.3)
            getting.cancel()
            await asyncio.gather(getting, return_exceptions=True)
            assert hidden() == []
            await job.get([("large", "back")])

    asyncio.run(use())
    assert (here / "back").read_bytes() == (here / "large").read_bytes()


def test_jobs_of_an_executor_bring_files(context: Context) -> None:
    with JobExecutor(context) as executor:
        assert executor.submit(["cat", "file"], put="file").result(SECONDS).stdout == b"file"
