"""An OpenSSH server of this user on the loopback, with keys and a configuration of its own, and commands that log in there."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic, sleep

from stage import CannotMeasure, Ground

_READY_SECONDS = 10
_CONFIGURATION = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/user.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
Subsystem sftp internal-sftp
"""


class SshServer:
    """The address and keys of a running server."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port

    def command(self, *words: str, options: tuple[str, ...] = ()) -> list[str]:
        """Return a command line of ssh that connects anew, asks nothing and reads no configuration of the user."""
        ours = {
            "Port": str(self._port),
            "IdentityFile": f"{self._folder}/user",
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": f"{self._folder}/known",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "ControlPath": "none",
        }
        said = [f"-o{name}={value}" for name, value in ours.items()]
        return ["ssh", "-F", "none", "-T", *said, *options, "127.0.0.1", *words]


@contextmanager
def ssh_server(ground: Ground) -> Iterator[SshServer]:
    """Run a server.

    Raises CannotMeasure if there is none on this machine, or nobody can log in.
    """
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or shutil.which("ssh") is None:
        raise CannotMeasure("there is no OpenSSH server on this machine (package openssh-server)")
    folder = ground.fresh(ground.disk, "ssh")
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    public = (folder / "host.pub").read_text().split()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
    (folder / "config").write_text(_CONFIGURATION.format(port=port, folder=folder))
    if os.geteuid() == 0:
        # The folder for its unprivileged part, which the service creates.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program, "-D", "-e", "-f", str(folder / "config")], stdin=subprocess.DEVNULL, stderr=log)
    try:
        made = SshServer(folder, port)
        _wait_until_it_answers(made, server, folder / "log")
        yield made
    finally:
        server.terminate()
        server.wait()


def _wait_until_it_answers(made: SshServer, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = monotonic() + _READY_SECONDS
    while subprocess.run(made.command("true"), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
        if server.poll() is not None or monotonic() > deadline:
            user = pwd.getpwuid(os.geteuid()).pw_name
            raise CannotMeasure(f"{user} cannot log in to an OpenSSH server of its own: {log.read_text().strip().splitlines()[-1:]}")
        sleep(0.1)
