"""The state folder of a worker in an allocation, on a local disk of the node: locks and SQLite need one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ...schemas.refusal import Code, Refused
from ..mounts import MOUNTS, read_mounts

_REMOTE = frozenset(
    {
        *(
            "nfs",
            "nfs4",
            "lustre",
            "gpfs",
            "cifs",
            "smb3",
            "smbfs",
            "ceph",
            "afs",
            "9p",
            "beegfs",
            "pvfs2",
            "panfs",
            "wekafs",
            "ocfs2",
            "gfs2",
        ),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.juicefs", "fuse.s3fs", "fuse.lustre", "fuse.beegfs_ondemand"),
    }
)


def make_state(scratch: str, name: str) -> Path:
    """Return a new folder with mode 0700, in `scratch` or the node's folder for temporary files.

    Raises Refused(FAILED_PRECONDITION) if it cannot be created, or is on a network file system.
    """
    base = scratch or os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 -- a folder of its own is made there
    try:
        kind = file_system_of(Path(base))
        if kind in _REMOTE:
            message = f"{base} is on a network file system ({kind}), where the state of a worker cannot be"
            raise Refused(Code.FAILED_PRECONDITION, message, "choose a folder on a disk of the node with --scratch")
        return Path(tempfile.mkdtemp(prefix=f"jobwire-{name}-", dir=base))
    except OSError as error:
        message = f"the folder for the state of the worker cannot be created in {base}: {error.strerror}"
        raise Refused(Code.FAILED_PRECONDITION, message, "choose another with --scratch") from error


def file_system_of(folder: Path, mounts: str = MOUNTS) -> str:
    """Return the type of the file system of a folder, as in proc_pid_mountinfo(5); empty if it is not listed there.

    Raises OSError if there is no such folder.
    """
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    return next((mount.kind for mount in read_mounts(mounts) if mount.device == wanted), "")
