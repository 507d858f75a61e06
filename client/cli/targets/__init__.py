"""The targets of a command: the jobs and runs that its arguments name, and processing them one after another."""
