"""The options of other tools for what jobwire does, or does not do: of all commands, of those that submit jobs, and of single ones."""

from __future__ import annotations

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
    "--gpu": _GPUS,
    "--constraint": "it is called --on: --on LABEL, or --on LABEL=VALUE",
    "--nodelist": "it is called --on: --on host=NAME",
    "--exclude": "it is called --not-on: --not-on host=NAME",
    "--deadline": "it is called --not-after",
    "--comment": "it is called --label: --label comment=TEXT",
    "--error": _OUTPUT,
    "--slice": "a job is limited with --memory, --cpus and --rlimit",
    "--property": "a job is limited with --memory, --cpus and --rlimit",
    "--network": "a job uses the network of the worker's machine as it is",
    "--entrypoint": "the program is the first word of COMMAND",
    "--unbuffered": "output is shown as it is written; a program may keep it back: -e PYTHONUNBUFFERED=1 for Python, stdbuf -oL for others",
    **dict.fromkeys(("--mem-per-cpu", "--mem-per-gpu"), "it is called --memory, and is that of the whole job"),
    **dict.fromkeys(("--ntasks-per-node", "--cpus-per-gpu"), _PROCESSORS),
    **dict.fromkeys(("--pin", "--cpu-bind"), "to keep a job to some CPUs, use taskset in the command"),
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
_MORE = "there is no more to print: jobwire show --json JOB has everything about a job, and jobwire doctor checks the connection"
OF_ALL = {
    **dict.fromkeys(("--verbose", "--debug"), _MORE),
    "-c": "the option comes before the command: jobwire --context NAME",
    "--install-completion": "it is called jobwire completion install",
    "--show-completion": "it is called jobwire completion show",
    "-V": "it is called jobwire --version",
    "--host": "the option comes before the command: jobwire --context NAME",
    "-H": "the option comes before the command: jobwire --context NAME",
    "--context": "the option comes before the command: jobwire --context NAME",
}
SUBMITS = {"jobwire run", "jobwire submit", "jobwire sweep", "jobwire batch", "jobwire schedule add"}
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
_WATCH = "it is called --watch"
_ONE_JOB = "jobwire show JOB shows a job, jobwire list RUN the jobs of a run"
_LIST = {
    **dict.fromkeys(("-w", "-i", "--iterate", "--follow"), _WATCH),
    **dict.fromkeys(("-j", "--job", "--jobs"), _ONE_JOB),
    **dict.fromkeys(("--noheader", "--no-header"), "there are no headings in a pipe, unless --header is given"),
    **dict.fromkeys(("-r", "--reverse"), "--sort -queued lists the newest first"),
    "-o": "--columns chooses columns, --json prints everything",
    "--output": "--columns chooses columns, --json prints everything",
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
_FOREGROUND = "it stays in the foreground: run it under systemd, in tmux, or with & at the end"
_ADDRESS = "it is called --listen: --listen tcp://0.0.0.0:PORT"
_DAEMON = {
    **dict.fromkeys(("-d", "-D", "--daemon", "--daemonize", "--detach", "--background"), _FOREGROUND),
    **dict.fromkeys(("-p", "--port", "--host", "--bind", "-b", "--address"), _ADDRESS),
}
_OF_A_WORKER = {"--name": "the name of a worker is the one on the roster of its broker: jobwire broker invite --as NAME"}
_WAITS = "it waits anyway, unless --no-wait is given"
# Without --user, an operator would do it to the jobs of others.
_OF_ALL = "for all of yours: jobwire list --user NAME --state {} --columns uuid | xargs -r jobwire {}; jobwire status shows your NAME"
_WHOLE_FOLDERS = "a folder is copied with everything in it"
# Of one command each.
OF_A_COMMAND = {
    "jobwire batch": {
        **_OF_RUNS,
        "--no-stdin": "a job of a batch has no standard input unless its key stdin names one",
        "--input": "a job of a batch has the standard input that its key stdin names",
        **dict.fromkeys(("-J", "--job-name", "--name"), "jobs and batches have their names in the file: name = 'NAME'"),
        **dict.fromkeys(("-n", "--just-print"), "to see what would be submitted, it is called --dry-run"),
        **dict.fromkeys(("-f", "--file"), "the file is named without it: jobwire batch FILE"),
        **dict.fromkeys(("-w", "--wait"), _WAITS),
    },
    "jobwire sweep": {
        **_OF_RUNS,
        "--link": "values side by side are written ::: a b :::+ 1 2",
        "--wait": _WAITS,
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
    "jobwire forget": {
        **dict.fromkeys(("-f", "--force"), "forget does not ask"),
        **dict.fromkeys(("-a", "--all"), "it is called --all-ended"),
        **dict.fromkeys(("--before", "--until"), "it is called --older-than"),
        "--failed": "name those that are to be removed; jobwire list --failed shows which have failed, also those of others",
        **dict.fromkeys(("-n", "--name"), "the jobs are named without it: jobwire forget JOB..."),
    },
    "jobwire events": {
        **dict.fromkeys(("-f", "--follow"), "events go on until Ctrl-C, or --until-idle"),
        **dict.fromkeys(("-n", "--tail", "--lines"), "to begin earlier, it is called --since: --since 1h"),
        "-j": "it is called --job",
        **dict.fromkeys(("--kind", "--type"), "each event of --json has its kind"),
        "--name": "it is called --job, for the newest job of that name",
    },
    "jobwire show": dict.fromkeys(("-v", "-a", "--all", "--long"), "--json prints everything"),
    "jobwire set": {
        **dict.fromkeys(("-n", "--name"), "a job keeps the name with which it was submitted"),
        **dict.fromkeys(("--memory", "--cpus", "--gpus", "-e", "--env"), "what a job asks for is fixed: stop it, and submit it again"),
    },
    "jobwire worker stop": dict.fromkeys(("-f", "--force", "--now", "-9"), "it stops only the worker, and its jobs continue"),
    "jobwire get": {
        **dict.fromkeys(("-o", "--output", "--to"), "the destination follows a colon: jobwire get JOB PATH:DEST"),
        **dict.fromkeys(("-r", "-R", "--recursive"), _WHOLE_FOLDERS),
    },
    **{
        f"jobwire {verb}": dict.fromkeys(("-a", "--all"), _OF_ALL.format(state, verb))
        for verb, state in (("pause", "running"), ("resume", "running"), ("hold", "queued"), ("release", "queued"))
    },
    "jobwire put": dict.fromkeys(("-r", "-R", "--recursive"), _WHOLE_FOLDERS),
    "jobwire wait": {
        "-t": "it is called --timeout",
        "-n": "for one that ends, it is called --any",
        **dict.fromkeys(("-a", "--me", "--mine"), "for all your own jobs that have not ended, it is called --all"),
    },
    "jobwire broker run": _DAEMON,
    "jobwire worker run": {**_DAEMON, **_OF_A_WORKER, **dict.fromkeys(("-j", "--jobs", "--cpus"), "it is called --slots")},
    "jobwire context add": {"-k": "it is called --key"},
    "jobwire keys add": {"-r": "it is called --role"},
    "jobwire list": _LIST,
    "jobwire logs": {
        **dict.fromkeys(("-n", "--lines"), "it is called --tail"),
        **dict.fromkeys(("-e", "--err"), "it is called --stderr"),
        **dict.fromkeys(("-o", "--output"), "for one stream, --stdout or --stderr; for files, --to DIR"),
        "--head": "jobwire logs JOB | head -n N prints the first lines",
        "--json": "logs prints what the job wrote, and nothing else; jobwire show --json describes the job",
        "--no-pager": "logs uses none",
    },
    "jobwire ps": _LIST,
    "jobwire run": {
        "-q": "run prints nothing but the output of the job",
        "--pty": "it is called --tty",
        "--unit": "it is called --name",
        "--array": "for an array: jobwire submit --array 1-N --wait",
        **dict.fromkeys(("--wait", "--follow"), "run waits for the job and shows its output anyway"),
    },
    "jobwire submit": {
        "-a": "for an array it is called --array; for a job that waits for another, --after",
        "-d": "submit returns at once; for a job that waits for another: --after ok:JOB",
        "-W": "it is called --wait",
        "--unit": "it is called --name",
        **dict.fromkeys(("--parsable", "--print-task-id"), "it is called --quiet"),
        "--json": "with --quiet, only the id is printed; jobwire show --json JOB describes the job",
        **dict.fromkeys(("--each-line", "--from-json"), "for a job for each value: jobwire sweep COMMAND :::: FILE"),
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
        **dict.fromkeys(("-a", "--me", "--mine"), "for all your own jobs that have not ended, it is called --all"),
        **dict.fromkeys(("-u", "--user"), "jobs of another member are named: jobwire stop NAME/JOB; --all means your own"),
    },
}
