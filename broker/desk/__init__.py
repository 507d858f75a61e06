"""Decides what happens to jobs, and carries it out."""
