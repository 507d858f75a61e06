"""What to print about an unknown command or option: the words of other tools, and what was mistyped."""

from __future__ import annotations

from collections.abc import Collection, Iterable

_COPY = "jobwire put JOB FILE puts a file into the folder of a job, and jobwire get JOB PATH fetches one from it"
_AGAIN = "it is called jobwire rerun"
_ATTACH = "jobwire run -it -- bash starts a job on a terminal, Ctrl-] three times leaves it, and jobwire attach returns to it"
_SHELL = "jobwire run -it -- bash starts a shell on the worker in use, jobwire context use NAME chooses another worker"
_DROP = "jobwire stop ends a job, jobwire forget drops one that has ended"
_DROP_ALL = "jobwire forget --all-ended drops jobs that have ended"
_NO_GROUPS = "there are no groups: --only-one NAME runs one at a time, jobwire batch --parallel N as many as that of a run"
_STOP_WORKER = "it is called jobwire worker stop"
_ORDERED = "jobwire set -p N JOB changes which of your queued jobs is first"
_LOGS = "it is called jobwire logs"
_TYPING = "jobwire attach JOB types at the terminal of a job"

# The words of other tools for what jobwire does, or does not do yet.
COMMANDS = {
    **dict.fromkeys(("jobwire a", "jobwire reattach"), "it is called jobwire attach"),
    **dict.fromkeys(("jobwire new", "jobwire new-session", "jobwire detach", "jobwire screen", "jobwire tmux"), _ATTACH),
    **dict.fromkeys(
        ("jobwire attach-session", "jobwire sattach"), "it is called jobwire attach; jobwire logs -f follows what has no terminal"
    ),
    **dict.fromkeys(("jobwire send", "jobwire send-keys"), _TYPING),
    **dict.fromkeys(("jobwire list-sessions", "jobwire qstat", "jobwire bjobs", "jobwire container"), "it is called jobwire list"),
    **dict.fromkeys(("jobwire kill-session", "jobwire qdel", "jobwire bkill"), "it is called jobwire stop"),
    **dict.fromkeys(("jobwire kill-server", "jobwire shutdown", "jobwire down"), _STOP_WORKER),
    **dict.fromkeys(("jobwire qsub", "jobwire bsub", "jobwire tsp"), "it is called jobwire submit"),
    **dict.fromkeys(("jobwire seff", "jobwire sstat", "jobwire describe"), "it is called jobwire show"),
    **dict.fromkeys(("jobwire unpause", "jobwire continue"), "it is called jobwire resume"),
    **dict.fromkeys(("jobwire journalctl", "jobwire cat", "jobwire output"), _LOGS),
    **dict.fromkeys(
        ("jobwire htop", "jobwire stats"), "jobwire list --columns name,time,cpu,mem shows what jobs use, with --watch always up to date"
    ),
    **dict.fromkeys(("jobwire groups", "jobwire queues"), _NO_GROUPS),
    "jobwire switch": _ORDERED,
    "jobwire reset": "jobwire stop ends jobs, and jobwire forget --all-ended drops those that have ended",
    "jobwire rename": "a job keeps the name with which it was submitted",
    "jobwire delete": _DROP,
    "jobwire images": "a job runs programs of the worker's machine; there are no images",
    "jobwire compose": "jobwire batch FILE runs the jobs of a file",
    "jobwire port": "a job uses the network of the worker's machine as it is",
    "jobwire systemctl": "jobwire show JOB says how a job is, jobwire worker status how a worker is",
    "jobwire fg": "jobwire logs -f JOB follows a job, jobwire attach JOB one on a terminal",
    "jobwire nice": "it is called jobwire run --nice N",
    "jobwire time": "jobwire show JOB says how long a job took, and what it used",
    "jobwire man": "it is called jobwire help COMMAND; man jobwire-run shows the page of run",
    "jobwire ping": "it is called jobwire doctor",
    "jobwire scrontab": "it is called jobwire schedule add",
    "jobwire upgrade": "after an upgrade with pip, jobwire worker reload uses it; jobs continue",
    "jobwire xargs": "jobwire sweep COMMAND :::: - runs it for each line of its input; jobwire convert -- xargs ... makes a batch file",
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
    "jobwire enqueue": "jobwire release lets a job start that is held, jobwire submit submits one",
    "jobwire diagnose": "it is called jobwire doctor",
    "jobwire edit": "jobwire set changes the priority or the time limit of a job; for another command, stop it and submit it again",
    "jobwire exec": "it is called jobwire run",
    "jobwire follow": "it is called jobwire logs -f",
    "jobwire sem": "jobwire run --only-one NAME runs one job of a name at a time",
    "jobwire group": _NO_GROUPS,
    "jobwire history": "it is called jobwire list -a",
    "jobwire info": "jobwire show shows a job, jobwire status the worker in use",
    "jobwire init": "there is nothing to set up: jobwire run starts your own worker, jobwire keys new makes a key",
    "jobwire inspect": "it is called jobwire show",
    "jobwire jobs": "it is called jobwire list",
    "jobwire kill": "it is called jobwire stop, or jobwire stop --now",
    "jobwire log": _LOGS,
    "jobwire login": "there are no logins: jobwire keys show prints your key, jobwire context add adds a worker that lets it in",
    "jobwire ls": "it is called jobwire list",
    "jobwire nohup": "jobwire submit runs a command in the background",
    "jobwire parallel": "jobwire sweep COMMAND ::: VALUES reads like GNU parallel; jobwire worker set --slots N: so many jobs run at once",
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

_ACCOUNTS = "there are no accounts: a job belongs to the key that submits it"
_MAIL = "jobwire wait JOB returns when the job has ended and says how: pipe it to mail"
_BACKGROUND = "jobwire submit returns at once"
_NO_GROUP = "there are no groups; for one at a time, write --only-one NAME"
_NO_DISPLAY = "no display is forwarded"

OF_A_JOB = {
    **dict.fromkeys(("-A", "--account", "--qos", "--reservation"), _ACCOUNTS),
    **dict.fromkeys(("--mail-type", "--mail-user", "--email"), _MAIL),
    **dict.fromkeys(("-f", "-b", "--background"), _BACKGROUND),
    **dict.fromkeys(("-X", "-Y"), _NO_DISPLAY),
    "-T": "a job has no terminal unless --tty gives it one",
    "-R": "no ports are forwarded",
    "-D": _DIR,
    "-g": _NO_GROUP,
    "--export": "it is called --env: --env NAME copies a variable, --env-all all of them",
    "--env-file": "read the file in this shell, and name what is to be copied: --env NAME, or a pattern such as 'APP_*'",
    "--immediate": "a job starts at once if there is room; -p N puts it before your other jobs",
    "-d": _BACKGROUND,
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
    "--detach": _BACKGROUND,
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
    "--group": _NO_GROUP,
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
    "--no-trunc": "nothing is cut in a pipe; --json prints everything",
}
_CONVERTED = "it is understood by convert: jobwire convert -- parallel ... | jobwire batch -"
_WHOLE_OUTPUT = "what a job writes is shown when it has ended; jobwire logs -f JOB follows one"
# Of one command each.
OF_A_COMMAND = {
    "jobwire batch": {
        **_OF_RUNS,
        "--no-stdin": "a job of a batch has no standard input unless its key stdin names one",
        "--input": "a job of a batch has the standard input that its key stdin names",
        **dict.fromkeys(("-J", "--job-name", "--name"), "jobs and batches have their names in the file: name = 'NAME'"),
    },
    "jobwire sweep": {
        **_OF_RUNS,
        "--link": "values side by side are written ::: a b :::+ 1 2",
        "-k": "it is called --keep-order",
        "-a": "the lines of a file are written :::: FILE",
        **dict.fromkeys(("-N", "-m", "-X", "-L", "--max-args", "--colsep", "--null", "-0"), _CONVERTED),
        **dict.fromkeys(("-u", "--ungroup", "--lb", "--line-buffer", "--linebuffer"), _WHOLE_OUTPUT),
        "--group": "what jobs write is never mixed: --show-output shows it",
        "--delay": "jobs are started without a pause between them; --parallel N limits how many run at once",
        "--pipe": "no input is split: write the parts into files, and --stdin {} with their names",
        **dict.fromkeys(("-S", "--sshlogin"), "the worker in use runs them; a broker joins several machines: jobwire help broker"),
    },
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
    "jobwire run": {"-q": "run prints nothing but the output of the job", "--pty": "it is called --tty"},
    "jobwire submit": {
        "-a": "for an array it is called --array; for a job that waits for another, --after",
        "-d": "submit returns at once; for a job that waits for another: --after ok:JOB",
        "-W": "it is called --wait",
        "--parsable": "it is called --quiet",
        "--pty": "it is called --tty",
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

# Of `-it`, which is typed together.
_LETTERS_OF_A_TERMINAL = {"-i", "-t", "-it"}
# Never suggested: following a suggestion must not end a job.
DESTRUCTIVE = {"stop", "signal", "forget", "rm", "--now"}
_LIKENESS = 0.75


def command_hint(path: str, typed: str, known: Iterable[str], contexts: Collection[str] = ()) -> str:
    """Return what to type instead of an unknown command; empty if nothing is near."""
    if typed in contexts:
        return f"it is a context, and comes before the command: jobwire --context {typed} run -- COMMAND"
    return COMMANDS.get(f"{path} {typed}") or _did_you_mean(typed, known)


def option_hint(path: str, typed: str, known: Iterable[str]) -> str:
    """Return what to type instead of an unknown option; empty if nothing is near."""
    name, known = typed.partition("=")[0], tuple(known)
    if path == "jobwire" and (after := _of_commands(name)):
        return after
    of_it = OF_A_COMMAND.get(path, {}).get(name) or (OF_A_JOB.get(name) if path in _SUBMITS else None)
    return of_it or (OF_ALL.get(name, "") if name not in known else "") or _did_you_mean(name, known)


def _of_commands(name: str) -> str:
    """Return what to say of an option before the command that is one of a command; empty if it is none."""
    from .completion.table import COMMANDS as KNOWN  # noqa: PLC0415 -- only where something is wrong

    if name == "-v":
        return "it is called jobwire --version"
    if name in _LETTERS_OF_A_TERMINAL:
        return "it comes after the command: jobwire run -it"
    is_known = any(name in flags.split() for command in KNOWN.values() for flags, _, _ in command.options)
    return f"it comes after the command: jobwire COMMAND {name}" if is_known else ""


def _did_you_mean(typed: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 -- only where something is wrong

    # Any letter is near any other.
    words = [word for word in known if word not in DESTRUCTIVE and len(word.strip("-")) > 1]
    near = difflib.get_close_matches(typed, words, 1, _LIKENESS)
    return f"did you mean {near[0]}?" if near else ""
