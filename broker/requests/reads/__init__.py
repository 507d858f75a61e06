"""Requests that only read: what is known about jobs and runs, the events, and the worker itself."""
