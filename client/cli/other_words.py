"""The words that other tools have for what jobwire does, where no likeness of letters leads to ours."""

CALLED_OTHERWISE = {
    "jobwire add": "it is called jobwire submit",
    "jobwire cancel": "it is called jobwire stop",
    "jobwire help": "it is called jobwire --help",
    "jobwire jobs": "it is called jobwire list",
    "jobwire kill": "it is called jobwire stop, or jobwire stop --now",
    "jobwire queue": "it is called jobwire list",
    "jobwire remove": "jobwire stop ends a job, jobwire forget drops one that has ended",
    "jobwire rm": "jobwire stop ends a job, jobwire forget drops one that has ended",
    "jobwire start": "jobwire submit hands in a job, jobwire worker run starts a worker",
    "jobwire status": "jobwire list and jobwire show tell of jobs, jobwire worker status of the worker",
    "jobwire tail": "it is called jobwire logs --tail N, and jobwire logs -f goes on",
    "jobwire top": "it is called jobwire list",
    "jobwire version": "it is called jobwire --version",
    "jobwire worker restart": "jobwire worker stop and start it again, or jobwire worker reload after an upgrade; jobs go on",
    "jobwire worker start": "jobwire worker run starts one for others, jobwire run your own",
    "jobwire keys remove": "remove the entry from the roster, the file that jobwire worker status names; it counts at once",
    "jobwire keys rm": "remove the entry from the roster, the file that jobwire worker status names; it counts at once",
}
