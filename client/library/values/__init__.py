"""What the library returns about jobs, runs, events and the worker. Frozen."""
