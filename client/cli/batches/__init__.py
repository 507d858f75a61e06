"""Runs of batches: what is submitted, under which ids, and what is said until all jobs have ended."""
