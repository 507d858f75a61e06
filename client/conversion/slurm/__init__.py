"""Scripts of Slurm: their lines `#SBATCH`, what they ask for, and what else in them needs Slurm."""
