"""Batches that are staged in parts and committed as a whole: staging, queueing of their jobs, and removal of abandoned parts."""
