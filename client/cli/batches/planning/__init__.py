"""Runs before they are submitted: what a command describes, the jobs that follow from it, and their ids."""
