"""What a daemon does to its own process, and finds out about it: environment, signals, scheduling, cgroup and children."""
