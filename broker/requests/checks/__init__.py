"""Checks of a request besides its jobs: what it says about their run, their conditions, and whether a job sent it."""
