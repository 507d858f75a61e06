"""A small real Slurm for system tests: munged, slurmctld and three slurmd of one host, with all that they write in one folder.

Everything listens on loopback, at ports that were free a moment ago, and uses a munge socket and key of its own: a Slurm of the machine
is not touched. Needs Debian's slurm-wlm and munge, and root.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from daemons import wait_until
from processes import is_alive

NODES = ("n1", "n2", "n3")
_COMMANDS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
# Processes are held by the freezer of cgroup v1; with v2, slurmd needs a systemd.
holds_processes = Path("/sys/fs/cgroup/freezer").is_dir()


def _missing() -> str:
    if os.geteuid() != 0:
        return "slurmd needs root"
    missing = [one for one in _COMMANDS if shutil.which(one) is None]
    return f"not installed: {', '.join(missing)} (apt-get install slurm-wlm munge)" if missing else ""


needs_slurm = pytest.mark.skipif(bool(_missing()), reason=f"no Slurm can be started here: {_missing()}")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Slurm:
    """One cluster. `conf`: what SLURM_CONF has to be for its commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conf = folder / "slurm.conf"
        for name in ("run", "state", "log", *NODES):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)
        (folder / "run").chmod(0o755)

    def start(self) -> Slurm:
        """Start it, and return when all nodes are idle."""
        run, log = self.folder / "run", self.folder / "log"
        key = run / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
        files = (
            ("key-file", key),
            ("socket", run / "munge"),
            ("pid-file", run / "munged.pid"),
            ("log-file", log / "munged"),
            ("seed-file", run / "seed"),
        )
        self._run("munged", "--force", *(f"--{name}={path}" for name, path in files))
        self.conf.write_text(self._configuration())
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nConstrainCores=no\n")
        self._run("slurmctld")
        for node in NODES:
            self._run("slurmd", "-N", node)
        wait_until(lambda: self.ask("sinfo", "--noheader", "--format=%D %t") == f"{len(NODES)} idle", f"all nodes are idle; see {log}")
        return self

    def _configuration(self) -> str:
        host, folder = socket.gethostname(), self.folder
        control, *ports = _free_ports(1 + len(NODES))
        lines = [
            f"ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={control}\nSlurmUser=root\nSlurmdUser=root",
            f"AuthType=auth/munge\nAuthInfo=socket={folder}/run/munge\nStateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/%n",
            f"SlurmctldPidFile={folder}/run/slurmctld.pid\nSlurmdPidFile={folder}/run/%n.pid",
            f"SlurmctldLogFile={folder}/log/slurmctld\nSlurmdLogFile={folder}/log/%n",
            f"ProctrackType=proctrack/{'cgroup' if holds_processes else 'linuxproc'}\nTaskPlugin=task/none",
            "SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\nSchedulerParameters=sched_min_interval=0,batch_sched_delay=0,bf_interval=1",
            "JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\nJobCompType=jobcomp/none",
            "SwitchType=switch/none\nMpiDefault=none\nSlurmdParameters=config_overrides\nReturnToService=2",
            *(
                f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 State=UNKNOWN"
                for node, port in zip(NODES, ports, strict=True)
            ),
            f"PartitionName=short Nodes={','.join(NODES)} Default=YES MaxTime=INFINITE State=UP",
        ]
        return "\n".join(lines) + "\n"

    def _run(self, *argv: str) -> str:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "SLURM_CONF": str(self.conf)},
        )
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout.strip()

    def ask(self, *argv: str) -> str:
        """Return what one of its commands prints."""
        return self._run(*argv)

    def stop(self) -> None:
        """End all allocations, and the daemons."""
        self.ask("scancel", "--user=root")
        wait_until(lambda: not self.ask("squeue", "--noheader"), "all allocations have ended")
        for name in (*NODES, "slurmctld", "munged"):
            pid = int((self.folder / "run" / f"{name}.pid").read_text())
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda pid=pid: not is_alive(pid), f"{name} has ended")  # type: ignore[misc]
