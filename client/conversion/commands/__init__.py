"""Command lines of GNU parallel and xargs, and lists of commands: parsed as a shell would, without running one."""
