"""What a job takes from the shell of its caller, when that is wanted, with a real worker."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys

from home import Home


def test_jobs_of_a_batch_get_what_the_caller_has_and_no_secrets(home: Home) -> None:
    home.env |= {"SITE": "lab", "SITE_TOKEN": "s3cret", "ODD": "a\nb\udcff"}
    given = ("--env-all", "-e", "MORE=1", "-C", "/", "-t", "1m", "-l", "team=red")
    said = home.jobwire("batch", "--lines", "-", *given, stdin=b"pwd\nenv\n")
    assert b"not passed on, because they look like secrets: " in said.stderr
    assert b"SITE_TOKEN" in said.stderr
    assert b"s3cret" not in said.stderr
    jobs = home.records("list", "-a")
    assert [(job["dir"], job["time_limit_ms"], job["labels"]) for job in jobs] == [("/", 60_000, {"team": "red"})] * 2
    for job in jobs:
        assert job["env"].items() >= {"SITE": "lab", "ODD": "a\nb\udcff", "MORE": "1", "PATH": home.env["PATH"]}.items()
        assert "SITE_TOKEN" not in job["env"]
    # What is not the caller's but the job's is as without the option.
    own = "echo $HOME $USER $LOGNAME $SHELL $PWD $JOBWIRE_STATE"
    assert home.jobwire("run", "-C", "/", "--env-all", "sh", "-c", own).stdout == home.jobwire("run", "-C", "/", "sh", "-c", own).stdout


def test_a_job_gets_no_variable_that_python_sets_for_itself(home: Home) -> None:
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        home.env.pop(name, None)
    show = ("sh", "-c", 'echo "${LC_CTYPE-unset}"')
    for lang in ({}, {"LANG": "C"}, {"LANG": "POSIX"}):
        home.env |= lang
        assert home.jobwire("run", "--env-all", "-e", "LC_*", *show).stdout == b"unset\n"
        assert b"'LC_CTYPE' is not set here" in home.jobwire("run", "-e", "LC_CTYPE", *show, status=2).stderr
        program = "import jobwire, sys; print(jobwire.Client().run(sys.argv[1:], env_all=True).stdout)"
        ended = subprocess.run([sys.executable, "-P", "-c", program, *show], env=home.env, cwd=home.folder, capture_output=True, check=True)
        assert ended.stdout == b"b'unset\\n'\n"
    # Whoever has set it means it.
    home.env |= {"LC_CTYPE": "C.UTF-8"}
    assert home.jobwire("run", "-e", "LC_CTYPE", *show).stdout == b"C.UTF-8\n"
    assert home.jobwire("run", "--env-all", *show).stdout == b"C.UTF-8\n"


def test_a_mistake_in_an_option_for_all_jobs_names_the_option_and_sends_nothing(home: Home) -> None:
    said = home.jobwire("batch", "--lines", "-t", "soon", "-", stdin=b"true\n", status=2).stderr
    assert b"-t/--time-limit: 'soon' is not a time" in said
    said = home.jobwire("batch", "--lines", "-e", "NOBODY_HAS_IT", "-", stdin=b"true\n", status=2).stderr
    assert b"-e/--env: the environment variable 'NOBODY_HAS_IT' is not set here" in said
    assert home.records("list", "-a") == []


def test_a_folder_below_home_is_that_of_the_job(home: Home) -> None:
    there = pwd.getpwuid(os.getuid()).pw_dir
    home.env["HOME"] = str(home.folder)
    assert home.jobwire("run", "-C", "~", "pwd", "-P").stdout.decode().strip() == os.path.realpath(there)
    (home.folder / "sub").mkdir()
    for said in ("~/sub", "${HOME}/sub"):
        run = ("run", "-n", "there", "-e", "HOME", "-C", said, "sh", "-c", "pwd; echo $PWD")
        assert set(home.jobwire(*run).stdout.decode().split()) == {f"{home.folder}/sub"}
    assert {job["dir"] for job in home.records("list", "-a")} == {"~", "~/sub"}
    said = home.jobwire("run", "-e", "HOME", "-C", "~/no", "true", status=126).stderr.decode()
    assert f"the working folder '{home.folder}/no' does not exist" in said
    for wrong in ("", "rel"):
        said = home.jobwire("run", "-e", f"HOME={wrong}", "-C", "~/x", "true", status=126).stderr.decode()
        assert f"the working folder '~/x' is not known: HOME is {wrong!r}, which is not an absolute path" in said
    records = home.jobwire("show", "--json", "last").stdout.replace(b"HOME", b"OTHER")
    assert b"exited with status 0" in home.jobwire("batch", "-", "-e", f"HOME={home.folder}", "-C", "~", stdin=records).stdout


def test_a_private_worker_does_not_use_the_path_of_the_shell_and_says_what_to_type(empty_home: Home) -> None:
    programs = empty_home.folder / "env" / "bin"
    programs.mkdir(parents=True)
    (programs / "tool-of-mine").write_text("#!/bin/sh\necho mine\n")
    (programs / "tool-of-mine").chmod(0o755)
    empty_home.env |= {"PATH": f"{programs}:{empty_home.env['PATH']}", "VIRTUAL_ENV": str(programs.parent)}
    advice = f"jobwire: this shell has {programs}/tool-of-mine, but a job does not get its PATH; to pass it on: -e PATH\n".encode()
    for verb in (["run"], ["submit", "--wait"], ["submit", "--follow"]):
        assert empty_home.jobwire(*verb, "tool-of-mine", status=127).stderr.endswith(advice)
    said = empty_home.jobwire("batch", "--lines", "-", stdin=b"tool-of-mine\n" * 3, status=1).stderr
    assert said.count(advice) == 1
    assert b"the job did not use " in empty_home.jobwire("run", "sh", "-c", "tool-of-mine", status=127).stderr
    assert empty_home.jobwire("run", "-e", "PATH", "tool-of-mine").stdout == b"mine\n"
    assert empty_home.jobwire("submit", "-q", "--wait", "tool-of-mine", status=127).stderr == b""
