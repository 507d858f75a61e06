"""What is recorded of jobs, batches, schedules and clusters, as values, and the results of writing it. No I/O, and no SQL."""
