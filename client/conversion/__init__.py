"""What was written for other tools, as batch files: Slurm scripts, command lines of GNU parallel and xargs, lists of commands."""
