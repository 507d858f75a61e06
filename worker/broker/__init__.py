"""The broker as a daemon: the same lock, signals and description as a worker, on top of the engine that other workers are."""
