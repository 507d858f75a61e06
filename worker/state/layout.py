"""The names in the state folder. Imports nothing, so that the keeper can stay small."""

STORE = "state.db"
GROWTH = "growth"
LOGS = "logs"
# What members have sent: BLOBS/OWNER/DIGEST. The folders of jobs: WORK/ID.OWNER/ATTEMPT.
BLOBS = "blobs"
WORK = "work"
# The keys of jobs that may start jobs, while they run: KEYS/HANDLE.
KEYS = "keys"
# What is noted of inputs of jobs that came through a broker, while they run: INPUTS/HANDLE.
INPUTS = "inputs"
SOCKET = "supervisor.sock"
# Exists while SOCKET was created by a supervisor, because the socket that its keeper holds was removed.
SOCKET_ANEW = "supervisor.sock.anew"
SUPERVISOR_LOG = "supervisor.log"
# Held as long as a keeper or a supervisor of this state folder lives.
SUPERVISOR_LOCK = "supervisor.lock"
# The boot during which the running jobs were started.
BOOT = "boot"
# The broker that the worker has joined, as JSON.
BROKER = "broker.json"
# What the daemons open where it is, and do not replace as a whole.
OPENED = (STORE, f"{STORE}-wal", f"{STORE}-shm", SUPERVISOR_LOG, SUPERVISOR_LOCK, BOOT, "ballast")
# Of these, what somebody may keep elsewhere, with a link here. Through any other link, a file would be overwritten that is none of ours.
LINKED = (STORE, f"{STORE}-wal", f"{STORE}-shm", SUPERVISOR_LOG)
