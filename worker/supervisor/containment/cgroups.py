"""The cgroups (version 2) of jobs: all that is in one is killed by one write. See cgroups(7). A job's box has more than it: union.py.

They are kept in a pool: making, opening and removing one for each job would be the dearest part of a start. Beneath the cgroup that this
process is in stands one for the state folder, and in that one for each job that runs.
"""

# pathlib is not light.
# ruff: noqa: PTH103, PTH106, PTH116, PTH208
from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable

from ...keeper.light_process import say
from ..loop import Loop
from .containment import all_stopped, signal_members, signal_until_none_is_new
from .processes import cgroup_of

_MOST_KEPT = 64
_PREFIX = "job-"
# One without folders in it.
_LINKS_OF_A_FOLDER = 2


class Cgroup:
    """The cgroup of one job."""

    def __init__(self, pool: Cgroups, path: str) -> None:
        self._pool = pool
        self._disturbed = False
        self.path = path
        self._open()

    def _open(self) -> None:
        self._procs = os.open(f"{self.path}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        try:
            self._events = os.open(f"{self.path}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(self._procs)
            raise

    def enter(self) -> None:
        """Move this process in, so that what it spawns is in from its first instruction on. Raises OSError with words."""
        try:
            os.write(self._procs, b"0")
        except OSError:
            self._make_again()

    def _make_again(self) -> None:
        """Somebody removed it while it was in the pool: whatever else stands under its name now, nothing of ours runs in it."""
        # Until it is known to be whole it must not go back to the pool.
        self._disturbed = True
        try:
            os.makedirs(self.path, exist_ok=True)
            former = self._procs, self._events
            self._open()
            for fd in former:
                os.close(fd)
            os.write(self._procs, b"0")
        except OSError as error:
            raise _in_words(self.path, error) from error
        self._disturbed = False

    def leave(self) -> None:
        """Move this process back."""
        self._pool.go_home()

    def pids(self) -> list[int]:
        """List what still runs, also in cgroups that the job made beneath its own."""
        found = []
        for folder, _, _ in os.walk(self.path):
            try:
                with open(f"{folder}/cgroup.procs") as file:  # noqa: PTH123 -- as above
                    found += [int(line) for line in file]
            except OSError:
                # The job removed it meanwhile, or made a threaded one, whose processes its parent lists.
                continue
        return found

    def is_empty(self) -> bool:
        """Tell whether nothing runs any more; a zombie does not run."""
        try:
            return b"populated 0" in os.pread(self._events, 256, 0)
        except OSError:
            # ENODEV: somebody removed it, perhaps we, after a supervisor that died; which nobody can while something runs in it. It must
            # not go back to the pool.
            self._disturbed = True
            return True

    def has(self, pid: int) -> bool:
        """Tell whether a process is in it, or beneath it."""
        return f"{self._pool.tree.folder_of(pid)}/".startswith(f"{self.path}/")

    def disturb(self) -> None:
        """Note that something was done to it, after which it does not go back to the pool."""
        self._disturbed = True

    def _send(self, number: int) -> set[int]:
        self.disturb()
        return signal_members(self.pids(), number, self.has)

    def kill(self) -> None:
        """Send SIGKILL to every process, also to those being forked just now."""
        self._disturbed = True
        try:
            with open(f"{self.path}/cgroup.kill", "w") as file:  # noqa: PTH123 -- as above
                file.write("1")
        except FileNotFoundError:
            # Before Linux 5.14.
            signal_until_none_is_new(self.pids, lambda: self._send(signal.SIGKILL))

    def freeze(self) -> None:
        """Let every process stand still, as soon as each leaves the kernel, until `thaw`."""
        if not self._write_freeze("1"):
            signal_until_none_is_new(self.pids, lambda: self._send(signal.SIGSTOP))

    def thaw(self) -> None:
        """Let every process go on."""
        if not self._write_freeze("0"):
            self._send(signal.SIGCONT)

    def is_frozen(self) -> bool:
        """Tell whether all stand still; the kernel knows, whoever asked for it."""
        try:
            with open(f"{self.path}/cgroup.freeze") as file:  # noqa: PTH123 -- as above
                return file.read().strip() == "1"
        except FileNotFoundError:
            return all_stopped(self.pids())

    def _write_freeze(self, value: str) -> bool:
        self._disturbed = True
        try:
            with open(f"{self.path}/cgroup.freeze", "w") as file:  # noqa: PTH123 -- as above
                file.write(value)
        except FileNotFoundError:
            # Before Linux 5.2.
            return False
        return True

    def await_empty(self, loop: Loop, callback: Callable[[], None]) -> None:
        """Call back once, when nothing runs any more; perhaps at once."""

        def look(_events: int) -> None:
            if self.is_empty():
                loop.unwatch(self._events)
                callback()

        # The kernel raises EPOLLPRI when the file has changed since it was last read through this descriptor.
        loop.watch(self._events, select.EPOLLPRI, look)
        look(0)

    def release(self) -> None:
        """Give it back to the pool; nothing runs in it any more."""
        # It may be frozen, by us or by the job itself, which then left it or was killed. Who enters a frozen cgroup stops, and we would.
        if self._disturbed or self._is_changed() or not self._pool.keep(self):
            self.remove()

    def _is_changed(self) -> bool:
        """Tell whether the job left it frozen, or left cgroups of its own beneath it."""
        try:
            return b"frozen 1" in os.pread(self._events, 256, 0) or os.stat(self.path).st_nlink > _LINKS_OF_A_FOLDER
        except OSError:
            return True

    def remove(self) -> None:
        """Remove it, with what the job made beneath it."""
        os.close(self._procs)
        os.close(self._events)
        _remove_tree(self.path)


class Tree:
    """Where the cgroups are mounted. What is mounted may be a part of the tree: it begins at `root`."""

    def __init__(self, mount: str, root: str) -> None:
        self._mount = mount
        self._root = root

    def folder_of(self, pid: int) -> str:
        """Say in which folder the cgroup of a process is."""
        return f"{self._mount}{cgroup_of(pid).removeprefix(self._root)}".rstrip("/")


class Cgroups:
    """The pool of them, for one state folder."""

    def __init__(self, tree: Tree, name: str) -> None:
        self.tree = tree
        self._name = name
        home = tree.folder_of(os.getpid())
        self._base = f"{home}/{name}"
        os.makedirs(self._base, exist_ok=True)
        self._home = os.open(f"{home}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        self._free: list[Cgroup] = []
        self._next = max((int(one.removeprefix(_PREFIX)) for one in self._names()), default=0) + 1

    def take(self) -> Cgroup:
        """Get one for a job that is about to be spawned."""
        return self._free.pop() if self._free else self._make()

    def of_process(self, pid: int) -> Cgroup | None:
        """Get the one again that a process of the job runs in; None if it is in none of these."""
        # The state folder's cgroup may stand elsewhere than now, if another service started the job.
        above, base, below = self.tree.folder_of(pid).partition(f"/{self._name}/")
        try:
            return Cgroup(self, f"{above}{base}{below.partition('/')[0]}") if base else None
        except OSError:
            return None

    def keep(self, box: Cgroup) -> bool:
        """Keep an empty box for the next job; False if there are enough, or it stands elsewhere."""
        if len(self._free) >= _MOST_KEPT or not box.path.startswith(f"{self._base}/"):
            return False
        self._free.append(box)
        return True

    def go_home(self) -> None:
        """Move this process where it was started."""
        try:
            os.write(self._home, b"0")
        except OSError as error:
            # In a job's cgroup we would be killed with it. The next supervisor starts at home, and adopts.
            say(f"cannot leave a job's cgroup: {error}")
            os._exit(1)

    def remove_empty(self) -> None:
        """Remove what another supervisor left behind."""
        kept = {box.path for box in self._free}
        for path in (f"{self._base}/{name}" for name in self._names()):
            if path not in kept:
                try:
                    os.rmdir(path)
                except OSError:
                    # A job runs in it.
                    continue

    def close(self) -> None:
        """Leave nothing behind."""
        for box in self._free:
            box.remove()
        self._free = []
        self.remove_empty()
        _remove_tree(self._base)

    def _make(self) -> Cgroup:
        path = f"{self._base}/{_PREFIX}{self._next}"
        self._next += 1
        try:
            # With the one above it, should somebody have removed that.
            os.makedirs(path)
            return Cgroup(self, path)
        except OSError as error:
            raise _in_words(path, error) from error

    def _names(self) -> list[str]:
        try:
            return [one for one in os.listdir(self._base) if one.removeprefix(_PREFIX).isdigit()]
        except FileNotFoundError:
            # Somebody removed it; it is made again with the next one in it.
            return []


def open_cgroups(name: str) -> Cgroups | None:
    """Find out by trying whether processes can be put into cgroups of our own; None, and a line in the log, if not."""
    tree = find_tree()
    if tree is None:
        say("there is no cgroup v2 here: jobs are held together by session, mark and descent")
        return None
    try:
        pool = Cgroups(tree, name)
        box = pool.take()
        try:
            box.enter()
        finally:
            pool.go_home()
    except OSError as error:
        say(f"cgroups cannot be used ({error}): jobs are held together by session, mark and descent")
        return None
    box.release()
    return pool


def find_tree() -> Tree | None:
    """Find where the cgroup v2 that we are in is mounted; see proc_pid_mountinfo(5)."""
    own = cgroup_of(os.getpid())
    with open("/proc/self/mountinfo") as file:  # noqa: PTH123 -- as above
        for line in file:
            fields = line.split(" ")
            root, mount = fields[3].rstrip("/"), fields[4].replace("\\040", " ")
            # "/.." is a place outside of our cgroup namespace.
            if fields[fields.index("-") + 1] == "cgroup2" and f"{own}/".startswith(f"{root}/") and "/.." not in own:
                return Tree(mount, root)
    return None


def _in_words(path: str, error: OSError) -> OSError:
    return OSError(error.errno, f"its cgroup {path} cannot be used: {error.strerror}")


def _remove_tree(path: str) -> None:
    # Files in a cgroup's folder are the kernel's and go with it.
    for folder, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(folder)
        except OSError as error:
            say(f"a cgroup is left behind, {folder}: {error.strerror}")
