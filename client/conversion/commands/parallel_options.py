"""The options of GNU parallel: which take a value, and their counterparts in a batch. See parallel(1)."""

from __future__ import annotations

from ..options import Arity

_NAMES = (
    "0=null X=xargs k=keep-order m=m q=quote r=no-run-if-empty t=verbose u=ungroup v=verbose V=version h=help g=group D=D "
    "a=arg-file C=colsep d=delimiter E=eof e=eof I=replace-string i=replace J=profile j=jobs P=jobs L=max-lines l=max-lines "
    "n=max-args N=max-replace-args s=max-chars S=sshlogin U=replace-string"
)
_WITHOUT_VALUE = (
    "bar bg cat citation cleanup color color-failed controlmaster csv ctag dry-run dryrun embed eta fg fifo files files0 "
    "filter-hosts group help hostgroups interactive keep-order keeporder lb line-buffer linebuffer link linkinputsource "
    "no-keep-order no-notice no-run-if-empty nonall noswap null number-of-cores number-of-cpus number-of-sockets "
    "number-of-threads onall pipe pipe-part pipepart plain plus print0 progress quote record-env remove-rec-sep resume "
    "resume-failed retry-failed round-robin rrarg sem semaphore show-limits shuf silent skip-first-line spreadstdin tag tee "
    "transfer tty ungroup unsafe use-cores-instead-of-threads use-sockets-instead-of-threads verbose version wait will-cite "
    "xapply xargs max-line-length-allowed exit"
)
_WITH_VALUE = (
    "arg-file arg-file-sep arg-sep argfilesep argsep basefile bf bin block block-size block-timeout blocksize colsep "
    "compress-program cpu ctagstring decompress-program delay delimiter env eof filter group-by halt halt-on-error header id jobs "
    "joblog limit load match max-args max-chars max-procs max-replace-args maxargs memfree memsuspend minversion nice parens "
    "process-slot-var profile recend recstart replace-string res results retries return rpl semaphore-name semaphore-timeout "
    "seqreplace shard slf slotreplace sql sqlandworker sqlmaster sqlworker ssh sshdelay sshlogin sshloginfile st tagstring "
    "tempdir template termseq timeout tmpdir tmpl total-jobs tr transferfile trc trim wd workdir"
)
SAME = {short: name for short, _, name in (pair.partition("=") for pair in _NAMES.split())}
LONG = {
    **dict.fromkeys(_WITHOUT_VALUE.split(), Arity.NONE),
    **dict.fromkeys(_WITH_VALUE.split(), Arity.REQUIRED),
    **dict.fromkeys(("replace", "max-lines", "regexp", "compress", "total"), Arity.OPTIONAL),
}
SHORT = {short: LONG.get(name, Arity.NONE) for short, name in SAME.items()} | {"e": Arity.OPTIONAL}
# Names that mean what another one means.
OTHER_NAMES = {
    **dict.fromkeys(("keeporder",), "keep-order"),
    **dict.fromkeys(("linebuffer", "lb"), "line-buffer"),
    **dict.fromkeys(("xapply", "linkinputsource"), "link"),
    "dryrun": "dry-run",
    "maxargs": "max-args",
    "max-procs": "jobs",
    "halt-on-error": "halt",
    "res": "results",
    "wd": "workdir",
}

_OWN_OUTPUT = "each job keeps its own output: jobwire logs RUN"
_AGAIN = "jobwire batch --retry-failed RUN runs again what failed; a run that is repeated with its --id starts nothing twice"
_ABOUT_OUTPUT = "keep-order group ungroup line-buffer tag tagstring ctag ctagstring files files0"
# What means nothing to a batch, or is there anyway; and how.
NOTES = {
    **dict.fromkeys(_ABOUT_OUTPUT.split(), _OWN_OUTPUT),
    "results": "jobwire logs --to DIR RUN writes the outputs into files",
    "joblog": "jobwire list -a --json RUN prints how each job ended and how long it took",
    **dict.fromkeys(("resume", "resume-failed", "retry-failed"), _AGAIN),
    "dry-run": "jobwire batch --dry-run FILE lists the jobs",
}
_NOTHING_TO_SAY = (
    "bar progress eta will-cite no-notice citation verbose silent no-run-if-empty color color-failed unsafe tmpdir tempdir plain "
    "quote null delimiter arg-file arg-sep argsep arg-file-sep argfilesep colsep header link jobs retries timeout halt workdir "
    "env nice max-args max-replace-args replace-string replace eof trim"
)
SILENT = frozenset(_NOTHING_TO_SAY.split())
_DIVIDE = "divide the input into files first, as split(1) does, and give each to a job"
# With these, what parallel reads is no list of values.
PIPES = dict.fromkeys(("pipe", "spreadstdin", "pipepart", "pipe-part"), _DIVIDE)
# What a batch does not do, and what to do instead.
LOST = {
    **dict.fromkeys(("tee", "cat", "fifo", "round-robin"), _DIVIDE),
    **dict.fromkeys(
        ("sshlogin", "sshloginfile", "slf", "ssh", "onall", "nonall", "filter"),
        "all jobs run on the worker in use; jobwire context add adds others",
    ),
    **dict.fromkeys(
        ("transfer", "transferfile", "tr", "return", "trc", "basefile", "bf", "cleanup"), "put and get of a job send files and fetch them"
    ),
    **dict.fromkeys(("semaphore", "sem", "id", "fg", "bg"), "jobwire submit --only-one NAME -- COMMAND"),
    **dict.fromkeys(("load", "memfree", "memsuspend", "noswap", "limit"), "cpus and memory of a job reserve what it needs"),
    **dict.fromkeys(("delay", "sshdelay"), "jobs start as soon as there is a slot; parallel = N in [batch] limits how many"),
    **dict.fromkeys(("interactive", "tty"), "jobwire run -it, one by one"),
    "shuf": "shuffle the values before, as shuf(1) does",
    **dict.fromkeys(("rpl", "parens", "plus", "tmpl", "template"), "compute the values before, or in the job: sh -c"),
    **dict.fromkeys(("xargs", "m", "max-lines", "max-chars"), "-n N gives N values to each job"),
    "profile": "write the options of the profile out",
}
