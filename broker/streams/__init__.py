"""Streams to clients: reports, followed logs, events."""
