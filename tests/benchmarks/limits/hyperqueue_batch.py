"""Run COUNT times /bin/true with HyperQueue's server and a worker of CORES cores, and print jobs per second.

    python hyperqueue_batch.py COUNT CORES FOLDER

Each writes its two logs into FOLDER. It counts from the submission until the last has ended and its log can be opened.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

from hyperqueue import Client, Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

_WARM_UP = 20


def _run(client: Client, count: int, logs: Path) -> float:
    job = Job(max_fails=None)
    for number in range(count):
        job.program(["/bin/true"], stdout=str(logs / f"{number}.out"), stderr=str(logs / f"{number}.err"))
    begun = perf_counter()
    client.wait_for_jobs([client.submit(job)])
    (logs / f"{count - 1}.out").open().close()
    return count / (perf_counter() - begun)


def main(count: int, cores: int, folder: Path) -> None:
    """Print the rate."""
    with LocalCluster(server_dir=str(folder / "server"), worker_config=WorkerConfig(cores=cores)) as cluster:
        client = cluster.client()
        _run(client, _WARM_UP, folder)
        print(_run(client, count, folder))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
