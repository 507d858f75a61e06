"""What a process of the worker does to itself and finds out about itself: its environment, signals, scheduling, cgroup and children."""
