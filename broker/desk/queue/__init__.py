"""The queue: which of the jobs that wait may start now."""
