"""Records which function of jobwire calls which, in the process in which this is executed: so light that a supervisor can do it too.

It is executed, not imported: the supervisor's interpreter knows no folder but that of jobwire. What was recorded is written when the
process exits: a line a call, with a number for what its loop called, and the chain of calls from there, `module:function` each.
"""

# ruff: noqa: ANN001, ANN201, ANN204, PTH104, PTH123 -- executed as it stands, without typing and pathlib

import atexit
import os
import sys

# A call by a loop begins a new walk: by asyncio in the worker, by its own in the supervisor.
_LOOP = "jobwire.worker.supervisor.loop"
_LOOPS = {f"{_LOOP}:Loop.run", f"{_LOOP}:Loop._guard", f"{_LOOP}:Loop._call_due"}


class Recorder:
    """Everything that was called on the main thread since it was made."""

    def __init__(self):
        self.lines = []
        self.number = 0
        self.first = None

    def __call__(self, frame, event, _):
        if event != "call" or not frame.f_globals.get("__name__", "").startswith("jobwire."):
            return
        chain = []
        first = one = frame
        while one is not None:
            module = one.f_globals.get("__name__", "")
            name = f"{module}:{one.f_code.co_qualname}"
            if module.startswith("asyncio.") or (name in _LOOPS and one is not frame):
                break
            if one.f_code.co_name == "<module>" and module.startswith("jobwire."):
                # An import.
                return
            if module.startswith("jobwire."):
                chain.append(name)
                first = one
            one = one.f_back
        if first is not self.first:
            self.first = first
            self.number += 1
        self.lines.append(f"{self.number} {' '.join(reversed(chain))}")

    def write(self):
        sys.setprofile(None)
        path = f"{os.environ['WALKS']}/{os.getpid()}"
        with open(f"{path}.part", "w") as file:
            file.write("\n".join(self.lines))
        os.rename(f"{path}.part", path)


def record():
    """Record from now on."""
    recorder = Recorder()
    atexit.register(recorder.write)
    sys.setprofile(recorder)


def record_those_below():
    """Have keeper and supervisor do the same, before anything else."""
    from jobwire.worker.keeper import light_process  # noqa: PLC0415 -- not in a client

    plain = light_process.command

    def command(call):  # noqa: ANN202 -- as said
        *argv, program = plain(call)
        path, _, what = program.partition("; from ")
        return [*argv, f"{path}; exec(open({os.environ['WALK_RECORDER']!r}).read()); record_those_below(); record(); from {what}"]

    light_process.command = command
