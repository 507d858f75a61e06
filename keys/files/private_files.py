"""Files and folders that only their owner may read: written atomically, and never through a link of another user.

A path is resolved part by part, each opened relative to the descriptor of the previous one, so that nobody can replace a folder between
check and use. Root follows only links of root. Knows no content of the files.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...schemas.refusal import Code, Refused
from .ownership import name_of, others_may_write, outsiders

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# As in path_resolution(7).
_MOST_LINKS = 40
# For others that edit a file in the same folder, each of which waits for the disk; and how often it is looked at.
LOCK_SECONDS = 20
_LOOK_AGAIN_SECONDS = 0.01
# See rename(2).
_RENAME_NOREPLACE = 1
_UNLESS_LINKS = {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL, errno.EXDEV}


class Place:
    """A file name in an open folder. Close it after use."""

    def __init__(self, folder: int, path: Path) -> None:
        """`path` is the path with its links resolved."""
        self.folder = folder
        self.path = path

    def close(self) -> None:
        """Close the folder and release the lock."""
        os.close(self.folder)

    def lock(self) -> None:
        """Wait until no other process edits a file in this folder. Locks the folder and not the file, because the file is replaced.

        Raises Refused(UNAVAILABLE) if another process keeps it locked.
        """
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                # flock(2) waits without a deadline, and a daemon that is to exit waits for the edit.
                fcntl.flock(self.folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Refused(
                        Code.UNAVAILABLE,
                        f"{self.path} cannot be changed: another process has kept {self.path.parent} locked for {LOCK_SECONDS} seconds",
                        "try again; lslocks shows which processes hold locks",
                    ) from None
                time.sleep(_LOOK_AGAIN_SECONDS)
            else:
                return

    def open(self) -> int:
        """Return a descriptor of the file, open for reading.

        Raises OSError.
        """
        # O_NONBLOCK: a FIFO of that name must not block.
        return os.open(self.path.name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.folder)

    def create(self, data: bytes) -> None:
        """Write a new file, mode 0600, atomically; it survives power loss.

        Raises FileExistsError if it exists, and leaves it unchanged.
        """
        with self._written_beside(data) as (made, _):
            try:
                # Unlike rename(2), link(2) never replaces: of several at once exactly one wins.
                os.link(made, self.path.name, src_dir_fd=self.folder, dst_dir_fd=self.folder, follow_symlinks=False)
            except OSError as error:
                if error.errno not in _UNLESS_LINKS:
                    raise
                self._rename_unless_there(made)
            else:
                os.unlink(made, dir_fd=self.folder)
            _sync(self.folder)

    def replace(self, data: bytes, *, durable: bool = True) -> None:
        """Write or replace a file, mode 0600, atomically: readers see the old one or the new one.

        Its owner is that of the old one, or else of the folder. If it need not survive power loss, this does not wait for the disk.
        Raises OSError, also for a device: a link to /dev/null must not make root replace that by a file.
        """
        before = self._status()
        if before is not None and (stat.S_ISCHR(before.st_mode) or stat.S_ISBLK(before.st_mode)):
            raise OSError(errno.EINVAL, "it is a device, and not a file", self.path)
        with self._written_beside(data, durable=durable) as (made, fd):
            # If root edits the file of a service, the service must still be able to read it.
            before = self._status() or os.fstat(self.folder)
            if before.st_uid != os.geteuid():
                # By descriptor: the name may lead to another file by now.
                os.fchown(fd, before.st_uid, before.st_gid)
            os.rename(made, self.path.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
            if durable:
                _sync(self.folder)

    def _status(self) -> os.stat_result | None:
        try:
            return os.stat(self.path.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _rename_unless_there(self, made: str) -> None:
        """Write the file without hard links, which some file systems lack."""
        import ctypes  # noqa: PLC0415 -- rarely needed

        libc = ctypes.CDLL(None, use_errno=True)
        name = self.path.name.encode("utf-8", "surrogateescape")
        if not libc.renameat2(self.folder, made.encode("utf-8", "surrogateescape"), self.folder, name, _RENAME_NOREPLACE):
            return
        if (number := ctypes.get_errno()) not in {errno.EINVAL, errno.ENOSYS}:
            raise OSError(number, os.strerror(number), self.path)
        # A file system without either: two concurrent writers cannot be told apart here.
        if self._status() is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.path)
        os.rename(made, self.path.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)

    @contextmanager
    def _written_beside(self, data: bytes, *, durable: bool = True) -> Iterator[tuple[str, int]]:
        """Write a file under a temporary name, which is removed if an exception is raised."""
        made = f".{self.path.name}.{os.urandom(8).hex()}"
        fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self.folder)
        try:
            # Regardless of the umask.
            os.fchmod(fd, 0o600)
            with open(fd, "wb", closefd=False) as file:
                file.write(data)
            if durable:
                _sync(fd)
            yield made, fd
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(made, dir_fd=self.folder)
            raise
        finally:
            os.close(fd)


@contextmanager
def place_of(path: Path, *, make: bool = False) -> Iterator[Place]:
    """Return the place of a file, or of what it links to; `make`: create a missing folder with mode 0700.

    Raises OSError; PermissionError for a link that another user could have made.
    """
    place = Place(*_walk(path, make=make, to_folder=False))
    try:
        yield place
    finally:
        place.close()


def make_folder(path: Path) -> None:
    """Make a folder and its missing parents with mode 0700; existing ones are left unchanged."""
    folder, _ = _walk(path, make=True, to_folder=True)
    os.close(folder)


def create(path: Path, data: bytes) -> None:
    """Write a file as `Place.create` does."""
    with place_of(path) as place:
        place.create(data)


def replace(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file as `Place.replace` does."""
    with place_of(path) as place:
        place.replace(data, durable=durable)


def replace_itself(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file as `Place.replace` does. If its name is a link, the link is replaced, not its target."""
    folder, resolved = _walk(path.parent, make=False, to_folder=True)
    place = Place(folder, resolved / path.name)
    try:
        place.replace(data, durable=durable)
    finally:
        place.close()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: fsync(2) of a file does not include its name."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(fd)
    finally:
        os.close(fd)


def _sync(fd: int) -> None:
    try:
        os.fsync(fd)
    except OSError as error:
        # fsync(2): this file system does not support it, for example for folders.
        if error.errno != errno.EINVAL:
            raise


class _Walk:
    """The open folders from the root to the current folder."""

    def __init__(self) -> None:
        self._opened = [os.open("/", os.O_PATH | _FOLDER)]
        self.names: list[str] = []

    def status(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self._opened[-1], follow_symlinks=False)
        except FileNotFoundError:
            return None

    def enter(self, name: str, *, make: bool) -> None:
        made = False
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=self._opened[-1])
                made = True
        self._opened.append(os.open(name, os.O_PATH | _FOLDER, dir_fd=self._opened[-1]))
        if made and stat.S_IMODE(os.fstat(self._opened[-1]).st_mode) & stat.S_IRWXU != stat.S_IRWXU:
            # The umask removed permissions that are needed here. By descriptor, as the name may lead to another folder by now.
            Path(f"/proc/self/fd/{self._opened[-1]}").chmod(0o700)
        self.names.append(name)

    def up(self) -> None:
        if self.names:
            self.names.pop()
            os.close(self._opened.pop())

    def follow(self, name: str, link: os.stat_result) -> tuple[str, ...]:
        """Return the components of a link's target, to be followed from the folder that is current afterwards."""
        _demand_ours(self._opened[-1], link, Path("/", *self.names, name))
        target = Path(os.readlink(name, dir_fd=self._opened[-1]))
        if not target.is_absolute():
            return target.parts
        while self.names:
            self.up()
        return target.parts[1:]

    def reopen(self) -> int:
        """Return a descriptor of the current folder that can be used for more than path resolution (O_PATH)."""
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._opened[-1])

    def close(self) -> None:
        for fd in self._opened:
            os.close(fd)


def _walk(path: Path, *, make: bool, to_folder: bool) -> tuple[int, Path]:
    """Resolve a path as path_resolution(7) does; return the open folder, or that of the file, and the path with its links resolved."""
    parts = deque(path.absolute().parts[1:])
    links = 0
    walk = _Walk()
    try:
        while parts:
            name = parts.popleft()
            if name == "..":
                walk.up()
                continue
            status = walk.status(name)
            if status is not None and stat.S_ISLNK(status.st_mode):
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                parts.extendleft(reversed(walk.follow(name, status)))
            elif parts or to_folder:
                walk.enter(name, make=make and status is None)
            else:
                return walk.reopen(), Path("/", *walk.names, name)
        if to_folder:
            return walk.reopen(), Path("/", *walk.names)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    finally:
        walk.close()


def _demand_ours(folder: int, link: os.stat_result, path: Path) -> None:
    """Refuse a link that another user could have made; for users other than root, by the rules of fs.protected_symlinks in proc(5)."""
    within = os.fstat(folder)
    if os.geteuid() == 0:
        trusted = {0, *outsiders()}
        fixed = not others_may_write(within) or within.st_mode & stat.S_ISVTX
        is_ours = link.st_uid in trusted and within.st_uid in trusted and fixed
    else:
        is_ours = link.st_uid in {0, os.geteuid(), within.st_uid}
    if not is_ours:
        owner = link.st_uid or within.st_uid
        raise PermissionError(errno.EPERM, f"{path} is a symbolic link that {name_of(owner)} may have created, and is not followed")
