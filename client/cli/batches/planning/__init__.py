"""Runs before they are submitted: the description in a command, the resulting jobs, and their ids."""
