"""How long a verb takes in an open shell, compared with a command of its own."""

from __future__ import annotations

import subprocess
from time import perf_counter

from stage import Ground
from table import Line, Promise, in_turns

# As often as a person could tell apart, and so that the shell is not asleep between two of them either.
_VERBS_A_ROUND = 20
_PROMISE = Promise(10, 20, "x", least=True)


def measure(ground: Ground) -> list[Line]:
    """Measure `show --json JOB`, whose answer is one line: from line to answer, and from the start of a process to its end."""
    rounds = 5 if ground.quick else 20
    with ground.stage(slots=4) as stage:
        with stage.client() as client:
            job = client.submit(["true"])
            job.wait()

        def fresh() -> float:
            begun = perf_counter()
            subprocess.run(stage.command("show", "--json", job.id), env=stage.environment, stdout=subprocess.DEVNULL, check=True)
            return 1 / (perf_counter() - begun)

        shell = subprocess.Popen(stage.command("shell"), env=stage.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with shell:
            assert shell.stdin is not None
            assert shell.stdout is not None
            asked, answers = shell.stdin, shell.stdout

            def in_shell() -> float:
                begun = perf_counter()
                for _ in range(_VERBS_A_ROUND):
                    asked.write(f"show --json {job.id}\n".encode())
                    asked.flush()
                    if not answers.readline().startswith(b"{"):
                        raise RuntimeError("the shell did not answer")
                return _VERBS_A_ROUND / (perf_counter() - begun)

            for once in (fresh, in_shell):
                once()
            pairs = in_turns(fresh, in_shell, rounds)
        if shell.returncode:
            raise RuntimeError(f"the shell exited with {shell.returncode}")
    return [pairs.line("a verb in an open shell", "a second", _PROMISE, note="limit: jobwire show --json JOB, a process each time")]
