"""Decides what happens to jobs, and carries the decisions out."""
