"""The commands of other tools for what jobwire does, or does not do, by the whole path that was typed."""

from __future__ import annotations

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
_PAIR = "jobwire worker invite or jobwire broker invite prints a token there, and jobwire join - uses it here"
_JOIN = "it is called jobwire worker run --join; a client joins with jobwire join"
_WORKERS = "jobwire context list lists the workers that you use, jobwire broker list those of a broker"
_NO_DRAIN = "jobwire broker drain takes a worker of a broker out of use; without one, jobwire worker stop: running jobs continue"
_NO_RELOAD = "run jobwire broker stop and start it again; its workers and their jobs continue"

# The words of other tools for what jobwire does, or does not do yet.
COMMANDS = {
    **dict.fromkeys(("jobwire a", "jobwire reattach"), "it is called jobwire attach"),
    **dict.fromkeys(("jobwire new", "jobwire new-session", "jobwire detach", "jobwire screen", "jobwire tmux"), _ATTACH),
    **dict.fromkeys(
        ("jobwire attach-session", "jobwire sattach"), "it is called jobwire attach; jobwire logs -f follows what has no terminal"
    ),
    **dict.fromkeys(("jobwire send", "jobwire send-keys"), _TYPING),
    **dict.fromkeys(("jobwire list-sessions", "jobwire qstat", "jobwire bjobs", "jobwire container"), "it is called jobwire list"),
    **dict.fromkeys(
        ("jobwire kill-session", "jobwire qdel", "jobwire bkill", "jobwire pkill", "jobwire killall"), "it is called jobwire stop"
    ),
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
    **dict.fromkeys(("jobwire pair", "jobwire invite", "jobwire token"), _PAIR),
    **dict.fromkeys(("jobwire scp", "jobwire rsync", "jobwire sftp", "jobwire pull", "jobwire push"), _COPY),
    **dict.fromkeys(("jobwire fetch", "jobwire download", "jobwire upload"), _COPY),
    **dict.fromkeys(("jobwire workers", "jobwire nodes", "jobwire hosts", "jobwire worker list", "jobwire worker ls"), _WORKERS),
    "jobwire job": "jobwire list lists jobs, jobwire show shows one, jobwire submit submits one",
    "jobwire progress": "jobwire wait RUN shows the progress of a run",
    "jobwire uninstall": "end your jobs, then jobwire worker stop, and pip uninstall jobwire",
    **dict.fromkeys(("jobwire worker join", "jobwire broker join"), _JOIN),
    **dict.fromkeys(("jobwire worker drain", "jobwire worker pause"), _NO_DRAIN),
    "jobwire worker upgrade": "after an upgrade with pip, jobwire worker reload uses it; jobs continue",
    **dict.fromkeys(("jobwire broker start", "jobwire broker serve"), "it is called jobwire broker run"),
    **dict.fromkeys(("jobwire broker restart", "jobwire broker reload"), _NO_RELOAD),
    "jobwire broker add": "it is called jobwire broker invite",
    "jobwire broker rm": "it is called jobwire broker remove",
    "jobwire schedule enable": "it is called jobwire schedule resume",
    "jobwire schedule disable": "it is called jobwire schedule pause",
    **dict.fromkeys(("jobwire schedule next", "jobwire schedule status"), "it is called jobwire schedule show"),
    "jobwire schedule update": "remove it with jobwire schedule rm, and add it again with jobwire schedule add",
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
