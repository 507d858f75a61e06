"""Scripts of Slurm, by what a batch is to say instead. The rules are those of sbatch(1)."""

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from jobwire.client.batch.batch_file import read_batch
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.client.conversion.convert import Converted, Origin, convert_command, convert_text
from jobwire.schemas.refusal import Refused

HERE = Origin("job.sh", "job.sh", "/srv/lab")


def read(file: str) -> str:
    raise AssertionError(file)


def script(*directives: str, body: str = "make") -> str:
    return "\n".join(["#!/bin/bash", *(f"#SBATCH {one}" for one in directives), body, ""])


def convert(*directives: str, body: str = "make") -> Converted:
    return convert_text(script(*directives, body=body), HERE, read)


def job(converted: Converted) -> dict[str, Any]:
    (found,) = tomllib.loads(converted.text)["job"]
    return dict(found)


@pytest.mark.parametrize(
    ("said", "keys"),
    [
        ("--job-name=fit", {"name": "fit"}),
        ("-J 'a b/c'", {"name": "a_b_c"}),
        ("-t 90", {"time_limit": "1h30m"}),
        ("--time=1:30", {"time_limit": "1m30s"}),
        ("--time 2:00:00", {"time_limit": "2h"}),
        ("-t1-12", {"time_limit": "1d12h"}),
        ("--time=1-2:3:4", {"time_limit": "1d2h3m4s"}),
        ("--time=UNLIMITED", {"time_limit": None}),
        ("--mem=2G", {"memory": "2G"}),
        ("--mem 1500", {"memory": "1500M"}),
        ("--mem-per-cpu=500M -c 4", {"memory": "2000M", "cpus": 4}),
        ("--mem=0", {"memory": None}),
        ("--mem=1", {"memory": "4M"}),
        ("-n 4 -c 2", {"cpus": 8}),
        ("--nodes=1 --ntasks-per-node=3", {"cpus": 3}),
        ("--gpus=2", {"gpus": 2}),
        ("--gres=gpu:a100:2,gpu:1", {"gpus": 2}),
        ("-G v100:1 --cpus-per-gpu=4", {"gpus": 1, "cpus": 4}),
        ("--gres=gpu", {"gpus": 1}),
        ("-L abc@db:2,xyz", {"resources": {"abc": 2, "xyz": 1}}),
        ("-D /data", {"dir": "/data"}),
        ("--chdir=sub", {"dir": "/srv/lab/sub"}),
        ("--dependency=singleton -J fit", {"only_one": "fit"}),
        ("--hold", {"hold": True}),
        ("--nice=50", {"priority": -50}),
        ("--nice", {"priority": -100}),
        ("--nice=-99999", {"priority": 1000}),
        ("--begin=now+2hours", {"at": "+2h"}),
        ("--begin=16:30", {"at": "16:30"}),
        ("-b 4:30PM", {"at": "16:30"}),
        ("--begin=2030-01-20T12:34:00", {"at": "2030-01-20T12:34:00"}),
        ("--begin=teatime", {"at": "16:00"}),
        ("--input=in.txt", {"stdin": "/srv/lab/in.txt"}),
        ("--signal=B:USR1@120 -t 60", {"time_limit": "58m", "stop": {"signal": "USR1", "grace": "2m"}}),
        ("--export=NONE", {"env_all": None}),
        ("--export=ALL,A=1", {"env_all": True, "env": ["A=1"]}),
        ("--export=HOME,A=1", {"env_all": None, "env": ["HOME", "A=1"]}),
        ("--cpus-per-t=3", {"cpus": 3}),
        ("--time=1 --time=2", {"time_limit": "2m"}),
        ("--comment='a # b' -c 2 # -c 9", {"cpus": 2}),
    ],
)
def test_an_option_becomes_a_key(said: str, keys: dict[str, Any]) -> None:
    converted = convert(said)
    assert converted.is_whole, converted.remarks
    made = job(converted)
    assert {key: made.get(key) for key in keys} == keys


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("--nodes=2", "divide the work into jobs"),
        ("-N 2-4", "divide"),
        ("--dependency=afterok:17", "--after ok:JOB"),
        ("--dependency=afterany:17", "--after any:JOB"),
        ("-d afternotok:17", "--after failed:JOB"),
        ("--begin=tomorrow", "--at TIME"),
        ("--constraint=avx", "--context"),
        ("--exclusive", "cpus = N"),
        ("--time=soon", "time_limit"),
        ("--array=x", "1-100"),
        ("--gres=shard:1", "resources = { shard = 1 }"),
        ("--no-such-option", "man sbatch"),
        ("--mem='2G", ""),
        ("--signal=USR1", "stop = "),
    ],
)
def test_what_is_essential_and_cannot_be_turned_is_lost_by_line(said: str, instead: str) -> None:
    converted = convert("-J x", said)
    assert not converted.is_whole
    (lost,) = [remark for remark in converted.remarks if remark.is_lost]
    assert lost.line == 3
    assert instead in lost.instead
    assert lost.sentence("job.sh") in converted.text, "the file says it too"
    assert job(converted)["name"] == "x"


@pytest.mark.parametrize("said", ["-p gpu", "-A me", "--mail-type=END", "-o out-%j.txt", "--requeue", "--qos=high", "--hint=nomultithread"])
def test_what_is_not_essential_is_noted(said: str) -> None:
    converted = convert(said)
    assert converted.is_whole
    assert [remark.line for remark in converted.remarks] == [2]


def test_an_array_has_an_index_and_a_width(tmp_path: Path) -> None:
    converted = convert("-J fit -a 1-7:2,20%3", body="echo $SLURM_ARRAY_TASK_ID of $SLURM_ARRAY_TASK_MAX")
    (tmp_path / "job.sh").write_text("#!/bin/sh\n")
    batch = read_batch(converted.text.encode(), "made", Surroundings(tmp_path))
    assert batch.parallel == 3
    assert [one.name for one in batch.jobs] == [f"fit[{index}]" for index in (1, 3, 5, 7, 20)]
    variables = dict(batch.jobs[1].environment)
    assert [variables[name] for name in (b"JOBWIRE_ARRAY_INDEX", b"SLURM_ARRAY_TASK_ID", b"SLURM_ARRAY_TASK_MAX")] == [b"3", b"3", b"20"]


def test_directives_behind_the_first_command_are_not_read() -> None:
    converted = convert_text("#!/bin/sh\n# a comment\n\n##SBATCH -c 8\n#SBATCH -c 2\ntrue\n#SBATCH -c 4\n", HERE, read)
    assert job(converted)["cpus"] == 2
    assert [remark.line for remark in converted.remarks] == [7]


def test_a_directive_with_further_words_counts_and_is_noted() -> None:
    # sbatch reads no directive behind such a line, of the kind --job-name=Big simulation, without a word.
    converted = convert("--job-name=Big simulation", "-c 4")
    assert (job(converted)["name"], job(converted)["cpus"]) == ("Big", 4)
    assert [(remark.line, remark.is_lost) for remark in converted.remarks] == [(2, False)]


def test_a_script_from_windows_is_lost_as_sbatch_refuses_it() -> None:
    converted = convert_text(script("-c 2").replace("\n", "\r\n"), HERE, read)
    assert job(converted)["cpus"] == 2
    assert "dos2unix" in next(remark.instead for remark in converted.remarks if remark.is_lost)


def test_what_the_script_takes_from_slurm_is_set_or_named() -> None:
    converted = convert(
        "-c 2", body="echo $SLURM_JOB_NAME $SLURM_NTASKS\nrm -r /tmp/${SLURM_JOB_ID}\ncd $SLURM_TMPDIR\n# srun x\ntime srun x"
    )
    made = job(converted)
    assert made["env"] == {"SLURM_CPUS_PER_TASK": "2", "SLURM_JOB_NAME": "job.sh", "SLURM_NTASKS": "1"}
    assert made["argv"][2].startswith('export SLURM_JOB_ID="$JOBWIRE_JOB_ID"; exec /bin/bash ')
    assert [(remark.line, remark.is_lost) for remark in converted.remarks] == [(4, False), (5, True), (7, True)]


def test_a_script_that_is_only_a_text_is_run_as_it_is() -> None:
    text = script(
        "-a 0-1", "-J x", body="""printf '%s\\n' "$SLURM_ARRAY_TASK_ID" '{item} {{x}} ${y}' '\"\"\"' 'a\\\\nb' "${#SLURM_JOB_ID}" """
    )
    converted = convert_text(text, Origin("standard input", "", "/"), read)
    batch = read_batch(converted.text.encode(), "made", Surroundings(Path("/")))
    second = batch.jobs[1]
    variables = {**dict(second.environment), b"JOBWIRE_JOB_ID": b"abcd"}
    ran = subprocess.run(
        list(second.argv), env={name.decode(): value.decode() for name, value in variables.items()}, capture_output=True, check=True
    )
    assert ran.stdout.decode().splitlines() == ["1", "{item} {{x}} ${y}", '"""', "a\\\\nb", "4"]


def test_the_command_line_of_sbatch_counts_more_than_the_script() -> None:
    converted = convert_command(
        ["sbatch", "-c", "4", "--array=1-2", "job.sh", "-c", "x y"], Origin("sbatch", "", "/srv"), lambda _: script("-c 2", "-J z")
    )
    made = job(converted)
    assert (made["cpus"], made["name"], made["script"], made["argv"], made["for_each"]) == (
        4,
        "z[{item}]",
        "job.sh",
        ["-c", "x y"],
        ["1", "2"],
    )


def test_a_wrapped_command_is_the_script_that_sbatch_makes_of_it() -> None:
    converted = convert_command(["sbatch", "-a", "1-2", "--wrap", "echo {x} $1; exit 3", "one"], Origin("sbatch", "", "/"), read)
    assert converted.is_whole
    (first, _) = read_batch(converted.text.encode(), "made", Surroundings(Path("/"))).jobs
    assert first.name == "wrap[1]"
    ran = subprocess.run(list(first.argv), capture_output=True, check=False)
    assert (ran.stdout, ran.returncode) == (b"{x} one\n", 3)


def test_what_is_said_about_a_script_names_the_script() -> None:
    converted = convert_command(["sbatch", "-c", "4", "job.sh"], Origin("sbatch", "", "/srv"), lambda _: script("-p long"))
    assert [remark.sentence(converted.name).partition(":")[0] for remark in converted.remarks] == ["job.sh, line 2"]


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("cat <<EOF > plan\nsrun inside\nEOF\nsrun outside", [6]),
        ("ssh node <<'EOF'\nsrun inside\nEOF", [4]),
        ("cat <<-E\n\tsrun x\n\tE\nbash <<E\nsrun y\nE", [7]),
        ("cat <<EOF\nsrun without an end", [4]),
        ("cat <<<word\nsrun z", [4]),
    ],
)
def test_the_text_of_a_here_document_is_no_command_unless_a_shell_reads_it(body: str, lines: list[int]) -> None:
    assert [remark.line for remark in convert("-c 2", body=body).remarks if "srun" in remark.what] == lines


@pytest.mark.parametrize("text", ["#!/bin/sh\necho\n", "#!/bin/sh\n#PBS -N x\n", "[[job]]\nargv = ['a']\n", "#SBATCH -c 2\0"])
def test_what_is_no_script_of_slurm_leads_to_something_else(text: str) -> None:
    with pytest.raises(Refused):
        convert_text(text, HERE, read)
