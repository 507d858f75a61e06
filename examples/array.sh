#!/bin/bash
# A job array of Slurm that becomes a batch: the script runs unchanged.
#
#     jobwire convert examples/array.sh -o examples/array.toml
#     jobwire batch examples/array.toml
#     jobwire logs pi | awk '{ sum += $2 } END { print sum / NR }'
#
# `convert` says which lines have no effect here: the partition, and where the output goes.
#SBATCH --job-name=pi
#SBATCH --array=1-8%4            # eight indexes, at most four at once
#SBATCH --time=0:05:00
#SBATCH --cpus-per-task=1
#SBATCH --partition=short
#SBATCH --output=pi-%A_%a.out

echo "throwing $SLURM_ARRAY_TASK_ID of $SLURM_ARRAY_TASK_MAX with $SLURM_CPUS_PER_TASK cpu" >&2
awk -v seed="$SLURM_ARRAY_TASK_ID" -v throws=20000 'BEGIN {
    srand(seed)
    for (i = 0; i < throws; i++) hits += rand() ^ 2 + rand() ^ 2 < 1
    print seed, 4 * hits / throws
}'
