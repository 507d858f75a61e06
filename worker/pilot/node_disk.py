"""Where the worker of an allocation keeps its state: a folder of its own on a disk of the node. Locks and SQLite need one."""

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
    """Return a new folder with mode 0700, in `scratch` or where this node keeps what is temporary.

    Raises Refused(FAILED_PRECONDITION) if it cannot be made, or is on a file system of the network.
    """
    base = scratch or os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 -- a folder of its own is made there
    try:
        kind = file_system_of(Path(base))
        if kind in _REMOTE:
            message = f"{base} is on a network file system ({kind}), where the state of a worker cannot be"
            raise Refused(Code.FAILED_PRECONDITION, message, "choose a folder on a disk of the node with --scratch")
        return Path(tempfile.mkdtemp(prefix=f"jobwire-{name}-", dir=base))
    except OSError as error:
        message = f"no folder for the state of the worker can be made in {base}: {error.strerror}"
        raise Refused(Code.FAILED_PRECONDITION, message, "choose another with --scratch") from error


def file_system_of(folder: Path, mounts: str = MOUNTS) -> str:
    """Return the type of the file system that a folder is on; empty if it is not in the list of mounts, a file.

    Raises OSError if there is no such folder.
    """
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    return next((mount.kind for mount in read_mounts(mounts) if mount.device == wanted), "")
