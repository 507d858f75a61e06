"""Records about jobs, batches, schedules and clusters, as values, and the results of writing them. No I/O, and no SQL."""
