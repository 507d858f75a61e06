"""Runs of batches: what is submitted, under which ids, and the messages until all jobs have ended."""
