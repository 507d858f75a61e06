"""The engine of this machine: processes, cgroups, logs; and the worker daemon, a desk on top of it."""
