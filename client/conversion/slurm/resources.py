"""The resources that a Slurm script requests: nodes, CPUs, memory, GPUs, licences."""

from __future__ import annotations

import re

from ..draft import Table, Value, name_of
from ..remarks import Remarks
from .said import Said, SaidOption, amount
from .values import NotValue, gpus_of, kib_of, size_text

_LEAST_KIB = 4 * 1024


class Resources:
    """The keys of a job, and the variables with which Slurm tells the script what it was given."""

    def __init__(self, said: Said, remarks: Remarks) -> None:
        self._said = said
        self._remarks = remarks
        self.keys: Table = {}
        self.variables: dict[str, str] = {}
        self._take_processors()
        self._take_memory()
        self._take_licenses()

    def _take_processors(self) -> None:
        self._take_nodes()
        of_each = amount(self._said, self._remarks, "cpus-per-task")
        tasks = amount(self._said, self._remarks, "ntasks") or amount(self._said, self._remarks, "ntasks-per-node") or 1
        gpus = self._gpus(tasks)
        if gpus:
            self.keys["gpus"] = gpus
            of_each = of_each or ((amount(self._said, self._remarks, "cpus-per-gpu") or 0) * gpus or None)
            self.variables |= {"SLURM_GPUS": str(gpus), "SLURM_GPUS_ON_NODE": str(gpus)}
        cpus = tasks * (of_each or 1)
        if cpus > 1:
            self.keys["cpus"] = cpus
        if tasks > 1:
            said = self._said.get("ntasks") or self._said.get("ntasks-per-node")
            assert said is not None
            self._remarks.note(said.line, f"{said.shown}: the script runs once, as with sbatch, and takes {cpus} cpus")
        self.variables |= {"SLURM_NTASKS": str(tasks), "SLURM_NPROCS": str(tasks), "SLURM_CPUS_ON_NODE": str(cpus)}
        self.variables |= {"SLURM_JOB_CPUS_PER_NODE": str(cpus), "SLURM_NTASKS_PER_NODE": str(tasks), "SLURM_TASKS_PER_NODE": str(tasks)}
        if of_each:
            self.variables["SLURM_CPUS_PER_TASK"] = str(of_each)

    def _take_nodes(self) -> None:
        if (said := self._said.get("nodes")) is None:
            return
        fewest = said.value.partition("-")[0].partition(",")[0]
        if fewest != "1":
            self._remarks.lost(said.line, f"{said.shown}: a job runs on one machine", "divide the work into jobs")
        elif said.value not in {"1", "1-1"}:
            self._remarks.note(said.line, f"{said.shown}: a job runs on one machine")

    def _gpus(self, tasks: int) -> int:
        total = 0
        for name, times in (("gpus", 1), ("gpus-per-node", 1), ("gpus-per-task", tasks), ("gpus-per-socket", 1)):
            if (said := self._said.get(name)) is not None:
                total = max(total, self._gpus_of(said, said.value) * times)
        if (said := self._said.get("gres")) is not None:
            for part in said.value.split(","):
                kind, _, rest = part.strip().removeprefix("gres/").partition(":")
                if kind == "gpu":
                    total = max(total, self._gpus_of(said, rest or "1"))
                elif kind and kind != "none":
                    self._remarks.lost(said.line, f"--gres={part} is dropped", _resource(kind))
        return total

    def _gpus_of(self, said: SaidOption, text: str) -> int:
        try:
            count, kinds = gpus_of(text)
        except NotValue as problem:
            self._remarks.lost(said.line, f"{said.shown}: {problem}")
            return 0
        if kinds:
            self._remarks.note(said.line, f"{said.shown}: the job gets any of the worker's GPUs, whether {kinds} or not")
        return count

    def _take_memory(self) -> None:
        cpus, gpus = int(str(self.keys.get("cpus", 1))), int(str(self.keys.get("gpus", 0)))
        for name, times in (("mem", 1), ("mem-per-cpu", cpus), ("mem-per-gpu", gpus)):
            if (said := self._said.get(name)) is None:
                continue
            try:
                kib = kib_of(said.value) * times
            except NotValue as problem:
                self._remarks.lost(said.line, f"{said.shown}: {problem}")
                continue
            if kib == 0:
                self._remarks.note(said.line, f"{said.shown}: the job may use all memory, and reserves none")
                continue
            if kib < _LEAST_KIB:
                self._remarks.note(said.line, f"{said.shown}: it is 4M, the least that a job can have")
            self.keys["memory"] = size_text(max(kib, _LEAST_KIB))
            self.variables["SLURM_MEM_PER_NODE"] = str(-(-kib // 1024))
            if name == "mem-per-cpu":
                self.variables["SLURM_MEM_PER_CPU"] = str(-(-kib // times // 1024))

    def _take_licenses(self) -> None:
        if (said := self._said.get("licenses")) is None:
            return
        wanted: dict[str, Value] = {}
        for part in said.value.replace(";", ",").split(","):
            name, _, count = part.strip().partition(":")
            name = name_of(name.partition("@")[0])
            if name[:1].isalpha() and re.fullmatch(r"[1-9][0-9]{0,4}", count or "1"):
                wanted[name] = int(count or 1)
                self._remarks.note(said.line, f"{said.shown}: the worker must know it", f"jobwire worker set --resource {name}=N")
            else:
                self._remarks.lost(said.line, f"{said.shown}: {part!r} is not a licence", "resources = { NAME = N }")
        if wanted:
            self.keys["resources"] = wanted


def _resource(kind: str) -> str:
    name = name_of(kind) or "NAME"
    return f"resources = {{ {name} = 1 }}, with jobwire worker set --resource {name}=N"
