"""The broker as a daemon: lock, signals and description as for a worker, but its engine is other workers."""
