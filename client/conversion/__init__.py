"""Convert files of other tools into batch files: Slurm scripts, command lines of GNU parallel and xargs, lists of commands."""
