"""The signals that the loop of a daemon handles; no other thread may receive them."""

import signal

SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
