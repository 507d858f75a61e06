"""The options of sbatch(1): which take a value, and what to do about those without a counterpart in a batch."""

from __future__ import annotations

from ..options import Arity

_NAMES = (
    "a=array A=account b=begin B=extra-node-info c=cpus-per-task C=constraint d=dependency D=chdir e=error F=nodefile G=gpus h=help H=hold "
    "i=input J=job-name k=no-kill L=licenses m=distribution M=clusters n=ntasks N=nodes o=output O=overcommit p=partition q=qos Q=quiet "
    "s=oversubscribe S=core-spec t=time u=usage v=verbose V=version w=nodelist W=wait x=exclude"
)
_WITHOUT_VALUE = (
    "contiguous hold ignore-pbs no-requeue oversubscribe share overcommit parsable quiet reboot requeue spread-job stepmgr test-only "
    "use-min-nodes verbose wait help usage version no-bell"
)
_MAY_HAVE_ONE = "exclusive get-user-env nice propagate resv-ports no-kill kill-on-invalid-dep"
_WITH_VALUE = (
    "account acctg-freq array batch bb bbf begin chdir cluster-constraint clusters comment constraint consolidate-segments container "
    "container-id core-spec cores-per-socket cpu-freq cpus-per-gpu cpus-per-task deadline delay-boot dependency distribution error exclude "
    "export export-file extra extra-node-info gid gpu-bind gpu-freq gpus gpus-per-node gpus-per-socket gpus-per-task gres gres-flags hint "
    "input job-name licenses mail-type mail-user mcs-label mem mem-bind mem-per-cpu mem-per-gpu mincpus network nodefile nodelist nodes "
    "ntasks ntasks-per-core ntasks-per-gpu ntasks-per-node ntasks-per-socket open-mode output partition power prefer priority profile qos "
    "reservation segment signal sockets-per-node switches thread-spec threads-per-core time time-min tmp tres-bind tres-per-task uid "
    "wait-all-nodes wckey workdir wrap"
)
SAME = {short: name for short, _, name in (pair.partition("=") for pair in _NAMES.split())}
LONG = {
    **dict.fromkeys(_WITHOUT_VALUE.split(), Arity.NONE),
    **dict.fromkeys(_MAY_HAVE_ONE.split(), Arity.OPTIONAL),
    **dict.fromkeys(_WITH_VALUE.split(), Arity.REQUIRED),
}
SHORT = {short: LONG[name] for short, name in SAME.items()}

_ONE_WORKER = "a worker has no partitions and accounts; jobwire --context NAME batch FILE chooses another worker"
_OWN_OUTPUT = "jobwire keeps the output of each job: jobwire logs RUN shows it, jobwire logs --to DIR RUN writes it into files"
_PROCESSORS = "taskset or numactl in the script chooses processors"
_OF_SBATCH = "jobwire batch has options of its own: see jobwire batch --help"
_OF_PLACES = "account partition qos reservation wckey mcs-label clusters exclude cluster-constraint"
_FOR_PROCESSORS = (
    "distribution hint cpu-freq mem-bind gpu-bind gpu-freq gres-flags threads-per-core cores-per-socket mincpus sockets-per-node "
    "ntasks-per-socket ntasks-per-core ntasks-per-gpu core-spec thread-spec extra-node-info overcommit tres-bind"
)
_FOR_A_CLUSTER = (
    "acctg-freq batch comment delay-boot extra no-bell ignore-pbs no-kill oversubscribe share power prefer profile get-user-env "
    "kill-on-invalid-dep propagate reboot spread-job switches use-min-nodes stepmgr wait-all-nodes contiguous segment consolidate-segments "
    "nodefile resv-ports tmp network priority"
)
# What means nothing to a batch, and what is there for it.
NOTES = {
    **dict.fromkeys(_OF_PLACES.split(), _ONE_WORKER),
    **dict.fromkeys(("output", "error", "open-mode"), _OWN_OUTPUT),
    **dict.fromkeys(("mail-type", "mail-user"), "jobwire wait RUN, in front of what sends a mail"),
    **dict.fromkeys(("requeue", "no-requeue"), "a job never runs twice by itself; retry = N runs it again if it fails"),
    **dict.fromkeys(_FOR_PROCESSORS.split(), _PROCESSORS),
    **dict.fromkeys(("parsable", "quiet", "verbose", "wait", "test-only", "help", "usage", "version"), _OF_SBATCH),
    **dict.fromkeys(_FOR_A_CLUSTER.split(), ""),
}
# What a script may rely on, and what to do instead.
LOST = {
    **dict.fromkeys(("constraint", "nodelist"), "choose the worker: jobwire --context NAME batch FILE"),
    "exclusive": "cpus = N with all slots of the worker keeps other jobs away",
    **dict.fromkeys(("bb", "bbf"), "copy the files in the script"),
    **dict.fromkeys(("container", "container-id"), "start the container in the script"),
    **dict.fromkeys(("uid", "gid"), "jobs run as the user of the worker"),
    "export-file": 'write the variables as env = { NAME = "VALUE" }',
    "wrap": "jobwire submit -- sh -c '...'",
    **dict.fromkeys(("deadline", "time-min"), "time_limit bounds how long a job runs"),
    "tres-per-task": "write cpus, gpus and resources",
}
