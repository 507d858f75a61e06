"""Command lines of GNU parallel and xargs, and lists of commands: what a shell would have made of them, without running one."""
