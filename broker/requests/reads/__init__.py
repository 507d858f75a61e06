"""Requests that only read: jobs, runs, events, and the worker itself."""
