"""Slurm scripts: their `#SBATCH` lines, the resources that they request, and commands in them that need Slurm."""
