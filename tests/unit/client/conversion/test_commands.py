"""Command lines of xargs beside xargs itself, those of GNU parallel beside what it printed, and lists of commands."""

import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from jobwire.client.batch.batch_file import read_batch
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.client.conversion.convert import Converted, Origin, convert_command, convert_text
from jobwire.schemas.jobs.states import OnFailure
from jobwire.schemas.refusal import Refused

FILES = {
    "words": "a b\n  c \"d e\" f\\ g\n\n'h i'j k\n",
    "commas": "a b,c\n'q \"\n",
    "nuls": "a b\0c\nd\0",
    "lines": "a b\nc/d.e.f\nx'y\"z\n",
    "table": "name\tsize\nx\t1\ny y\t2\n",
    "spaces": "a \n b\t\n\nc\\ \nd\u00a0e\u3000f\vg\fh\r\n\v\f\r\n\\\ni\\\nj '' \nEND k\n\"\" l\n''\nm END",
    "no newline": "a '' \\",
    "tasks": "echo a | tr a b\necho 'q  q'\n",
    "-": "one\ntwo\n",
}
AROUND = Surroundings(Path("/"))


def command(line: str) -> Converted:
    return convert_command(shlex.split(line), Origin("command", "", "/"), FILES.__getitem__)


def outputs(converted: Converted) -> str:
    """Run the jobs one after the other, as they were written."""
    jobs = read_batch(converted.text.encode(), "made", AROUND).jobs
    return "".join(subprocess.run(list(job.argv), capture_output=True, check=False, text=True).stdout for job in jobs)


@pytest.mark.parametrize(
    "line",
    [
        "xargs -a words echo",
        "xargs -a words -n 2 printf '<%s>'",
        "xargs -a words -I{} echo a{}b {}",
        "xargs -a words -i echo {}",
        "xargs -a words -L 2 echo",
        "xargs -a words -l echo",
        "xargs -a commas -d '\\n' -n 1 echo",
        "xargs -a commas -d , -n1 echo",
        "xargs -a nuls -0 -n 1 echo",
        "xargs -a 'no newline' printf '<%s>'",
        "xargs -a 'no newline' -I{} printf '<%s>' {}",
        *(f"xargs -a spaces {options} printf '<%s>'" for options in ("", "-L 1", "-l", "-L 2", "-n 1", "-l2 -E k", "-E END -n1", "-I{}")),
        *(
            f"xargs -a spaces {options} printf '<%s>' {{}}"
            for options in ("-I{}", "-I{} -n1", "-n 1 -I{}", "-n2 -i", "-i -L 2", "-E m -I{}")
        ),
        "xargs -a nuls -0 -I% echo % x%",
        "xargs -a words -E c",
        "xargs -a words -n 3 sh -c 'echo \"$@\" | tr a b' sh",
        "xargs -a words --max-args=2 -I X echo X",
        "xargs -a words -I X --max-args 2 echo X",
        "xargs -tr -a words -s 1000 echo {item} ${x} {{y}}",
    ],
)
def test_the_jobs_print_what_xargs_prints(line: str, tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, newline="")
    real = subprocess.run(shlex.split(line), cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, check=True, text=True)
    assert outputs(command(line)) == real.stdout


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("parallel echo ::: a 'c  d'", "a\nc  d\n"),
        (
            "parallel echo {} {.} {/} {//} {/.} {#} :::: lines",
            "a b a b a b . a b 1\nc/d.e.f c/d.e d.e.f c d.e 2\nx'y\"z x'y\"z x'y\"z . x'y\"z 3\n",
        ),
        ("parallel -q printf '<%s>' {} {.} ::: 'a b.c' '$x'", "<a b.c><a b><$x><$x>"),
        ("parallel echo {1} {2} ::: a b ::: 1 2", "a 1\na 2\nb 1\nb 2\n"),
        ("parallel echo {2} {1} ::: a b :::+ 1 2 3", "1 a\n2 b\n"),
        ("parallel --link echo ::: a b ::: 1 2 3", "a 1\nb 2\na 3\n"),
        ("parallel echo {2.} {1/} {-1} ::: p/q.r ::: s.t", "s q.r s.t\n"),
        ("parallel -a table --colsep '\\t' --header : echo {size} {name}", "1 x\n2 y y\n"),
        # A set that Python warns of.
        ("parallel --colsep '[[;]' echo {1}-{2} ::: 'a;b' 'c[d'", "a-b\nc-d\n"),
        # A table is trimmed, and nothing else.
        ("parallel --colsep , echo '[{1}][{2}]' ::: 'a , b' ' c,d '", "[a][b]\n[c][d]\n"),
        ("parallel --colsep , --header : echo '[{n}][{m}]' ::: 'm , n' '1, 2'", "[2][1]\n"),
        ("parallel --colsep , --trim n echo '[{2}]' ::: 'a, b '", "[ b ]\n"),
        ("parallel --trim l echo '[{}]' ::: ' a '", "[a ]\n"),
        ("parallel --trim r echo '[{}]' ::: ' a '", "[ a]\n"),
        ("parallel echo '[{}]' ::: ' a '", "[ a ]\n"),
        # Once for each value, without it.
        ("parallel -N0 echo hi ::: 1 2", "hi\nhi\n"),
        ("parallel -n 0 'echo {#}: $((1+1))' ::: a b", "1: 2\n2: 2\n"),
        ("parallel --max-args=0 echo {} {1} ::: a", "\n"),
        ("parallel --header : echo {x} {y} ::: x 1 2 ::: y 3", "1 3\n2 3\n"),
        ("parallel -N 2 echo {1}-{2} ::: 1 2 3 4", "1-2\n3-4\n"),
        ("parallel -n 2 echo ::: 1 2 3", "1 2\n3\n"),
        ("parallel 'echo {} | tr a-z A-Z' ::: abc 'x;y' '$HOME'", "ABC\nX;Y\n$HOME\n"),
        ("parallel ::: 'echo 1; echo 2' 'echo \"a  b\"'", "1\n2\na  b\n"),
        ("parallel :::: tasks", "b\nq  q\n"),
        ("parallel echo '$(({}+1))' ::: 1 2", "2\n3\n"),
        ("parallel -I ,, echo ,, ,,.x {} ::: a b", "a a.x {}\nb b.x {}\n"),
        ("parallel echo a{}b ::: 1 2 ::: 3", "a1 3b\na2 3b\n"),
        ("parallel -j1 echo {} ::: '' b", "\nb\n"),
        ("parallel -r echo {} ::: '' b", "b\n"),
        ("parallel --trim lr echo '[{}]' ::: ' a ' b", "[a]\n[b]\n"),
        ("parallel echo {3} ::: a b", "\n\n"),
        ("parallel echo '{foo} {item}' ::: a b", "{foo} {item} a\n{foo} {item} b\n"),
        ("parallel FOO={} printenv FOO ::: 'a  b'", "a  b\n"),
        ("parallel echo {//} ::: /a a a/ a/b/c / //", "/\n.\n.\na/b\n/\n/\n"),
        ("parallel echo {.} ::: /a.b/c .x a/.x a. a.b/", "/a.b/c\n\na/\na\na.b/\n"),
        ("parallel 'echo \"{} and {.}\"' \"'{/}'\" ::: 'a b.c'", "a b.c and a b a b.c\n"),
        ("parallel echo", "one\ntwo\n"),
        ("parallel echo ::: {1..3}", "1\n2\n3\n"),
    ],
)
def test_the_jobs_print_what_parallel_prints(line: str, printed: str) -> None:
    converted = command(line)
    assert converted.is_whole
    assert outputs(converted) == printed


def tables(converted: Converted) -> dict[str, Any]:
    return tomllib.loads(converted.text)


def test_options_become_keys() -> None:
    line = "parallel -j 4 --retries 3 --timeout 1m30 --halt now,fail=1 --wd /srv --nice 5 -k --bar gzip ::: a b"
    made = tables(command(line))
    assert made["batch"] == {"name": "gzip", "parallel": 4, "on_failure": "stop-rest"}
    assert made["defaults"] == {"env_all": True, "retry": 2, "time_limit": "1m30s", "dir": "/srv", "nice": 5}
    assert made["job"] == [{"argv": ["gzip", "{item}"], "for_each": ["a", "b"], "name": "gzip"}]
    assert tables(command("xargs -a lines -d '\\n' -P 3 -n 1 gzip"))["batch"] == {"name": "gzip", "parallel": 3}
    assert tables(command("xargs -a words gzip"))["batch"]["parallel"] == 1, "one after the other"
    assert "parallel" not in tables(command("xargs -P 0 -a words gzip"))["batch"]
    assert tables(command("parallel gzip ::: {1..100..3}"))["job"][0]["for_each"] == "1..100..3"


@pytest.mark.parametrize(
    "line",
    [
        *(
            "parallel -S host echo ::: a",
            "parallel --delay 1 echo ::: a",
            "parallel --halt now,fail=20% echo ::: a",
        ),
        *(
            "parallel echo {%} ::: a",
            "parallel --retries 0 echo ::: a",
            "parallel echo {= s/a/b/ =} ::: a",
            "parallel --timeout 200% echo ::: a",
            "parallel -X echo ::: a",
        ),
        *("xargs -a words -p echo", "xargs -a words --process-slot-var=X echo"),
    ],
)
def test_what_a_batch_does_not_do_is_lost(line: str) -> None:
    converted = command(line)
    assert not converted.is_whole
    assert read_batch(converted.text.encode(), "made", AROUND).jobs


@pytest.mark.parametrize(
    "line",
    [
        "parallel --nosuch",
        "parallel echo :::",
        "parallel --pipe -N 2 wc",
        "parallel -a words --pipepart --block 1 wc",
        "parallel -n x echo ::: a",
        "xargs -a words -n 0",
        "xargs -z",
        "xargs -a nuls echo",
        "xargs -a nuls -d '\\n' echo",
        "xargs -a words -d '' echo",
        "xargs -a words -d ab echo",
        "xargs -a words -d '\\q' echo",
        "make x",
        "sbatch",
    ],
)
def test_what_cannot_be_turned_at_all_is_refused(line: str) -> None:
    with pytest.raises(Refused):
        command(line)


def text(said: str, form: str | None = None) -> Converted:
    return convert_text(said, Origin("file", "file", "/"), FILES.__getitem__, form)


def test_a_command_line_in_a_file_is_found_with_what_feeds_it() -> None:
    for said in ("xargs -n 1 echo < lines", "cat lines | xargs -n 1 -d '\\n' \\\n  echo", "# all\n/usr/bin/xargs -n1 -a lines echo\n"):
        if "-d" in said:
            assert outputs(text(said)) == "a b\nc/d.e.f\nx'y\"z\n"
        else:
            with pytest.raises(Refused, match="without an end"):
                text(said)
    assert outputs(text("parallel echo {/} :::: lines")) == "a b\nd.e.f\nx'y\"z\n"


def test_what_a_shell_would_have_done_beside_is_named_by_line() -> None:
    with pytest.raises(Refused, match=r"line 2: xargs reads the output of a command: find \."):
        text("# first\nfind . | xargs -n 1 echo")
    converted = text("cd /x\nparallel gzip ::: *.log > out\n")
    assert [(remark.line, remark.is_lost) for remark in converted.remarks] == [(1, True), (2, True), (2, True)]
    assert "* is left unchanged, because no shell reads it" in converted.remarks[1].what


@pytest.mark.parametrize(
    ("said", "stays"),
    [
        ("parallel echo ::: {1..3} {03..01}", []),
        ("parallel echo ::: {a,b} {1..3}", ["{a,b}"]),
        ("parallel echo ::: f{1..3}.c", ["{1..3}"]),
        ("parallel echo ::: {a..c}", ["{a..c}"]),
        ("parallel echo {1..2} {} ::: a", []),
        ("xargs -a words echo {1..2}", ["{1..2}"]),
        ("parallel echo {} {.} {1} ::: a", []),
    ],
)
def test_braces_that_a_shell_would_expand_are_expanded_or_named(said: str, stays: list[str]) -> None:
    converted = text(f"{said}\n")
    assert [remark.what.partition(" ")[0] for remark in converted.remarks] == stays
    assert converted.is_whole == (not stays)


def test_a_refusal_names_the_other_lines_too() -> None:
    with pytest.raises(Refused) as refused:
        text("set -e\nfind . | parallel gzip {}\nfind / | parallel bzip2 {}\n")
    assert [note.partition(":")[0] for note in refused.value.__notes__] == ["file, line 1", "file, line 3"]
    assert "line 0" not in str(refused.value)


@pytest.mark.parametrize("said", ["cat <<E > f\nbody\nE\n", "cat <<-'E'\nbody\nE\n", "echo 'a\nb'\n", 'x="a # b\nc"\n'])
def test_a_command_of_several_lines_is_lost_by_line(said: str) -> None:
    for before in ("", "#DISBATCH BARRIER\n"):
        (first, *_) = text(before + "true\n" + said, "lines").remarks
        assert (first.line, first.is_lost) == (2 + before.count("\n"), True)


@pytest.mark.parametrize("said", ["cat <<< word", "echo '<<E'", "echo a # it's", "echo it\\'s", "echo $((1 << 2))"])
def test_a_command_that_ends_with_its_line_is_whole(said: str) -> None:
    assert text(said + "\n", "lines").is_whole


@pytest.mark.parametrize(
    "said",
    [
        "# note \\\necho a\necho b\n",
        "echo x # note \\\necho b\n",
        "echo x#y \\\nz\n",
        "echo a\\\\\\\nb\necho c\n",
        "echo a\\\\\necho b\n",
        "echo 'it' \\\n  is\n",
        "echo a \\\n# b \\\necho c\n",
        'echo "a # \\\nb"\n',
        'echo "a \\\n b # \\\n c" # d \\\necho e\n',
        'echo "a \\\n\\"b" c\\\n# \\\necho e\n',
        "echo a; # b \\\necho c\n",
        "echo a \\\n\necho b \\\n",
    ],
)
def test_lines_continue_where_a_shell_continues_them(said: str) -> None:
    real = subprocess.run(["bash", "-c", said], capture_output=True, check=True, text=True).stdout
    assert outputs(text(said, "lines")) == real
    # In a file from another system too, and as the tasks of disBatch.
    assert outputs(text(said.replace("\n", "\r\n"), "lines")) == real
    assert outputs(text(said + "#DISBATCH BARRIER\n", "lines")) == real


def test_a_backslash_in_a_quotation_without_an_end_does_not_continue_the_line() -> None:
    converted = text("echo 'q\\\nr'\n", "lines")
    assert [(remark.line, remark.is_lost) for remark in converted.remarks] == [(1, True), (2, True)]


def test_a_list_of_commands_has_a_shell_where_one_is_needed() -> None:
    made = tables(text("echo 'a b'\n\n# none\necho $HOME | wc\ncd /; pwd\nulimit -n\necho a \\\n  b\n"))["job"]
    assert [job["argv"] for job in made] == [
        ["echo", "a b"],
        ["bash", "-c", "echo $HOME | wc"],
        ["bash", "-c", "cd /; pwd"],
        ["bash", "-c", "ulimit -n"],
        ["echo", "a", "b"],
    ]


def test_a_task_file_of_disbatch_keeps_its_order() -> None:
    said = (
        "#DISBATCH PREFIX ( cd /; \n#DISBATCH SUFFIX ; )\necho a\necho b\n#DISBATCH BARRIER CHECK\n#DISBATCH REPEAT 3 start 5 step 2 echo\n"
    )
    converted = text(said + "#DISBATCH BARRIER\necho end\n")
    assert converted.is_whole
    batch = read_batch(converted.text.encode(), "made", AROUND)
    assert [job.argv[-1] for job in batch.jobs] == [
        b"( cd /; echo a ; )",
        b"( cd /; echo b ; )",
        *[b"( cd /; echo ; )"] * 3,
        b"( cd /; echo end ; )",
    ]
    assert [dict(job.environment)[b"DISBATCH_REPEAT_INDEX"] for job in batch.jobs[2:5]] == [b"5", b"7", b"9"]
    assert tables(converted)["job"][-1]["after"] == {"any": ["block-2"]}
    assert batch.on_failure is OnFailure.CONTINUE
    assert not text("#DISBATCH PERENGINE START x\necho\n").is_whole
