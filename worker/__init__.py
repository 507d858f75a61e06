"""The engine of this machine: processes, cgroups, logs; and the worker, a desk on top of it."""
