"""`jobwire broker grow`: where the broker in use gets more workers from when jobs wait."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Annotated

from ....schemas.text.durations import parse_duration
from ....schemas.text.sizes import parse_size
from ...library.values.growth import GrowthQueue, GrowthSettings
from ..arguments import Json, understanding
from ..chosen_broker import broker
from ..exit_status import BadInput
from ..parser.parameters import Argument, Context, Option
from ..terminal.screen import Cell, Table, say, write_json

_CLUSTERS = ("slurm", "local")
_CHANGES = {"pause": "pause", "resume": "resume", "rm": "remove"}
_ORDER = ("asking", "pending", "starting", "joined", "leaving")
_DONE = {
    "pause": "{0} asks for nothing more; jobwire broker grow resume {0} changes that",
    "resume": "{0} asks for workers again when jobs wait",
    "rm": "{0} is removed; its workers get no more jobs, and leave when their jobs have ended",
}


def grow(  # noqa: PLR0913 -- an argument for each option
    ctx: Context,
    what: Annotated[str, Argument(metavar="slurm|local|list|pause|resume|rm", help="Where workers come from, or what to do.")],
    rest: Annotated[
        list[str] | None, Argument(metavar="[QUEUE|OPTION]...", help="Queue to change; after --, further options of sbatch.")
    ] = None,
    *,
    name: Annotated[str, Option(metavar="NAME", help="Name of the queue. Default: the partition, or the cluster.")] = "",
    partition: Annotated[str, Option(metavar="NAME", help="Partition of Slurm. Default: its default partition.")] = "",
    max_workers: Annotated[int, Option(min=1, metavar="N", help="How many workers there may be at once.")] = 10,
    time: Annotated[str, Option("--time", metavar="TIME", help="How long an allocation lasts: 4h, 90m.")] = "1h",
    idle: Annotated[str, Option(metavar="TIME", help="A worker that has had no job for this long leaves.")] = "5m",
    assume: Annotated[
        str, Option(metavar="TIME", help="How long a job without a time limit is expected to take. Default: half of --time.")
    ] = "",
    per_node: Annotated[int, Option(min=1, metavar="N", help="Workers in an allocation. They are given back together.")] = 1,
    cpus: Annotated[int, Option(min=1, metavar="N", help="CPUs of a worker: as many jobs run there at once.")] = 1,
    memory: Annotated[str, Option(metavar="SIZE", help="Memory of a worker. Default: what the cluster gives.")] = "",
    gpus: Annotated[int, Option(min=0, metavar="N", help="GPUs of a worker.")] = 0,
    label: Annotated[
        list[str] | None, Option("--label", metavar="NAME[=VALUE]", help="Label its workers, for jobs that ask for it with --on.")
    ] = None,
    folder: Annotated[str, Option(metavar="DIR", help="Folder that the nodes see, for tokens. Default: in that of the broker.")] = "",
    scratch: Annotated[str, Option(metavar="DIR", help="Folder on the disk of each node, for the state of its worker.")] = "",
    python: Annotated[str, Option(metavar="PATH", help="Python with jobwire on the nodes. Default: that of the broker.")] = "",
    endpoint: Annotated[str, Option(metavar="tcp://HOST:PORT", help="Where nodes reach the broker. Default: where it listens.")] = "",
    jobs_as_root: Annotated[bool, Option("--jobs-as-root", help="If the broker runs as root, let jobs run as root.")] = False,
    json: Json = False,
) -> None:
    """Get workers from a cluster when jobs wait, and give them back when they are idle; or list and change queues that do so.

    `slurm` and `local` (processes on the machine of the broker) add a queue, which the broker keeps until `rm`. It requests as many workers
    as the jobs need that could start at once. Needs the role admin; pause and resume need operator.
    """
    words = rest or []
    if what in _CLUSTERS:
        with understanding():
            length = parse_duration(time)
            settings = GrowthSettings(
                name=name or partition.lower() or what,
                cluster=what,
                max_workers=max_workers,
                time=timedelta(milliseconds=length),
                idle=timedelta(milliseconds=parse_duration(idle)),
                assume=timedelta(milliseconds=parse_duration(assume) if assume else length / 2),
                partition=partition,
                per_node=per_node,
                cpus=cpus,
                memory_bytes=parse_size(memory) if memory else 0,
                gpus=gpus,
                options=words,
                folder=folder,
                scratch=scratch,
                python=python,
                endpoint=endpoint,
                jobs_as_root=jobs_as_root,
                labels=label or (),
            )
        with broker(ctx) as connected:
            connected.workers.add_queue(settings)
        whence = "starts workers on the machine of the broker" if what == "local" else f"asks {what} for workers"
        say(f"added {settings.name}, which {whence} when jobs wait; jobwire broker grow list shows them")
    elif what == "list" and not words:
        with broker(ctx) as connected:
            _show(connected.workers.queues(), json=json)
    elif what in _CHANGES and len(words) == 1:
        with broker(ctx) as connected:
            connected.workers.change_queue(words[0], _CHANGES[what])
        say(_DONE[what].format(words[0]))
    elif what in _CHANGES:
        raise BadInput(f"name the queue: jobwire broker grow {what} QUEUE; jobwire broker grow list shows them")
    else:
        raise BadInput(f"{what!r} is neither a cluster (slurm, local) nor one of list, pause, resume, rm")


def _show(queues: tuple[GrowthQueue, ...], *, json: bool) -> None:
    table = Table("QUEUE", "CLUSTER", "STATE", "WORKERS", "ALLOCATIONS", "WHY", expendable=("WHY",))
    for queue in queues:
        if json:
            write_json(_record(queue))
            continue
        counts = Counter(one.state for one in queue.allocations)
        state = Cell("paused", "red") if queue.paused else Cell("waiting", "yellow") if queue.why else Cell("growing", "green")
        shown = ", ".join(f"{counts[one]} {one}" for one in _ORDER if counts[one])
        workers = f"{counts['joined']} of {queue.settings.max_workers}"
        table.add(queue.settings.name, queue.settings.cluster, state, workers, shown or "none", queue.why)
    table.write()


def _record(queue: GrowthQueue) -> dict[str, object]:
    settings = queue.settings
    return {
        "name": settings.name,
        "cluster": settings.cluster,
        "partition": settings.partition or None,
        "paused": queue.paused,
        "why": queue.why or None,
        "max_workers": settings.max_workers,
        "time_s": settings.time.total_seconds(),
        "idle_s": settings.idle.total_seconds(),
        "assume_s": settings.assume.total_seconds(),
        "per_node": settings.per_node,
        "cpus": settings.cpus,
        "memory_bytes": settings.memory_bytes or None,
        "gpus": settings.gpus,
        "labels": list(settings.labels),
        "options": list(settings.options),
        "allocations": [
            {"name": one.name, "cluster_id": one.cluster_id or None, "state": one.state, "since_s": one.since.total_seconds()}
            for one in queue.allocations
        ],
    }
