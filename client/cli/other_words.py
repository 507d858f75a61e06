"""What to print about an unknown command or option: the words of other tools, and what was mistyped."""

from __future__ import annotations

from collections.abc import Iterable

_COPY = "jobwire put JOB FILE puts a file into the folder of a job, and jobwire get JOB PATH fetches one from it"
_AGAIN = "it is called jobwire rerun"
_ATTACH = "jobwire run -it -- bash starts a job on a terminal, Ctrl-] three times leaves it, and jobwire attach returns to it"
_SHELL = "jobwire run -it -- bash starts a shell on the worker in use, jobwire context use NAME chooses another worker"
_DROP = "jobwire stop ends a job, jobwire forget drops one that has ended"
_DROP_ALL = "jobwire forget --all-ended drops jobs that have ended"

# The words of other tools for what jobwire does, or does not do yet.
COMMANDS = {
    **dict.fromkeys(("jobwire a", "jobwire reattach"), "it is called jobwire attach"),
    **dict.fromkeys(("jobwire new", "jobwire new-session", "jobwire detach", "jobwire screen", "jobwire tmux"), _ATTACH),
    "jobwire kill-session": "it is called jobwire stop",
    **dict.fromkeys(("jobwire ssh", "jobwire salloc", "jobwire connect"), _SHELL),
    **dict.fromkeys(("jobwire scp", "jobwire rsync", "jobwire sftp", "jobwire pull", "jobwire push"), _COPY),
    "jobwire du": "jobwire list -a lists the jobs that are kept, jobwire forget JOB removes one with its logs and files",
    "jobwire config": "jobwire context use NAME chooses a worker, jobwire worker set changes what one has for jobs",
    "jobwire requeue": _AGAIN,
    **dict.fromkeys(("jobwire server", "jobwire serve", "jobwire agent"), "it is called jobwire worker run"),
    **dict.fromkeys(("jobwire users", "jobwire members", "jobwire roster"), "it is called jobwire keys list"),
    "jobwire adduser": "it is called jobwire keys add",
    **dict.fromkeys(
        (f"jobwire completion {shell}" for shell in ("bash", "zsh", "fish", "generate")), "it is called jobwire completion install, or show"
    ),
    "jobwire add": "it is called jobwire submit",
    "jobwire batches": "it is called jobwire list --runs",
    "jobwire bg": "jobwire submit runs a command in the background",
    "jobwire cancel": "it is called jobwire stop",
    "jobwire clean": _DROP_ALL,
    "jobwire check": "it is called jobwire doctor",
    "jobwire cp": _COPY,
    "jobwire at": "it is called jobwire submit --at TIME",
    "jobwire cron": "it is called jobwire schedule add",
    "jobwire crontab": "it is called jobwire schedule add",
    "jobwire daemon": "it is called jobwire worker run",
    "jobwire enqueue": "it is called jobwire submit",
    "jobwire diagnose": "it is called jobwire doctor",
    "jobwire edit": "jobwire set changes the priority or the time limit of a job; for another command, stop it and submit it again",
    "jobwire exec": "it is called jobwire run",
    "jobwire follow": "it is called jobwire logs -f",
    "jobwire sem": "jobwire run --only-one NAME runs one job of a name at a time",
    "jobwire group": "there are no groups: --only-one NAME runs one at a time, jobwire batch --parallel N as many as that of a run",
    "jobwire history": "it is called jobwire list -a",
    "jobwire info": "jobwire show shows a job, jobwire status the worker in use",
    "jobwire init": "there is nothing to set up: jobwire run starts your own worker, jobwire keys new makes a key",
    "jobwire inspect": "it is called jobwire show",
    "jobwire jobs": "it is called jobwire list",
    "jobwire kill": "it is called jobwire stop, or jobwire stop --now",
    "jobwire log": "it is called jobwire logs",
    "jobwire login": "there are no logins: jobwire keys show prints your key, jobwire context add adds a worker that lets it in",
    "jobwire ls": "it is called jobwire list",
    "jobwire nohup": "jobwire submit runs a command in the background",
    "jobwire parallel": "jobwire batch --parallel N limits a run, jobwire worker set --slots N a worker",
    "jobwire prune": _DROP_ALL,
    "jobwire queue": "it is called jobwire list",
    "jobwire remove": _DROP,
    "jobwire restart": _AGAIN,
    "jobwire retry": _AGAIN,
    "jobwire rm": _DROP,
    "jobwire runs": "it is called jobwire list --runs",
    "jobwire sacct": "it is called jobwire list -a",
    "jobwire sbatch": "it is called jobwire submit, or jobwire batch for many jobs; jobwire convert reads #SBATCH lines",
    "jobwire scancel": "it is called jobwire stop",
    "jobwire scontrol": "jobwire show shows a job; jobwire hold, release and set change one",
    "jobwire sinfo": "it is called jobwire status",
    "jobwire squeue": "it is called jobwire list",
    "jobwire srun": "it is called jobwire run",
    "jobwire stash": "it is called jobwire hold",
    "jobwire start": "jobwire submit submits a job, jobwire worker run starts a worker",
    "jobwire suspend": "it is called jobwire pause",
    "jobwire system": "jobwire status shows the worker in use, jobwire forget --all-ended drops jobs that have ended",
    "jobwire tail": "it is called jobwire logs --tail N; jobwire logs -f follows the output",
    "jobwire top": "it is called jobwire list --watch",
    "jobwire unhold": "it is called jobwire release",
    "jobwire update": "it is called jobwire set",
    "jobwire version": "it is called jobwire --version",
    "jobwire watch": "it is called jobwire list --watch or jobwire events, or jobwire logs -f for the output of a job",
    "jobwire whoami": "jobwire status shows who you are to the worker in use, jobwire keys show prints your key",
    "jobwire schedules": "it is called jobwire schedule list",
    "jobwire timer": "it is called jobwire schedule add",
    "jobwire schedule create": "it is called jobwire schedule add",
    "jobwire schedule ls": "it is called jobwire schedule list",
    "jobwire schedule remove": "it is called jobwire schedule rm",
    "jobwire schedule delete": "it is called jobwire schedule rm",
    "jobwire schedule run": "it is called jobwire schedule run-now",
    "jobwire schedule trigger": "it is called jobwire schedule run-now",
    "jobwire schedule edit": "remove it with jobwire schedule rm, and add it again with jobwire schedule add",
    "jobwire schedule start": "it is called jobwire schedule run-now",
    "jobwire worker restart": "run jobwire worker stop and start it again, or jobwire worker reload after an upgrade; jobs continue",
    "jobwire worker start": "jobwire worker run starts one for others, jobwire run your own",
    "jobwire context current": "it is called jobwire context show",
    "jobwire context ls": "it is called jobwire context list",
    "jobwire context remove": "it is called jobwire context rm",
    "jobwire context inspect": "it is called jobwire context show",
    "jobwire context update": "it is called jobwire context add --force",
    "jobwire keys generate": "it is called jobwire keys new",
    "jobwire keys ls": "it is called jobwire keys list",
    "jobwire keys delete": "it is called jobwire keys rm",
    "jobwire keys remove": "it is called jobwire keys rm",
    "jobwire keys revoke": "it is called jobwire keys rm",
}

_MEMORY = "it is called --memory"
_LIMITS = "it is called --rlimit: --rlimit nofile=4096"
_PROCESSORS = "it is called --cpus: so many of the worker's slots; to keep a job to some CPUs, use taskset in the command"
_LICENSES = "it is called --resource, as in --resource license=1"
_AFTER = "it is called --after: --after ok:JOB, failed:JOB or any:JOB"
_ONE = "it is called --only-one NAME: of your jobs with this name, one runs at a time"
_WIDTH = "it is called --parallel"
_FAIL_FAST = "it is called --fail-fast"
_AT = "it is called --at"
_DIR = "it is called --dir"
_OUTPUT = "the output of a job is always kept; jobwire logs writes it"
_FILES = "a job sees the files of the worker's machine as they are there"
_NODES = "a job runs on one machine"
_NO_WAIT = "it is called --no-wait"
_GPUS = "it is called --gpus"
_RETRY = "it is called --retry"
_NO_QUEUES = "a worker has one queue; jobwire --context NAME submit chooses the worker"
_WHOLE = "for a whole worker, write --cpus with as many as it has slots; for one job of a name at a time, --only-one NAME"
_AS_USER = "jobs as another user are not available yet: they run as the user who runs the worker"

OF_A_JOB = {
    "-d": "jobwire submit returns at once",
    "-i": "standard input is passed on anyway; for a terminal use --tty or -it",
    "-J": "it is called --name",
    "-L": f"no ports are forwarded; for licences {_LICENSES}",
    "-m": _MEMORY,
    "-N": _NODES,
    "-c": _PROCESSORS,
    "--after-ok": _AFTER,
    "--begin": _AT,
    "--cron": "for jobs that start again and again: jobwire schedule add",
    "--delay": "it is called --at, with a plus: --at +1h",
    "--start-at": _AT,
    "--when": _AT,
    "-o": _OUTPUT,
    "-u": _AS_USER,
    "-v": _FILES,
    "-w": _DIR,
    "--chdir": _DIR,
    "--cwd": _DIR,
    "--cpus-per-task": _PROCESSORS,
    "--dependency": _AFTER,
    "--depends-on": _AFTER,
    "--needs": _AFTER,
    "--wait-for": _AFTER,
    "--detach": "jobwire submit returns at once",
    "--directory": _DIR,
    "--exclusive": _WHOLE,
    "--gpus-per-node": _GPUS,
    "--gpus-per-task": _GPUS,
    "--gres": "write --gpus N, or --resource NAME=N for what the operator of the worker defined",
    "--licenses": _LICENSES,
    "--lock": _ONE,
    "--mutex": _ONE,
    "--singleton": _ONE,
    "--gid": _AS_USER,
    "--group": "there are no groups; for one at a time, write --only-one NAME",
    "--input": "it is called --stdin",
    "--held": "it is called --hold",
    "--job-name": "it is called --name",
    "--mem": _MEMORY,
    "--memory-max": _MEMORY,
    "--mount": _FILES,
    "--nodes": _NODES,
    "--ntasks": _PROCESSORS,
    "--output": _OUTPUT,
    "--publish": "a job uses the network of the worker's machine as it is",
    "--partition": _NO_QUEUES,
    "--queue": _NO_QUEUES,
    "--max-retries": _RETRY,
    "--requeue": _RETRY,
    "--restart": _RETRY,
    "--retries": _RETRY,
    "--schedule": "for jobs that start again and again: jobwire schedule add",
    "--rm": "a job is kept with its output; jobwire forget removes it",
    "--shell": "write the shell as the program: sh -c '...'",
    "--signal": "it is called --stop-signal",
    "--stashed": "it is called --hold",
    "--stderr": _OUTPUT,
    "--stdout": _OUTPUT,
    "--time": "it is called --time-limit",
    "--timeout": "it is called --time-limit",
    "--uid": _AS_USER,
    "--ulimit": _LIMITS,
    "--user": _AS_USER,
    "--volume": _FILES,
    "--workdir": _DIR,
    "--working-directory": _DIR,
    "--wrap": "write the shell as the program: sh -c '...'",
}
OF_ALL = {
    "-V": "it is called jobwire --version",
    "--host": "the option comes before the command: jobwire --context NAME",
    "-H": "the option comes before the command: jobwire --context NAME",
    "--context": "the option comes before the command: jobwire --context NAME",
}
_SUBMITS = {"jobwire run", "jobwire submit", "jobwire sweep", "jobwire batch", "jobwire schedule add"}
_OF_RUNS = {
    **dict.fromkeys(("-j", "-P", "--jobs", "--max-procs", "--max-parallel"), _WIDTH),
    **dict.fromkeys(("--halt", "--max-fails"), _FAIL_FAST),
    **dict.fromkeys(("-d", "--detach"), _NO_WAIT),
    **dict.fromkeys(("-k", "--keep-going"), "the other jobs continue after a failure, unless --fail-fast is given"),
    "--resume": "jobwire batch --retry-failed RUN runs what failed again; the same --id goes on where a run stopped",
    "--results": "jobwire logs --to DIR RUN writes the output of each job into files",
    "--joblog": "jobwire list -a RUN lists the jobs of a run, jobwire report RUN -o FILE writes a page about it",
    **dict.fromkeys(("--bar", "--eta", "--progress"), "on a terminal, a run is shown with the time left anyway"),
}
_LIST = {
    "--batches": "it is called --runs",
    "--running": "it is called --state: --state running",
    "--pending": "it is called --state: --state queued",
    "-f": "jobwire list has an option for each filter: --state, --name, --label, --user",
    "-q": "--columns id prints only ids",
    "--me": "jobwire list --user NAME lists those of one member",
    "--mine": "jobwire list --user NAME lists those of one member",
    "-t": "it is called --state",
    "--long": "--columns chooses columns, --json prints everything",
    "-u": "it is called --user",
    "--filter": "jobwire list has an option for each filter: --state, --name, --label, --user",
    "--format": "--columns chooses columns, --json prints everything",
    "--quiet": "--columns id prints only ids",
}
# Of one command each.
OF_A_COMMAND = {
    "jobwire batch": {
        **_OF_RUNS,
        "--no-stdin": "a job of a batch has no standard input unless its key stdin names one",
        "--input": "a job of a batch has the standard input that its key stdin names",
        **dict.fromkeys(("-J", "--job-name", "--name"), "jobs and batches have their names in the file: name = 'NAME'"),
    },
    "jobwire sweep": {**_OF_RUNS, "--link": "values side by side are written ::: a b :::+ 1 2"},
    "jobwire schedule add": {
        **dict.fromkeys(
            ("--after-ok", "--dependency", "--depends-on", "--needs", "--wait-for"),
            "the jobs of a schedule wait for no others",
        ),
        **dict.fromkeys(("--begin", "--delay", "--start-at", "--when"), "when its jobs start is what --cron says"),
        "--timezone": "it is called --tz",
        "--no-overlap": "jobs of a schedule do not overlap anyway; --overlap says what happens instead",
        "--concurrency-policy": "it is called --overlap",
        **dict.fromkeys(("--catchup", "--persistent"), "it is called --missed"),
        **dict.fromkeys(("--every", "--calendar", "--on-calendar"), "it is called --cron: --cron @hourly, or --cron '*/10 * * * *'"),
    },
    "jobwire forget": {"-f": "forget does not ask", "--all": "it is called --all-ended", "--force": "forget does not ask"},
    "jobwire list": _LIST,
    "jobwire logs": {"-n": "it is called --tail", "--lines": "it is called --tail", "--no-pager": "logs uses none"},
    "jobwire ps": _LIST,
    "jobwire submit": {
        "--no-stdin": "a job of submit has no standard input unless --stdin names one",
        **dict.fromkeys(("-j", "--jobs", "--parallel"), "for many jobs: jobwire submit --array 1-N%WIDTH, or jobwire sweep --parallel N"),
        "--halt": _FAIL_FAST,
    },
    "jobwire signal": {f"-{name}": "the signal comes last: jobwire signal JOB KILL" for name in ("9", "KILL", "s", "SIGKILL", "HUP", "15")},
    "jobwire worker set": {
        "--cpus": "it is called --slots",
        "--jobs": "it is called --slots",
        "--parallel": "it is called --slots",
    },
    "jobwire attach": {"-t": "the job is named without it: jobwire attach JOB", "-r": "it is called --read-only"},
    "jobwire stop": {
        **dict.fromkeys(("-9", "-KILL", "-f", "--force"), "it is called --now"),
        "-t": "it is called --grace",
        "-s": "it is called --signal",
        "--time": "it is called --grace",
    },
}

# Never suggested: following a suggestion must not end a job.
DESTRUCTIVE = {"stop", "signal", "forget", "rm", "--now"}
_LIKENESS = 0.75


def command_hint(path: str, typed: str, known: Iterable[str]) -> str:
    """Return what to type instead of an unknown command; empty if nothing is near."""
    return COMMANDS.get(f"{path} {typed}") or _did_you_mean(typed, known)


def option_hint(path: str, typed: str, known: Iterable[str]) -> str:
    """Return what to type instead of an unknown option; empty if nothing is near."""
    name, known = typed.partition("=")[0], tuple(known)
    of_it = OF_A_COMMAND.get(path, {}).get(name) or (OF_A_JOB.get(name) if path in _SUBMITS else None)
    return of_it or (OF_ALL.get(name, "") if name not in known else "") or _did_you_mean(name, known)


def _did_you_mean(typed: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 -- only where something is wrong

    # Any letter is near any other.
    words = [word for word in known if word not in DESTRUCTIVE and len(word.strip("-")) > 1]
    near = difflib.get_close_matches(typed, words, 1, _LIKENESS)
    return f"did you mean {near[0]}?" if near else ""
