"""The clusters that a broker gets workers from: Slurm, whose commands it runs, and processes on its own machine."""
